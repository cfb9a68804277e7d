"""A `wakeline` that kills itself at a line of its own code, whichever it is."""

from __future__ import annotations

import re

LAUNCHER = """
import os, signal, sys, threading

left = {lines}
dying = threading.Lock()

def at_line(frame, event, argument):
    global left
    left -= event == "line"
    if left < 0:
        dying.acquire()  # never released: of several threads one says where
        os.write(2, f"killed at {{frame.f_code.co_filename}}:{{frame.f_lineno}}".encode() + b"\\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return at_line

def at_call(frame, event, argument):
    is_ours = frame.f_globals.get("__name__", "").startswith({packages})
    return at_line if is_ours and frame.f_code.co_name != "<module>" else None

sys.settrace(at_call)
threading.settrace(at_call)
from ops.cli import main
main()
"""


def killed_at_a_line(lines: int, *packages: str) -> str:
    """Python that runs the command line until so many lines of modules whose names begin so were run."""
    return LAUNCHER.format(lines=lines, packages=packages)


def places_in(said: str) -> list[str]:
    """Where it was killed: file and line, of what it said on stderr."""
    return re.findall(r"^killed at (.+)$", said, re.MULTILINE)
