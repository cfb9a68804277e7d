"""`customer_value` is what the folded orders and the things that cost work make, whatever was told of them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from math import floor
from pathlib import Path
from typing import Any

import pytest

from crm.commerce.worth import worth
from crm.sites import SiteFacts
from crm.things.digests import digest
from reports.customer_value import BROUGHT, COSTS
from tests.sealed import seal
from tests.telling import SECRET, fact, order, thing
from tests.test_processor_things import state
from tests.test_reports_customer_value import ANN, BEN, LONG_AGO, SITE, YEAR, costs, text, value
from tests.timeline import DAY, MINUTE, START, event, timeline
from wakeline import orders
from wakeline.kept import Kept
from wakeline.record import Event, Fact
from wakeline.told import CURRENCY, CUSTOMER, stored_name, teller_of, value_of
from wakeline.vocabulary.fields import ORDER_STATES
from wakeline.vocabulary.money import major_units
from wakeline.vocabulary.things import CONTACT, SENT, SERVICE_ORDER, Thing, thing_id

__all__ = ["costs"]

CURRENCIES = ("EUR", "EUR", "USD", "JPY")
PEOPLE = (ANN, ANN, BEN, "")
ORDERS = tuple(f"A-{n}" for n in range(5))
SERVED: dict[Thing, tuple[str, str]] = {
    CONTACT: ("contact", COSTS[0]), SERVICE_ORDER: ("service_order", COSTS[1]), SENT: ("campaign_sent", COSTS[3]),
}  # fmt: skip


def anything(rng: random.Random) -> list[Event | Fact]:
    made: list[Event | Fact] = []
    for number in rng.sample(range(1 << 62), 60):
        at = rng.randrange(9) * MINUTE
        old = rng.choice((0, 0, 0, LONG_AGO))
        by = {"by": "import", "batch": "b", "line": len(made) + 1} if rng.random() < 0.3 else {}
        said = {"id": f"{number:016x}", **by}
        money = {"currency": rng.choice(CURRENCIES)}
        home, kind = rng.choice(ORDERS), rng.random()
        if kind < 0.3:
            whole = {"value": rng.randrange(1, 30_000), "items": list(items(rng)), "discount": rng.randrange(99)}
            customer = rng.choice(PEOPLE)
            made.append(fact(order(home), "purchase", at + old, customer=customer, **said, **money, **whole))
        elif kind < 0.4:
            props = {"value": rng.randrange(1, 30_000) / 100, **money, "transaction_id": home}
            page, signed = f"page-{number:016x}", rng.random() < 0.7
            visitor = f"visitor-{number:x}"
            if signed:
                made.append(event(visitor, page, 0, at, "identify", customer=rng.choice((ANN, BEN))))
            made.append(event(visitor, page, 1, at, "purchase", props=props, order=order(home), signed=signed))
        elif kind < 0.6:
            what = rng.choice(({}, {"value": rng.randrange(9_000)}, {"items": list(items(rng))}))
            what = what | money if what else what
            made.append(fact(order(home), "refund", at, refund_id=str(rng.randrange(4)), **said, **what))
        elif kind < 0.65:
            made.append(fact(order(home), "order_state", at, state=rng.choice(ORDER_STATES), **said))
        elif kind < 0.9:
            of, (type, _) = rng.choice(list(SERVED.items()))
            body = {} if of is SENT else {"minutes": rng.randrange(1, 99) / 4}
            body = body if rng.random() < 0.5 else {"cost": rng.randrange(999), **money}
            who = {"customer": rng.choice(PEOPLE), **said}
            made.append(thing(of, str(rng.randrange(3)), type, at + old, **who, **body))
        elif kind < 0.97:
            type = rng.choice(("promotion_issued", "promotion_used", "contest_entered"))
            made.append(fact(rng.choice((ANN, BEN)), type, at + old, cost=rng.randrange(99), **money, **said))
        else:
            before = {"orders_before": rng.randrange(9), "value_before": rng.randrange(9_999), **money}
            made.append(fact(rng.choice((ANN, BEN)), "customer", at, **before, **said))
    return made


def items(rng: random.Random) -> Any:
    for _ in range(rng.randrange(1, 4)):
        item = {"item_id": rng.choice("xyz"), "price": rng.randrange(1, 9_999), "quantity": rng.choice((1, 1, 2, 0.5))}
        known = rng.choice(
            ({"cost": rng.randrange(5_000)}, {"item_category": "Wool Socks"}, {"item_category": "shoes"})
        )
        yield item | (known if rng.random() < 0.9 else {})


class Sums:
    """By customer and currency: what the rows add up to, ever and within the year."""

    def __init__(self, newest: int) -> None:
        self._since = newest - YEAR
        self.found: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))

    def add(self, customer: str, currency: str, time: int | None, *, orders: int = 0, **minor: int) -> None:
        for suffix in ("", "_year") if time is not None and time > self._since else ("",):
            sums = self.found[customer, currency]
            sums[f"orders{suffix}"] += orders
            for name, amount in minor.items():
                sums[f"{name}{suffix}"] += major_units(amount, currency)

    def rows(self, *columns: str) -> dict[tuple[str, str], tuple[str, ...]]:
        return {of: tuple(text(sums[column]) for column in columns) for of, sums in self.found.items()}


@pytest.mark.parametrize("seed", range(12))
async def test_it_is_what_the_folded_orders_and_things_make(redis_server: Any, tmp_path: Path, seed: int) -> None:
    records = anything(random.Random(seed))
    homes = {thing_id(SECRET, of, str(n)): column for of, (_, column) in SERVED.items() for n in range(3)}
    async with timeline(redis_server, sites=[SITE]) as made:
        for each in records:
            await made.append(each, at=DAY)
            await made.run()
        await made.pass_time(MINUTE)  # lanes tell each other
        assert (await made.ledger())["dead"] == 0
        sold = [(await state(made, order(number))).told for number in ORDERS]
        served = {home: (await state(made, home)).told for home in homes}
    wanted = Sums(START + DAY)
    for told in sold:
        _add_order(wanted, told)
    for home, told in served.items():
        first = min((each.time for each in records if isinstance(each, Fact) and each.home == home), default=0)
        _add_thing(wanted, told, first, homes[home])
    _add_told_of_people(wanted, records)
    history = seal(tmp_path, [(START + DAY, each) for each in records])
    columns = ("orders", *BROUGHT, *COSTS)
    columns = (*columns, *(f"{column}_year" for column in columns))
    assert value(history, *columns) == wanted.rows(*columns)


def _add_order(wanted: Sums, told: Sequence[Kept]) -> None:
    found = orders.order(told)
    counted = worth(found, SiteFacts(SITE).margins)
    if counted is None or not found.customer:
        return
    kept = counted.value - counted.taken_back
    given = teller_of(told, stored_name("discount"))
    is_given = given is not None and not counted.is_back and given.fields[CURRENCY] == counted.currency
    wanted.add(
        found.customer, counted.currency, found.bought, orders=not counted.is_back, revenue=kept,
        margin=counted.margin or 0, revenue_of_unknown_margin=kept if counted.margin is None else 0,
        discount=given.fields[stored_name("discount")] if given is not None and is_given else 0,
    )  # fmt: skip
    if counted.pieces_back:
        wanted.add(found.customer, "EUR", found.bought, cost_of_returns=420)


def _add_thing(wanted: Sums, told: Sequence[Kept], time: int, column: str) -> None:
    customer, minutes = value_of(told, CUSTOMER), value_of(told, "minutes")
    cost = teller_of(told, stored_name("cost"))
    if customer and cost is not None:
        wanted.add(customer, cost.fields[CURRENCY], time, **{column: cost.fields[stored_name("cost")]})
    if customer and minutes:
        wanted.add(customer, "EUR", time, **{column: floor(minutes * 75 + 0.5)})


def _add_told_of_people(wanted: Sums, records: Sequence[Event | Fact]) -> None:
    before: dict[str, Fact] = {}
    for each in sorted(
        (each for each in records if isinstance(each, Fact)), key=lambda each: (each.time, digest(each))
    ):
        if each.type == "customer":
            before[each.home] = each
        elif "promotion" in each.type or each.type == "contest_entered":
            wanted.add(each.home, each.body["currency"], each.time, cost_of_promotions=each.body["cost"])
    for customer, each in before.items():
        said = each.body
        if said["orders_before"] or said["value_before"]:
            wanted.add(customer, said["currency"], None, orders=said["orders_before"], revenue=said["value_before"])
