"""What a disk would hold after a loss of power: each append-only file, cut back to where it was last synced.

A process that is killed loses nothing that it wrote, synced or not: the kernel still has it. So the server runs
under fsync_shim.c, which notes the length of a file at each fsync. Renames and new names count as kept.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("fsync_shim.c")
FILES = "appendonlydir/*"


class Disk:
    """The disk of a server that is not running yet; from its next start on, it is watched."""

    def __init__(self, server: Any, folder: Path) -> None:
        folder.mkdir()
        self._server = server
        self._notes = folder / "notes"
        self._synced: dict[int, int] = {}  # inode -> length
        shim = folder / "fsync_shim.so"
        build = ["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-O1", "-o", str(shim), str(SOURCE), "-ldl"]
        subprocess.run(build, check=True)
        server.environ = {"LD_PRELOAD": str(shim), "FSYNC_NOTES": str(self._notes)}

    def start(self) -> None:
        """Start the server. What lies there now is on disk."""
        self._synced = {file.stat().st_ino: file.stat().st_size for file in self._files()}
        self._notes.write_bytes(b"")
        self._server.start()
        assert self.syncs(), "the server never synced a file as it started: the shim is not in it"

    def syncs(self) -> int:
        """How often a file was synced since the start."""
        return self._notes.read_bytes().count(b"\n")

    def lose_power(self) -> int:
        """kill -9, and all that was not synced is gone; returns how many bytes that was."""
        self._server.kill()
        for line in self._notes.read_text().splitlines():
            inode, length = map(int, line.split())
            self._synced[inode] = max(length, self._synced.get(inode, 0))
        lost = 0
        for file in self._files():
            length = min(self._synced.get(file.stat().st_ino, 0), file.stat().st_size)
            lost += file.stat().st_size - length
            os.truncate(file, length)
        return lost

    def _files(self) -> list[Path]:
        return list(self._server.folder.glob(FILES))
