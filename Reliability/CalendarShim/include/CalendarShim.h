// Nothing is called by name: the functions of calendar.c take the place of the C library's.
