"""Benchmarks: when an order that a page tells has reached the site's revenue and its customer."""

from __future__ import annotations

import random
import re

import pytest
from redis.asyncio import Redis

from benchmarks.order_live import OrderWatch, Placed, placed
from benchmarks.visitors import SITE, customer_of, random_id
from crm.state import CustomerState, encode_customer
from wakeline.account import Account, Booking
from wakeline.keys import Keys
from wakeline.numbers import REVENUE
from wakeline.vocabulary.things import ORDER, thing_id

LANE = 0  # the only one
TOTALS, EUR = Keys().totals(LANE, SITE.key), REVENUE.field("EUR")
BEFORE = 777


@pytest.fixture
def orders() -> dict[str, Placed]:
    chance = random.Random(1)
    return dict(placed(random_id(chance)) for _ in range(2))


@pytest.fixture
async def watch(redis: Redis, orders: dict[str, Placed]) -> OrderWatch:
    await redis.hset(TOTALS, EUR, BEFORE)
    watch = OrderWatch(redis, orders, lanes=1)
    await watch.note()
    for id in orders:
        watch.wait_for(id, 0.0)
    return watch


async def write_order(redis: Redis, id: str) -> None:
    await redis.set(Keys().thing(LANE, SITE.key, id), "[]")


async def tell_customer(redis: Redis, order: Placed, id: str, *, value: int | None = None) -> None:
    """Book the order at its customer; `value`: what it comes to there (minor units), by default its own."""
    booking = Booking(currency=order.currency, value=order.value if value is None else value, orders=1)
    state = CustomerState(account=Account(orders={id: booking}))
    await redis.set(Keys().state(LANE, SITE.key, order.customer), encode_customer(state))


async def found(watch: OrderWatch) -> list[str]:
    """What the second of two looks finds; the customer of an order is only looked at once the revenue has it."""
    for _ in range(2):
        there = [id async for id in watch.there(list(watch.outstanding))]
    return there


async def test_an_order_is_there_once_revenue_and_customer_have_it(
    redis: Redis, watch: OrderWatch, orders: dict[str, Placed]
) -> None:
    id, order = next(iter(orders.items()))
    await write_order(redis, id)
    assert await found(watch) == []
    await redis.hincrby(TOTALS, EUR, order.value - 1)
    assert (await found(watch), list(watch.in_revenue)) == ([], [])
    await redis.hincrby(TOTALS, EUR, 1)
    assert (await found(watch), list(watch.in_revenue)) == ([], [id])
    await tell_customer(redis, order, id)
    assert await found(watch) == [id]


async def test_neither_alone_is_enough(redis: Redis, watch: OrderWatch, orders: dict[str, Placed]) -> None:
    id, order = next(iter(orders.items()))
    await tell_customer(redis, order, id)
    await redis.hincrby(TOTALS, EUR, order.value)  # of another order
    assert await found(watch) == []
    await write_order(redis, id)
    assert await found(watch) == [id]


async def test_the_revenue_of_one_order_is_not_that_of_two(
    redis: Redis, watch: OrderWatch, orders: dict[str, Placed]
) -> None:
    for id, order in orders.items():
        await write_order(redis, id)
        await tell_customer(redis, order, id)
    first, second = orders
    await redis.hincrby(TOTALS, EUR, orders[first].value)
    assert await found(watch) == [first]
    watch.outstanding.pop(first)
    assert await found(watch) == []
    await redis.hincrby(TOTALS, EUR, orders[second].value)
    assert await found(watch) == [second]


async def test_a_customer_who_has_not_this_order_or_not_its_value_is_waited_for(
    redis: Redis, watch: OrderWatch, orders: dict[str, Placed]
) -> None:
    id, order = next(iter(orders.items()))
    await write_order(redis, id)
    await redis.hincrby(TOTALS, EUR, order.value)
    state = CustomerState(heard=1_800_000_000_000)
    await redis.set(Keys().state(LANE, SITE.key, order.customer), encode_customer(state))
    assert await found(watch) == []
    await tell_customer(redis, order, "#another")
    assert await found(watch) == []
    await tell_customer(redis, order, id, value=0)
    assert await found(watch) == []
    await tell_customer(redis, order, id)
    assert await found(watch) == [id]


def test_an_order_is_told_by_who_is_a_customer() -> None:
    visitor = random_id(random.Random(2))
    id, order = placed(visitor)
    assert order.customer == customer_of(visitor)
    assert (order.currency, order.value % 1_990) == ("EUR", 0)
    assert b'"type":"purchase"' in order.request
    (number,) = re.findall(rb'"transaction_id":"([^"]+)"', order.request)
    assert id == thing_id(SITE.secret, ORDER, number.decode())
