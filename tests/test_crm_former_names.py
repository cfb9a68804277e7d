"""A log with the former names of a shop's events is read as before, and says the same as one with today's names."""

from __future__ import annotations

import json
from typing import Any

from crm.interests.scoring import MAX_AT_ONCE, categories
from tests.timeline import DAY, SECOND, START, Timeline
from wakeline.decay import current
from wakeline.keys import date
from wakeline.numbers import FUNNEL
from wakeline.record import CUSTOMER_PREFIX, decode_record

CUSTOMER = CUSTOMER_PREFIX + "c" * 32
SHOE = {"product": "trail-runner", "category": "Shoes", "price": 129.9}
SOCKS = {"product": "wool-socks", "category": "Socks", "price": 12.45, "quantity": 2}
EUR = {"currency": "EUR"}

FORMER: list[tuple[str, dict[str, Any]]] = [
    ("page_view", {}),
    ("identify", {}),
    ("view_list", {"list": "sale", "items": [SHOE, SOCKS]}),
    ("view_product", {**SHOE, **EUR}),
    ("add_to_cart", {**SHOE, **EUR, "quantity": 1}),
    ("add_to_cart", {**SOCKS, **EUR}),
    ("remove_from_cart", {**SOCKS}),
    ("checkout", {"step": 2, "price": 154.8, **EUR, "items": [SHOE, SOCKS]}),
    ("purchase", {"order": "A-1001", "price": 154.8, **EUR, "items": [SHOE, SOCKS]}),
    ("refund", {"order": "A-1001", "price": 12.45, **EUR, "items": [SOCKS]}),
]
TYPES = {"view_list": "view_item_list", "view_product": "view_item", "checkout": "begin_checkout"}
FIELDS = {"product": "item_id", "category": "item_category", "order": "transaction_id", "list": "item_list_id"}

SCORES = {"shoes": 1 + 1 + 3 + 3 + 5, "socks": 1 + 3 + 1 + 3 + 5 + 1}
NUMBERS = {
    "carts": 1,  # which earlier versions did not count
    **dict.fromkeys((number.name for number in FUNNEL), 1),
    "page_views": 1,
    "sessions": 1,
    "events": 8,
    "new_visitors": 1,
    "identified": 1,
}
NAMES = {
    "view_list": 1, "view_product": 1, "add_to_cart": 2, "remove_from_cart": 1, "checkout": 1, "purchase": 1,
    "refund": 1,
}  # fmt: skip


def line(n: int, type: str, props: dict[str, Any]) -> bytes:
    """A record as it stands in a log."""
    time = START + n * SECOND
    fields = {
        "kind": "event", "site": "shop", "visitor": "visitor-1", "type": type, "page": "page-one", "n": n, "time": time,
        "received": time, "host": "shop.example", "path": "/", "device": "desktop", "props": props,
    }  # fmt: skip
    return json.dumps(fields | ({"customer": CUSTOMER} if type == "identify" else {})).encode()


def today(type: str, props: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The same in today's names: products in `items`, the total in `value`."""
    props = dict(props)
    if "product" in props:
        of_item = {name: props.pop(name) for name in ("product", "category", "price", "quantity") if name in props}
        props["items"] = [of_item]
    elif "price" in props:
        props["value"] = props.pop("price")
    items = [{FIELDS.get(name, name): value for name, value in item.items()} for item in props.get("items", [])]
    return TYPES.get(type, type), {FIELDS.get(name, name): value for name, value in props.items()} | (
        {"items": items} if items else {}
    )


async def told(made: Timeline, events: list[tuple[str, dict[str, Any]]]) -> tuple[dict[str, Any], dict[str, float]]:
    """The site's numbers, and the customer's interests."""
    for n, (type, props) in enumerate(events):
        record = decode_record(line(n, type, props))
        await made.append(record)
    await made.run()
    zero, half_life = made.deployment.decay_zero, made.deployment.half_life
    scores = {
        name: round(current(score, now=START, zero=zero, half_life=half_life), 2)
        for name, score in (await made.interests(CUSTOMER)).items()
    }
    await made.pass_time(DAY)
    return await made.totals(), scores


async def test_a_former_log_says_what_it_said(made: Timeline) -> None:
    assert await told(made, FORMER) == (NUMBERS, SCORES)
    assert await made.top("events", date("2027-01-15")) == NAMES


async def test_todays_names_say_the_same(made: Timeline) -> None:
    assert await told(made, [today(type, props) for type, props in FORMER]) == (NUMBERS, SCORES)
    assert await made.top("events", date("2027-01-15")) == {TYPES.get(name, name): n for name, n in NAMES.items()}


def test_every_category_of_an_item_is_an_interest() -> None:
    shoe = {"item_category": "Shoes", "item_category2": "Trail", "item_category5": "Sale", "item_category3": 7}
    assert categories({"category": "Spring", "items": [shoe, {"category": "Bags"}, "x"]}) == [
        *("spring", "shoes", "trail", "sale", "bags"),
    ]
    many = [{"item_category": f"c{n}", "item_category2": f"d{n}"} for n in range(MAX_AT_ONCE)]
    assert len(categories({"items": many})) == MAX_AT_ONCE
