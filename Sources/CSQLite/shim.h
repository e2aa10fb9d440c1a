// Settings of a connection to SQLite that have no PRAGMA: their call is variadic, which Swift cannot call.

#pragma once

#include <sqlite3.h>

// A file prepared by another user must not run what it holds: no writing of the schema and the
// shadow tables by SQL, and no function in views, indexes and triggers but those that have no side effects.
// 0 when both settings were taken.
static inline int gm_sqlite_distrust_file(sqlite3 *connection) {
    int status = sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
    if (status != SQLITE_OK) return status;
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
}
