"""Generated logs: a hundred thousand of them, each cut, restored, killed and replayed. See tests/log_alone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable

import click

from benchmarks.children import ROOT
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

CASES = 100_000
SECONDS = 0.04  # that a case takes on two cores, about
TOLD_EVERY_S = 60.0
SHOWN = 10  # cases that break


def logs(cases: int) -> Callable[[Stage, int, Outcome], Awaitable[None]]:
    """So many of them, from the seed on, a process for each core."""

    async def run(stage: Stage, seed: int, outcome: Outcome) -> None:
        stage.server.appendfsync = "no"  # nobody kills it
        stage.server.start()
        told = _Told(seed, cases)
        count = min(os.cpu_count() or 1, cases)
        async with asyncio.TaskGroup() as tasks:
            for index in range(count):
                url = f"{stage.server.url.rpartition('/')[0]}/{index % 16}"
                tasks.create_task(_process(told, url, seed + index, cases - index, count))
        outcome.is_exactly("cases", told.done, cases)
        outcome.is_exactly("that differ", len(told.broken), 0)
        for words in told.broken[:SHOWN]:
            outcome.note(words)

    return run


class _Told:
    """What came of the cases so far."""

    def __init__(self, first: int, cases: int) -> None:
        self.broken: list[str] = []
        self.done = 0
        self._first = first
        self._cases = cases
        self._began = self._said = time.monotonic()

    def take(self, line: bytes) -> None:
        said = json.loads(line)
        self.done += 1
        if "lines" in said:
            words = f"seed {said['seed']}: {said['lines'][0]}\n{_again(said['seed'])}"
            click.echo(words, err=True)
            self.broken.append(f"{words}\n{said['smallest']}")
        now = time.monotonic()
        if now - self._said > TOLD_EVERY_S:
            self._said = now
            left = (now - self._began) / self.done * (self._cases - self.done) / 60
            click.echo(
                f"generated logs from seed {self._first}: {self.done:,} of {self._cases:,}, {len(self.broken)} differ, "
                f"{left:.0f} minutes left",
                err=True,
            )


def _again(seed: int) -> str:
    return f"""again: make test-faults FAULTS_ARGS='--only "generated logs" --seed {seed} --cases 1'"""


async def _process(told: _Told, url: str, first: int, cases: int, step: int) -> None:
    words = (sys.executable, "-m", "tests.log_alone", url, str(first), str(cases), str(step))
    process = await asyncio.create_subprocess_exec(
        *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE, limit=1 << 24, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async for line in process.stdout:
            told.take(line)
        if await process.wait():
            raise RuntimeError((await process.stderr.read()).decode()[-2_000:])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
