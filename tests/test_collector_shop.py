"""Amounts and orders in a shop's events are parsed, or dropped, or the event is rejected."""

from __future__ import annotations

from typing import Any

import pytest

from collector.props import Dropped, clean_props
from collector.shop import read_shop

A = {"order": "A-1", "currency": "EUR"}


def read(type: str, sent: dict[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """What is kept of an event, None if it is refused; and why parts of it were left out."""
    dropped: list[Dropped] = []
    props = clean_props(sent, dropped)
    return (props if read_shop(type, sent, props, dropped) else None), [reason.value for reason in dropped]


READ: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[str]]] = {
    "a number": ("purchase", {**A, "price": 12.45}, {**A, "price": 12.45}, []),
    "a text": ("purchase", {**A, "price": "1.299,00"}, {**A, "price": 1299}, []),
    "a text as value": ("purchase", {**A, "value": "\u20ac 12,45"}, {**A, "value": 12.45}, []),
    "price before value": (
        "purchase", {**A, "price": "12", "value": "much"}, {**A, "price": 12}, ["bad_amount"]
    ),
    "price null, then value": ("purchase", {**A, "price": None, "value": "1"}, {**A, "price": None, "value": 1}, []),
    "price empty, then value": ("purchase", {**A, "price": "", "value": 1}, {**A, "value": 1}, ["no_value"]),
    "price undefined, then value, of a refund": (
        "refund", {**A, "price": "undefined", "value": "1"}, {**A, "value": 1}, ["no_value"]
    ),
    "an amount that the page had not": ("purchase", {**A, "price": " "}, A, ["no_value"]),
    "a sum of JavaScript": ("purchase", {**A, "price": "3.6100000000000003"}, {**A, "price": 3.6100000000000003}, []),
    "a cost and a quantity of JavaScript": (
        "purchase", {"items": [{"cost": "0.5500005555555559", "quantity": "0.5500005555555559"}]},
        {"items": [{"cost": 0.5500005555555559, "quantity": 0.5500005555555559}]}, [],
    ),
    "a word of its language": ("purchase", {**A, "price": "12,50 euros"}, {**A, "price": 12.5}, []),
    "without an amount": ("purchase", A, A, []),
    "an amount of null": ("purchase", {**A, "price": None}, {**A, "price": None}, []),
    "a refund": ("refund", {**A, "price": 30}, {**A, "price": 30}, []),
    "a refund below 0": ("refund", {**A, "price": -30}, {**A, "price": 30}, []),
    "a refund of a text": ("refund", {**A, "price": "30,00"}, {**A, "price": 30}, []),
    "a refund of everything": ("refund", A, A, []),
    "three decimals": (
        "purchase", {**A, "currency": "kwd", "price": "1.299"}, {**A, "currency": "KWD", "price": 1.299}, []
    ),
    "tax that is none": ("purchase", {**A, "price": 1, "tax": "incl."}, {**A, "price": 1}, ["bad_amount"]),
    "a currency that is none": ("purchase", {**A, "currency": "\u20ac", "price": 1}, {"order": "A-1", "price": 1},
        ["bad_currency"]),
    "a currency that is a number": ("refund", {**A, "currency": 978}, {"order": "A-1"}, ["bad_currency"]),
    "no currency": ("purchase", {"currency": "NaN", "price": 1}, {"price": 1}, ["bad_currency"]),
    "an order that is none": ("purchase", {**A, "order": "undefined"}, {"currency": "EUR"}, ["no_value"]),
    "an order of a template": ("purchase", {**A, "order": "{{ order }}"}, {"currency": "EUR"}, ["no_value"]),
    "an order of nothing": ("refund", {**A, "order": " "}, {"currency": "EUR"}, ["no_value"]),
    "an order that is a list": ("purchase", {**A, "order": ["x"]}, {"currency": "EUR"}, ["no_value"]),
    "an order that is true": ("purchase", {"transaction_id": True}, {}, ["no_value"]),
    "an order's number": ("purchase", {"order": 7}, {"order": 7}, []),
    "an order with spaces": ("purchase", {"order": " A-1 "}, {"order": "A-1"}, []),
    "items": (
        "purchase",
        {"items": [{"product": "a", "price": "1,5", "quantity": "2"}, {"product": "null", "price": "?", "quantity": -1},
                   {"sku": 7, "price": -5, "quantity": 10**9}, "x", {"quantity": True, "cost": None}]},
        {"items": [{"product": "a", "price": 1.5, "quantity": 2}, {}, {"sku": 7, "price": -5}, "x", {"cost": None}]},
        ["no_value", "bad_amount", "bad_amount", "bad_amount", "bad_amount"],
    ),
    "items of a refund": ("refund", {"items": [{"quantity": -1}]}, {"items": [{"quantity": 1}]}, []),
    "a price on request": ("view_product", {"product": "a", "price": "on request"}, {"product": "a"}, ["bad_amount"]),
    "an event of the site's own": (
        "quiz", {"order": "null", "price": "much", "currency": 4}, {"order": "null", "price": "much", "currency": 4}, []
    ),
}  # fmt: skip


