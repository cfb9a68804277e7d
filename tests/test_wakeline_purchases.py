"""What customers bought and what they cost, as applications and the terminal read it. Real server, in-memory log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.cli import main
from ops.cli.profile_view import _bought, _worth
from tests.timeline import DAY, START, fact, timeline
from wakeline.account import MOST_ORDERS, YEAR_MS, Account, Booking
from wakeline.lanes import open_deployment
from wakeline.profile_fields import Purchases, Record
from wakeline.profiles import AsyncProfiles, Earned, Profiles, Ranked
from wakeline.purchases import read_purchases
from wakeline.settings import Settings

JO, BEN = "@" + "1" * 32, "@" + "2" * 32
ORDERS = ["#" + letter * 32 for letter in "abc"]
ITEM = {"item_id": "runner-7", "price": 10_000, "cost": 6_000}
BOUGHT = {"value": 10_000, "currency": "EUR", "discount": 500, "items": [ITEM]}
FOLDED = [
    fact(JO, "customer", 0, {"orders_before": 3, "value_before": 30_000, "currency": "EUR"}),
    fact(ORDERS[0], "purchase", 1_000, BOUGHT, customer=JO),
    fact(ORDERS[0], "refund", 2_000, {"refund_id": "r-1", "value": 2_500, "currency": "EUR"}),
    fact(ORDERS[1], "purchase", DAY, {"value": 700, "currency": "USD"}, customer=JO),
    fact("#contact:" + "d" * 32, "contact", DAY, {"channel": "phone", "minutes": 9}, customer=JO),
    fact(ORDERS[2], "purchase", 2_000, BOUGHT, customer=BEN),
]
EUR = Earned(
    currency="EUR",
    orders=1,
    revenue=Decimal("75.00"),
    margin=Decimal("15.00"),
    revenue_of_unknown_margin=Decimal("0.00"),
    discount=Decimal("5.00"),
    cost_to_serve=Decimal("4.50"),
    profit=Decimal("10.50"),
)
FILE = 'lanes = 4\n[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\nsecret = "0123456789abcdef"\n'


def after(ms: int) -> datetime:
    return datetime.fromtimestamp(START / 1000, UTC) + timedelta(milliseconds=ms)


async def filled(server: Any) -> None:
    async with timeline(server) as made:
        await open_deployment(made.redis, Settings(lanes=4))
        await made.append(*FOLDED, at=DAY)
        await made.run()


def test_both_readers_read_what_a_customer_bought_and_cost(redis_server: Any) -> None:
    asyncio.run(filled(redis_server))

    async def read_too() -> Any:
        async with AsyncProfiles(redis_server.url) as profiles:
            profile = await profiles.read("shop", JO, now=START + DAY)
            return profile, await profiles.best("shop", "profit", currency="EUR")

    with Profiles(redis_server.url) as profiles:
        found = profiles.read("shop", JO, now=START + DAY)
        best = profiles.best("shop", "profit", currency="EUR")
        assert profiles.best("shop", "value", currency="EUR", limit=1) == (Ranked(JO, Decimal("375.00")),)
        assert profiles.best("shop", "value-year", currency="EUR") == (
            Ranked(BEN, Decimal("100.00")),
            Ranked(JO, Decimal("75.00")),
        )
        with pytest.raises(ValueError, match="value, profit, value-year, profit-year"):
            profiles.best("shop", "fame", currency="EUR")
    assert asyncio.run(read_too()) == (found, best)
    assert best == (Ranked(BEN, Decimal("40.00")), Ranked(JO, Decimal("10.50")))
    assert found is not None
    bought = found.purchases
    assert bought is not None
    assert (bought.orders, bought.first, bought.last) == (5, after(1_000), after(DAY))
    assert bought.times == (after(DAY), after(1_000))
    assert [one.currency for one in bought.all_time] == ["EUR", "USD"]
    assert bought.all_time[0].revenue == Decimal("375.00")  # with what lies before, of which nobody told the margin
    assert bought.all_time[0].revenue_of_unknown_margin == Decimal("300.00")
    assert bought.year[0].currency == "EUR"
    assert bought.year[0] == EUR
    assert bought.year[1].revenue_of_unknown_margin == bought.year[1].revenue == Decimal("7.00")


def test_a_year_later_the_year_is_empty(redis_server: Any) -> None:
    asyncio.run(filled(redis_server))
    with Profiles(redis_server.url) as profiles:
        found = profiles.read("shop", JO, now=START + DAY + YEAR_MS)
    assert found is not None
    assert found.purchases is not None
    assert (found.purchases.orders, found.purchases.year) == (5, ())


def test_what_was_bought_before_is_read_without_an_order() -> None:
    assert read_purchases(None, None, START) is None
    assert read_purchases(Account(), Record(), START) is None
    found = read_purchases(None, Record(orders_before=2, value_before=Decimal("9.50"), currency="EUR"), START)
    assert found is not None
    assert (found.orders, found.first, found.times) == (2, None, ())
    assert found.all_time[0].revenue == Decimal("9.50")


def test_an_order_that_came_to_nothing_is_none() -> None:
    gone = Account({"#a": Booking(1, START, "EUR")})
    assert read_purchases(gone, None, START) is None
    lost = Account({"#a": Booking(1, START, "EUR", margin=-300)})
    found = read_purchases(lost, None, START)
    assert found is not None
    assert (found.orders, found.first, found.all_time[0].profit) == (0, None, Decimal("-3.00"))


def test_the_first_and_the_latest_order_may_lie_among_the_older_ones() -> None:
    kept = {f"#{n}": Booking(1, START + n, "EUR", 100, orders=0) for n in range(MOST_ORDERS)}
    found = read_purchases(Account(kept, first=START - DAY, last=START - 5), None, START)
    assert found is not None
    assert (found.first, found.last, found.times) == (after(-DAY), after(-5), ())


# ---- in a terminal


@pytest.fixture
def command(configured: Callable[[str], None], redis_server: Any) -> Callable[..., Result]:
    configured(FILE + 'currency = "EUR"\n')
    asyncio.run(filled(redis_server))
    return lambda *words: CliRunner().invoke(main, [*words, "--redis", redis_server.url])


def test_a_profile_shows_what_was_bought(command: Any) -> None:
    said = command("profile", JO)
    assert said.exit_code == 0, said.output
    assert "5 orders, the first " in said.output
    rows = [line.strip("│ \n").split() for line in said.output.splitlines()]
    assert ["revenue", "discount", "margin", "cost", "to", "serve", "profit"] in rows
    assert ["all", "time", "EUR", "375.00", "5.00", "15.00*", "4.50", "10.50*"] in rows
    assert ["all", "time", "USD", "7.00", "0.00", "0.00*", "0.00", "0.00*"] in rows
    assert "* without orders whose margin is not known" in said.output
    shown = json.loads(command("profile", JO, "--json").output)["purchases"]
    assert (shown["orders"], shown["all_time"][0]["profit"]) == (5, "10.50")


def test_a_time_is_said_once_and_a_discount_only_if_there_is_one() -> None:
    one = Earned(currency="EUR", orders=1, revenue=Decimal(5))
    times = (after(DAY), after(0))
    for orders, first, words in (
        (1, times[0], "1 order, 2 days ago"),
        (3, times[0], "3 orders, the latest 2 days ago"),
        (3, times[1], "3 orders, the first 3 days ago, the latest 2 days ago"),
    ):
        bought = Purchases(orders=orders, first=first, last=times[0], times=times, all_time=(one,), year=(one,))
        assert _bought(bought, after(3 * DAY)) == words
        assert [str(column.header) for column in _worth(bought).columns][2:] == [
            "revenue", "margin", "cost to serve", "profit",
        ]  # fmt: skip


def test_the_best_customers_are_shown_in_order(command: Any) -> None:
    said = command("best")
    assert said.exit_code == 0, said.output
    assert said.output.index(BEN) < said.output.index(JO)
    for by in ("revenue", "value"):
        assert json.loads(command("best", "--by", by, "--year", "--limit", "1", "--json").output) == [
            {"customer": BEN, "amount": "100.00"}
        ]
        assert "revenue, EUR, last 365 days" in command("best", "--by", by, "--year").output
    assert "[revenue|profit]" in command("best", "--help").output


def test_without_a_main_currency_nobody_is_ranked(configured: Callable[[str], None], redis_server: Any) -> None:
    configured(FILE)
    said = CliRunner().invoke(main, ["best", "--redis", redis_server.url])
    assert said.exit_code != 0
    assert 'currency = "EUR"' in said.output


def test_a_site_without_orders_says_so(configured: Callable[[str], None], redis_server: Any) -> None:
    configured(FILE + 'currency = "EUR"\n')

    async def empty() -> None:
        async with timeline(redis_server) as made:
            await open_deployment(made.redis, Settings(lanes=4))

    asyncio.run(empty())
    said = CliRunner().invoke(main, ["best", "--redis", redis_server.url])
    assert said.exit_code == 1
    assert "no customer of site shop" in said.output
