"""Generated cases: a hundred thousand logs, each cut, restored, killed and replayed (see tests/log_alone), and ten
thousand stories of a few people, each in several orders of arrival (see tests/identity_cases).
"""

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
PEOPLE = 10_000
SECONDS = 0.04  # that a case takes on two cores, about
TOLD_EVERY_S = 60.0
SHOWN = 10  # cases that break


def logs(cases: int) -> Callable[[Stage, int, Outcome], Awaitable[None]]:
    """So many of them, from the seed on, a process for each core."""

    async def run(stage: Stage, seed: int, outcome: Outcome) -> None:
        stage.server.appendfsync = "no"  # nobody kills it
        stage.server.start()
        url = stage.server.url.rpartition("/")[0]
        again = """again: make test-faults FAULTS_ARGS='--only "generated logs" --seed {} --cases 1'"""
        told = _Told("generated logs", again, seed, cases)
        await _run(told, lambda index: ("tests.log_alone", f"{url}/{index % 16}"), outcome)

    return run


async def people(stage: Stage, seed: int, outcome: Outcome) -> None:
    """PEOPLE stories, from the seed on, a process for each core; Redis is in memory."""
    told = _Told("people", "again: python -m tests.identity_cases {} 1 1", seed, PEOPLE)
    await _run(told, lambda index: ("tests.identity_cases",), outcome)


async def _run(told: _Told, module: Callable[[int], tuple[str, ...]], outcome: Outcome) -> None:
    count = min(os.cpu_count() or 1, told.cases)
    async with asyncio.TaskGroup() as tasks:
        for index in range(count):
            tasks.create_task(_process(told, module(index), told.first + index, told.cases - index, count))
    outcome.is_exactly("cases", told.done, told.cases)
    outcome.is_exactly("that differ", len(told.broken), 0)
    for words in told.broken[:SHOWN]:
        outcome.note(words)


class _Told:
    """What came of the cases so far."""

    def __init__(self, what: str, again: str, first: int, cases: int) -> None:
        self.broken: list[str] = []
        self.done = 0
        self.first = first
        self.cases = cases
        self._what = what
        self._again = again
        self._began = self._said = time.monotonic()

    def take(self, line: bytes) -> None:
        said = json.loads(line)
        self.done += 1
        if "lines" in said:
            words = f"seed {said['seed']}: {said['lines'][0]}\n{self._again.format(said['seed'])}"
            click.echo(words, err=True)
            self.broken.append(f"{words}\n{said['smallest']}")
        now = time.monotonic()
        if now - self._said > TOLD_EVERY_S:
            self._said = now
            left = (now - self._began) / self.done * (self.cases - self.done) / 60
            click.echo(
                f"{self._what} from seed {self.first}: {self.done:,} of {self.cases:,}, {len(self.broken)} differ, "
                f"{left:.0f} minutes left",
                err=True,
            )


async def _process(told: _Told, module: tuple[str, ...], first: int, cases: int, step: int) -> None:
    words = (sys.executable, "-m", *module, str(first), str(cases), str(step))
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
