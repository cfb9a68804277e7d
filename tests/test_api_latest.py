"""The latest numbers: when they are read, how old they may be, and what happens when reading fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from api.latest import AHEAD_S, IDLE_S, MOST_OLD_S, OLD_S, Latest


class Maker:
    """Makes numbers, each taking `takes` s by a clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.takes = 0.01
        self.made = 0
        self.error: Exception | None = None
        self.release = asyncio.Event()
        self.release.set()
        self.slept: list[float] = []
        self._woken = asyncio.Event()
        self.latest = Latest(self.make, patience=0.2, clock=lambda: self.now, sleep=self.sleep)

    async def make(self) -> int:
        self.made += 1
        number = self.made
        await self.release.wait()
        self.now += self.takes
        if self.error:
            raise self.error
        return number

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._woken.clear()
        await self._woken.wait()

    async def pass_time(self, seconds: float) -> None:
        """Let what sleeps go on after `seconds`."""
        self.now += seconds
        self._woken.set()
        await settle()

    async def get(self) -> int:
        made = await self.latest.get()
        await settle()
        return made.what


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def maker() -> AsyncIterator[Maker]:
    made = Maker()
    yield made
    await made.latest.close()


async def test_what_is_quick_is_made_for_each_who_asks(maker: Maker) -> None:
    assert [await maker.get() for _ in range(3)] == [1, 2, 3]
    assert not maker.slept


async def test_those_who_ask_at_the_same_time_share_it(maker: Maker) -> None:
    maker.release.clear()
    asking = [asyncio.create_task(maker.latest.get()) for _ in range(5)]
    await settle()
    asking[0].cancel()  # one who gives up takes nothing from the others
    maker.release.set()
    assert [(await each).what for each in asking[1:]] == [1] * 4


async def test_what_is_slow_is_made_every_few_seconds_and_never_waited_for(maker: Maker) -> None:
    maker.takes = 1.0
    assert await maker.get() == 1
    ages = []
    for number in range(1, 8):
        maker.release.clear()
        made = await maker.latest.get()
        await settle()
        assert made.what == number
        await maker.pass_time(maker.slept[-1])
        assert (await maker.latest.get()).what == number  # while the next one is made
        maker.release.set()
        await settle()
        ages.append(maker.now - made.began)
    assert ages == pytest.approx([OLD_S - AHEAD_S] * 7)


async def test_what_is_slower_than_it_may_be_old_leaves_time_for_others(maker: Maker) -> None:
    maker.takes = 8.0
    assert await maker.get() == 1
    assert await maker.get() == 1
    assert maker.slept == [2.0]


async def test_nothing_is_made_while_nobody_asks(maker: Maker) -> None:
    maker.takes = 1.0
    await maker.get()
    await maker.get()
    for _ in range(40):
        await maker.pass_time(4)
    made = maker.made
    assert made <= IDLE_S / 4 + 2
    await maker.pass_time(1_000)
    assert maker.made == made
    assert await maker.get() == made + 1  # the first one after that is made at once


async def test_what_became_quick_is_made_for_each_again(maker: Maker) -> None:
    maker.takes = 1.0
    await maker.get()
    await maker.get()
    maker.takes = 0.01
    await maker.pass_time(4)
    assert maker.made == 2
    assert [await maker.get() for _ in range(2)] == [3, 4]


async def test_who_asks_after_a_failure_is_told(maker: Maker) -> None:
    """And gets the next one as soon as there is one."""
    maker.takes = 1.0
    await maker.get()
    assert await maker.get() == 1
    maker.error = ConnectionError("away")
    await maker.pass_time(4)
    for _ in range(2):
        with pytest.raises(ConnectionError, match="away"):
            await maker.latest.get()
    maker.error = None
    assert await maker.get() == 5
    assert await maker.get() == 5
    await maker.pass_time(4)
    assert await maker.get() == 6


async def test_nobody_waits_longer_than_his_patience(maker: Maker) -> None:
    """But what is being made is not given up: the next one who asks gets it."""
    maker.release.clear()
    with pytest.raises(TimeoutError):
        await maker.latest.get()
    maker.release.set()
    assert await maker.get() in (1, 2)
    assert maker.made <= 2


async def test_what_is_too_old_is_not_given(maker: Maker) -> None:
    maker.takes = 1.0
    await maker.get()
    await maker.get()
    maker.release.clear()
    await maker.pass_time(MOST_OLD_S)
    with pytest.raises(TimeoutError):
        await maker.latest.get()
    maker.release.set()
    assert await maker.get() == 2


async def test_what_hangs_is_ended_by_its_budget() -> None:
    ended = asyncio.Event()

    async def make() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    latest = Latest(make, patience=0.01, budget=0.05)
    with pytest.raises(TimeoutError):
        await latest.get()
    assert not ended.is_set()
    await asyncio.wait_for(ended.wait(), 5)


async def test_it_ends_while_it_makes_and_while_it_waits(maker: Maker) -> None:
    maker.takes = 1.0
    await maker.get()
    await maker.get()
    maker.release.clear()
    await maker.pass_time(4)
    assert maker.made == 2
    await maker.latest.close()
    await maker.pass_time(10)
    assert maker.made == 2
