"""Which visits an order is owed to: by each model, to the last cent, over all browsers of a customer."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from reports import Query, ask
from tests.sealed import seal
from tests.telling import fact, order
from tests.test_reports_campaigns import FIRST, SHOP
from tests.timeline import DAY, MINUTE, event
from wakeline.record import Event, Fact

HOUR = 60 * MINUTE
PHONE, LAPTOP, OTHER = "visitor-1", "visitor-2", "visitor-3"
JO, BEN = "@" + "1" * 32, "@" + "2" * 32


def visit(visitor: str, at: int, campaign: str = "", **fields: Any) -> Event:
    query = {"utm_campaign": campaign, "utm_source": "mail"} if campaign else {}
    return event(visitor, f"page-{visitor}-{at}", 0, at, query=query, **fields)


def signs_in(visitor: str, at: int, customer: str) -> Event:
    return event(visitor, f"page-{visitor}-{at}", 1, at, "identify", customer=customer)


def buys(visitor: str, at: int, number: str = "A-1", value: float = 100) -> Event:
    props = {"transaction_id": number, "value": value, "currency": "EUR"}
    return event(visitor, f"page-{visitor}-{at}", 2, at, "purchase", props=props, order=order(number))


def rows(folder: Path, told: list[Event | Fact], sql: str, **days: date) -> list[tuple[Any, ...]]:
    came = [(one.received + 20, one) for one in sorted(told, key=lambda one: one.received)]
    query = Query(sql, None, days.get("first"), days.get("last"))
    with ask(seal(folder, came), query, zones={}, sites=[SHOP]) as found:
        return list(found.rows(100_000))


def credited(folder: Path, told: list[Event | Fact]) -> dict[str, dict[str | None, Decimal]]:
    found: dict[str, dict[str | None, Decimal]] = defaultdict(dict)
    sql = "select model, campaign, sum(revenue) from credits group by all"
    for model, campaign, revenue in rows(folder, told, sql):
        found[model][campaign] = revenue
    return found


FOUR = [visit(PHONE, 0, "a"), visit(PHONE, DAY, "b"), visit(PHONE, 2 * DAY, "c"), visit(PHONE, 3 * DAY)]


def test_each_model_of_four_visits(tmp_path: Path) -> None:
    found = credited(tmp_path, [*FOUR, buys(PHONE, 3 * DAY + MINUTE)])
    assert found == {
        "first": {"a": 100},
        "last": {None: 100},
        "last_non_direct": {"c": 100},
        "linear": {"a": 25, "b": 25, "c": 25, None: 25},
        "position": {"a": 40, "b": 10, "c": 10, None: 40},
    }


def test_a_refund_takes_from_each_and_nothing_is_lost(tmp_path: Path) -> None:
    told = [*FOUR, buys(PHONE, 3 * DAY + MINUTE), fact(order("A-1"), "refund", 4 * DAY, value=1, currency="EUR")]
    assert credited(tmp_path, told)["linear"] == dict.fromkeys(("a", "b", "c"), Decimal("25")) | {
        None: Decimal("24.99")
    }


def test_a_cancelled_order_is_owed_to_nobody(tmp_path: Path) -> None:
    told = [*FOUR, buys(PHONE, 3 * DAY + MINUTE), fact(order("A-1"), "order_state", 4 * DAY, state="cancelled")]
    assert credited(tmp_path, told)["first"] == {"a": 0}


def test_visits_of_all_browsers_of_a_customer_count(tmp_path: Path) -> None:
    told = [visit(LAPTOP, 0, "a"), signs_in(LAPTOP, 0, JO), visit(PHONE, DAY, "b"), signs_in(PHONE, DAY, JO)]
    told += [visit(OTHER, DAY, "c"), buys(PHONE, DAY + MINUTE)]
    assert credited(tmp_path, told)["linear"] == {"a": 50, "b": 50}


def test_what_somebody_else_did_in_that_browser_does_not_count(tmp_path: Path) -> None:
    told = [visit(PHONE, 0, "a"), signs_in(PHONE, 0, BEN), visit(PHONE, DAY, "b"), signs_in(PHONE, DAY, JO)]
    assert credited(tmp_path, [*told, buys(PHONE, DAY + MINUTE)])["linear"] == {"b": 100}


def test_a_visit_is_of_whom_it_began_with_whatever_arrives_first(tmp_path: Path) -> None:
    """Somebody else signs in on a shared browser, and buys: the visit in which it is bought counts all the same."""
    landing, signed_in = visit(PHONE, DAY, "b"), signs_in(PHONE, DAY + MINUTE, BEN)
    told = [visit(PHONE, 0, "a"), signs_in(PHONE, 0, JO), signed_in, buys(PHONE, DAY + 2 * MINUTE)]
    for name, received in (("in order", landing.received), ("late", landing.received + HOUR)):
        found = [*told, replace(landing, received=received)]
        sql = "select customer from sessions where campaign = 'b'"
        assert rows(tmp_path / name, found, sql) == [(JO,)], name
        assert credited(tmp_path / f"{name}, credit", found)["last"] == {"b": 100}


def test_an_order_at_the_till_is_owed_to_its_customers_visits(tmp_path: Path) -> None:
    told: list[Event | Fact] = [visit(LAPTOP, 0, "a"), signs_in(LAPTOP, 0, JO)]
    told += [fact(order("T-1"), "purchase", DAY, value=5_000, currency="EUR", customer=JO)]
    told += [fact(order("T-2"), "purchase", DAY, value=700, currency="EUR", customer=BEN)]
    assert credited(tmp_path, told)["last"] == {"a": 50, None: 7}


def test_neither_later_visits_nor_those_of_long_ago_count(tmp_path: Path) -> None:
    told = [
        visit(PHONE, 0, "a"),
        visit(PHONE, 91 * DAY, "b"),
        buys(PHONE, 91 * DAY + MINUTE),
        visit(PHONE, 92 * DAY, "c"),
    ]
    assert credited(tmp_path, told)["first"] == {"b": 100}


def test_who_comes_back_from_paying_touches_nothing(tmp_path: Path) -> None:
    told = [
        visit(PHONE, 0, "a"),
        visit(PHONE, HOUR, referrer="paypal.com/"),
        visit(PHONE, 3 * HOUR, referrer="internal"),
    ]
    assert credited(tmp_path, [*told, buys(PHONE, 3 * HOUR + MINUTE)])["linear"] == {"a": 100}


def test_who_consents_in_a_visit_is_owed_to_what_brought_it(tmp_path: Path) -> None:
    """The visit goes on under the browser's own id; its landing page is the one on which it does."""
    told = [visit("~" + "0" * 21, 0, "a", path="/lamps"), visit(PHONE, MINUTE, "a", path="/lamps", continued=True)]
    told.append(buys(PHONE, 2 * MINUTE))
    assert credited(tmp_path / "a", told)["linear"] == {"a": 100}
    assert rows(tmp_path / "b", told, "select landing_page from credits where model = 'last'") == [("/lamps",)]
    sql = "select kind, visits, orders from campaign_elements where kind = 'landing_page'"
    assert rows(tmp_path / "c", told, sql) == [("landing_page", 1, 1)]


