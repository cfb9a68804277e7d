"""Runs a command that dies when its parent dies: `python parent_death.py PARENT COMMAND ...`.

On Linux the kernel does this, and this process is replaced by the command. Elsewhere it stays, waits for its stdin (to
which the parent never writes) to close, and then kills the command. A plain file with only the standard library, so
that it starts within milliseconds.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def become(parent: int, command: list[str]) -> None:
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        sys.exit(1)
    os.execvp(command[0], command)


def hold(command: list[str]) -> None:
    import select
    import subprocess

    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while (code := process.poll()) is None:
        if select.select([sys.stdin], [], [], 0.2)[0]:
            process.kill()
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    if sys.platform == "linux":
        become(int(sys.argv[1]), sys.argv[2:])
    else:
        hold(sys.argv[2:])
