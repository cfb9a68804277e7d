"""Has the figures of campaigns computed for the boards, in a process of its own, after records were sealed.

The archiver decides when, since one archiver of a deployment writes the history and knows when there is something new.
The child is killed with it, at its end and when it takes too long; it has one thread, and lets others go first. The
rest after it grows with how long it took, so that it never takes more than a part of one processor.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from archiver import metrics
from wakeline.children import guarded, how
from wakeline.extras import install
from wakeline.patience import Outage
from wakeline.settings import Config

logger = logging.getLogger("wakeline.archiver")

FIRST_S = 30.0  # after the start: in a demo the first records are sealed by then
LEAST_S = 60.0  # from one end to the next start
RESTS = 10  # times what it took
MOST_S = 3_600.0
MOST_MB = 2_000
LOOK_S = 1.0
WORDS = 500  # characters of what the child says, at its end


def command(config: Config, url: str) -> tuple[list[str], dict[str, str]]:
    """What computes them for this configuration and the history at `url`, and its environment."""
    named = [] if config.path is None else ["--config", os.fspath(config.path)]
    where = {"WAKELINE_REDIS": config.settings.redis, "WAKELINE_ARCHIVE": url}
    return [sys.executable, "-m", "wakeline", "campaigns", "publish", f"--most-mb={MOST_MB}", *named], {
        **os.environ,
        **where,
    }


class FiguresKeeper:
    """`sealed`: how many files were sealed so far. `may_run`: whether this archiver writes the history now."""

    def __init__(
        self,
        words: list[str],
        environ: Mapping[str, str],
        *,
        every_s: float,
        sealed: Callable[[], int],
        may_run: Callable[[], bool],
    ) -> None:
        self._words = words
        self._environ = environ
        self._every_s = max(every_s, LEAST_S)
        self._sealed = sealed
        self._may_run = may_run
        self._outage = Outage(logger)

    async def keep(self) -> None:
        """Runs until cancelled; never two at a time."""
        if importlib.util.find_spec("duckdb") is None:
            logger.info("boards show no figures of campaigns: DuckDB computes them, %s", install("query"))
            return
        done = -1  # the first time whatever is there
        rest = FIRST_S
        while True:
            await asyncio.sleep(rest)
            while self._sealed() == done or not self._may_run():  # noqa: ASYNC110  nothing tells it
                await asyncio.sleep(LOOK_S)
            begun, sealed = time.monotonic(), self._sealed()
            if await self._run():
                done = sealed
            took = time.monotonic() - begun
            metrics.FIGURES_SECONDS.set(took)
            rest = max(self._every_s, RESTS * took)

    async def _run(self) -> bool:
        """Whether they were computed and stored."""
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            child = await asyncio.create_subprocess_exec(
                *guarded(self._words), stdin=pipe, stdout=nothing, stderr=pipe, env=dict(self._environ)
            )
        except OSError as error:
            return self._failed(f"no process can be started: {error}")
        said = ""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(MOST_S):
                    said = await _said(child)
        finally:
            is_late = child.returncode is None
            with suppress(ProcessLookupError):
                child.kill()
            code = await child.wait()
        if is_late:
            return self._failed(f"it took longer than {MOST_S:g} s")
        if code:
            return self._failed(f"{said} ({how(code)})")
        self._outage.is_over()
        return True

    def _failed(self, why: str) -> bool:
        metrics.FAILURES.labels("figures").inc()
        self._outage.say(f"the figures of campaigns stay as they were: {why}", kind="figures")
        return False


async def _said(child: asyncio.subprocess.Process) -> str:
    """The end of what it says, once it has ended; more is not kept."""
    assert child.stderr is not None
    said = b""
    while part := await child.stderr.read(4_096):
        said = (said + part)[-4 * WORDS :]
    await child.wait()
    return said.decode(errors="replace").strip()[-WORDS:].replace("\n", " ")
