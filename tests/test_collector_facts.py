"""Whatever a server or an import says becomes a record or a refusal in words; nothing else, and no value is repeated
or kept raw.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.facts import Facts, Made
from collector.props import clean_props
from collector.shop import read_shop
from collector.shop_steps import put_order
from collector.told import Bad, convert_told, decode_told, id_of
from processor.batch import decoded
from tests.collector_stand import DAY, NOON, SECRET, SITE
from tests.thorough import cases
from wakeline.event import Refusal, WireEvent
from wakeline.identity import customer_id
from wakeline.log import Entry
from wakeline.record import Erase, Event, Fact, decode_record, encode_record
from wakeline.vocabulary.fields import FIELDS, Custom
from wakeline.vocabulary.things import ORDER, is_thing, thing_id
from wakeline.vocabulary.types import BY_NAME, By

EMAIL, CARD = "ann@shop.example", "4111 1111 1111 1111"
TEXTS = st.one_of(
    st.sampled_from(
        ("", " ", "EUR", "jpy", "1.5", "-1", "1e5", "1e999999", "nan", "undefined", "full", "paid", "mail", "a" * 300)
    ),
    st.sampled_from(("2026-09-21T11:00:00Z", "2026-09-21", "@\N{GRINNING FACE}", "\u200b", "a\u0000b", "%40", EMAIL)),
    st.just(f"paid with {CARD}"),
    st.text(max_size=20),
)
NUMBERS = st.one_of(
    st.sampled_from((0, 1, -1, 2.5, NOON, NOON + 10**6, NOON // 1000, 10**18, 4111111111111111, 1e12, 1e300, -0.0)),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
)
PLAIN = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
ITEM = st.fixed_dictionaries(
    {"item_id": TEXTS}, optional=dict.fromkeys(("price", "cost", "quantity", "item_name", "discount", "sku"), PLAIN)
)
VALUES = st.one_of(
    PLAIN, st.lists(PLAIN, max_size=3), st.lists(ITEM, max_size=3), st.dictionaries(TEXTS, PLAIN, max_size=3)
)
LABEL = st.sampled_from(("paid", "x", EMAIL, CARD, "a" * 128, "\N{GRINNING FACE}"))
AMOUNT = st.one_of(st.integers(0, 10**6), st.floats(0, 1e6).map(lambda value: round(value, 2)), st.just("12.50"))
TIME = st.sampled_from((NOON, NOON - 10**9, "2026-09-21T11:00:00Z"))
FITTING: dict[str, Any] = {
    "id": st.just("1"), "time": TIME, "customer": st.sampled_from(("jo", "@jo", 7)), "currency": st.just("EUR"),
    "items": st.lists(st.fixed_dictionaries({"item_id": LABEL}, optional={"price": AMOUNT, "item_name": LABEL})),
    "level": st.just("full"), "other": st.just("other"), "allowed": st.booleans(), "state": st.just("paid"),
    "amount": st.integers(-9, 9), "at": TIME, "start": TIME, "traits": st.dictionaries(LABEL, PLAIN, max_size=3),
    "attributes": st.dictionaries(LABEL, PLAIN, max_size=3), "props": st.dictionaries(TEXTS, VALUES, max_size=3),
    "visitor": st.just("visitor-1"), "categories": st.lists(LABEL, max_size=3), "satisfaction": st.integers(0, 10),
    **dict.fromkeys(("value", "tax", "shipping", "price", "cost", "discount", "value_before"), AMOUNT),
}  # fmt: skip


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly valid ones; each field may be something else, or missing."""
    type = draw(st.sampled_from((*FIELDS, *FIELDS, *BY_NAME, "my own", "purchase\u200b", "")))
    fields = msgspec.structs.fields(FIELDS.get(type, Custom))
    event: dict[str, Any] = {"type": type}
    for field in (field for field in fields if field.name != "type"):
        if field.required or field.name in ("customer", "currency") or draw(st.integers(0, 3)) == 0:
            is_fitting = draw(st.integers(0, 30))
            event[field.name] = draw(FITTING.get(field.name, LABEL) if is_fitting else VALUES)
    if "customer" in event and not draw(st.integers(0, 5)):
        del event["customer"]
    if "currency" in event and all(field.name != "currency" for field in fields):
        del event["currency"]
    return event | (draw(st.dictionaries(st.sampled_from((EMAIL, "")), VALUES)) if not draw(st.integers(0, 20)) else {})


IMPORT = Facts(SITE, By.IMPORT, ZoneInfo("Europe/Berlin"))


def outcome(raw: bytes) -> Made | Bad:
    try:
        return Facts(SITE).made(decode_told(raw), [], now=NOON)
    except Bad as bad:
        return bad


