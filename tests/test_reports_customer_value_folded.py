"""`customer_value` is what the customers' profiles say, whatever was told of their orders and of what they cost."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from crm.commerce.accounts import COSTING
from crm.identity.record import PROMOTIONS
from tests.sealed import seal
from tests.telling import fact, order, thing
from tests.test_reports_customer_value import ANN, BEN, LONG_AGO, SITE, text, value
from tests.thorough import cases
from tests.timeline import DAY, MINUTE, START, Timeline, event, timeline
from wakeline.profile_fields import Earned, Purchases
from wakeline.purchases import read_purchases
from wakeline.record import Event, Fact
from wakeline.record_fields import read_record
from wakeline.stored_state import part_of
from wakeline.vocabulary.fields import ORDER_STATES
from wakeline.vocabulary.things import CONTACT, SENT, SERVICE_ORDER

CURRENCIES = ("EUR", "EUR", "USD", "JPY")
PEOPLE = (ANN, ANN, BEN, "")
ORDERS = tuple(f"A-{n}" for n in range(5))
SERVED = {CONTACT: "contact", SERVICE_ORDER: "service_order", SENT: "campaign_sent"}


def anything(rng: random.Random) -> list[Event | Fact]:
    """Orders that servers, imports and pages tell, some of them long ago; one page at most tells an unsigned one."""
    made: list[Event | Fact] = []
    for number in rng.sample(range(1 << 62), 60):
        at = rng.randrange(9) * MINUTE
        by = {"by": "import", "batch": "b", "line": len(made) + 1} if rng.random() < 0.3 else {}
        said = {"id": f"{number:016x}", **by}
        money = {"currency": rng.choice(CURRENCIES)}
        home, kind = rng.choice(ORDERS), rng.random()
        if kind < 0.3:
            whole: dict[str, Any] = {"value": rng.randrange(1, 30_000), "items": list(items(rng))}
            whole |= rng.choice(({}, {"discount": rng.randrange(99)}))
            customer = rng.choice(PEOPLE)
            old = rng.choice((0, 0, 0, LONG_AGO))
            made.append(fact(order(home), "purchase", at + old, customer=customer, **said, **money, **whole))
        elif kind < 0.4:
            home = rng.choice((home, f"P-{number:x}"))
            props = {"value": rng.randrange(1, 30_000) / 100, **money, "transaction_id": home}
            page, signed = f"page-{number:016x}", home[0] != "P"
            props |= {"items": [{"item_id": "x", "price": 4, "discount": 0.5, "cost": 1}], "discount": 0.25}
            fields = {"props": props, "order": order(home), "signed": signed}
            made.append(event(f"visitor-{number:x}", page, 1, at, "purchase", **fields))
        elif kind < 0.6:
            what = rng.choice(({}, {"value": rng.randrange(9_000)}, {"items": list(items(rng))}))
            what = what | money if what else what
            made.append(fact(order(home), "refund", at, refund_id=str(rng.randrange(4)), **said, **what))
        elif kind < 0.65:
            made.append(fact(order(home), "order_state", at, state=rng.choice(ORDER_STATES), **said))
        elif kind < 0.9:
            of, type = rng.choice(list(SERVED.items()))
            body = {} if of is SENT else {"minutes": rng.randrange(1, 99) / 4}
            body = body if rng.random() < 0.5 else {"cost": rng.randrange(999), **money}
            who, which = {"customer": rng.choice(PEOPLE), **said}, rng.randrange(3)
            made.append(thing(of, str(which), type, at + LONG_AGO * (which == 0), **who, **body))
        elif kind < 0.97:
            type = rng.choice(PROMOTIONS)
            old = rng.choice((0, LONG_AGO))
            made.append(fact(rng.choice((ANN, BEN)), type, at + old, cost=rng.randrange(99), **money, **said))
        else:
            before = {"orders_before": rng.randrange(9), "value_before": rng.randrange(9_999), **money}
            made.append(fact(rng.choice((ANN, BEN)), "customer", at, **before, **said))
    return made


def items(rng: random.Random) -> Any:
    for _ in range(rng.randrange(1, 4)):
        item: dict[str, Any] = {"item_id": rng.choice("xyz"), "discount": rng.randrange(99)}
        item |= {"price": rng.randrange(1, 9_999), "quantity": rng.choice((1, 1, 2, 0.5))}
        known = rng.choice(
            ({"cost": rng.randrange(5_000)}, {"item_category": "Wool Socks"}, {"item_category": "shoes"})
        )
        yield item | (known if rng.random() < 0.9 else {})


def links(rng: random.Random, records: Sequence[Event | Fact], *, signed: bool) -> list[Event]:
    """Visitors of pages are identified: of signed orders as they buy, of others also later."""
    pages = [one for one in records if isinstance(one, Event) and one.signed == signed]
    return [
        event(one.visitor, one.page, 0, one.time - START + later, "identify", customer=customer)
        for one in pages
        for later in (0 if signed else rng.choice((0, 5 * MINUTE)),)
        if (customer := rng.choice(PEOPLE))
    ]


async def purchases(made: Timeline, customer: str) -> Purchases:
    """As readers of the profile get them, a moment after the last record."""
    stored = await made.redis.get(made.store.keys.state(made.lane(customer), "shop", customer))
    assert stored
    state = part_of(stored)
    return read_purchases(state.account, read_record(state.record), START + DAY) or Purchases()


def test_all_things_that_cost_are_told_here() -> None:
    assert SERVED.keys() == set(COSTING)


@pytest.mark.parametrize("seed", range(cases(8)))
async def test_it_is_what_the_profile_says(redis_server: Any, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    told = anything(rng)
    linked = links(rng, told, signed=False)
    known = rng.randint(0, len(linked))
    records = [*links(rng, told, signed=True), *linked[:known], *told, *linked[known:]]
    async with timeline(redis_server, sites=[SITE]) as made:
        for each in records:
            await made.append(each, at=DAY)
            await made.run()
        await made.pass_time(MINUTE)  # lanes tell each other
        assert (await made.ledger())["dead"] == 0
        wanted = {customer: await purchases(made, customer) for customer in (ANN, BEN)}
    history = seal(tmp_path, [(START + DAY, each) for each in records])
    found = value(history, *COLUMNS, *(f"{column}_year" for column in COLUMNS), *OF_ORDERS)
    for since, of_year in ((0, False), (len(COLUMNS), True)):
        every = {of: row[since : since + len(COLUMNS)] for of, row in found.items()}
        assert {of: row for of, row in every.items() if set(row) != {"0"}} == {
            (customer, one.currency): tuple(text(getattr(one, column)) for column in COLUMNS)
            for customer, of in wanted.items()
            for one in (of.year if of_year else of.all_time)
        }
    for customer, of in wanted.items():
        mine = [row[-len(OF_ORDERS) :] for (id, _), row in found.items() if id == customer]
        assert sum(int(orders) + int(before) for orders, before, *_ in mine) == of.orders
        times = [int(time) for *_, first, last in mine for time in (first, last) if time != "None"]
        assert (min(times, default=None), max(times, default=None)) == (ms(of.first), ms(of.last))


OF_ORDERS = ("orders", "orders_before", "epoch_ms(first_purchase)", "epoch_ms(last_purchase)")
COLUMNS = tuple(name for name in Earned.__struct_fields__ if name != "currency")


def ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
