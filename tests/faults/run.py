"""Runs each seed of a row on its own deployment, with a time limit, and returns its measurements."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.broker import Broker, running_broker
from tests.faults.outcome import Outcome, in_words
from tests.faults.rows import KAFKA, Row
from tests.faults.stage import staged

PATIENCE, SLACK_S = 3.0, 60.0  # times a row's usual time, and what comes on top: a machine may be slow

Done = Callable[[int, Outcome], None]  # told a seed's outcome


class Runner:
    """Runs rows on one log; rows that do not harm the broker share it."""

    def __init__(self, log: str, folder: Path, stack: ExitStack) -> None:
        self.log = log
        self._folder = folder
        self._stack = stack
        self._shared: Broker | None = None
        self._starting = threading.Lock()
        self._running: dict[asyncio.Task[Outcome], asyncio.AbstractEventLoop] = {}

    def run(self, row: Row, seeds: Sequence[int], done: Done) -> list[Outcome]:
        """Runs several seeds concurrently if the row allows it, each in a thread with its own loop."""
        with ThreadPoolExecutor(row.at_once) as threads:
            running = {threads.submit(asyncio.run, self._watched(row, seed)): seed for seed in seeds}
            try:
                for ended in as_completed(running):
                    done(running[ended], ended.result())
            except BaseException:  # Ctrl-C: no process is left behind
                for waiting in running:
                    waiting.cancel()
                for task, loop in list(self._running.items()):
                    loop.call_soon_threadsafe(task.cancel)
                raise
        return [ended.result() for ended in running]

    async def _watched(self, row: Row, seed: int) -> Outcome:
        task = asyncio.ensure_future(self.once(row, seed))
        self._running[task] = asyncio.get_running_loop()
        try:
            return await task
        finally:
            del self._running[task]

    async def once(self, row: Row, seed: int) -> Outcome:
        """Run one seed. An error is a failure of the row; the time limit is a few times its usual duration."""
        outcome = Outcome()
        most = row.seconds * PATIENCE + SLACK_S
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            with self._broker(row, folder) as broker:
                async with (
                    asyncio.timeout(most),
                    staged(folder, broker, starts_server=not row.own_disk) as stage,
                ):
                    await row.run(stage, seed, outcome)
        except TimeoutError as error:
            outcome.note(f"not done within {most:.3g} s: {in_words(error.__cause__ or error)}")
        except Exception as error:  # the other rows are still worth running
            outcome.note(in_words(error))
        return outcome

    @contextmanager
    def _broker(self, row: Row, folder: Path) -> Iterator[Broker | None]:
        if self.log != KAFKA:
            yield None
        elif row.own_broker:
            with running_broker(folder / "kafka") as broker:
                yield broker
        else:
            with self._starting:
                if self._shared is None:
                    self._shared = self._stack.enter_context(running_broker(self._folder / "kafka"))
            yield self._shared


@contextmanager
def runner(log: str) -> Iterator[Runner]:
    """For one log, in a temporary folder."""
    scratch = tempfile.TemporaryDirectory(prefix="wakeline-faults-", ignore_cleanup_errors=True)
    with scratch as folder, ExitStack() as stack:
        yield Runner(log, Path(folder), stack)
