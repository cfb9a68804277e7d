"""Revenue of the last minutes: when an order was made, less what is taken back when it is told."""

from __future__ import annotations

from typing import Any

import pytest

from api.numbers import NumbersReader
from tests.timeline import DAY, MINUTE, START, Timeline, fact
from wakeline.keys import five_minutes, minute
from wakeline.log import Log
from wakeline.record import Fact
from wakeline.settings import Site

ORDER = "#" + "0" * 32
BOUGHT = {"value": 10_000, "currency": "EUR"}


def bought(at: int, body: dict[str, Any] | None = None, **more: Any) -> Fact:
    return fact(ORDER, "purchase", at, BOUGHT if body is None else body, **more)


def refund(at: int, value: int = 4_000, id: str = "one") -> Fact:
    return fact(ORDER, "refund", at, {"refund_id": id, "value": value, "currency": "EUR"})


async def arrive(made: Timeline, *facts: tuple[int, Fact]) -> None:
    """When each is appended, ms after START, and the fact."""
    for at, one in facts:
        one.received = START + at
        await made.append(one, at=at)
        await made.run()


async def amounts(made: Timeline) -> dict[str, int]:
    """Minute or five minutes -> currency and amount."""
    found: dict[str, int] = {}
    async for key in made.redis.scan_iter(match="*:top:live_revenue:*"):
        assert 0 < await made.redis.pttl(key) <= 41 * MINUTE
        for currency, amount in await made.redis.zrange(key, 0, -1, withscores=True):
            assert currency == b"EUR"
            name = bytes(key).decode().rpartition(":")[2]
            found[name] = found.get(name, 0) + int(amount)
    return found


def at(*minutes: tuple[int, int]) -> dict[str, int]:
    """Minutes after START, and what was gained in them."""
    found: dict[str, int] = {}
    for ago, amount in minutes:
        for name in (minute(START + ago * MINUTE), five_minutes(START + ago * MINUTE)):
            found[name] = found.get(name, 0) + amount
    return found


M = MINUTE
CASES: dict[str, tuple[list[tuple[int, Fact]], dict[str, int]]] = {
    "an order": ([(0, bought(0))], at((0, 10_000))),
    "told again": ([(0, bought(0)), (M, bought(0))], at((0, 10_000))),
    "told by a page and by a server": ([(0, bought(0, by="page")), (M, bought(1))], at((0, 10_000))),
    "refunded": ([(0, bought(0)), (9 * M, refund(9 * M))], at((0, 10_000), (9, -4_000))),
    "refunded before it is told": ([(9 * M, refund(9 * M)), (10 * M, bought(0))], at((0, 10_000), (10, -4_000))),
    "its value changes": (
        [(0, bought(0)), (M, bought(M, {**BOUGHT, "value": 12_000}))], at((0, 12_000)),
    ),
    "and falls": ([(0, bought(0)), (7 * M, bought(7 * M, {**BOUGHT, "value": 9_000}))], at((0, 10_000), (7, -1_000))),
    "made earlier, as is told later": (
        [(8 * M, bought(8 * M)), (9 * M, bought(2 * M))], at((2, 10_000), (8, 0)),
    ),
    "an old one": ([(DAY, bought(0))], {}),
    "an old one that is refunded now": (
        [(0, bought(-DAY)), (M, refund(M))], at((1, -4_000)),
    ),
    "an old one whose value rises now": ([(0, bought(-DAY)), (M, bought(M, {**BOUGHT, "value": 12_000}))], {}),
    "in another currency": ([(0, bought(0, {"value": 500, "currency": "JPY"}))], {}),
    "of an import": ([(DAY, bought(0, by="import", batch="b" * 32, line=1))], {}),
    "too large to be counted": ([(0, bought(0, {"value": 1 << 62, "currency": "EUR"}))], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_live_revenue(made: Timeline, name: str) -> None:
    facts, wanted = CASES[name]
    await arrive(made, *facts)
    assert await amounts(made) == wanted


async def test_what_it_is_at_a_scrape(made: Timeline, redis_server: Any) -> None:
    await made.redis.hset("wl:deployment", mapping={"lanes": 4, "decay_zero": 0, "half_life": 1 << 40})
    await arrive(made, (0, bought(0)), (9 * M, refund(9 * M)))

    async def open_log(lanes: int) -> Log:
        return made.log

    former = made.store.keys.top(1, "shop", "live_revenue", minute(START))  # the main currency may have been another
    await made.redis.zincrby(former, 700, "JPY")
    site = Site(key="shop", currency="EUR")
    reader = NumbersReader(redis_server.url, {"shop": site, "other": Site(key="other")}, open_log)
    found = []
    for ago in (0, 9, 14, 34, 39):
        numbers = await reader.read(now=START + ago * MINUTE)
        found.append([numbers.sites["shop"].live_money["live_revenue", window] for window in ("5m", "30m")])
        assert set(numbers.sites["other"].live_money.values()) == {0}
    await reader._redis.aclose()
    assert found == [[10_000, 10_000], [-4_000, 6_000], [0, 6_000], [0, -4_000], [0, 0]]
