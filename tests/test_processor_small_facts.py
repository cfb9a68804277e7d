"""Small logs with facts in which things meet that hardly ever do: cut otherwise, restored or replayed, all the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.log_alone import checks, runs
from tests.log_alone.cases import Case, step, told
from tests.log_alone.checks import CLAIMS, broken
from tests.log_alone.facts import EVERY_LANE
from tests.timeline import DAY, MINUTE, START, event, fact
from wakeline.record import Erase, ImportEnd

ORDER, OTHER = "#" + "a" * 32, "#" + "b" * 32
ONE, TWO = "@customer0", "@customer1"
MONEY = {"value": 9, "currency": "EUR"}


def buys(visitor: str, n: int, at: int, type: str = "purchase", order: str = ORDER, *, signed: bool = False) -> Any:
    return event(visitor, f"page-{visitor}", n, at, type, order=order, props=MONEY, signed=signed)


CASES: dict[str, Case] = {
    "an order of whom only a salted hash is known, erased": told(
        step(buys("~reader", 0, 0)),
        step(Erase("shop", "~reader", START + 1), MINUTE),
    ),
    "a visitor that is erased up to a time before its order, and withdraws later": told(
        step(buys("visitor-1", 0, 2 * MINUTE)),
        step(fact("visitor-1", "forget", MINUTE), 3 * MINUTE),
        step(event("visitor-1", "page-2", 0, 4 * MINUTE)),
        step(event("visitor-1", "page-2", 1, 5 * MINUTE, "consent", level="off")),
    ),
    "a visitor that is erased up to a time before its order, and comes no more": told(
        step(buys("visitor-1", 0, 2 * MINUTE)),
        step(fact("visitor-1", "forget", MINUTE), 3 * MINUTE),
        step(event("visitor-2", "page-2", 0, 500 * DAY)),
        step(event("visitor-2", "page-2", 1, 501 * DAY)),  # ends by age wait where the lane's time jumps
    ),
    "things that name an erased customer again, more than one call unlinks": told(
        *(step(fact(f"#{n:032x}", "purchase", n * DAY, MONEY, customer=ONE), 9 * DAY) for n in (5, 1, 3, 0, 2, 4)),
        step(Erase("shop", ONE, START + 3 * DAY), 9 * DAY),
        processor__naming__UNLINKED_AT_ONCE=1,
    ),
    "a customer that is erased twice, whose things are more than one call unlinks": told(
        step(fact("#" + "a" * 32, "purchase", 2, MONEY, customer=ONE), 2),
        step(fact("#" + "b" * 32, "purchase", 0, MONEY, customer=ONE), 2),
        *(step(event("~reader", "page-1", n, 2)) for n in range(7 - 3)),  # to fill a batch of 7 with what one tells
        step(fact(ONE, "forget", 1), 3, folds=False),
        step(fact(ONE, "forget", MINUTE), MINUTE),
        processor__naming__UNLINKED_AT_ONCE=1,
    ),
    "an order that names one id of a customer, then another, then the first again, after an erasure": told(
        step(fact(ONE, "alias", 6, {"other": TWO})),
        step(Erase("shop", TWO, START + MINUTE), MINUTE),
        step(fact(ORDER, "purchase", MINUTE + 1, MONEY, customer=ONE)),
        step(fact(ORDER, "purchase", MINUTE + 2, MONEY | {"value": 8}, customer=TWO)),
        step(fact(ORDER, "purchase", MINUTE + 3, MONEY | {"value": 7}, customer=ONE)),
        lanes=2,
    ),
    "a promotion of an id that becomes a customer's who was erased": told(
        step(Erase("shop", ONE, START + 3 * MINUTE), 3 * MINUTE),
        step(fact(TWO, "promotion_used", 4 * MINUTE, {"promotion": "may", "cost": 7, "currency": "EUR"})),
        step(fact(ONE, "alias", 3 * MINUTE + 1, {"other": TWO}), 4 * MINUTE + 1),
    ),
    "a contact that costs something of an id that was erased before, and becomes another customer's": told(
        step(
            fact(
                "#contact:" + "c" * 32,
                "contact",
                2 * MINUTE,
                {"channel": "mail", "cost": 5, "currency": "EUR"},
                customer=TWO,
            )
        ),
        step(Erase("shop", TWO, START), 2 * MINUTE + 1),
        step(fact(ONE, "alias", 2 * MINUTE + 11, {"other": TWO})),
        lanes=3,
    ),
    "a signed order of a visitor that withdraws, and comes again": told(
        step(event("visitor-1", "page-1", 0, 0, "identify", customer=ONE)),
        step(buys("visitor-1", 0, 1, signed=True)),
        step(fact(ORDER, "purchase", 0, MONEY | {"value": 8}, customer=TWO), 2),
        step(event("visitor-1", "page-1", 1, MINUTE, "consent", level="off")),
        step(buys("visitor-1", 1, 2 * MINUTE, signed=True)),
        lanes=3,
    ),
    "two browsers of a customer of whom servers tell: one withdraws, the other signs in before it is told": told(
        step(fact(ONE, "customer", 0, {"traits": {"plan": "gold"}})),
        step(event("visitor-1", "page-1", 0, 0, path="/shoes/red")),
        step(event("visitor-1", "page-1", 1, 1, "identify", customer=ONE)),
        step(event("visitor-2", "page-2", 0, 1, "identify", customer=ONE)),
        step(buys("visitor-1", 0, 2)),
        step(event("visitor-1", "page-1", 2, MINUTE, "consent", level="off"), folds=False),
        step(event("visitor-2", "page-2", 1, 2 * MINUTE, "identify", customer=ONE)),
        step(event("visitor-3", "page-3", 0, 2, "identify", customer=ONE), 3 * MINUTE),
        step(event("visitor-3", "page-3", 1, 3 * MINUTE, path="/shoes/red")),
        step(fact(ORDER, "order_state", 3 * MINUTE, {"state": "paid"}, customer=ONE)),
        lanes=3,
    ),
    "a customer whose browser withdraws, and who is erased after that": told(
        step(event("visitor-1", "page-1", 0, 0, "identify", customer=ONE)),
        step(event("visitor-2", "page-2", 0, 0, "identify", customer=ONE)),
        step(event("visitor-1", "page-1", 1, MINUTE, "consent", level="anonymous")),
        step(event("visitor-2", "page-2", 1, 2 * MINUTE, "identify", customer=ONE)),
        step(Erase("shop", ONE, START + 90 * 1_000), 3 * MINUTE),
        step(event("visitor-2", "page-2", 2, 3 * MINUTE, path="/shoes/red")),
        lanes=2,
    ),
    "a server tells a withdrawal for all browsers, and one is heard of late": told(
        step(event("visitor-1", "page-1", 0, 0, "identify", customer=ONE)),
        step(fact(ONE, "consent", MINUTE, {"level": "off"})),
        step(event("visitor-2", "page-2", 0, 2, "identify", customer=ONE), MINUTE),
        step(event("visitor-2", "page-2", 1, MINUTE, "identify", customer=TWO)),
        step(event("visitor-1", "page-1", 1, 2 * MINUTE, "identify", customer=ONE)),
        step(fact("visitor-1", "consent", 3 * MINUTE, {"level": "anonymous"})),
        step(event("visitor-1", "page-1", 2, 4 * MINUTE)),
        lanes=3,
    ),
    "a fact that says nothing, before one that does": told(
        step(event("~reader", "page-1", 0, DAY, "purchase", order=ORDER)),
        step(fact(ORDER, "purchase", 0, MONEY), DAY),
    ),
    "a conflict about a customer that is erased later": told(
        step(fact(ORDER, "purchase", 0, MONEY, customer=ONE, id="1" * 16)),
        step(fact(ORDER, "purchase", 1, MONEY, customer=ONE, id="1" * 16)),
        step(Erase("shop", ONE, START + MINUTE), MINUTE),
        lanes=3,
    ),
    "an order that two browsers and a shop tell of, whose customers are erased in turn": told(
        step(event("visitor-1", "page-1", 0, 0, "identify", customer=ONE)),
        step(event("visitor-2", "page-2", 0, 0, "identify", customer=TWO)),
        step(buys("visitor-1", 0, 1)),
        step(buys("visitor-2", 0, 2, "refund")),
        step(fact(ORDER, "purchase", 0, MONEY, customer=TWO), 3),
        step(Erase("shop", ONE, START + 1), 4),
        step(Erase("shop", TWO, START + MINUTE), MINUTE),
        lanes=3,
    ),
    "a customer of whom only an old thing speaks": told(
        step(fact(ORDER, "order_state", 0, {"state": "paid"}, customer=ONE), 790 * DAY),
        step(fact("#agreement:" + "c" * 32, "agreement", 0, {"level": "gold"}, customer=ONE), 1_200 * DAY),
        step(event("visitor-1", "page-1", 0, 1_300 * DAY)),
        lanes=2,
    ),
    "an import that is cut, resumed and repeated, with its end between": told(
        *(
            step(fact(ORDER, "purchase", -n, MONEY | {"value": n}, by="import", batch="1" * 32, line=n), DAY)
            for n in (1, 3, 2, 3)
        ),
        step(ImportEnd("shop", "1" * 32, START, 3), DAY, lane_of=EVERY_LANE),
        step(fact(OTHER, "purchase", 0, MONEY, by="import", batch="1" * 32, line=2), DAY),
        step(ImportEnd("shop", "2" * 32, START, 3), 500 * DAY, lane_of=EVERY_LANE),
        lanes=2,
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_it_comes_to_the_same(unsynced_server: Any, name: str) -> None:
    assert not await broken(unsynced_server.url, CASES[name], CLAIMS)


@pytest.mark.parametrize("name", CASES)
async def test_every_state_may_come_back(unsynced_server: Any, name: str) -> None:
    case = CASES[name]
    lived = await runs.live(unsynced_server.url, case, keeps=lambda written: True)
    lines = [
        line
        for kept in range(len(lived.kept))
        for line in await checks.restored(unsynced_server.url, case, lived, kept, batch=1)
    ]
    assert not lines


async def test_nobody_is_named_who_is_gone(unsynced_server: Any) -> None:
    for name, case in CASES.items():
        found = (await runs.live(unsynced_server.url, case)).holdings
        text = str([value for key, value in found.items() if ":thing:" in key or ":naming:" in key])
        if "erased" in name and "again" not in name:
            assert ONE not in text, name
            assert "visitor-1" not in text, name
