"""An archiver on an in-memory log and a simulated crashing disk, with access to the resulting history."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archiver.archiving import Archiver
from wakeline.history import History, Segment
from wakeline.history.folder import Disk, Folder
from wakeline.history.names import segment_of
from wakeline.log import Entry
from wakeline.log.memory import MemoryLog

DAY_MS = 86_400_000
MARCH = 1_772_323_200_000  # 2026-03-01, midnight UTC
LANES = 3


class Crash(BaseException):
    """A simulated crash of the process."""


class CrashingDisk(Disk):
    """Crashes at its step number `at`, before or half-way through it; data that were not synced are lost.

    It simulates the syncs, which are slow.
    """

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.steps: list[str] = []
        self._unsynced: set[Path] = set()  # files whose content, names whose folder
        self._renamed: dict[Path, bytes | None] = {}  # after -> what was there before

    def _step(self, what: str) -> None:
        self.steps.append(what)
        if self.at is not None and len(self.steps) >= self.at:
            if len(self.steps) == self.at:
                self._lose()
            raise Crash(what)

    def _lose(self) -> None:
        for path, before in self._renamed.items():  # the folder was not synced: the old name is back
            path.unlink(missing_ok=True)
            if before is not None:
                path.write_bytes(before)
        for path in self._unsynced:
            if path.is_file():
                os.truncate(path, path.stat().st_size // 2)

    def mkdir(self, folder: Path) -> None:
        self._step("mkdir")
        super().mkdir(folder)

    def write(self, path: Path, content: bytes) -> None:
        path.write_bytes(content[: len(content) // 2])
        self._step("write")
        super().write(path, content)
        self._unsynced.add(path)

    def sync(self, path: Path) -> None:
        self._step("sync of a folder" if path.is_dir() else "sync of a file")
        self._unsynced.discard(path)
        for renamed in [each for each in self._renamed if each.parent == path]:
            del self._renamed[renamed]

    def rename(self, before: Path, after: Path) -> None:
        self._step("rename")
        former = after.read_bytes() if after.exists() else None
        super().rename(before, after)
        self._renamed[after] = former
        if before in self._unsynced:
            self._unsynced.discard(before)
            self._unsynced.add(after)

    def remove(self, path: Path) -> None:
        self._step("remove")
        super().remove(path)

    def rmdir(self, folder: Path) -> None:
        self._step("rmdir")
        super().rmdir(folder)


@dataclass
class Ours:
    """A lease that is held, unless a test says otherwise."""

    is_ours: bool = True
    epoch: int = 1


@dataclass
class Stand:
    """A log of LANES lanes; the test sets its clock and the archiver's."""

    folder: Path
    redis: Any
    now: int = MARCH  # ms
    seconds: float = 0.0
    lease: Ours = field(default_factory=Ours)

    def __post_init__(self) -> None:
        self.log = MemoryLog(LANES, clock=lambda: self.now)
        self.truth: dict[int, list[Entry]] = {lane: [] for lane in range(LANES)}

    async def append(self, lane: int, *values: bytes) -> None:
        for value in values:
            offset = len(self.truth[lane])
            await self.log.append([(lane, value)])
            self.truth[lane].append(Entry(offset, self.now, value))

    def history(self, disk: Disk | None = None) -> History:
        return History(str(self.folder), Folder(self.folder, disk))

    async def archiver(self, disk: Disk | None = None, *, seal_s: float = 600.0, **other: Any) -> Archiver:
        made = self.unopened(disk, seal_s=seal_s, **other)
        await made.open()
        return made

    def unopened(self, disk: Disk | None = None, *, seal_s: float = 600.0, **other: Any) -> Archiver:
        return Archiver(
            other.get("log", self.log),
            self.history(disk),
            other.get("redis", self.redis),
            lanes=LANES,
            seal_s=seal_s,
            lease=self.lease,
            wait_ms=0,
            clock=lambda: self.seconds,
        )

    async def read_on(self, archiver: Archiver) -> None:
        """Run until the archiver has read the whole log."""
        while await archiver.step():
            pass

    def files(self) -> list[Segment]:
        return sorted(filter(None, (segment_of(name) for name in self.history().store.names())))

    def archived(self, lane: int) -> list[Entry]:
        """All entries of all files of a lane, one file after the other."""
        history = self.history()
        return [
            entry
            for segment in self.files()
            if segment.lane == lane
            for found in history.entries(segment)
            for entry in found
        ]

    def is_whole(self) -> bool:
        """Every record of the log is in the history, once."""
        return all(self.archived(lane) == entries for lane, entries in self.truth.items())

    async def published(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in (await self.redis.hgetall("wl:archive")).items()}
