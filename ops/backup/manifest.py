"""The list of a backup's files, written last: a backup without it is incomplete."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from wakeline.disk import sync_folder

FORMAT = 1
NAME = "manifest.json"
SNAPSHOT = "redis.rdb"
CARDS = "cards.jsonl"  # may be deleted
SPOOL = "spool"
HISTORY = "history"
READ_BYTES = 1 << 20

Done = Callable[[int], None]  # called with numbers of processed bytes


class BackupRefused(Exception):
    """Why the command does nothing, and what to do."""


class File(Struct):
    """One file of a backup."""

    size: int  # bytes
    sha256: str  # hex


class Manifest(Struct):
    """See the module. The places were read right before the snapshot, which is not older."""

    format: int
    made: str  # UTC, ISO
    lanes: int
    key_version: int  # the live version
    log: str  # embedded or kafka
    log_id: str  # of the current log in the chain; "" before its first record
    places: list[int]  # by lane: number of applied records
    history: str  # copied, off, or its URL
    files: dict[str, File]  # by path relative to the folder


def write(folder: Path, manifest: Manifest) -> None:
    """Write atomically and durably."""
    part = folder / f".{NAME}"
    with created(part) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
        sync(file)
    part.rename(folder / NAME)
    sync_folder(folder)


def read(folder: Path) -> Manifest:
    """Raises BackupRefused if the folder holds no complete backup that this version supports."""
    try:
        text = (folder / NAME).read_bytes()
    except FileNotFoundError:
        raise BackupRefused(f"{folder} holds no complete backup: {NAME} is missing") from None
    try:
        version = msgspec.json.decode(text, type=dict[str, object]).get("format")
        if version != FORMAT:
            raise BackupRefused(f"{folder} is a backup of format {version}, but this version only supports {FORMAT}")
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupRefused(f"{NAME} in {folder} is damaged: {error}; take another backup") from None


def check(folder: Path, manifest: Manifest, done: Done = lambda size: None) -> None:
    """Check that every file exists and is unchanged. Raises BackupRefused, naming the first that is not."""
    for name, file in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BackupRefused(f"{NAME} in {folder} names {name}, which is elsewhere: this is not a valid backup")
        if name == CARDS and not path.exists():
            continue
        if not path.is_file():
            raise BackupRefused(f"{name} is missing in {folder}: take another backup")
        if path.stat().st_size != file.size or sha256_of(path, done) != file.sha256:
            raise BackupRefused(f"{name} in {folder} is damaged: take another backup")


def sha256_of(path: Path, done: Done = lambda size: None) -> str:
    found = hashlib.sha256()
    for part in parts_of(path):
        found.update(part)
        done(len(part))
    return found.hexdigest()


def parts_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            yield part


def copy(source: BinaryIO, target: Path, done: Done = lambda size: None) -> File:
    """Copy from the position of `source` to its end, durably."""
    found, size = hashlib.sha256(), 0
    make_folder(target.parent)
    with created(target) as file:
        while part := source.read(READ_BYTES):
            file.write(part)
            found.update(part)
            size += len(part)
            done(len(part))
        sync(file)
    return File(size, found.hexdigest())


def created(path: Path) -> BinaryIO:
    """A new file that only its user can access."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def make_folder(folder: Path) -> None:
    """Create it and its parents, accessible only to the user."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
