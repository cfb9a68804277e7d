"""Orders of the history in SQL are the same in whatever order they were told: by the rule, said plainly."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.sealed import seal
from tests.telling import fact, order
from tests.test_processor_things import state
from tests.test_reports_query import answer
from tests.thorough import cases
from tests.timeline import DAY, MINUTE, START, event, timeline
from wakeline import numbers, orders
from wakeline.record import Event, Fact
from wakeline.told import value_of
from wakeline.vocabulary.fields import ORDER_STATES


def anything(rng: random.Random) -> list[Event | Fact]:
    """What may be told of three orders within a few moments, so that many coincide."""
    made: list[Event | Fact] = []
    for number in rng.sample(range(1 << 62), 60):
        name = rng.choice(("A-1", "B", "C"))
        home, at = order(name), rng.randrange(4) * MINUTE
        kind = rng.choice(("purchase", "purchase", "refund", "order_state", "page", "page refund"))
        by = {"by": "import", "batch": "b", "line": len(made) + 1} if rng.random() < 0.3 else {}
        value = {"value": rng.randrange(1, 99) * 100, "currency": rng.choice(("EUR", "EUR", "USD"))}
        if kind == "order_state":
            made.append(fact(home, kind, at, id=f"{number:016x}", state=rng.choice(ORDER_STATES[:-2]), **by))
        elif kind == "refund":
            said = value if rng.random() < 0.8 else {}
            made.append(fact(home, kind, at, id=f"{number:016x}", refund_id=str(rng.randrange(3)), **said, **by))
        elif kind == "purchase":
            extra = {name: rng.choice(("x", "y")) for name in ("channel", "coupon") if rng.random() < 0.4}
            customer = rng.choice(("", "@a", "@b"))
            made.append(fact(home, kind, at, id=f"{number:016x}", customer=customer, **value, **extra, **by))
        else:
            type = "refund" if kind == "page refund" else "purchase"
            props = {"transaction_id": name, "value": value["value"] / 100, "currency": value["currency"]}
            props |= {name: rng.choice(("x", "y")) for name in ("channel", "coupon") if rng.random() < 0.4}
            props |= {"price": 7} if rng.random() < 0.4 else {}  # no total
            fields = {"signed": type == "purchase" and rng.random() < 0.5, "order": home, "props": props}
            made.append(event(f"visitor-{number:x}", f"page-{number:016x}", 0, at, type, **fields))
    return made


def merged(records: Sequence[Event | Fact], home: str) -> dict[str, Any]:
    """The rule, said plainly: the processor's."""
    mine = [each for each in records if (each.order if isinstance(each, Event) else each.home) == home]

    def word(each: Event | Fact) -> tuple[Any, ...]:
        if isinstance(each, Event):
            id = sha256(f"{each.page}.{each.n}".encode()).hexdigest()
            return int(each.signed), each.time, urlsafe_b64encode(bytes.fromhex(id)[:6]).decode()
        return 1, each.time, urlsafe_b64encode(bytes.fromhex(each.id)[:6]).decode()

    def said(each: Event | Fact) -> dict[str, Any]:
        if isinstance(each, Fact):
            return each.body
        return each.props | {"value": round(each.props["value"] * 100)}

    told_by_a_page = any(isinstance(each, Event) and each.type == "purchase" for each in mine)
    state: dict[str, Any] = {"channel": "web" if told_by_a_page else None}
    for each in sorted((each for each in mine if each.type == "purchase"), key=word):
        state |= {name: value for name, value in said(each).items() if value is not None}
    people = [each for each in mine if isinstance(each, Fact) and each.customer]
    state["customer"] = max(people, key=word).customer if people else None
    refunds = [each for each in mine if each.type == "refund"]
    if any(isinstance(each, Fact) or each.signed for each in mine):
        refunds = [each for each in refunds if isinstance(each, Fact)]
    amounts: dict[str, dict[str, Any]] = {}
    for each in sorted(refunds, key=word):
        id = each.body["refund_id"] if isinstance(each, Fact) else each.page
        amounts[id] = said(each)
    back = 0
    for refund in amounts.values():
        if refund.get("currency", state["currency"]) == state["currency"]:
            back += refund.get("value", state["value"])
    states: dict[str, int] = {}
    for each in mine:
        if each.type == "order_state" and isinstance(each, Fact):
            name = each.body["state"]
            states[name] = min(each.time, states.get(name, each.time))
    return {**state, "refunded": min(back, state["value"]), "states": states}


