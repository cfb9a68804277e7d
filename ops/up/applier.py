"""Runs `wakeline apply` as all starts, and again when the configuration's file has changed.

As a process of its own, like all that needs a client of Redis: it would weigh on this one for good. What has changed
in the file besides takes effect at the next start, and that is said.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.up.child import Say
from ops.up.child_process import ChildProcess
from ops.up.plan import Listener
from ops.up.readiness import answers
from ops.up.supervisor import NAME
from wakeline.children import Rests, guarded

AGAIN = 1  # exit code of what may do better the next time: a server is away

Looks = tuple[int, int, int] | None  # of a file: ns of its last change, bytes, number; None: it is not there


RETRIES = Rests(first=1.0)


@dataclass(frozen=True)
class Pace:
    """In seconds."""

    looks: float = 2.0  # from one look at the file to the next; it is read once two of them are the same
    retries: Rests = RETRIES


class Applier:
    """`command` gets the name of the file that is read. `server`: what has to answer first. `waits_for_a_start` returns
    the names of other settings that differ from the running ones, None if the file is not valid.
    """

    def __init__(
        self,
        command: tuple[str, ...],
        file: Path,
        environ: Mapping[str, str],
        *,
        say: Say,
        waits_for_a_start: Callable[[], list[str] | None] = list,
        server: Listener | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._command = command
        self._file = file
        self._environ = environ
        self._say = say
        self._waits_for_a_start = waits_for_a_start
        self._waiting: list[str] = []  # as last said
        self._server = server
        self._pace = pace or Pace()
        self._told: list[str] = []  # by the last one that failed

    async def run(self) -> None:
        """Until cancelled."""
        if self._server is not None:
            await answers(self._server)
        while True:
            looks, content = self._looks(), self._content()
            self._say_what_waits()
            await self._apply(looks)
            await self._changed(looks, content)

    def _say_what_waits(self) -> None:
        waiting = self._waits_for_a_start()
        if waiting is None:
            return
        if waiting != self._waiting:
            words = f"takes effect when `wakeline up` is started again: {', '.join(waiting)}"
            self._say(NAME, f"{self._file.name}: {words if waiting else 'is again as it was at the start'}")
        self._waiting = waiting

    async def _apply(self, looks: Looks) -> None:
        """Again while it fails and the file stays as it is."""
        rest = 0.0
        while await self._once() == AGAIN and self._looks() == looks:
            rest = self._pace.retries.after(rest, 0.0)
            await asyncio.sleep(rest)

    async def _changed(self, known: Looks, content: bytes) -> None:
        """Returns once the file says something else, and nobody writes it any more. `known`: how it looked with this
        content.
        """
        seen = known
        while True:
            await asyncio.sleep(self._pace.looks)
            before, seen = seen, self._looks()
            if seen == known or seen != before:
                continue
            if self._content() != content:
                return
            known = seen

    async def _once(self) -> int:
        lines: list[str] = []
        _, process = await asyncio.get_running_loop().subprocess_exec(
            lambda: ChildProcess(lines.append),
            *guarded((*self._command, str(self._file))),
            stdin=DEVNULL if sys.platform == "linux" else PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            env=self._environ,
            start_new_session=True,
        )
        try:
            await process.exited.wait()
            await process.drained.wait()
        finally:
            process.kill()
            process.transport.close()
        code = process.transport.get_returncode() or 0
        if not code or lines != self._told:  # what fails again and again is said once
            for line in lines:
                self._say(NAME, line)
        self._told = lines if code else []
        return code

    def _looks(self) -> Looks:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _content(self) -> bytes:
        try:
            return hashlib.sha256(self._file.read_bytes()).digest()
        except OSError:
            return b""


def apply_command() -> tuple[str, ...]:
    """The file's name comes behind it."""
    return sys.executable, "-P", "-m", "wakeline", "apply", "--under-up", "--config"
