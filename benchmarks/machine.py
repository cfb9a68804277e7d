"""The machine: cores for measured and other processes, CPU time and memory of a process, free ports."""

from __future__ import annotations

import os
import random
import re
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import fields
from pathlib import Path

from wakeline.settings import Settings

ALL = os.sched_getaffinity(0)
MEASURED = {min(ALL)}  # for the measured process alone
OTHERS = ALL - MEASURED or ALL  # servers, brokers, load, and this process
FIRST_PORT, LAST_PORT = 10_000, 32_768  # to search if the system does not disclose its ephemeral range


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, with nanosecond resolution (/proc/PID/stat has 10 ms)."""
    return time.clock_gettime((~pid << 3) | 2)  # the process's CPU clock: MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)


def memory_mb(pid: int) -> tuple[float, float]:
    """(resident, proportional) MB of a process: shared pages count in full, or by the number of sharers."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, amount = line.partition(":")
        found[name] = int(amount.split()[0]) / 1024
    return found["Rss"], found["Pss"]


def free_port() -> int:
    """A port without a listener that no outgoing connection will get before the caller listens on it."""
    (port,) = find_free_ports(1)
    return port


def find_free_ports(count: int) -> list[int]:
    """This many different ones, see `free_port`."""
    with ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            port = random.SystemRandom().randrange(FIRST_PORT, _first_outgoing_port())
            taken = stack.enter_context(socket.socket())
            with suppress(OSError):
                taken.bind(("127.0.0.1", port))
                found.append(port)
        return found


def ports_of_settings() -> dict[str, int]:
    """A free one for each setting that is a port, by its name."""
    names = [field.name for field in fields(Settings) if re.search(r"(^|_)port$", field.name)]
    return dict(zip(names, find_free_ports(len(names)), strict=True))


def _first_outgoing_port() -> int:
    """Start of the kernel's ephemeral port range (see ip(7))."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return LAST_PORT
