#!/usr/bin/env python3
"""Posts each change of groupmirror to a web address, signed, in order, and goes on where it stopped.

    changes_to_webhook.py CONFIGURATION ADDRESS STATE-FILE

The secret is in $WEBHOOK_SECRET: whsec_ and base 64. Headers and signature are those of Standard Webhooks
(standardwebhooks.com). A change is posted until the receiver answers with a status of 2xx; one whose answer was lost is
posted again with the same webhook-id, so the receiver leaves out what it has seen.
"""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request


def signature(secret, identity, moment, body):
    """The value of webhook-signature."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{identity}.{moment}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def post(address, secret, identity, body):
    """Posts once; returns whether the receiver has it. Ends the program where it wants no more (410)."""
    moment = str(int(time.time()))
    request = urllib.request.Request(address, data=body, method="POST", headers={
        "content-type": "application/json", "webhook-id": identity, "webhook-timestamp": moment,
        "webhook-signature": signature(secret, identity, moment, body)})
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return 200 <= answer.status < 300
    except urllib.error.HTTPError as error:
        if error.code == 410:
            sys.exit("the receiver wants no more (410)")
        print("status", error.code, file=sys.stderr)
    except OSError as error:
        print(error, file=sys.stderr)
    return False


def remember(file, number):
    """Writes the number so that a power cut leaves the old one or the new one."""
    with open(file + ".new", "w", encoding="ascii") as new:
        new.write(f"{number}\n")
        new.flush()
        os.fsync(new.fileno())
    os.replace(file + ".new", file)


def main():
    configuration, address, state = sys.argv[1:4]
    secret = os.environ["WEBHOOK_SECRET"]
    last = "0"
    if os.path.exists(state):
        with open(state, encoding="ascii") as file:
            last = file.read().strip()
    follow = subprocess.Popen(
        [os.environ.get("GROUPMIRROR", "groupmirror"), "changes", "--follow", "--json", "--since", last,
         "--config", configuration],
        stdout=subprocess.PIPE)
    try:
        for line in follow.stdout:
            number = json.loads(line)["seq"]
            body = json.dumps({"type": "groupmirror.change", "data": json.loads(line)}).encode()
            pause = 0.5
            while not post(address, secret, f"groupmirror-{number}", body):
                time.sleep(pause)
                pause = min(pause * 2, 60)
            remember(state, number)
    finally:
        follow.kill()
    # 65: changes after the last number are gone, or the mirror is another one. Begin anew with 'groupmirror export'.
    sys.exit(follow.wait() or 1)


if __name__ == "__main__":
    main()