@pytest.mark.parametrize("seed", range(cases(8)))
def test_the_orders_are_the_same_in_whatever_order_they_were_told(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    records = anything(rng)
    views = ("orders", "order_items", "refunds")
    found = []
    for turn in range(3):
        shuffled: list[Any] = rng.sample(records, len(records))
        if turn:
            shuffled += rng.sample(records, 20)  # copies
        history = seal(tmp_path / str(turn), [(START + DAY, each) for each in shuffled], files_of=20)
        rows = " union all ".join(f"select '{view}', row::varchar from {view} as row" for view in views)
        found.append(answer(history, f"{rows} order by all"))
    assert found[0] == found[1] == found[2]
    states = ", ".join(f"epoch_ms({state})" for state in ORDER_STATES)
    rows = answer(
        history, f"select order_key, value, refunded, currency, channel, coupon, customer, {states} from orders"
    )
    assert len(rows) == 3
    for home, value, refunded, currency, channel, coupon, customer, *times in rows:
        wanted = merged(records, home)
        assert (value * 100, refunded * 100, currency) == (wanted["value"], wanted["refunded"], wanted["currency"])
        assert (channel, coupon, customer) == (wanted["channel"], wanted.get("coupon"), wanted["customer"])
        assert times == [wanted["states"].get(name) for name in ORDER_STATES]


@pytest.mark.parametrize("seed", range(cases(8)))
async def test_an_order_of_the_history_is_the_folds(redis_server: Any, tmp_path: Path, seed: int) -> None:
    """Whoever told it: pages, alone or with a signature, which then names the customer too; servers; imports."""
    rng = random.Random(seed)
    records = [each for each in anything(rng) if rng.random() < 0.3]
    links: list[Event] = []
    for page in [one for one in records if isinstance(one, Event) and one.signed and rng.random() < 0.7]:
        who = {"customer": rng.choice(("@a", "@b"))}
        links.append(event(page.visitor, f"{page.page}-link", 0, page.time - START, "identify", **who))
    async with timeline(redis_server) as made:
        everything = [*links, *records]
        for each in everything:
            await made.append(each, at=DAY)
            await made.run()
        await made.pass_time(MINUTE)  # lanes tell each other
        assert (await made.ledger())["dead"] == 0
        totals = await made.totals()
        folded = {order(name): (await state(made, order(name))).told for name in ("A-1", "B", "C")}
    history = seal(tmp_path, [(START + DAY, each) for each in everything])
    rows = answer(history, "select order_key, value, currency, channel, coupon, customer from orders")
    assert rows
    kept = "select currency, sum(revenue) * 100, count_if(revenue > 0) from orders where value is not null group by all"
    for currency, revenue, _ in (sums := answer(history, kept)):
        amount = numbers.REVENUE.field(currency), numbers.REVENUE_BACK.field(currency)
        assert revenue == totals.get(amount[0], 0) - totals.get(amount[1], 0)
    assert totals.get("orders", 0) - totals.get("orders_back", 0) == sum(count for *_, count in sums)
    for home, value, currency, channel, coupon, customer in rows:
        told = folded[home]
        found = orders.order(told)
        assert (value and value * 100, currency or "") == (found.value, found.currency)
        of_pages = any(isinstance(one, Event) and (one.type, one.order) == ("purchase", home) for one in records)
        assert channel == (value_of(told, "h") or ("web" if of_pages else None))
        assert coupon == value_of(told, "k")
        assert customer == (found.customer or None)
