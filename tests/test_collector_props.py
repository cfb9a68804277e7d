"""Properties of an event: valid ones are kept and cleaned, others are dropped with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.policy import Policy
from collector.props import Dropped, clean_props
from wakeline.event import MAX_ITEM_PROPS, MAX_PROP_NAME, MAX_PROP_TEXT, MAX_PROPS
from wakeline.labels import REDACTED
from wakeline.record import Event, decode_record, encode_record
from wakeline.settings import Site


def kept(props: Any) -> tuple[Any, list[str]]:
    dropped: list[Dropped] = []
    cleaned = clean_props(props, dropped)
    return cleaned, [reason.value for reason in dropped]


def test_props_are_cleaned_at_any_depth_and_other_numbers_are_left_alone() -> None:
    props = {
        "me@mail.example": "4111111111111111",
        "price": 9.5,
        "count": 4111111111111112,
        "at": [1_790_000_000_005, 1_790_000_000_000_002, -4111111111111112, 1e300],
        "card": [
            -4111111111111111,
            4111111111111111,
            4111111111111111.0,
            {"deep": 340000000000009},
            6205500000000000004,
        ],
        "items": [{"note": "a\u202e@"}, "me%40mail.example", None, True],
    }
    assert kept(props) == (
        {
            REDACTED: REDACTED,
            "price": 9.5,
            "count": 4111111111111112,
            "at": [1_790_000_000_005, 1_790_000_000_000_002, -4111111111111112, 1e300],
            "card": [REDACTED, REDACTED, REDACTED, {"deep": REDACTED}, REDACTED],
            "items": [{"note": "a@"}, REDACTED, None, True],
        },
        [],
    )


CARD = "4111111111111111"
FIELDS: dict[str, tuple[str, Any, Any]] = {
    "an order's number": ("order", CARD, CARD),
    "an order's number, as a number": ("order", int(CARD), int(CARD)),
    "in groups": ("order_id", "4111-1111-1111-1111", "4111-1111-1111-1111"),
    "typed with spaces": ("order", "4111 1111 1111 1111", REDACTED),
    "an e-mail address for an order": ("order", "me@mail.example", REDACTED),
    "products": ("products", [CARD, int(CARD)], [CARD, int(CARD)]),
    "an item's id": ("items", [{"item_id": CARD, "note": CARD}], [{"item_id": CARD, "note": REDACTED}]),
    "a note": ("note", CARD, REDACTED),
    "a price": ("price", CARD, REDACTED),
    "a price that JavaScript made": ("price", "0.5500005555555559", "0.5500005555555559"),
    "a rating that JavaScript made": ("rating", "0.5500005555555559", "0.5500005555555559"),
    "a card's number": ("card_number", CARD, REDACTED),
    "an address with an article": ("url", "https://x.example/p/4000000000006", "https://x.example/p/4000000000006"),
    "an address with a card": ("url", f"https://x.example/p/{CARD}", f"https://x.example/p/{REDACTED}"),
}


@pytest.mark.parametrize(("name", "value", "wanted"), FIELDS.values(), ids=FIELDS)
def test_a_card_is_looked_for_by_field(name: str, value: Any, wanted: Any) -> None:
    assert kept({name: value}) == ({name: wanted}, [])


ROWS: dict[str, tuple[Any, Any, list[str]]] = {
    "a list in an item": ({"items": [{"a": 1, "b": [1]}]}, {"items": [{"a": 1}]}, ["nested"]),
    "an object in an item": ({"items": [{"a": 1, "b": {"c": 1}}]}, {"items": [{"a": 1}]}, ["nested"]),
    "a list in a list": ({"a": [1, [2], 3]}, {"a": [1, 3]}, ["nested"]),
    "an object": ({"a": {"b": 1}, "c": 2}, {"c": 2}, ["nested"]),
    "very deep": ({"a": [{"b": [[[{"c": []}]]]}]}, {"a": [{}]}, ["nested"]),
    "a long text": ({"a": "é" * 1_200}, {"a": "é" * MAX_PROP_TEXT}, ["too_long"]),
    "no name": ({"": 1, "a": 2}, {"a": 2}, ["bad_name"]),
    "a long name": ({"n" * MAX_PROP_NAME: 1, "n" * (MAX_PROP_NAME + 1): 2}, {"n" * MAX_PROP_NAME: 1}, ["bad_name"]),
    "an empty list of a shop in PHP": ([], {}, ["no_object"]),
    "a text": ("a=1", {}, ["no_object"]),
    "null": (None, {}, ["no_object"]),
    "a whole number beyond 64 bits": ({"a": 10**20}, {"a": 1e20}, []),
    "a whole number of 310 digits": ({"a": 10**309, "b": -(10**309)}, {}, ["bad_number"] * 2),
    "64 bits": ({"a": 2**63 - 1, "b": 1 - 2**63}, {"a": 2**63 - 1, "b": 1 - 2**63}, []),
}


@pytest.mark.parametrize(("props", "wanted", "reasons"), ROWS.values(), ids=ROWS)
def test_what_cannot_be_kept_is_left_out(props: Any, wanted: Any, reasons: list[str]) -> None:
    assert kept(props) == (wanted, reasons)


def test_of_too_many_properties_those_with_a_meaning_stay() -> None:
    """A refund whose value was left out would be one of everything."""
    many = {f"p{n}": n for n in range(40)}
    cleaned, dropped = kept(
        {**many, "value": 5, "transaction_id": "A-1", "items": [{**many, **{f"q{n}": 1 for n in range(40)}}]}
    )
    assert len(cleaned) == MAX_PROPS
    assert {"value", "transaction_id", "items", "p0"} < set(cleaned)
    assert len(cleaned["items"][0]) == MAX_ITEM_PROPS
    assert dropped == ["too_many"] * (43 - MAX_PROPS + 80 - MAX_ITEM_PROPS)


@pytest.mark.parametrize(
    ("props", "wanted"),
    [
        ({"u\u200brl": "/a"}, {"url": "/a"}),
        ({"pa\u00adth": "/a"}, {"path": "/a"}),
        ({"url": 5, "ur\u200bl": "x"}, {"url": "x"}),
        ({"or\u200bder": CARD, "pri\u200bce": "0.5500005555555559"}, {"order": CARD, "price": "0.5500005555555559"}),
    ],
    ids=ascii,
)
def test_a_property_is_what_its_name_is_once_it_is_clean(props: Any, wanted: Any) -> None:
    assert kept(props) == (wanted, [])
    assert Policy(Site(key="shop", masks=("/reset/*",))).props(props, []) == wanted


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=100) | st.text("@.%4013- +\u200b/:", max_size=40)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda deeper: st.lists(deeper, max_size=4) | st.dictionaries(TEXT, deeper, max_size=4),
    max_leaves=20,
)


@given(VALUE | st.dictionaries(TEXT, VALUE, max_size=5))
def test_whatever_comes_is_kept_as_a_record_can_hold_it(props: Any) -> None:
    cleaned, _ = kept(props)
    record = Event("demo", "v", "custom", "p", 0, 1, 1, "h", "/", props=cleaned)
    assert decode_record(encode_record(record)) == record
    for value in cleaned.values():
        for each in value if isinstance(value, list) else [value]:
            assert not isinstance(each, list)
            assert not isinstance(each, dict) or isinstance(value, list)
