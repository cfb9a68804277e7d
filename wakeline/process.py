"""Setup of every server process: private files, and the maximum number of open files. Whether a process is alive, and
how one lets others go first or has little garbage collection.
"""

from __future__ import annotations

import gc
import os
import resource
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NOT_FOR_OTHERS = 0o077
GC_THRESHOLD = (200_000, 20, 50)
YIELDS = 10  # of 19, on the scale of `nice`
ENOUGH_FILES = 65_536  # if there is no hard limit: some systems refuse higher values


def set_up() -> None:
    """Applies to this process and its children."""
    os.umask(NOT_FOR_OTHERS)
    raise_open_files()


def collect_rarely() -> None:
    """Records create no cycles, but by default a fifth of the time in which many are made is spent looking for some.

    Call it once everything is there that lives as long as the process.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)


def take_at_most(megabytes: int) -> None:
    """Memory of this process; beyond it allocations fail. On Linux; elsewhere nothing may happen."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = megabytes * 1_000_000
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (most if hard < 0 else min(most, hard), hard))


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


@contextmanager
def yielding() -> Iterator[None]:
    """Others that need a processor go before this process. Afterwards too, where it may not raise itself again."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(before, YIELDS))
    try:
        yield
    finally:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, before)


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
