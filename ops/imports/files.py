"""The files that are named: local ones, folders, patterns, and URLs that fsspec knows."""

from __future__ import annotations

import glob
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from wakeline.extras import install

ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")
PACKED = ("", ".gz", ".bz2", ".xz")
MAP, ERRORS = ".map.toml", ".errors.csv"  # what an import leaves beside a file
SETTLED_S = 10.0  # a file of a folder that was changed since may still be being written
PATTERN = "*?["
OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1")  # begins files of Excel before 2007


class NoFile(Exception):
    """There is no such file; the message says more."""


class Named(NamedTuple):
    """A file. `mark` changes when it does; `url`: it is not on this machine."""

    name: str
    mark: str
    url: bool = False
    is_settled: bool = True


def stamp_of(path: Path) -> tuple[int, int, int]:
    """Changes when the file does. Raises NoFile."""
    try:
        stat = path.stat()
    except OSError as error:
        raise NoFile(f"cannot be read: {error.strerror}") from error
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def refuse_spreadsheet(path: Path) -> None:
    """Raises NoFile for a workbook of Excel or another spreadsheet, and for another archive."""
    with path.open("rb") as file:
        is_old = file.read(len(OLD_OFFICE)) == OLD_OFFICE
    names = []
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    if is_old or any(name.startswith("xl/") for name in names) or "content.xml" in names:
        raise NoFile("is a spreadsheet: save it as CSV (in Excel: Save As, CSV UTF-8), and import that file")
    if names:
        raise NoFile("is a zip archive: unpack it, and import the files in it")


def is_url(name: str) -> bool:
    return "://" in name and not name.startswith("file://")


def shown(name: str) -> str:
    """The name for people: without this folder."""
    return name.removeprefix(f"{Path.cwd()}/")


def named(words: tuple[str, ...]) -> list[Named]:
    """All files that these name, each once, those of a folder or pattern by their names. Raises NoFile."""
    found: dict[str, Named] = {}
    for word in words:
        for one in _remote(word) if is_url(word) else _local(word.removeprefix("file://")):
            found.setdefault(one.name, one)
    return list(found.values())


def _local(word: str) -> Iterator[Named]:
    path = Path(word)
    if path.is_dir():
        paths = [one for one in sorted(path.iterdir()) if one.is_file() and _is_ours_to_read(one.name)]
    elif path.exists():
        paths = [path]
    elif any(mark in word for mark in PATTERN):
        paths = [Path(one) for one in sorted(glob.glob(word, recursive=True)) if _is_ours_to_read(one, any_ending=True)]
    else:
        raise NoFile(f"there is no file {word}")
    for one in paths:
        try:
            stat = one.stat()
        except OSError:
            continue
        settled = time.time() - stat.st_mtime > SETTLED_S
        yield Named(str(one.resolve()), f"{stat.st_size} {stat.st_mtime_ns}", False, settled)


def _is_ours_to_read(name: str, *, any_ending: bool = False) -> bool:
    lower = name.lower()
    if lower.endswith((ERRORS, MAP, ".part")):
        return False
    return any_ending or lower.endswith(tuple(f"{ending}{packed}" for ending in ENDINGS for packed in PACKED))


def _remote(word: str) -> Iterator[Named]:
    files, path = _opened(word)
    scheme = word.partition("://")[0]
    try:
        if any(mark in path for mark in PATTERN) and scheme not in ("http", "https"):
            paths = [one for one in sorted(files.glob(path)) if _is_ours_to_read(one, any_ending=True)]
        elif scheme not in ("http", "https") and files.isdir(path):
            paths = [one for one in sorted(files.ls(path, detail=False)) if _is_ours_to_read(one) and files.isfile(one)]
        elif files.exists(path):
            paths = [path]
        else:
            raise NoFile(f"there is no file {word}")
        for one in paths:
            yield Named(str(files.unstrip_protocol(one)), str(files.ukey(one)), True)
    except NoFile:
        raise
    except Exception as error:  # each driver has errors of its own
        raise NoFile(f"{word} cannot be read: {error}") from error


def _opened(url: str) -> tuple[Any, str]:
    try:
        import fsspec

        files, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
        files.invalidate_cache()
    except (ImportError, ValueError) as error:
        raise NoFile(f"{url} cannot be read: {error}\nURLs need {install('history')}, s3 {install('s3')}") from error
    return files, str(path)


@contextmanager
def fetched(file: Named, folder: Path) -> Iterator[Path]:
    """The file on this machine: itself, or a copy in `folder` for the time being. Raises NoFile."""
    if not file.url:
        yield Path(file.name)
        return
    files, path = _opened(file.name)
    copy = folder / (path.rstrip("/").rpartition("/")[2] or "file")
    try:
        with files.open(path, "rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except Exception as error:
        raise NoFile(f"{file.name} cannot be read: {error}") from error
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)
