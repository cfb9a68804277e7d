"""Runs rows: each seed on a deployment of its own, bounded in time; what it measured comes back."""

from __future__ import annotations

import asyncio
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.broker import Broker, running_broker
from tests.faults.outcome import Outcome
from tests.faults.rows import KAFKA, Row
from tests.faults.stage import staged

PATIENCE = 3.0  # times a row's usual time: a machine may be slow


class Runner:
    """Rows on one log; those that do not harm a broker share one."""

    def __init__(self, log: str, folder: Path, stack: ExitStack) -> None:
        self.log = log
        self._folder = folder
        self._stack = stack
        self._shared: Broker | None = None
        self._runs = 0

    async def run(self, row: Row, seed: int) -> Outcome:
        """Never raises what a row does: that is a failure of the row."""
        self._runs += 1
        folder = self._folder / f"run-{self._runs}"
        folder.mkdir()
        outcome = Outcome()
        try:
            async with asyncio.timeout(row.seconds * PATIENCE):
                await self.play(row, seed, folder, outcome)
        except TimeoutError:
            outcome.note(f"not done within {row.seconds * PATIENCE:.0f} s")
        except Exception as error:  # the other rows are still worth running
            outcome.note("".join(traceback.format_exception(error)[-1:]).strip() + _where(error))
        return outcome

    async def play(self, row: Row, seed: int, folder: Path, outcome: Outcome) -> None:
        """One seed, as it is; raises what it raises."""
        with self._broker(row, folder) as broker:
            async with staged(folder, broker, starts_server=not row.own_disk) as stage:
                await row.run(stage, seed, outcome)

    @contextmanager
    def _broker(self, row: Row, folder: Path) -> Iterator[Broker | None]:
        if self.log != KAFKA:
            yield None
        elif row.own_broker:
            with running_broker(folder / "kafka") as broker:
                yield broker
        else:
            if self._shared is None:
                self._shared = self._stack.enter_context(running_broker(self._folder / "kafka"))
            yield self._shared


def _where(error: BaseException) -> str:
    notes = getattr(error, "__notes__", [])
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return "\n".join([f" ({Path(frame.filename).name}:{frame.lineno})", *notes])


@contextmanager
def runner(log: str) -> Iterator[Runner]:
    """For one log, in scratch that goes with it."""
    with (
        tempfile.TemporaryDirectory(prefix="wakeline-faults-", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        yield Runner(log, Path(folder), stack)
