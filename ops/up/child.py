"""One service: starts it, restarts it with back-off when it dies, stops it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.up.child_process import ChildProcess
from ops.up.plan import Service
from ops.up.readiness import answers
from wakeline.children import RESTARTS, RESTS, Rests, guarded, how

LAST_WORDS_S = 1.0  # for the output of a dead child: its own children may hold the pipe for ever
LAST_LINES = 8  # of its log file, shown when it dies
USAGE = 2  # exit code of a child with unsuitable settings

Say = Callable[[str, str], None]  # (name, line)


@dataclass(frozen=True)
class Patience:
    """How long to wait for a child, in seconds."""

    rests: Rests = RESTS
    ready: float = 60.0  # until it must answer, at first start
    deaths: int = 3  # before it ever answered; then it is given up
    stop: float = 10.0  # from SIGTERM to SIGKILL


class StartFailed(Exception):
    """A child does not start."""


class Child:
    """Starts at once. `say` is called with its lines, `report` with its events."""

    def __init__(
        self, service: Service, environ: Mapping[str, str], *, say: Say, report: Say, patience: Patience
    ) -> None:
        self.service = service
        self.name = service.name
        self._environ = environ
        self._say = say
        self._report = report
        self._patience = patience
        self._process: ChildProcess | None = None
        self._was_ready = False
        self._is_stopping = False
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def ready(self) -> None:
        """Returns once the child answers on all its ports. Raises StartFailed if it never will."""
        asking = asyncio.create_task(self._answers())
        try:
            await asyncio.wait(
                {asking, self._keeper}, timeout=self._patience.ready, return_when=asyncio.FIRST_COMPLETED
            )
            if self._keeper.done() and not self._is_stopping:
                raise StartFailed(f"{self.name} cannot start: see its messages above")
            if not asking.done():
                raise StartFailed(f"{self.name} does not answer after {self._patience.ready:g} s")
        finally:
            asking.cancel()
        self._was_ready = True

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL if necessary. None of its processes is left when this returns."""
        self._is_stopping = True
        if self._process is None or self._process.exited.is_set():  # between two of its processes
            self._keeper.cancel()
        else:
            self._process.terminate()
        _, late = await asyncio.wait({self._keeper}, timeout=self._patience.stop)
        if late:
            self._report(self.name, f"did not stop within {self._patience.stop:g} s; killed")
            self.kill()
            await asyncio.wait({self._keeper})

    def kill(self) -> None:
        """SIGKILL to it and all its children."""
        if self._process is not None:
            self._process.kill()

    # ---- one process after the other

    async def _keep(self) -> None:
        """Returns when it was stopped, or restarting is pointless."""
        clock = asyncio.get_running_loop().time
        rest = 0.0
        deaths = 0
        is_first = True
        while True:
            born = clock()
            code = await self._live(is_first=is_first)
            if self._is_stopping:
                return
            is_first = False
            if code == RESTARTS:  # it has said why
                self._report(self.name, "restarts")
                await asyncio.sleep(self._patience.rests.first)
                continue
            age = clock() - born
            deaths += 1
            if not self._was_ready and (code == USAGE or deaths == self._patience.deaths):
                self._report(self.name, f"{how(code)} after {age:.1f} s")
                return
            rest = self._patience.rests.after(rest, age)
            self._report(self.name, f"{how(code)} after {age:.1f} s; restarting it in {rest:g} s")
            await asyncio.sleep(rest)

    async def _live(self, *, is_first: bool) -> int:
        """Run one process to its end; returns its exit code, negative for a signal."""
        process = self._process = await self._begin()
        back = asyncio.create_task(self._say_when_back()) if self._was_ready and not is_first else None
        try:
            await process.exited.wait()
        finally:
            if back:
                back.cancel()
            process.kill()  # children that it left behind
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await process.drained.wait()
            process.transport.close()
        if self.service.log and not self._is_stopping:
            for line in last_lines(self.service.log):
                self._say(self.name, line)
        code = process.transport.get_returncode()
        assert code is not None
        return code

    async def _begin(self) -> ChildProcess:
        _, process = await asyncio.get_running_loop().subprocess_exec(
            lambda: ChildProcess(lambda line: self._say(self.name, line)),
            *guarded(self.service.command),
            stdin=DEVNULL if sys.platform == "linux" else PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            env=self._environ,
            start_new_session=True,  # Ctrl-C only reaches the supervisor, which stops the children in order
        )
        return process

    async def _say_when_back(self) -> None:
        await self._answers()
        self._report(self.name, "answers again")

    async def _answers(self) -> None:
        for listener in self.service.listeners:
            await answers(listener)


def last_lines(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4_096))
            return file.read().decode(errors="replace").splitlines()[-LAST_LINES:]
    except OSError:
        return []
