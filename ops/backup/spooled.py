"""Copies the spool while collectors write to it and drain it (see `collector.spool_folder`).

Its files are opened before the snapshot and read after it: an event that was acknowledged before the snapshot is in the
snapshot or in these files, even if a file was drained and deleted in between. An event in both is detected as a
duplicate.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ops.backup.manifest import File, copy

SEGMENTS = "*.spool"
DRAINED = "drained"
WHOLE = ("lanes", "refused.jsonl")  # replaced or appended to: the latest state is sufficient


class Spooled:
    """Spool of the folder `root`; call `look` repeatedly until the snapshot is complete, then `copy`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._drained: dict[Path, bytes] = {}  # by worker: the first value seen, so never beyond the end of a segment
        self._open: dict[Path, BinaryIO] = {}

    def __enter__(self) -> Spooled:
        self.look()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open.values():
            file.close()

    def look(self) -> None:
        """Keep all existing segments open."""
        for worker in self._workers():
            if worker not in self._drained:
                self._drained[worker] = _content(worker / DRAINED)
            for path in worker.glob(SEGMENTS):
                if path not in self._open:
                    try:
                        self._open[path] = path.open("rb")
                    except FileNotFoundError:
                        continue  # drained meanwhile

    def copy(self, target: Path) -> dict[str, File]:
        """Returns the files by path relative to `target`. Readers cut off an incomplete write at the end."""
        self.look()
        found = {}
        for path, source in self._open.items():
            found[str(path.relative_to(self._root))] = copy(source, target / path.relative_to(self._root))
        for worker in self._workers():
            if drained := self._drained.get(worker):
                name = f"{worker.name}/{DRAINED}"
                found[name] = _written(drained, target / name)
        for path in (self._root / WHOLE[0], *(worker / WHOLE[1] for worker in self._workers())):
            if content := _content(path):
                name = str(path.relative_to(self._root))
                found[name] = _written(content, target / name)
        return found

    def _workers(self) -> list[Path]:
        try:
            return sorted(path for path in self._root.iterdir() if path.name.isdecimal())
        except FileNotFoundError:
            return []


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _written(content: bytes, target: Path) -> File:
    return copy(BytesIO(content), target)
