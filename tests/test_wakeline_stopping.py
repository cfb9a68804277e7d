"""Stopping a process: on signals, with its tasks."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

import pytest

import wakeline.stopping
from wakeline.stopping import SIGNALS, cancelled, told_to_stop, unless_told


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_tells_it(number: signal.Signals) -> None:
    told = told_to_stop()
    assert not told.is_set()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(told.wait(), 5)


async def test_what_comes_in_time_is_returned_and_what_it_raises_is_raised() -> None:
    stop = asyncio.Event()
    assert await unless_told(stop, asyncio.sleep(0, "here")) == "here"
    with pytest.raises(TimeoutError):
        await unless_told(stop, asyncio.wait_for(asyncio.sleep(60), 0))


async def test_what_is_waited_for_ends_when_told_to_stop() -> None:
    stop, ended = asyncio.Event(), asyncio.Event()

    async def never() -> str:
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()
        return "never"

    waiting = asyncio.create_task(unless_told(stop, never()))
    await asyncio.sleep(0)
    stop.set()
    assert await asyncio.wait_for(waiting, 5) is None
    assert ended.is_set()


async def test_who_swallows_a_cancel_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeline.stopping, "CANCEL_EVERY_S", 0.01)

    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(600)
        await asyncio.sleep(600)

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await asyncio.wait_for(cancelled([task]), 5)
    assert task.cancelled()
