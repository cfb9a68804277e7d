"""Whatever a server says becomes a record or a refusal in words; nothing else, and no value is repeated or kept raw."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.facts import Facts, Made
from collector.told import Bad, decode_told, id_of
from tests.collector_stand import NOON, SITE
from wakeline.record import Erase, Fact, decode_record, encode_record
from wakeline.vocabulary.fields import FIELDS, Custom
from wakeline.vocabulary.things import is_thing
from wakeline.vocabulary.types import BY_NAME

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


def outcome(raw: bytes) -> Made | Bad:
    try:
        return Facts(SITE).made(decode_told(raw), [], now=NOON)
    except Bad as bad:
        return bad


@settings(max_examples=400, deadline=None)
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
    assert is_thing(home) or home in (record.customer, record.visitor)
    assert (card is not None) == bool(record.told)
    assert card is None or (card.customer == record.customer != "" and list(card.values) == record.told)