def imported(event: dict[str, Any], *, is_text: bool = False) -> Made | Bad:
    try:
        return IMPORT.made(convert_told(event, By.IMPORT, is_text=is_text), [], now=NOON)
    except Bad as bad:
        return bad


def of_import(event: dict[str, Any], *, is_text: bool = False) -> Fact:
    """The record; the event needs no id and no time."""
    made = imported({"id": "1", "time": NOON - 1_000} | event, is_text=is_text)
    assert isinstance(made, Made), made
    assert isinstance(made.record, Fact)
    return made.record


def refused(event: dict[str, Any], *, is_text: bool = False) -> tuple[str, str, str]:
    bad = imported({"id": "1", "time": NOON - 1_000} | event, is_text=is_text)
    assert isinstance(bad, Bad), bad
    return bad.reason, bad.field, bad.message


@settings(max_examples=cases(400), deadline=None)
@given(events())
def test_an_event_is_a_clean_record_or_a_refusal_in_words(event: dict[str, Any]) -> None:
    raw = json.dumps(event).encode()
    made = outcome(raw)
    if isinstance(made, Bad):
        said = made.field + made.message
        assert made.message
        assert EMAIL not in said
        assert CARD not in said
        assert id_of(raw) in (event.get("id"), None)
        return
    home, record, card = made
    text = encode_record(record)
    assert decode_record(text) == record
    assert EMAIL.encode() not in text
    if isinstance(record, Erase):
        assert (record.id, record.time) == (home, NOON)
        return
    assert isinstance(record, Fact)
    assert record.home == home
    assert record.time <= record.received == NOON
    (folded,) = decoded([Entry(0, NOON, text)], {record.site})
    assert folded.record == record  # what is accepted is never a dead letter
    assert is_thing(home) or home in (record.customer, record.visitor)
    assert (card is not None) == bool(record.told or record.body.get("returns"))
    assert card is None or (card.customer == record.customer != "" and list(card.values) == record.told)


# ---- what imports say --------------------------------------------------------------------------------


@settings(max_examples=cases(400), deadline=None)
@given(events())
def test_an_import_says_the_same_as_a_server(event: dict[str, Any]) -> None:
    """The same record or refusal, but for who says it, and how far in the future a time may lie."""
    raw = json.dumps(event).encode()
    server, told = outcome(raw), imported(json.loads(raw))
    if isinstance(told, Bad) and told.reason is Refusal.NOT_YOURS:
        return
    if isinstance(server, Made) and isinstance(told, Made):
        assert isinstance(told.record, Fact)
        assert told.record.by == "import"
        assert b'"by"' not in encode_record(server.record)
        told.record.by = "server"
        assert told == server
    elif isinstance(server, Bad) and isinstance(told, Bad):
        assert (told.reason, told.field, told.message) == (server.reason, server.field, server.message)
    else:
        assert isinstance(server, Bad), told
        assert "time" in server.reason


@pytest.mark.parametrize("type", sorted(type for type in FIELDS if By.IMPORT in BY_NAME[type].by))
def test_every_type_of_an_import_needs_no_more_than_its_required_fields(type: str) -> None:
    values: dict[str, Any] = {"value": 1, "level": "full", "allowed": True, "amount": 5, "state": "paid"}
    values |= {"currency": "EUR", "topic": "news"}
    needed = {field.name for field in msgspec.structs.fields(FIELDS[type]) if field.required} | {"customer"}
    needed |= {"topic"} if type == "preference" else set()
    record = of_import({name: values.get(name, f"{name}-1") for name in needed - {"id", "time"}} | {"type": type})
    assert (record.type, record.by, record.customer) == (type, "import", customer_id(SECRET, "customer-1"))


@pytest.mark.parametrize("type", sorted(type for type in BY_NAME if By.IMPORT not in BY_NAME[type].by))
def test_what_an_import_may_not_say_is_refused(type: str) -> None:
    reason, field, message = refused({"type": type, "customer": "K"})
    assert (reason, field) == ("not_yours", "type")
    assert message.startswith(f"imports do not say {type}: ")


@pytest.mark.parametrize(
    ("time", "kept"),
    [
        ("2026-03-01T09:30:00", 1_772_353_800_000),
        ("2026-07-01", 1_782_856_800_000),
        ("2026-03-01T08:30:00Z", 1_772_353_800_000),
        (NOON + DAY, NOON),
    ],
)
def test_a_time_of_an_import_without_a_zone_is_of_its_own(time: Any, kept: int) -> None:
    assert (
        of_import({"type": "purchase", "transaction_id": "1", "value": 1, "currency": "EUR", "time": time}).time == kept
    )