def test_days_of_a_query_are_those_of_the_order(tmp_path: Path) -> None:
    day = date.fromordinal(FIRST.toordinal() + 3)
    told = [*FOUR, buys(PHONE, 3 * DAY + MINUTE)]
    sql = "select campaign from credits where model = 'first'"
    assert rows(tmp_path, told, sql, first=day, last=day) == [("a",)]


def test_a_campaign_has_what_it_is_owed_and_what_is_left_of_its_cost(tmp_path: Path) -> None:
    told: list[Event | Fact] = [visit(PHONE, 0, "spring"), visit(PHONE, DAY, "other"), buys(PHONE, DAY + MINUTE)]
    sold = {"value": 50_000, "currency": "EUR", "items": [{"item_id": "x", "price": 50_000, "cost": 20_000}]}
    told.append(fact(order("A-1"), "purchase", DAY + HOUR, **sold))
    names = "campaign, type, orders, revenue, margin, cost, profit, return_on_cost"
    assert rows(tmp_path, told, f"select {names} from campaign_credit where model = 'linear' order by campaign") == [
        ("other", None, 0.5, Decimal(250), Decimal(150), Decimal(0), Decimal(150), None),
        ("poster", "display", 0, Decimal(0), Decimal(0), Decimal(70), Decimal(-70), -1.0),
        ("spring", "newsletter", 0.5, Decimal(250), Decimal(150), Decimal(110), Decimal(40), 0.36),
    ]
