"""The history at a URL that fsspec supports, such as s3://bucket/folder. A file exists once its put has ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import BinaryIO

from wakeline.extras import install
from wakeline.history.store import Check, HistoryUnavailable, allowed
from wakeline.log import LogMismatch


class Remote:
    """See `Store`."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec

            with _unavailable(url):
                self._files, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise LogMismatch(
                f"archive cannot be {url}: {error}\n"
                f"for s3 {install('s3')}; elsewhere {install('history')}, and the package that fsspec asks for "
                "(gcsfs, adlfs...)"
            ) from error
        self._url = url
        self._root = self._root.rstrip("/")
        if not self._root:
            raise LogMismatch(f"archive {url} cannot be used: it needs a folder, as in s3://bucket/folder")

    def names(self) -> Iterator[str]:
        with _unavailable(self._url):
            self._files.invalidate_cache()
            try:
                found = self._files.find(self._root)
            except FileNotFoundError:
                found = []
        for path in found:
            yield path.removeprefix(self._root).lstrip("/")

    def open(self, name: str) -> BinaryIO:
        """The whole file in memory: it may be replaced while it is read."""
        with _unavailable(self._url):
            return BytesIO(self._files.cat_file(f"{self._root}/{name}"))

    def size(self, name: str) -> int:
        with _unavailable(self._url):
            return int(self._files.size(f"{self._root}/{name}"))

    def write(self, name: str, content: bytes, *, check: Check = allowed) -> None:
        check()
        path = f"{self._root}/{name}"
        with _unavailable(self._url):
            try:
                self._files.pipe_file(path, content)
            except FileNotFoundError:
                self._make(path.rpartition("/")[0])
                self._files.pipe_file(path, content)

    def delete(self, name: str) -> None:
        with _unavailable(self._url), suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{name}")

    def clean(self) -> None:
        """Does nothing: an unfinished put leaves nothing behind."""

    def _make(self, folder: str) -> None:
        """Create the folder, if the store has folders. Buckets are not created, as the name may be a typo."""
        bucket = self._root.partition("/")[0]
        if bucket and not self._files.exists(bucket):
            raise HistoryUnavailable(f"the history at {self._url} cannot be used: there is no {bucket}; make it first")
        self._files.makedirs(folder, exist_ok=True)


@contextmanager
def _unavailable(url: str) -> Iterator[None]:
    """Turn errors into HistoryUnavailable. Drivers raise OSError, or errors of their cloud's client."""
    try:
        yield
    except (FileNotFoundError, ImportError, ValueError, HistoryUnavailable):
        raise
    except Exception as error:
        raise HistoryUnavailable(f"the history at {url} cannot be used: {error}") from error
