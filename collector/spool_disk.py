"""Writes that are on disk when they return, and reads that tolerate lost data."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from wakeline.disk import sync_folder

_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has none


def write(descriptor: int, data: bytes) -> None:
    """Write everything: in one write, unless the disk fills up meanwhile."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    _sync_data(descriptor)


class AppendFile:
    """A new file that grows by whole writes. It is closed after a failed one, as its content is then unknown."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.is_open = True
        self._size = len(data)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write(self._descriptor, data)
            sync_folder(path.parent)
        except OSError:
            self.close()
            with suppress(OSError):
                path.unlink()
            raise

    def append(self, data: bytes) -> None:
        try:
            write(self._descriptor, data)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            self.close()
            raise
        self._size += len(data)

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            with suppress(OSError):
                os.close(self._descriptor)


def write_new(path: Path, data: bytes) -> None:
    """Write a new file, removed on failure; its directory entry is not synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write(descriptor, data)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes) -> None:
    """Replace a file's content atomically."""
    making = path.with_name(f"{path.name}.{os.getpid()}")
    write_new(making, data)
    os.replace(making, path)
    sync_folder(path.parent)


def cut(path: Path, size: int) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_from(path: Path, at: int) -> bytes:
    """The file's content from `at` on; empty if it, or its sectors, are lost. Other errors may be temporary."""
    try:
        with path.open("rb") as file:
            file.seek(at)
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        if error.errno == errno.EIO:
            return b""
        raise
