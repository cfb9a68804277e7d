"""The profile's touches: the latest visits of a visitor that a campaign brought, in whatever order they are heard."""

from __future__ import annotations

import json
import random
from itertools import permutations
from typing import Any

import pytest

from tests.timeline import MINUTE, START, Timeline, event, timeline
from wakeline.definitions import MOST_TOUCHES
from wakeline.record import Erase, Event
from wakeline.stored_profile import read_touches

HOUR = 60 * MINUTE
BANK = "checkout.stripe.com/c/pay"


def view(at: int, campaign: str = "", *, page: int = 1, **fields: Any) -> Event:
    query = {"utm_source": "mail", "utm_campaign": campaign, "utm_content": "top"} if campaign else {}
    return event("visitor-1", f"page-{page}", 0, at, query=query, **fields)


async def touches(made: Timeline) -> list[tuple[int, str]]:
    """Time after START and campaign of each, as the profile has them."""
    text = (await made.profile("visitor-1")).get("touches", "")
    return [(int(one.time.timestamp() * 1000) - START, one.source.campaign) for one in read_touches(text)]


async def test_a_campaign_is_in_the_profile_with_the_first_page(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.append(view(0, "spring"))
        await made.run()
        text = (await made.profile("visitor-1"))["touches"]
        assert json.loads(text) == [[START, "mail", "spring", "email", "top", "", ""]]
        (touch,) = read_touches(text)
        assert (touch.source.content, touch.source.campaign) == ("top", "spring")


async def test_the_latest_stay_in_whatever_order_they_are_heard(redis_server: Any) -> None:
    count = 2 * MOST_TOUCHES
    visits = [view(day * 2 * HOUR, f"c{day}" if day % 4 else "", page=day) for day in range(count)]
    wanted = [(day * 2 * HOUR, f"c{day}") for day in reversed(range(count)) if day % 4][:MOST_TOUCHES]
    for seed in range(3):
        async with timeline(redis_server) as made:
            shuffled = list(visits)
            random.Random(seed).shuffle(shuffled)
            for one in shuffled:
                await made.append(one, at=20 * HOUR)
                await made.run()
            assert await touches(made) == wanted


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_visit_is_one_touch(redis_server: Any, order: tuple[int, ...]) -> None:
    """Of its first page, in whatever order its pages are heard."""
    pages = [view(0, "first"), view(20 * MINUTE, "second", page=2), view(40 * MINUTE, page=3)]
    async with timeline(redis_server) as made:
        for index in order:
            await made.append(pages[index], at=50 * MINUTE)
            await made.run()
        assert await touches(made) == [(0, "first")]


async def test_a_visit_without_a_campaign_and_a_return_touch_nothing(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.append(view(0, referrer="bing.com/"), view(HOUR, page=2, referrer=BANK), view(4 * HOUR, page=3))
        await made.run()
        profile = await made.profile("visitor-1")
        assert profile["visits"] == "2"
        assert "touches" not in profile


async def test_an_erasure_ends_them(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.append(view(0, "spring"))
        await made.run()
        await made.append(Erase("shop", "visitor-1", START + HOUR), at=HOUR)
        await made.append(view(2 * HOUR, page=2))
        await made.run()
        assert "touches" not in await made.profile("visitor-1")
