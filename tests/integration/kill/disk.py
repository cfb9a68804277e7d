"""Simulates a power failure: cuts each append-only file back to its last sync.

A killed process loses nothing that it wrote, synced or not, as the kernel still has it. So the server runs under
fsync_shim.c, which records a file's length at each fsync. Renames and new names are kept.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("fsync_shim.c")
APPEND_ONLY = "appendonlydir/*"


class Disk:
    """The disk of a server that is not running yet; its `files` are watched from its next start on.

    `server` has `start` and `kill`, a `folder`, and an `environ` to start with.
    """

    def __init__(self, server: Any, folder: Path, *, files: str = APPEND_ONLY) -> None:
        folder.mkdir()
        self._server = server
        self._pattern = files
        self._notes = folder / "notes"
        self._before: dict[int, int] = {}  # inode -> length, as the server was started
        shim = folder / "fsync_shim.so"
        build = ["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-O1", "-o", str(shim), str(SOURCE), "-ldl"]
        subprocess.run(build, check=True)
        server.environ = {"LD_PRELOAD": str(shim), "FSYNC_NOTES": str(self._notes)}

    def start(self) -> None:
        """Start the server. Existing content counts as synced."""
        self._before = {file.stat().st_ino: file.stat().st_size for file in self._files()}
        self._notes.unlink(missing_ok=True)
        self._server.start()
        assert self._notes.exists(), "the shim is not in the server: is it linked statically?"

    def syncs(self) -> int:
        """Number of syncs since the start."""
        return len(self._noted())

    def lose_power(self) -> int:
        """kill -9, and discard everything unsynced; returns the number of discarded bytes."""
        self._server.kill()
        synced: dict[int, int] = {}
        for inode, length in self._noted():
            synced[inode] = max(length, synced.get(inode, 0))
        lost = 0
        for file in self._files():
            inode, size = file.stat().st_ino, file.stat().st_size
            length = min(size, synced.get(inode, self._before.get(inode, 0)))
            lost += size - length
            os.truncate(file, length)
        return lost

    def _noted(self) -> list[tuple[int, int]]:
        """(inode, length) of each synced file, in order."""
        lines = self._notes.read_text().split("\n")[:-1]  # the last may be cut
        return [(int(inode), int(length)) for inode, length in (line.split() for line in lines)]

    def _files(self) -> list[Path]:
        return [path for path in self._server.folder.glob(self._pattern) if path.is_file()]
