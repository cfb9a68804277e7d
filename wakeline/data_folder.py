"""Permissions of the data folder: at startup, access by other users is removed from Wakeline's files.

It holds the salts of anonymous ids, accepted events, profiles, hashes of API keys, the history, and how far imports
have come. If `data` names a folder that also holds other files, the folder itself keeps its permissions, but Wakeline's
files in it are still protected.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from wakeline.process import NOT_FOR_OTHERS

WRITABLE = stat.S_IWGRP | stat.S_IWOTH
OURS = frozenset(
    (
        *("redis", "salts", "spool", "archive", "api_keys", "imports", "up.lock", "demo.toml", "demo.key"),
        *("aside", "restoring", "restoring.json"),
    )
)


def close(data: Path) -> list[str]:
    """Remove other users' access to Wakeline's files; returns a message for each failure."""
    still_open = []
    for path in _ours(data):
        try:
            if _is_open(path):
                _close_below(path)
        except FileNotFoundError:
            continue  # another process has just removed it
        except OSError as error:
            still_open.append(_said(path, error.strerror or str(error)))
    if not_ours(data) and data.stat().st_mode & WRITABLE:  # anyone who can write there could replace one of our folders
        still_open.append(_said(data, "it is left so because it holds other files; set data to a separate folder"))
    return still_open


def open_to_others(data: Path) -> list[str]:
    """Messages about files of Wakeline that other users can access; changes nothing."""
    found = []
    for path in _ours(data):
        try:
            if _is_open(path):
                found.append(_said(path, "the next start of a process of its owner closes it"))
        except OSError:
            continue
    return found


def ours(data: Path) -> list[str]:
    """Names of Wakeline's files in the folder."""
    return sorted((_names(data) or set()) & OURS)


def not_ours(data: Path) -> list[str]:
    """Names of other files in the folder, because of which its permissions are not changed."""
    return sorted((_names(data) or set()) - OURS)


def _names(data: Path) -> set[str] | None:
    """Names in the folder; None if it does not exist or cannot be read, which is reported where it is needed."""
    try:
        return {entry.name for entry in os.scandir(data)}
    except OSError:
        return None


def _ours(data: Path) -> Iterator[Path]:
    """Our entries in the folder, and the folder itself if it holds no other files."""
    names = _names(data)
    if names is None:
        return
    if names <= OURS:
        yield data
    yield from (data / name for name in sorted(names & OURS))


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & NOT_FOR_OTHERS)


def _close_below(path: Path) -> None:
    """Change permissions from the top down, so that access ends with the first change."""
    _close_one(path)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            _close_one(Path(folder, name))


def _close_one(path: Path) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode) and mode & NOT_FOR_OTHERS:
        path.chmod(stat.S_IMODE(mode) & ~NOT_FOR_OTHERS)


def _said(path: Path, why: str) -> str:
    return f"{path} is open to other users of this machine ({stat.filemode(path.stat().st_mode)}): {why}"
