"""Setup of every server process: private files, and the maximum number of open files. Whether a process is alive."""

from __future__ import annotations

import os
import resource
import secrets
import socket

NOT_FOR_OTHERS = 0o077
ENOUGH_FILES = 65_536  # if there is no hard limit: some systems refuse higher values


def set_up() -> None:
    """Applies to this process and its children."""
    os.umask(NOT_FOR_OTHERS)
    raise_open_files()


def unique_name() -> str:
    """A name that no other process has or had, and that people can recognise: host:pid:random."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def is_alive(pid: str) -> bool:
    """Whether a process has this number, also one of another user; a text that is no number is none."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except OSError:
        return True
    return True


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard limit; returns the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH_FILES if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return ENOUGH_FILES if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):  # the kernel has a lower limit of its own
        return soft
    return wanted
