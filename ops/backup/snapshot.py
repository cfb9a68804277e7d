"""A consistent snapshot of the whole server, fetched as by a new replica: log, state and numbers agree.

Nothing is left in the server's folder.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ops.backup.manifest import BackupRefused, Done, File, copy

TURN_S = 0.05  # how often `meanwhile` is called
SILENT_S = 120.0  # while it rewrites its file or forks, a server sends line feeds
READ_BYTES = 1 << 16
MARK = 40  # bytes of the end marker, if the size is not known in advance


def fetch(port: int, target: Path, *, meanwhile: Callable[[], None], done: Done) -> File:
    """Fetch the snapshot of the server on this machine's `port`, as an RDB file. Raises BackupRefused."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5.0) as connection:
            connection.settimeout(TURN_S)
            received = _received(connection, meanwhile)
            for words in (b"REPLCONF capa eof", b"REPLCONF rdb-only 1"):
                connection.sendall(words + b"\r\n")
                if next(received) != b"+OK\r\n":
                    raise BackupRefused("the server is too old to give a snapshot")
            connection.sendall(b"SYNC\r\n")
            return copy(_Body(received), target, done)  # type: ignore[arg-type]
    except OSError as error:
        raise BackupRefused(f"the server's snapshot was interrupted: {error}; take the backup again") from error


def _received(connection: socket.socket, meanwhile: Callable[[], None]) -> Iterator[bytes]:
    heard = turned = time.monotonic()
    while True:
        now = time.monotonic()
        if now - turned >= TURN_S:
            turned = now
            meanwhile()
        try:
            part = connection.recv(READ_BYTES)
        except TimeoutError:
            if now - heard > SILENT_S:
                raise
            continue
        if not part:
            raise ConnectionError("the server closed the connection")
        heard = now
        yield part


class _Body:
    """A read-once file: the content after the header, without the end marker."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._held = b""
        self._left = -1  # remaining bytes, if the server sent the size
        self._mark = b""
        self._open()

    def _open(self) -> None:
        while True:
            line, found, rest = self._held.partition(b"\n")
            if not found:
                self._held += next(self._parts)
                continue
            self._held = rest
            line = line.strip()
            if line.startswith(b"$EOF:"):
                self._mark = line[5:]
                return
            if line.startswith(b"$"):
                self._left = int(line[1:])
                return
            if line.startswith(b"-"):
                raise BackupRefused(f"the server refuses a snapshot: {line[1:].decode(errors='replace')}")

    def read(self, _: int) -> bytes:
        """Some bytes; none at the end."""
        if self._mark:
            while not self._held.endswith(self._mark):
                if len(self._held) > MARK:
                    found, self._held = self._held[:-MARK], self._held[-MARK:]
                    return found
                self._held += next(self._parts)
            found, self._held, self._mark, self._left = self._held[:-MARK], b"", b"", 0
            if found:
                return found
        if not self._left:
            return b""
        found, self._held = self._held[: self._left] or next(self._parts)[: self._left], b""
        self._left -= len(found)
        return found
