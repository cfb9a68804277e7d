"""Writes that are on disk when they return."""

from __future__ import annotations

import os
from pathlib import Path

_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has none


def write(descriptor: int, data: bytes) -> None:
    """All of it: by one write, unless the disk fills up meanwhile."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    _sync_data(descriptor)


def write_new(path: Path, data: bytes) -> None:
    """A file, which is not left there where that fails; its name is not synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write(descriptor, data)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes) -> None:
    """The content of a file, whole or not at all."""
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


def sync_folder(path: Path) -> None:
    """The names in it: what is new, and what is gone."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
