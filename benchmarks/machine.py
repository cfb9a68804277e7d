"""The machine: which cores measure and which serve, what a process used of it, which ports are free."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

ALL = os.sched_getaffinity(0)
MEASURED = {min(ALL)}  # the process whose figure it is, alone
OTHERS = ALL - MEASURED or ALL  # servers, brokers, load, and this process


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, in nanosecond steps (/proc/PID/stat has 10 ms)."""
    return time.clock_gettime((~pid << 3) | 2)  # the process's CPU clock: MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)


def memory_mb(pid: int) -> tuple[float, float]:
    """(resident, proportional) MB of a process: shared pages count in full, or by the number of sharers."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, amount = line.partition(":")
        found[name] = int(amount.split()[0]) / 1024
    return found["Rss"], found["Pss"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
