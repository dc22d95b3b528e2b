"""Runs spacectl as often as it is asked to.

Each line of the standard input is a JSON list of arguments, each line of the answer what that command
printed, as a JSON string. Every command is a process of its own with spacectl's own `main`; only what
spacectl imports, which takes seconds, is shared.
"""

import json
import os
import sys

import spacectl.main


def run(arguments, output):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    sys.argv = ["spacectl", *arguments]
    try:
        spacectl.main.main()
    finally:
        sys.stdout.flush()
        # Nothing of the parent's is for its child to end.
        os._exit(0)


for line in sys.stdin:
    printed, output = os.pipe()
    if os.fork() == 0:
        run(json.loads(line), output)
    os.close(output)
    with open(printed, encoding="utf-8", errors="replace") as text:
        answer = json.dumps(text.read())
    os.wait()
    print(answer, flush=True)
