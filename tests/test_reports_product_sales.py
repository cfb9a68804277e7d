"""`product_sales`: every product, from being listed to what it earned."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.sealed import seal
from tests.telling import fact, order, thing
from tests.test_reports_query import answer
from tests.timeline import DAY, MINUTE, event
from wakeline.history import History
from wakeline.record import Event, Fact
from wakeline.vocabulary.things import PRODUCT

BOOT = {"item_id": "boot", "item_name": "Boot", "item_category": "Shoes", "price": 100}
SOCK = {"item_id": "sock", "price": 5}


def page(n: int, type: str, *items: dict[str, Any], who: str = "visitor-1", **fields: Any) -> Event:
    return event(who, f"page-{who}", n, n, type, props={"items": list(items), "currency": "EUR"}, **fields)


def bought(number: str, at: int, *items: dict[str, Any], **body: Any) -> Fact:
    return fact(order(number), "purchase", at, currency="EUR", items=list(items), value=1, **body)


def history(folder: Path, *records: Event | Fact) -> History:
    return seal(folder, sorted(((one.received + 20, one) for one in records), key=lambda came: came[0]))


SOLD_BOOT = {"item_id": "boot", "price": 10_000, "quantity": 2, "cost": 6_000}
SOLD_LACE = {"item_id": "lace", "price": 300, "quantity": 5, "cost": 100}
SOLD_GLUE = {"item_id": "glue", "price": 20}


@pytest.fixture
def shop(tmp_path: Path) -> History:
    return history(
        tmp_path,
        page(0, "view_item_list", BOOT, SOCK),
        page(1, "select_item", BOOT),
        page(2, "view_item", BOOT),
        page(3, "view_item", SOCK),
        page(4, "add_to_cart", BOOT | {"quantity": 3}),
        page(5, "remove_from_cart", BOOT),
        page(0, "view_item", BOOT, who="visitor-2"),
        page(1, "view_item", SOCK, who="visitor-2", bot="Googlebot"),
        bought("A-1", 10, SOLD_BOOT),
        bought("A-2", 20, SOLD_BOOT, SOLD_LACE, SOLD_GLUE),
        fact(order("A-1"), "refund", 30, refund_id="r", items=[{"item_id": "boot", "quantity": 1}]),
        thing(PRODUCT, "boot", "product", 5, item_id="boot", name="Boot 7", categories=["Boots"]),
        thing(PRODUCT, "hat", "product", 5, item_id="hat", name="Hat"),
    )


def test_every_product_from_being_listed_to_what_it_earned(shop: History) -> None:
    rows = answer(
        shop,
        "select item_id, item_name, item_category, listed, chosen, seen, viewers, carted, removed, orders, sold, "
        "returned, revenue, margin, currency, seen_not_bought, class, in_catalogue from product_sales order by item_id",
    )
    assert [tuple(str(value) if value is not None else "" for value in row) for row in rows] == [
        ("boot", "Boot 7", "Boots", "1", "1", "2", "2", "3.0", "1.0", "2", "4.0", "1.0", "300.0000", "120.0000", "EUR",
         "False", "A", "True"),
        ("glue", "", "", "0", "0", "0", "0", "0.0", "0.0", "1", "1.0", "0.0", "0.2000", "", "EUR",
         "False", "C", "False"),
        ("hat", "Hat", "", "0", "0", "0", "0", "0.0", "0.0", "0", "0.0", "0.0", "", "", "", "False", "", "True"),
        ("lace", "", "", "0", "0", "0", "0", "0.0", "0.0", "1", "5.0", "0.0", "15.0000", "10.0000", "EUR",
         "False", "C", "False"),
        ("sock", "", "", "1", "0", "1", "1", "0.0", "0.0", "0", "0.0", "0.0", "", "", "", "True", "", "False"),
    ]  # fmt: skip


def test_it_can_be_asked_beside_what_it_is_made_of(shop: History) -> None:
    both = "select (select count(*) from events), (select count(*) from order_items), count(*) from product_sales"
    [(events, lines, products)] = answer(shop, both)
    assert (events, lines, products) == (8, 4, 5)


def test_the_days_limit_what_was_shown_and_sold(tmp_path: Path) -> None:
    late = [page(9, "view_item", BOOT, who="visitor-3"), bought("A-9", 2 * DAY + MINUTE, SOLD_BOOT)]
    made = history(tmp_path, page(2, "view_item", BOOT), bought("A-1", 10, SOLD_BOOT), late[1])
    asked = "select seen, orders from product_sales where item_id = 'boot'"
    assert answer(made, asked) == [(1, 2)]
    assert answer(made, asked, first=date(2027, 1, 16)) == [(0, 1)]


def test_amounts_of_two_currencies_are_never_added(tmp_path: Path) -> None:
    dollars = fact(order("B-1"), "purchase", 20, currency="USD", value=1, items=[SOLD_LACE])
    made = history(tmp_path, bought("A-1", 10, SOLD_BOOT, SOLD_LACE, SOLD_LACE), dollars)
    [(orders, sold, revenue, currency)] = answer(
        made, "select orders, sold, revenue, currency from product_sales where item_id = 'lace'"
    )
    assert (orders, sold, str(revenue), currency) == (2, 15, "30.0000", "EUR")