@pytest.mark.parametrize(("type", "sent", "kept", "reasons"), READ.values(), ids=READ)
def test_a_shops_event(type: str, sent: dict[str, Any], kept: dict[str, Any], reasons: list[str]) -> None:
    assert read(type, sent) == (kept, reasons)


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a text that is no amount": ("purchase", {**A, "price": "much"}),
    "undefined": ("refund", {**A, "price": "undefined"}),
    "an empty text": ("refund", {**A, "price": ""}),
    "NaN, which JSON writes as null": ("refund", {**A, "price": None}),
    "a list": ("refund", {**A, "price": [30]}),
    "an object, which is left out": ("refund", {**A, "price": {"amount": 30}}),
    "true": ("purchase", {**A, "price": True}),
    "absurd": ("purchase", {**A, "price": 1e300}),
    "absurd, below 0": ("refund", {**A, "price": -1e13}),
    "of 310 digits": ("refund", {**A, "price": 10**309}),
    "a purchase below 0": ("purchase", {**A, "price": -30}),
    "of another currency": ("refund", {**A, "price": "30 USD"}),
    "a card": ("refund", {**A, "price": "4111111111111111"}),
    "a value": ("refund", {**A, "value": "{{value}}"}),
}


@pytest.mark.parametrize(("type", "sent"), REFUSED.values(), ids=REFUSED)
def test_an_amount_that_nobody_can_tell_refuses_what_is_counted_by_it(type: str, sent: dict[str, Any]) -> None:
    assert read(type, sent)[0] is None
    assert read("view_product", sent)[0] is not None


NO_NAMES = [
    *("", " ", "undefined", "null", "NULL", "NaN", "None", "nil", "N/A", "n/a", "-", "--", "(not set)", "not_set"),
    *("true", "false", "[object Object]", "[object HTMLInputElement]", "{{order}}", "${order.id}", "{% order %}"),
    *("(none)", "{order_id}", "{order.id}", "#{order}", "%ORDER_ID%"),
    *("<%= order %>", "[[order]]", "%%ORDER%%", " undefined\n"),
]


@pytest.mark.parametrize("order", NO_NAMES)
def test_what_a_page_writes_where_it_has_nothing_is_no_order(order: str) -> None:
    assert read("purchase", {"order": order}) == ({}, ["no_value"])


@pytest.mark.parametrize(
    "order", ["0", "A-1", "nullable", "none-1", "undefined-7", "{7}", "N", "#7", "%7", "$7", "(A)", "\u2116 7"]
)
def test_what_only_looks_like_it_is_one(order: str) -> None:
    assert read("purchase", {"order": order}) == ({"order": order}, [])
