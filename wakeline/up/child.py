"""One child process: started, its lines passed on, started again with back-off when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wakeline.up.plan import Service
from wakeline.up.readiness import answers

LEASH = Path(__file__).with_name("leash.py")
MAX_LINE = 65_536  # bytes; a longer line is passed on in parts
LAST_WORDS_S = 1.0  # for the output of a dead child: its own children may hold the pipe for ever
LAST_LINES = 8  # of its log file, shown when it dies
USAGE = 2  # exit code of a child that its settings do not suit

Say = Callable[[str, str], None]  # (name, line)


@dataclass(frozen=True)
class Patience:
    """How long to wait for a child, in seconds."""

    first_retry: float = 0.5  # doubles with each death
    longest_retry: float = 30.0
    calm: float = 60.0  # alive for so long: the next death is a first one again
    ready: float = 60.0  # until it must answer, at first start
    deaths: int = 3  # before it ever answered: more are no accident
    stop: float = 10.0  # from SIGTERM to SIGKILL


class StartFailed(Exception):
    """A child does not come up."""


class Child:
    """Starts at once. `say` gets its lines, `report` what happens to it."""

    def __init__(
        self, service: Service, environ: Mapping[str, str], *, say: Say, report: Say, patience: Patience
    ) -> None:
        self.service = service
        self.name = service.name
        self._environ = environ
        self._say = say
        self._report = report
        self._patience = patience
        self._process: Process | None = None
        self._was_ready = False
        self._is_stopping = False
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def ready(self) -> None:
        """Returns once the child answers on all of its ports. Raises StartFailed if it never will."""
        asking = asyncio.create_task(self._answers())
        try:
            await asyncio.wait(
                {asking, self._keeper}, timeout=self._patience.ready, return_when=asyncio.FIRST_COMPLETED
            )
            if self._keeper.done() and not self._is_stopping:
                raise StartFailed(f"{self.name} cannot start: its lines above say why")
            if not asking.done():
                raise StartFailed(f"{self.name} does not answer after {self._patience.ready:g} s")
        finally:
            asking.cancel()
        self._was_ready = True

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL if that is not enough. Nothing of it is left when this returns."""
        self._is_stopping = True
        process = self._process
        if process is None or process.returncode is not None:  # between two lives
            self._keeper.cancel()
        else:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        _, late = await asyncio.wait({self._keeper}, timeout=self._patience.stop)
        if late:
            self._report(self.name, f"has not stopped after {self._patience.stop:g} s; killed")
            self.kill()
            await asyncio.wait({self._keeper})

    def kill(self) -> None:
        """SIGKILL to it and to all that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    # ---- one life after the other

    async def _keep(self) -> None:
        """Returns when it was stopped, or when starting again is of no use."""
        clock = asyncio.get_running_loop().time
        retry = self._patience.first_retry
        deaths = 0
        while True:
            born = clock()
            code = await self._live()
            if self._is_stopping:
                return
            age = clock() - born
            deaths += 1
            if not self._was_ready and (code == USAGE or deaths == self._patience.deaths):
                self._report(self.name, f"{how(code)} after {age:.1f} s")
                return
            if age >= self._patience.calm:
                retry = self._patience.first_retry
            self._report(self.name, f"{how(code)} after {age:.1f} s; starting it again in {retry:g} s")
            await asyncio.sleep(retry)
            retry = min(2 * retry, self._patience.longest_retry)

    async def _live(self) -> int:
        """One life; its exit code, negative for a signal."""
        process = self._process = await self._spawn()
        assert process.stdout is not None
        pump = asyncio.create_task(self._pass_on(process.stdout))
        back = asyncio.create_task(self._say_when_back()) if self._was_ready else None
        try:
            code = await process.wait()
            await asyncio.wait({pump}, timeout=LAST_WORDS_S)
        finally:
            for task in (pump, back):
                if task:
                    task.cancel()
            self.kill()  # what it started and left behind
        if self.service.log and not self._is_stopping:
            for line in last_lines(self.service.log):
                self._say(self.name, line)
        return code

    async def _spawn(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-IS", str(LEASH), str(os.getpid()), *self.service.command),
            stdin=DEVNULL if sys.platform == "linux" else PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            env=self._environ,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the children in order
        )

    async def _pass_on(self, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(MAX_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._say(self.name, line.decode(errors="replace").rstrip("\r"))
        if rest:
            self._say(self.name, rest.decode(errors="replace"))

    async def _say_when_back(self) -> None:
        await self._answers()
        self._report(self.name, "answers again")

    async def _answers(self) -> None:
        for listener in self.service.listeners:
            await answers(listener)


def how(code: int) -> str:
    """How a process ended."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def last_lines(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4_096))
            return file.read().decode(errors="replace").splitlines()[-LAST_LINES:]
    except OSError:
        return []
