"""What is known of imports in the data folder, so that they go on where they stopped and the same file counts once.

Losing it loses nothing: the processor drops what it has already heard of an import. It then only takes longer.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

FOLDER = "imports"  # in the data folder


class State(Struct, omit_defaults=True):
    """Of one import."""

    batch: str
    log: str  # identity of the log that it is told to: another one, as after a restore, has to hear it again
    began: int  # ms since 1970: the time of what a file says without one
    done: int = 0  # events up to this number are in the log
    is_complete: bool = False
    errors: int = 0  # what was left out, once it is complete
    skipped_cards: int = 0  # events whose personal values could not be written


class Seen(Struct):
    """The last import of a file by this name."""

    name: str
    batch: str
    mark: str  # changes when the file does


class AtWork(Exception):
    """Another process imports this file now."""


class States:
    """Of one site, in the folder `data`, which may be missing yet."""

    def __init__(self, data: Path, site: str) -> None:
        self.folder = data / FOLDER / site

    def known(self, batch: str) -> State | None:
        try:
            return msgspec.json.decode(self._path(batch).read_bytes(), type=State)
        except (OSError, msgspec.DecodeError):
            return None

    def of(self, batch: str, log: str, now: int) -> State:
        """What is known of an import into this log, else that it begins `now`."""
        known = self.known(batch)
        return known if known is not None and known.log == log else State(batch, log, now)

    def keep(self, state: State) -> None:
        write(self._path(state.batch), msgspec.json.encode(state))

    def seen(self, name: str) -> Seen | None:
        """The last import under this name."""
        try:
            return msgspec.json.decode(self._named(name).read_bytes(), type=Seen)
        except (OSError, msgspec.DecodeError):
            return None

    def see(self, name: str, batch: str, mark: str) -> None:
        write(self._named(name), msgspec.json.encode(Seen(name, batch, mark)))

    def aside(self, name: str, ending: str) -> Path:
        """A file of ours about the file of this name, where there is no place beside it."""
        short = name.rstrip("/").rpartition("/")[2] or "file"
        return self.folder / f"{short}-{_hash(name)[:8]}{ending}"

    @contextmanager
    def alone(self, batch: str) -> Iterator[None]:
        """Raises AtWork if another process has this import. The file of the lock stays: who has it open may lock it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / f"{batch}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise AtWork from None
            yield

    def _path(self, batch: str) -> Path:
        return self.folder / f"{batch}.json"

    def _named(self, name: str) -> Path:
        return self.folder / "names" / f"{_hash(name)}.json"


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:32]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")  # others may read the same file by another map now
    part.write_bytes(content)
    os.replace(part, path)
