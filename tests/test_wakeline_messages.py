"""Messages as an application reads them: from its cursor on, and it is told what it missed."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from processor.teller import Teller
from tests.guarded import Guarded
from tests.saying import made as made
from tests.saying import speaking as speaking
from tests.saying import tell
from tests.timeline import START, Timeline, event
from wakeline import keys
from wakeline.messages import AsyncMessages, Message, Messages

pytestmark = pytest.mark.usefixtures("speaking")
PAGE = (Path(__file__).parent.parent / "docs/redis.md").read_text()


async def view(made: Timeline, *numbers: int) -> None:
    await made.append(*(event("visitor-1", f"page-{n}", 0, n) for n in numbers))
    await made.run()
    await tell(made)


def pages(messages: tuple[Message, ...]) -> list[str]:
    return [message.body["page"] for message in messages]


async def test_a_message_and_where_to_read_on(made: Timeline, state: Any) -> None:
    await view(made, 0, 1, 2)
    with Messages(state.url) as messages:
        first = await asyncio.to_thread(messages.read, limit=2)
        assert first.messages[0] == Message(
            id=f"shop/{made.lane('visitor-1')}/0/0/1",
            site="shop",
            person="visitor-1",
            kind="viewed",
            time=datetime.fromtimestamp((START + 2) / 1000, UTC),
            body={"page": "page-0", "path": "/"},
        )
        assert pages(first.messages) == ["page-0", "page-1"]
        second = await asyncio.to_thread(messages.read, first.cursor)
        assert pages(second.messages) == ["page-2"]
        assert first.gap is second.gap is None
        third = await asyncio.to_thread(messages.read, second.cursor)
        assert (third.messages, third.cursor, third.gap) == ((), second.cursor, None)
    async with AsyncMessages(state.url) as both:
        assert await both.read(limit=2) == first
        assert await both.read(first.cursor) == second
        assert await both.read(second.cursor) == third


@pytest.mark.parametrize("is_first", [True, False], ids=["the first ever", "another one"])
async def test_it_waits_for_what_comes(made: Timeline, state: Any, is_first: bool) -> None:
    """Longer than a connection waits for an answer, and no longer than it is told to."""
    with Messages(state.url) as messages:
        async with AsyncMessages(state.url) as both:
            cursor = None
            if not is_first:
                await view(made, 0)
                cursor = (await both.read()).cursor
            began = time.monotonic()
            assert (await both.read(cursor, block_ms=300)).messages == ()
            assert (await asyncio.to_thread(messages.read, cursor, block_ms=300)).messages == ()
            assert 0.6 <= time.monotonic() - began < 2
            one = asyncio.ensure_future(both.read(cursor, block_ms=20_000))
            two = asyncio.ensure_future(asyncio.to_thread(messages.read, cursor, block_ms=20_000))
            await asyncio.sleep(3)
            assert not one.done()
            assert not two.done()
            await view(made, 1)
            told = time.monotonic()
            assert pages((await one).messages) == pages((await two).messages) == ["page-1"]
            assert time.monotonic() - told < 0.5


async def trim(made: Timeline, most: int) -> None:
    await tell(made, Teller(made.redis, lanes=4, token="test", most=most))


async def test_who_is_behind_what_was_trimmed_is_told_how_much_is_missing(made: Timeline, state: Any) -> None:
    async with AsyncMessages(state.url) as messages:
        empty = (await messages.read()).cursor
        await view(made, 0, 1)
        before = (await messages.read()).cursor
        await asyncio.sleep(0.3)
        await view(made, 2, 3)
        behind = (await messages.read(before)).cursor
        ids = [id.decode() for id, _ in await made.redis.xrange(keys.MESSAGES)]
        ms = [int(id.partition("-")[0]) for id in ids]
        await trim(made, 1)
        found = await messages.read(before)
        assert pages(found.messages) == ["page-3"]
        assert found.gap == timedelta(milliseconds=ms[2] - ms[1])
        assert found.gap >= timedelta(milliseconds=300)
        assert (await messages.read(found.cursor)).gap is None, "it is told once"
        assert (await messages.read(behind)).gap is None
        assert (await messages.read(ids[2])).gap is None, "the last one that was trimmed, it has read"
        assert (await messages.read()).gap is None, "it has not begun yet"
        began = await messages.read(empty)
        assert began.gap == timedelta(milliseconds=ms[2] - ms[0]), "since there were any"
        await trim(made, 0)
        found = await messages.read(before, block_ms=5_000)
        assert (found.messages, found.cursor) == ((), ids[3])
        assert found.gap == timedelta(milliseconds=ms[3] - ms[1])
        assert (await messages.read(found.cursor)).gap is None


async def test_what_was_erased_is_no_gap(made: Timeline, state: Any) -> None:
    async with AsyncMessages(state.url) as messages:
        await view(made, 0)
        cursor = (await messages.read()).cursor
        await view(made, 1)
        await made.append(event("visitor-1", "page-9", 0, 9, "consent", level="off"))
        await made.run()
        await tell(made)
        found = await messages.read(cursor)
        assert [message.kind for message in found.messages] == ["forgotten"]
        assert found.gap is None


async def test_a_reader_needs_what_the_page_says_and_no_more(own_server: Any) -> None:
    (rules,) = re.findall(r"needs only `(~wl:\{messages\}\* [^`]+)`", PAGE)
    made = Timeline(own_server.url)
    guarded = Guarded([own_server.port])
    try:
        await made.start()
        guarded.add_user("reader", rules)
        await view(made, 0)
        async with AsyncMessages(guarded.url("reader")) as messages:
            cursor = (await messages.read()).cursor
            await messages.read(cursor, block_ms=100)
        with Messages(guarded.url("reader")) as both:
            both.read(cursor, block_ms=100)
        assert not guarded.refused()
        given = {word[1:] for word in rules.split() if word[0] == "+"}
        assert given - guarded.used() <= {"client|setinfo", "cluster|slots", "command"}
    finally:
        guarded.close()
        await made.close()


def test_it_needs_no_service() -> None:
    code = "import sys, wakeline.messages; print({'crm', 'processor', 'aiohttp', 'faust'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