def test_other_times_of_an_import_are_of_its_zone_too() -> None:
    said = {"type": "agreement", "agreement_id": "A", "customer": "K"}
    assert of_import(said | {"start": "2026-03-01T09:30:00"}).body == {"start": 1_772_353_800_000}
    assert of_import({"type": "order_state", "transaction_id": "1", "state": "paid", "at": NOON + DAY}).body == {
        "state": "paid",
        "at": NOON,
    }


def test_a_day_ahead_is_the_future_for_an_import_too() -> None:
    said = {"type": "customer", "customer": "K", "time": NOON + DAY + 1}
    assert refused(said) == ("bad_time", "time", "lies in the future")


def test_a_number_of_a_year_before_1974_is_no_number_of_seconds() -> None:
    """A text says its year; of a number nobody knows what it counts."""
    said = {"type": "customer", "customer": "K"}
    assert refused(said | {"time": "1971-01-01T00:00:00Z"})[0] == "too_old"
    assert refused(said | {"time": 1_000_000_000})[2].startswith("counts seconds")


def test_a_table_says_numbers_as_texts() -> None:
    points = {"type": "points", "entry_id": "1", "amount": "-5", "customer": "007"}
    assert refused(points) == ("bad_event", "amount", "is a text; it must be a whole number")
    record = of_import(points, is_text=True)
    assert (record.body, record.customer) == ({"amount": -5}, customer_id(SECRET, "007"))
    assert refused(points | {"amount": "secret"}, is_text=True) == (
        "bad_event",
        "amount",
        "is a text; it must be a whole number",
    )


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "my own", "customer": 10**5_000}, "has more than 256 digits"),
        ({"type": "contact", "contact_id": "1", "channel": "x", "minutes": 10**400}, "is too large a number"),
    ],
)
def test_numbers_of_any_size_are_refused_in_words(event: dict[str, Any], words: str) -> None:
    assert refused(event)[::2] == ("bad_event", words)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "customer", "traits": {"points": 1e17}}, "traits"),
        ({"type": "product", "item_id": "a", "attributes": {"weight": 1e300}}, "attributes"),
        ({"type": "product", "item_id": "a", "stock": -1e16}, "stock"),
        ({"type": "order_state", "transaction_id": "a", "state": "paid", "at": 0}, "at"),
        ({"type": "agreement", "agreement_id": "a", "start": "1970-01-01T00:00:00Z"}, "start"),
    ],
)
def test_what_the_fold_cannot_hold_is_refused_and_no_dead_letter(event: dict[str, Any], field: str) -> None:
    made = outcome(json.dumps({"id": "1", "time": NOON, "customer": "jo"} | event).encode())
    assert isinstance(made, Bad)
    assert made.field == field


def test_a_date_of_long_ago_is_none_in_seconds() -> None:
    agreement = {"id": "1", "type": "agreement", "time": NOON, "customer": "jo", "agreement_id": "a"}
    made = outcome(json.dumps(agreement | {"start": "1972-05-01T00:00:00Z"}).encode())
    assert isinstance(made, Made)
    assert isinstance(made.record, Fact)
    assert made.record.body["start"] == 73_526_400_000
    seconds = outcome(json.dumps(agreement | {"start": NOON // 1000}).encode())
    assert isinstance(seconds, Bad)
    assert "counts seconds" in seconds.message


def test_a_products_id_is_no_address() -> None:
    product = {"id": "1", "type": "product", "time": NOON, "item_id": EMAIL}
    made = outcome(json.dumps(product).encode())
    assert isinstance(made, Bad)
    assert made.field == "item_id"


SAME = ("A-1001", " A-1001 ", "A\u200b-1001", "\ufeffA-10\u00ad01\n")


@pytest.mark.parametrize("number", SAME)
def test_an_order_is_the_same_whoever_says_its_number(number: str) -> None:
    said = {"type": "purchase", "transaction_id": number, "value": 1, "currency": "EUR", "id": "1", "time": NOON}
    page = Event("shop", "visitor-1", "purchase", "page-1", 0, NOON, NOON, "shop.example", "/")
    page.props = clean_props({"transaction_id": number}, [])
    read_shop("purchase", {}, page.props, [])
    context: Any = SimpleNamespace(policy=SITE)
    put_order(WireEvent("purchase", "page-0001", 0, NOON, "https://shop.example/"), page, context)
    server = outcome(json.dumps(said).encode())
    told = imported(said)
    assert isinstance(server, Made)
    assert isinstance(told, Made)
    assert (page.order, server.home, told.home) == (thing_id(SECRET, ORDER, "A-1001"),) * 3
