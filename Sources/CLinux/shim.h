// Linux calls that are variadic or macros in C and so closed to Swift.

#pragma once

#include <sys/ioctl.h>
#include <sys/prctl.h>

// No core dump and no ptrace by others: a core of this process would hold the secret key.
static inline int gm_forbid_core_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// The width of the terminal behind `descriptor` in columns, or 0 where there is none.
static inline int gm_terminal_columns(int descriptor) {
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
