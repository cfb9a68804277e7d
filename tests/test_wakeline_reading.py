"""What a server or an import says becomes a record without personal values, and a card with them."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from collector.clean import clean_text, clean_thing
from wakeline.identity import customer_id
from wakeline.record import decode_record, encode_record
from wakeline.vocabulary.fields import FIELDS
from wakeline.vocabulary.reading import AHEAD_MS, Cleaning, Heard, Refused, Speaker, converted, hear
from wakeline.vocabulary.things import ORDER, PRODUCT, event_id, part_id, thing_id
from wakeline.vocabulary.types import By

SECRET = "s" * 32
NOW = 1_790_000_000_000
CLEANING = Cleaning(
    clean_text, clean_thing, lambda props: {name: clean_text(str(value)) for name, value in props.items()}
)
SERVER = Speaker("shop", SECRET, By.SERVER, CLEANING)
IMPORT = SERVER._replace(by=By.IMPORT, zone=ZoneInfo("Europe/Berlin"))
EVENT = {"id": "e1", "time": NOW - 1_000}
BOUGHT = EVENT | {"type": "purchase", "transaction_id": "N 1", "value": "12.50", "currency": "EUR", "customer": 7}
ITEM = {"item_id": "runner-7", "price": 0.125, "cost": "3", "quantity": 2}


def said(event: dict[str, Any], speaker: Speaker = SERVER) -> Heard:
    return hear(converted(event), speaker, received=NOW)


def test_an_order_has_its_home_and_amounts_in_minor_units() -> None:
    fact, card = said(BOUGHT | {"items": [ITEM], "tax": 2, "coupon": "to a@b.example"})
    assert card is None
    assert (fact.home, fact.customer) == (thing_id(SECRET, ORDER, "N 1"), customer_id(SECRET, "7"))
    assert (fact.id, fact.by, fact.time, fact.received) == (event_id(SECRET, "e1"), "server", NOW - 1_000, NOW)
    assert fact.body == {
        "value": 1250,
        "currency": "EUR",
        "tax": 200,
        "coupon": "to (redacted)",
        "items": [{"item_id": "runner-7", "price": 13, "cost": 300, "quantity": 2.0}],
    }
    assert decode_record(encode_record(fact)) == fact
    assert "N 1" not in encode_record(fact).decode()


def test_personal_values_are_on_the_card_alone() -> None:
    event = EVENT | {
        "type": "customer",
        "customer": "K1",
        "email": "a@b.example",
        "name": "Ann",
        "traits": {"plan": "x"},
    }
    fact, card = said(event)
    assert (fact.home, fact.told, fact.body) == (
        customer_id(SECRET, "K1"),
        ["email", "name"],
        {"traits": {"plan": "x"}},
    )
    assert card is not None
    assert (card.customer, card.time, card.values) == (
        fact.customer,
        fact.time,
        {"email": "a@b.example", "name": "Ann"},
    )
    fact, card = said(EVENT | {"type": "note", "customer": "K1", "text": "called at 9"})
    assert (fact.body, card and card.values) == ({}, {"text": "called at 9"})


def test_a_product_is_public() -> None:
    fact, card = said(EVENT | {"type": "product", "item_id": "a/1", "name": "Runner", "price": 5, "currency": "JPY"})
    assert (fact.home, card) == (thing_id(SECRET, PRODUCT, "a/1"), None)
    assert fact.body == {"item_id": "a/1", "name": "Runner", "price": 5, "currency": "JPY"}


def test_ids_in_fields_are_kept_as_hashes() -> None:
    fact, _ = said(EVENT | {"type": "refund", "transaction_id": "N1", "refund_id": "R1"})
    assert fact.body == {"refund_id": part_id(SECRET, "refund", "R1")}
    fact, _ = said(EVENT | {"type": "contact", "contact_id": "T1", "channel": "mail", "order": "N1", "customer": "K"})
    assert fact.body["order"] == thing_id(SECRET, ORDER, "N1")
    fact, _ = said(EVENT | {"type": "alias", "customer": "K1", "other": "K2"})
    assert fact.body == {"other": customer_id(SECRET, "K2")}
    fact, _ = said(EVENT | {"type": "promotion_used", "promotion": "spring", "code": "ABC", "customer": "K1"})
    assert fact.body["code"] == part_id(SECRET, "promotion", "ABC")


def test_a_custom_event_has_props() -> None:
    fact, _ = said(EVENT | {"type": "loan", "visitor": "visitor-1", "props": {"book": "b", "to": "a@b.example"}})
    assert (fact.home, fact.body) == ("visitor-1", {"props": {"book": "b", "to": "(redacted)"}})


@pytest.mark.parametrize(
    ("change", "field", "why"),
    [
        ({"transaction_id": msgspec.UNSET}, "transaction_id", "is missing"),
        ({"valu": 1}, "valu", "is no field of such an event"),
        ({"value": "secret"}, "value", "is not a number"),
        ({"value": -1}, "value", "is negative"),
        ({"value": 12.505}, "value", "has more than 2 decimals, more than EUR has"),
        ({"value": 10**13}, "value", "is beyond 1,000,000,000,000"),
        ({"currency": "EUX"}, "currency", "is none of ISO 4217"),
        ({"items": [ITEM, ITEM | {"price": -1}]}, "items[1].price", "is negative"),
        ({"items": [ITEM | {"secret": 1}]}, "items[0].secret", "is no field of such an event"),
        ({"customer": "x" * 257}, "customer", "is not valid: expected `str` of length <= 256"),
        ({"customer": True}, "customer", "is not valid: expected `int | str | null`, got `bool`"),
        ({"time": "2026-02-30"}, "time", "is no date and time of ISO 8601, as in 2026-03-01T09:30:00+01:00"),
        ({"time": "2026-03-01T09:30:00"}, "time", "has no time zone, as in 2026-03-01T09:30:00+01:00"),
        ({"time": -1}, "time", "is before 1970 or far in the future"),
        ({"time": NOW + AHEAD_MS + 1}, "time", "lies in the future"),
        ({"type": "page_view"}, "type", "is none that a server may say"),
        ({"type": "order_state", "state": "secret"}, "value", "is no field of such an event"),
    ],
)
def test_what_is_wrong_is_said_with_its_field_and_no_value(change: dict[str, Any], field: str, why: str) -> None:
    event = {name: value for name, value in (BOUGHT | change).items() if value is not msgspec.UNSET}
    if change.get("type") == "page_view":
        event = EVENT | {"type": "page_view", "customer": "K"}
    with pytest.raises(Refused) as refused:
        said(event)
    assert (refused.value.field, refused.value.why) == (field, why)
    assert "secret" not in str(refused.value) or field.endswith("secret")


def test_a_value_that_is_none_of_a_list_is_not_repeated() -> None:
    with pytest.raises(Refused) as refused:
        said(EVENT | {"type": "order_state", "transaction_id": "N", "state": "secret"})
    assert str(refused.value) == "state has a value that is none of those it may have"


def test_an_event_about_nobody_is_refused() -> None:
    with pytest.raises(Refused, match="customer is missing"):
        said(EVENT | {"type": "login"})
    assert said(EVENT | {"type": "refund", "transaction_id": "N1", "refund_id": "R"}).fact.customer == ""
    with pytest.raises(Refused, match="type is none that an import may say"):
        said(EVENT | {"type": "login", "customer": "K"}, IMPORT)


def test_an_event_about_a_customer_and_a_visitor_is_the_customers() -> None:
    fact, _ = said(EVENT | {"type": "login", "customer": "K", "visitor": "visitor-1"})
    assert (fact.home, fact.customer, fact.visitor) == (customer_id(SECRET, "K"), customer_id(SECRET, "K"), "visitor-1")


def test_times_without_a_zone_are_those_of_an_import() -> None:
    assert said(BOUGHT | {"time": "2026-03-01T09:30:00"}, IMPORT).fact.time == 1_772_353_800_000
    assert said(BOUGHT | {"time": "2026-03-01T08:30:00Z"}).fact.time == 1_772_353_800_000
    assert said(BOUGHT | {"time": NOW + AHEAD_MS}).fact.time == NOW
    fact, _ = said(EVENT | {"type": "agreement", "agreement_id": "A", "customer": "K", "end": "2027-03-01T08:30:00Z"})
    assert fact.body == {"end": 1_803_889_800_000}


def test_a_table_says_numbers_as_texts() -> None:
    with pytest.raises(Refused, match="type is missing"):
        converted({"id": "1", "time": 1})
    with pytest.raises(Refused, match="amount is not valid"):
        converted(EVENT | {"type": "points", "entry_id": "1", "amount": "-5", "customer": "K"})
    assert converted(EVENT | {"type": "points", "entry_id": "1", "amount": "-5", "customer": "K"}, is_text=True)


@pytest.mark.parametrize("type", sorted(FIELDS))
def test_every_type_of_the_vocabulary_is_read(type: str) -> None:
    """With its required fields alone."""
    values: dict[str, Any] = {"customer": "K1", "currency": "EUR", "value": 1, "level": "full", "state": "paid"}
    values |= {"allowed": True, "amount": 5, "items": [ITEM], "other": "K2"}
    needed = {field.name for field in msgspec.structs.fields(FIELDS[type]) if field.required} | {"customer"}
    event = {name: values.get(name, f"{name}-1") for name in needed} | EVENT | {"type": type}
    if type in ("add_to_cart", "remove_from_cart", "view_cart"):
        event["currency"] = "EUR"
    assert said(event).fact.type == type
