#!/usr/bin/env python3
"""Copies groupmirror's record of changes into PostgreSQL, and goes on where it stopped.

    changes_to_postgresql.py CONFIGURATION [DATABASE]

DATABASE is what psql takes: postgresql://user@host/db; by default what its environment says. The numbers of the
changes are the key, and each batch is one transaction, so a kill at any moment neither loses nor doubles a change.
"""

import json
import os
import select
import subprocess
import sys

TABLE = """
CREATE TABLE IF NOT EXISTS groupmirror_changes (
    seq bigint PRIMARY KEY, at timestamptz NOT NULL, "user" text NOT NULL, kind text NOT NULL,
    change jsonb NOT NULL);
"""
TAKE = """
BEGIN;
CREATE TEMPORARY TABLE arrived (change jsonb) ON COMMIT DROP;
COPY arrived FROM STDIN;
{lines}
\\.
INSERT INTO groupmirror_changes
    SELECT (change->>'seq')::bigint, (change->>'at')::timestamptz, change->>'user', change->>'kind', change
    FROM arrived ON CONFLICT (seq) DO NOTHING;
COMMIT;
"""


def psql(database, sql):
    """Runs SQL; returns what it prints. Ends the program where PostgreSQL does not take it."""
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"] + ([database] if database else [])
    done = subprocess.run(command, input=sql, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("psql: " + done.stderr.strip())
    return done.stdout.strip()


def batches(stream):
    """Lines as they come: at most a thousand together, and none is kept waiting."""
    buffer = b""
    while True:
        piece = os.read(stream.fileno(), 1 << 16)
        if not piece:
            return
        buffer += piece
        while b"\n" in buffer:
            *lines, buffer = buffer.split(b"\n")
            while lines:
                yield [line.decode() for line in lines[:1000]]
                lines = lines[1000:]
            if not select.select([stream], [], [], 0)[0]:
                break


def main():
    configuration, database = sys.argv[1], (sys.argv[2:] or [None])[0]
    psql(database, TABLE)
    last = psql(database, "SELECT coalesce(max(seq), 0) FROM groupmirror_changes")
    groupmirror = os.environ.get("GROUPMIRROR", "groupmirror")
    follow = subprocess.Popen(
        [groupmirror, "changes", "--follow", "--json", "--since", last, "--config", configuration],
        stdout=subprocess.PIPE)
    try:
        for lines in batches(follow.stdout):
            # jsonb cannot hold U+0000, and COPY reads backslashes.
            text = "\n".join(line.replace("\\u0000", "\ufffd").replace("\\", "\\\\") for line in lines)
            psql(database, TAKE.format(lines=text))
            print("up to", json.loads(lines[-1])["seq"], flush=True)
    finally:
        follow.kill()
    # 65: changes after the last number are gone, or the mirror is another one. Begin anew with 'groupmirror export'.
    sys.exit(follow.wait() or 1)


if __name__ == "__main__":
    main()
