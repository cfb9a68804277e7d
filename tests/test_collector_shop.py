"""Amounts and orders in a shop's events are parsed, or dropped, or the event is rejected."""

from __future__ import annotations

from typing import Any

import pytest

from collector.props import Dropped, clean_props
from collector.shop import read_shop

A = {"transaction_id": "A-1", "currency": "EUR"}


def read(type: str, sent: dict[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """What is kept of an event, None if it is refused; and why parts of it were left out."""
    dropped: list[Dropped] = []
    props = clean_props(sent, dropped)
    return (props if read_shop(type, sent, props, dropped) else None), [reason.value for reason in dropped]


READ: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[str]]] = {
    "a number": ("purchase", {**A, "value": 12.45}, {**A, "value": 12.45}, []),
    "a text": ("purchase", {**A, "value": "1.299,00"}, {**A, "value": 1299}, []),
    "a text with a sign": ("purchase", {**A, "value": "\u20ac 12,45"}, {**A, "value": 12.45}, []),
    "a price, which is of one piece": ("purchase", {**A, "price": "12,50"}, {**A, "price": 12.5}, []),
    "an amount that the page had not": ("purchase", {**A, "value": " "}, A, ["no_value"]),
    "a sum of JavaScript": ("purchase", {**A, "value": "3.6100000000000003"}, {**A, "value": 3.6100000000000003}, []),
    "a cost and a quantity of JavaScript": (
        "purchase", {"items": [{"cost": "0.5500005555555559", "quantity": "0.5500005555555559"}]},
        {"items": [{"cost": 0.5500005555555559, "quantity": 0.5500005555555559}]}, [],
    ),
    "a word of its language": ("purchase", {**A, "value": "12,50 euros"}, {**A, "value": 12.5}, []),
    "without an amount": ("purchase", A, A, []),
    "an amount of null": ("purchase", {**A, "value": None}, {**A, "value": None}, []),
    "a refund": ("refund", {**A, "value": 30}, {**A, "value": 30}, []),
    "a refund below 0": ("refund", {**A, "value": -30}, {**A, "value": 30}, []),
    "a refund of a text": ("refund", {**A, "value": "30,00"}, {**A, "value": 30}, []),
    "a refund of everything": ("refund", A, A, []),
    "three decimals": (
        "purchase", {**A, "currency": "kwd", "value": "1.299"}, {**A, "currency": "KWD", "value": 1.299}, []
    ),
    "tax that is none": ("purchase", {**A, "value": 1, "tax": "incl."}, {**A, "value": 1}, ["bad_amount"]),
    "a currency that is none": (
        "purchase", {**A, "currency": "\u20ac", "value": 1}, {"transaction_id": "A-1", "value": 1}, ["bad_currency"]
    ),
    "a currency that is a number": ("refund", {**A, "currency": 978}, {"transaction_id": "A-1"}, ["bad_currency"]),
    "no currency": ("purchase", {"currency": "NaN", "value": 1}, {"value": 1}, ["bad_currency"]),
    "an order that is none": ("purchase", {**A, "transaction_id": "undefined"}, {"currency": "EUR"}, ["no_value"]),
    "an order of a template": ("purchase", {**A, "transaction_id": "{{ order }}"}, {"currency": "EUR"}, ["no_value"]),
    "an order of nothing": ("refund", {**A, "transaction_id": " "}, {"currency": "EUR"}, ["no_value"]),
    "an order that is a list": ("purchase", {**A, "transaction_id": ["x"]}, {"currency": "EUR"}, ["no_value"]),
    "an order that is true": ("purchase", {"transaction_id": True}, {}, ["no_value"]),
    "an order's number": ("purchase", {"transaction_id": 7}, {"transaction_id": 7}, []),
    "an order with spaces": ("purchase", {"transaction_id": " A-1 "}, {"transaction_id": "A-1"}, []),
    "items": (
        "purchase",
        {"items": [{"item_id": "a", "price": "1,5", "quantity": "2"},
                   {"item_id": "null", "price": "?", "quantity": -1}, {"item_id": 7, "price": -5, "quantity": 10**9},
                   "x", {"quantity": True, "cost": None}]},
        {"items": [{"item_id": "a", "price": 1.5, "quantity": 2}, {}, {"item_id": 7, "price": -5}, "x",
                   {"cost": None}]},
        ["no_value", "bad_amount", "bad_amount", "bad_amount", "bad_amount"],
    ),
    "items of a refund": ("refund", {"items": [{"quantity": -1}]}, {"items": [{"quantity": 1}]}, []),
    "a price on request": (
        "view_item", {"items": [{"item_id": 7, "price": "on request"}]}, {"items": [{"item_id": 7}]}, ["bad_amount"]
    ),
    "a refund's own number that is none": ("refund", {**A, "refund_id": "null"}, A, ["no_value"]),
    "an event of the site's own": (
        "quiz", {"order": "null", "price": "much", "currency": 4}, {"order": "null", "price": "much", "currency": 4}, []
    ),
}  # fmt: skip


@pytest.mark.parametrize(("type", "sent", "kept", "reasons"), READ.values(), ids=READ)
def test_a_shops_event(type: str, sent: dict[str, Any], kept: dict[str, Any], reasons: list[str]) -> None:
    assert read(type, sent) == (kept, reasons)


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a text that is no amount": ("purchase", {**A, "value": "much"}),
    "undefined": ("refund", {**A, "value": "undefined"}),
    "an empty text": ("refund", {**A, "value": ""}),
    "NaN, which JSON writes as null": ("refund", {**A, "value": None}),
    "a list": ("refund", {**A, "value": [30]}),
    "an object, which is left out": ("refund", {**A, "value": {"amount": 30}}),
    "true": ("purchase", {**A, "value": True}),
    "absurd": ("purchase", {**A, "value": 1e300}),
    "absurd, below 0": ("refund", {**A, "value": -1e13}),
    "of 310 digits": ("refund", {**A, "value": 10**309}),
    "a purchase below 0": ("purchase", {**A, "value": -30}),
    "of another currency": ("refund", {**A, "value": "30 USD"}),
    "a card": ("refund", {**A, "value": "4111111111111111"}),
    "a template": ("refund", {**A, "value": "{{value}}"}),
}


@pytest.mark.parametrize(("type", "sent"), REFUSED.values(), ids=REFUSED)
def test_an_amount_that_nobody_can_tell_refuses_what_is_counted_by_it(type: str, sent: dict[str, Any]) -> None:
    assert read(type, sent)[0] is None
    assert read("view_item", sent)[0] is not None


NO_NAMES = [
    *("", " ", "undefined", "null", "NULL", "NaN", "None", "nil", "N/A", "n/a", "-", "--", "(not set)", "not_set"),
    *("true", "false", "[object Object]", "[object HTMLInputElement]", "{{order}}", "${order.id}", "{% order %}"),
    *("(none)", "{order_id}", "{order.id}", "#{order}", "%ORDER_ID%"),
    *("<%= order %>", "[[order]]", "%%ORDER%%", " undefined\n"),
]


@pytest.mark.parametrize("order", NO_NAMES)
def test_what_a_page_writes_where_it_has_nothing_is_no_order(order: str) -> None:
    assert read("purchase", {"transaction_id": order}) == ({}, ["no_value"])


@pytest.mark.parametrize(
    "order", ["0", "A-1", "nullable", "none-1", "undefined-7", "{7}", "N", "#7", "%7", "$7", "(A)", "\u2116 7"]
)
def test_what_only_looks_like_it_is_one(order: str) -> None:
    assert read("purchase", {"transaction_id": order}) == ({"transaction_id": order}, [])
