// Linux calls that are variadic or macros in C and so closed to Swift.

#pragma once

#include <linux/capability.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// No core dump and no ptrace by others: a core of this process would hold the secret key.
static inline int gm_forbid_core_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// The width of the terminal behind `descriptor` in columns, or 0 where there is none.
static inline int gm_terminal_columns(int descriptor) {
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// Its height in lines, or 0.
static inline int gm_terminal_rows(int descriptor) {
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

// The calling thread, which is root's, becomes another user who may read every file and search every directory,
// and has no other right of root's; also after the exec that must follow, for other threads are not changed.
// 0, or -1 with errno.
static inline int gm_become_reader(uid_t user, gid_t group) {
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return -1;
    if (syscall(SYS_setresgid, group, group, group) != 0) return -1;
    if (syscall(SYS_setresuid, user, user, user) != 0) return -1;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    unsigned int only = 1u << CAP_DAC_READ_SEARCH;
    struct __user_cap_data_struct rights[2] = {{only, only, only}, {0, 0, 0}};
    if (syscall(SYS_capset, &header, rights) != 0) return -1;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0);
}

// Whether this program has begun again with the right to read every file.
static inline int gm_reads_everything(void) {
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_DAC_READ_SEARCH, 0, 0) == 1;
}

// A descriptor that stands for the file at `path`, which may be a link itself, without opening it: closing it
// drops no lock. -1 with errno.
static inline int gm_point_at(const char *path) {
    // AT_FDCWD; O_PATH, O_CLOEXEC and O_NOFOLLOW. Their header would make types of Glibc's this module's.
    return (int)syscall(SYS_openat, -100, path, 010000000 | 02000000 | 0400000, 0);
}

// Gives the file that the descriptor stands for to a group. 0, or -1 with errno.
static inline int gm_give_to_group(int descriptor, gid_t group) {
    return (int)syscall(SYS_fchownat, descriptor, "", -1, group, 0x1000);  // AT_EMPTY_PATH
}

// The kernel's number of the calling thread.
static inline int gm_thread_id(void) { return (int)syscall(SYS_gettid); }

// A descriptor by which one thread wakes another. -1 with errno.
static inline int gm_make_event(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

// What `top` and a debugger call the calling thread: 15 bytes at most.
static inline void gm_name_thread(const char *name) { (void)prctl(PR_SET_NAME, name, 0, 0, 0); }

// Memory that is free goes back to the system.
static inline void gm_give_memory_back(void) { (void)malloc_trim(0); }
