"""The latest of what takes a while to make.

What is made within QUICK_S is made when somebody asks. What takes longer is made every few seconds instead, as long as
somebody asks now and then; who asks gets the last one at once, at most OLD_S old unless making it takes even longer.
The first one, and the first after IDLE_S, is made when it is asked for. Whoever asks after a failure is told of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

QUICK_S = 0.1
OLD_S = 5.0
MOST_OLD_S = 30.0  # older than this it is not given
AHEAD_S = 0.5  # the next one should be ready so long before the last one is OLD_S old
IDLE_S = 60.0  # without anybody who asks
PATIENCE_S = 3.0  # of one who asks: below Prometheus' scrape timeout
BUDGET_S = 20.0  # of making it

T = TypeVar("T")


class Made(NamedTuple, Generic[T]):
    """`began` and `took` by a clock that does not jump, in s; what is in it was true at `began` or later."""

    what: T
    began: float
    took: float


class Latest(Generic[T]):
    """The latest result of `make`. Those who ask at the same time share one call."""

    def __init__(
        self,
        make: Callable[[], Awaitable[T]],
        *,
        patience: float = PATIENCE_S,
        budget: float = BUDGET_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._make = make
        self._patience = patience
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._made: Made[T] | None = None
        self._making: asyncio.Task[Made[T]] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._asked = 0.0

    async def get(self) -> Made[T]:
        """The latest, or a new one. Raises what `make` raises, and TimeoutError if it takes longer than `patience`."""
        self._asked = self._clock()
        if self._made and self._made.took > QUICK_S:
            if self._keeping is None or self._keeping.done():
                self._keeping = asyncio.create_task(self._keep())
            if self.age(self._made) <= MOST_OLD_S:
                return self._made
        async with asyncio.timeout(self._patience):
            return await asyncio.shield(self._start())  # one who gives up does not end it for the others

    def age(self, made: Made[T]) -> float:
        """In s."""
        return self._clock() - made.began

    async def close(self) -> None:
        """End what is running."""
        for task in (self._keeping, self._making):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])

    def _start(self) -> asyncio.Task[Made[T]]:
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self._make_one())
            self._making.add_done_callback(_retrieve)
        return self._making

    async def _make_one(self) -> Made[T]:
        began = self._clock()
        try:
            async with asyncio.timeout(self._budget):
                what = await self._make()
        except BaseException:
            self._made = None  # whoever asks next is told why
            raise
        self._made = Made(what, began, self._clock() - began)
        return self._made

    async def _keep(self) -> None:
        while (made := self._made) and made.took > QUICK_S and self._clock() - self._asked < IDLE_S:
            await self._sleep(max(made.took / 4, OLD_S - AHEAD_S - made.took - self.age(made)))
            await asyncio.wait([self._start()])  # if it fails, whoever asks next is told why


def _retrieve(task: asyncio.Task[Made[T]]) -> None:
    """Retrieve the error if all who asked have gone, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()
