"""The history in a local folder: files are written under another name, synced, then renamed.

Files get the permissions of the root folder: private by default, unless the operator opens it to a group.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from wakeline.history.store import Check, HistoryUnavailable, allowed
from wakeline.process import NOT_FOR_OTHERS

NO_PROGRAM = 0o666
PART = ".part"  # suffix of unsealed files; their names start with a dot


class Disk:
    """All operations that change the disk; tests interrupt each of them."""

    def mkdir(self, folder: Path) -> None:
        folder.mkdir()

    def write(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)

    def sync(self, path: Path) -> None:
        """Sync a file's content, or a folder's entries, to disk."""
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

    def rename(self, before: Path, after: Path) -> None:
        before.replace(after)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def rmdir(self, folder: Path) -> None:
        folder.rmdir()


class Folder:
    """See `Store`."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self._root = root
        self._disk = disk or Disk()
        self._token = secrets.token_hex(4)  # another process, paused while it wrote, uses another name

    def names(self) -> Iterator[str]:
        with _unavailable(self._root):
            for path in self._files():
                if not path.name.startswith("."):
                    yield path.relative_to(self._root).as_posix()

    def open(self, name: str) -> BinaryIO:
        with _unavailable(self._root):
            return self._path(name).open("rb")

    def size(self, name: str) -> int:
        with _unavailable(self._root):
            return self._path(name).stat().st_size

    def write(self, name: str, content: bytes, *, check: Check = allowed) -> None:
        path = self._path(name)
        part = path.with_name(f".{path.name}.{self._token}{PART}")
        with _unavailable(self._root):
            self._make(path.parent)
            self._disk.write(part, content)
            self._open_like_root(part, NO_PROGRAM)
            self._disk.sync(part)
            check()
            self._disk.rename(part, path)
            self._disk.sync(path.parent)

    def delete(self, name: str) -> None:
        path = self._path(name)
        with _unavailable(self._root):
            self._disk.remove(path)
            folder = path.parent
            while folder != self._root and folder.is_dir() and not any(folder.iterdir()):
                self._disk.rmdir(folder)
                folder = folder.parent
            if folder.is_dir():
                self._disk.sync(folder)

    def clean(self) -> None:
        with _unavailable(self._root):
            for path in self._files():
                if path.name.startswith(".") and path.name.endswith(PART):
                    self._disk.remove(path)

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make(folder.parent)
            self._disk.mkdir(folder)
            self._open_like_root(folder)
            self._disk.sync(folder.parent)

    def _open_like_root(self, path: Path, mask: int = 0o777) -> None:
        if self._root not in path.parents:  # a parent of the root, which may not exist yet
            return
        shared = self._root.stat().st_mode & mask & NOT_FOR_OTHERS
        if shared:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | shared)

    def _path(self, name: str) -> Path:
        return self._root / PurePosixPath(name)

    def _files(self) -> Iterator[Path]:
        for folder, _, files in os.walk(self._root, onerror=_raise):
            yield from (Path(folder, file) for file in files)


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # the root does not exist yet, or a folder was just removed
        raise error


@contextmanager
def _unavailable(root: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise HistoryUnavailable(f"the history in {root} cannot be used: {error}") from error
