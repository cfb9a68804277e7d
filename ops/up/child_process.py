"""A child process: its output, its end, and the end of all its children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

MAX_LINE = 65_536  # bytes; longer lines are split


class ChildProcess(asyncio.SubprocessProtocol):
    """A process. Not asyncio's own: its Process.wait() also waits for other holders of the pipe (seen with 3.11)."""

    transport: asyncio.SubprocessTransport

    def __init__(self, say: Callable[[str], None]) -> None:
        self.exited = asyncio.Event()
        self.drained = asyncio.Event()
        self._say = say
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self.transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._say(line.decode(errors="replace").rstrip("\r"))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            if self._rest:
                self._say(self._rest.decode(errors="replace"))
            self.drained.set()

    def process_exited(self) -> None:
        self.exited.set()

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.transport.terminate()

    def kill(self) -> None:
        """SIGKILL to it and all its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.transport.get_pid(), signal.SIGKILL)
