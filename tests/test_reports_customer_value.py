"""`customer_value`: what each customer brought and cost, as the fold knows its orders and the things that cost work."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reports import Query, ask
from reports.customer_value import BROUGHT, COSTS
from tests.sealed import seal
from tests.telling import fact, order, thing
from tests.timeline import DAY, MINUTE, START, event
from wakeline.history import History
from wakeline.record import Erase, Event, Fact
from wakeline.settings import MarginRule, Site
from wakeline.vocabulary.things import CONTACT, SENT, SERVICE_ORDER

ANN, BEN = "@ann", "@ben"
RATES = (MarginRule(category="Shoes", rate=0.4), MarginRule(category="wool  socks", rate=0.35))
SITE = Site(key="shop", margins=RATES, currency="EUR", minute_cost=0.75, return_cost=4.2)
YEAR = 365 * DAY
LONG_AGO = -(YEAR + 5 * DAY)
BOOT = {"item_id": "boot", "price": 10_000, "cost": 6_000, "quantity": 2}
SANDAL = {"item_id": "sandal", "price": 5_000, "item_category": " SHOES"}
LACE = {"item_id": "lace", "price": 300}
SHOWN = ("orders", "orders_before", *BROUGHT, "cost_to_serve", *COSTS, "profit")


def rows(history: History, sql: str, **fields: Any) -> list[tuple[Any, ...]]:
    site = fields.pop("of", SITE)
    with ask(history, Query(sql, **fields), zones={}, sites=[site]) as found:
        return list(found.rows())


def value(history: History, *columns: str, of: Site = SITE, **fields: Any) -> dict[tuple[str, str], tuple[str, ...]]:
    """By customer and currency, as texts without zeros at their ends."""
    found = rows(history, f"select customer, currency, {', '.join(columns)} from customer_value", of=of, **fields)
    return {(customer, currency): tuple(map(text, row)) for customer, currency, *row in found}


def text(value: Any) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def bought(number: str, at: int = 0, *items: dict[str, Any], customer: str = ANN, **body: Any) -> Fact:
    said = {"value": 20_000, "currency": "EUR", "items": list(items)} | body
    return fact(order(number), "purchase", at, customer=customer, **said)


def refund(number: str, at: int, **body: Any) -> Fact:
    return fact(order(number), "refund", at, refund_id=f"r-{at}", **{"currency": "EUR", **body})


TOLD = (
    bought("A-1", 0, BOOT, discount=500),
    bought("A-2", LONG_AGO, SANDAL, SANDAL, value=10_000),
    bought("A-3", 1, LACE, value=300),
    bought("A-4", 2, BOOT, discount=900),
    fact(order("A-4"), "order_state", 3, state="cancelled"),
    bought("A-5", 4, BOOT),
    refund("A-5", 5, value=10_000, items=[{"item_id": "boot", "quantity": 1}]),
    bought("A-6", 6, BOOT | {"discount": 150}, currency="USD"),
    fact(order("A-6"), "order_state", 7, state="returned"),
    fact(order("A-6"), "order_state", 8, state="cancelled"),
    bought("A-7", 6, BOOT | {"discount": 150}, currency="USD"),
    bought("B-1", 7, BOOT, customer=BEN),
    bought("N-1", 8, BOOT, customer=""),
    thing(CONTACT, "C-1", "contact", 0, customer=ANN, channel="phone", cost=250, currency="EUR"),
    thing(CONTACT, "C-1", "contact", 1, customer=ANN, minutes=2.5),
    thing(SERVICE_ORDER, "S-1", "service_order", LONG_AGO, customer=ANN, minutes=10, cost=100, currency="USD"),
    thing(SENT, "M-1", "campaign_sent", 0, customer=ANN, campaign="may", cost=3, currency="EUR"),
    thing(SENT, "M-1", "campaign_opened", 1, customer=ANN, campaign="may", cost=3, currency="EUR"),
    fact(ANN, "promotion_used", 5, promotion="may", cost=120, currency="EUR"),
    fact(ANN, "contest_entered", 6, promotion="may", cost=30, currency="EUR"),
    fact(ANN, "customer", 6, orders_before=3, value_before=40_000, currency="EUR"),
)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return seal(tmp_path_factory.mktemp("told"), in_order(*TOLD))


def in_order(*told: Any) -> list[tuple[int, Any]]:
    came = [one if isinstance(one, tuple) else (one.received + 20, one) for one in told]
    return sorted(came, key=lambda each: each[0])


def test_what_a_customer_brought_and_cost(history: History) -> None:
    assert value(history, *SHOWN) == {
        # orders, those before; revenue, margin, revenue of unknown margin, discount; costs: all, of contacts,
        # service, returns, sends, promotions; profit
        (ANN, "EUR"): ("4", "3", "803", "160", "403", "5", "21.81", "4.38", "7.5", "8.4", "0.03", "1.5", "138.19"),
        (ANN, "USD"): ("1", "0", "200", "80", "0", "3", "1", "0", "1", "0", "0", "0", "79"),
        (BEN, "EUR"): ("1", "0", "200", "80", "0", "0", "0", "0", "0", "0", "0", "0", "80"),
    }


def test_the_last_365_days_end_with_the_newest_record(history: History, tmp_path: Path) -> None:
    of_year = [f"{column}_year" for column in SHOWN if column != "orders_before"]
    assert value(history, *of_year) == {
        (ANN, "EUR"): ("3", "303", "120", "3", "5", "14.31", "4.38", "0", "8.4", "0.03", "1.5", "105.69"),
        (ANN, "USD"): ("1", "200", "80", "0", "3", "0", "0", "0", "0", "0", "0", "80"),
        (BEN, "EUR"): ("1", "200", "80", "0", "0", "0", "0", "0", "0", "0", "0", "80"),
    }
    later = fact("@cleo", "promotion_used", YEAR + DAY, promotion="may")
    later_on = seal(tmp_path, in_order(*TOLD, later))
    assert value(later_on, "revenue", "revenue_year")[BEN, "EUR"] == ("200", "0")
    assert value(later_on, "revenue_year", last=date(2027, 1, 15))[BEN, "EUR"] == ("200",)


def test_a_contact_is_of_the_time_of_its_first_state(tmp_path: Path) -> None:
    written = thing(CONTACT, "C-1", "contact", LONG_AGO, customer=ANN, cost=250, currency="EUR")
    opened = thing(CONTACT, "C-1", "contact", 0, customer=ANN, state="opened")
    for told, of_year in (((written,), "0"), ((written, opened), "2.5")):
        history = seal(tmp_path / of_year, in_order(*told, bought("B-1", 9, customer=BEN)))
        assert value(history, "cost_to_serve", "cost_to_serve_year")[ANN, "EUR"] == ("2.5", of_year)


def test_first_and_last_purchase_are_of_orders_that_were_kept(history: History) -> None:
    sql = "select first_purchase, last_purchase from customer_value where customer = '@ann' and currency = 'EUR'"
    first, last = datetime.fromtimestamp((START + LONG_AGO) / 1000), datetime.fromtimestamp((START + 4) / 1000)
    assert rows(history, sql) == [(first, last)]


def test_the_days_limit_orders_and_costs(history: History) -> None:
    found = value(history, "orders", "revenue", "cost_to_serve", first=date(2027, 1, 1))
    assert found[ANN, "EUR"] == ("3", "303", "14.31")  # without what lies before
    found = value(history, "orders", "revenue", "cost_to_serve", last=date(2026, 6, 1))
    assert found == {(ANN, "EUR"): ("1", "500", "7.5"), (ANN, "USD"): ("0", "0", "1")}


def test_orders_of_pages_alone_count_if_the_site_says_so(tmp_path: Path) -> None:
    def page(number: str, **fields: Any) -> Event:
        props = {"transaction_id": number, "value": 50, "currency": "EUR"}
        return event("visitor-1", f"page-{number}", 1, 5, "purchase", props=props, order=order(number), **fields)

    link = event("visitor-1", "page-1", 0, 0, "identify", customer=ANN)
    confirmed = fact(order("C"), "order_state", 9, state="paid")
    history = seal(tmp_path, in_order(link, page("A"), page("B", signed=True), page("C"), confirmed))
    assert value(history, "orders", "revenue") == {(ANN, "EUR"): ("3", "150")}
    assert value(history, "orders", "revenue", of=replace(SITE, page_orders=False)) == {(ANN, "EUR"): ("2", "100")}


def test_what_a_page_says_an_item_costs_counts_for_nothing(tmp_path: Path) -> None:
    items = [{"item_id": "boot", "price": 50, "cost": 1}]
    props = {"transaction_id": "A", "value": 50, "currency": "EUR", "items": items}
    sold = event("visitor-1", "page-1", 1, 5, "purchase", props=props, order=order("A"))
    link = event("visitor-1", "page-1", 0, 0, "identify", customer=ANN)
    history = seal(tmp_path, in_order(link, sold))
    assert value(history, "margin", "revenue_of_unknown_margin") == {(ANN, "EUR"): ("0", "50")}


def test_a_site_without_settings_has_no_rates(history: History) -> None:
    found = value(history, "margin", "cost_to_serve", of=Site(key="blog"))
    assert found[ANN, "EUR"] == ("120", "4.03")  # what was told alone


ERASED = (START + DAY, Erase(site="shop", id=ANN, time=START + DAY))
RETURNED = fact(ANN, "customer", DAY + MINUTE, returns=True)


def test_who_was_erased_is_not_shown(tmp_path: Path) -> None:
    later = bought("A-9", DAY + MINUTE, LACE, value=700)
    again = fact(ANN, "promotion_used", DAY + 2 * MINUTE, promotion="may", cost=90, currency="EUR")
    erased = seal(tmp_path / "erased", in_order(*TOLD, ERASED))
    assert value(erased, "revenue") == {(BEN, "EUR"): ("200",)}
    bought_again = seal(tmp_path / "again", in_order(*TOLD, ERASED, later, again))
    assert value(bought_again, "orders", "revenue", "cost_to_serve")[ANN, "EUR"] == ("1", "7", "0")
    came_back = seal(tmp_path / "back", in_order(*TOLD, ERASED, RETURNED, later, again))
    assert value(came_back, "orders", "revenue", "cost_to_serve")[ANN, "EUR"] == ("1", "7", "0.9")


def test_nonsense_of_a_fact_breaks_no_query(tmp_path: Path) -> None:
    fields = ("orders_before", "value_before", "cost", "currency", "minutes", "state", "discount")
    odd = [None, True, "x", 1e300, 10**30, 10**17, -1, [], {"a": 1}]
    told = [fact(ANN, type, **dict.fromkeys(fields, value)) for type in ("customer", "promotion_used") for value in odd]
    told += [
        fact(ANN, type, cost=cost, orders_before=10**18, value_before=cost, currency="EUR")
        for cost in (9 * 10**15, 10**17)
        for type in ("customer", *["promotion_used"] * 12)
    ]
    told += [thing(CONTACT, str(n), "contact", customer=ANN, minutes=1e15, cost=10**17, currency="EUR") for n in "abc"]
    found = value(seal(tmp_path, in_order(*told)), "orders", "cost_to_serve")
    assert found[ANN, "EUR"] == ("0", "None")  # more than an amount may be


def test_what_is_implausible_brings_nothing(tmp_path: Path) -> None:
    odd = (
        bought("A-1", 0, value=10**12 + 1),
        bought("A-2", 1, value=-500),
        fact(order("A-3"), "refund", 2, refund_id="r", value=5, currency="EUR", customer=ANN),
    )
    assert value(seal(tmp_path, in_order(*odd)), "orders", "revenue") == {(ANN, "EUR"): ("1", "0")}
