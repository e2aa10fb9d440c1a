// Settings of a connection to SQLite that have no PRAGMA: their call is variadic, which Swift cannot call.

#pragma once

#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

// A file prepared by another user must not run what it holds: no writing of the schema and the
// shadow tables by SQL, and no function in views, indexes and triggers but those that have no side effects.
// 0 when both settings were taken.
static inline int gm_sqlite_distrust_file(sqlite3 *connection) {
    int status = sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
    if (status != SQLITE_OK) return status;
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
}

// The whole path without resolving links; SQLite then opens the last part of it with O_NOFOLLOW.
static inline int gm_sqlite_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out) {
    (void)vfs;
    size_t length = 0;
    if (name[0] != '/') {
        if (getcwd(out, (size_t)size) == NULL) return SQLITE_CANTOPEN;
        length = strlen(out);
        if (length + 1 < (size_t)size) out[length++] = '/';
    }
    if (length + strlen(name) + 1 > (size_t)size) return SQLITE_CANTOPEN;
    strcpy(out + length, name);
    return SQLITE_OK;
}

// From here on no database and no file beside one is opened through a link.
static inline int gm_sqlite_follow_no_links(void) {
    static sqlite3_vfs vfs;
    sqlite3_vfs *usual = sqlite3_vfs_find(0);
    if (usual == NULL) return SQLITE_ERROR;
    vfs = *usual;
    vfs.zName = "unix-without-links";
    vfs.pNext = NULL;
    vfs.xFullPathname = gm_sqlite_full_path;
    return sqlite3_vfs_register(&vfs, 1);
}
