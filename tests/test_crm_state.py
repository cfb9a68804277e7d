"""Stored fields of a visitor or a customer keep their names, however the code calls them; former ones are read too."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crm.identity.state import STORED_COUNTS, STORED_CUSTOMER, CustomerState
from crm.state import STORED as names
from crm.state import (
    Page,
    Session,
    Touch,
    VisitorState,
    decode_customer,
    decode_visitor,
    encode_customer,
    encode_visitor,
)
from wakeline.account import Account, Booking
from wakeline.kept import Kept
from wakeline.profile_fields import COUNTS
from wakeline.record_fields import read_record
from wakeline.stored_state import part_of

STORED = b'{"p":{"p2":[3,"4",40,30,null,0.5]},"P":"\\np1 [1]","s":[[10,20,25,2]],"f":7,"a":50,"F":10}'
FORMER = (
    b'{"pages":{"p2":[3,"4",40,30,null,0.5]},"past":"\\np1 [1]","sessions":[[10,20,25,2]],"floor":7,"heard":50,'
    b'"first_seen":10}'
)


def test_a_state_is_read_and_written_as_ever() -> None:
    state = decode_visitor(STORED)
    assert (state.set_aside_pages, state.forgotten_until, state.last_append) == ("\np1 [1]", 7, 50)
    assert state.pages["p2"] == Page(upto=3, seen_bitmap="4", last_heartbeat=40, left=30, pending=0.5)
    assert state.sessions == [Session(start=10, last=20, last_append=25, page_views=2)]
    again = msgspec.msgpack.decode(encode_visitor(state))
    stored = msgspec.json.decode(STORED)
    assert again.keys() == stored.keys()
    stored["p"]["p2"] += [0, 0]  # scroll and `measured`, of which former versions kept nothing
    assert {name: again[name] for name in ("P", "f", "a", "p")} == {name: stored[name] for name in ("P", "f", "a", "p")}


@pytest.mark.parametrize(
    ("former", "stored"), [(FORMER, STORED), (b"{}", b"{}"), (b'{"os":"iOS"}', b'{"O":"iOS"}'), (b'{"gone":1}', b"{}")]
)
def test_a_state_with_the_names_of_earlier_versions_is_the_same(former: bytes, stored: bytes) -> None:
    assert decode_visitor(former) == decode_visitor(stored)


def test_each_letter_is_of_one_field() -> None:
    """By its length a name tells which version stored it."""
    assert set(names) <= {field.name for field in msgspec.structs.fields(VisitorState)}
    assert {len(short) for short in names.values()} == {1}
    assert len(set(names.values())) == len(names)


ALICE, BEN = "@alice", "@ben"
SHORTER = [
    (VisitorState(customer=ALICE, noted={ALICE: 7}), {"u": "@alice", "q": {"": 7}}),
    (VisitorState(customer=ALICE, noted={BEN: 5, ALICE: 7}), {"u": "@alice", "q": {"@ben": 5, "@alice": 7}}),
    (VisitorState(customer=ALICE, noted={BEN: 5}), {"u": "@alice", "q": {"@ben": 5}}),
    (VisitorState(noted={BEN: 5}), {"q": {"@ben": 5}}),
    (VisitorState(first=Touch(5, "google"), latest=Touch(5, "google")), {"b": [5, "google", "", [""] * 4]}),
    (
        VisitorState(first=Touch(5, "google"), latest=Touch(6)),
        {"b": [5, "google", "", [""] * 4], "z": [6, "", "", [""] * 4]},
    ),
]


@pytest.mark.parametrize(("state", "stored"), SHORTER)
def test_what_most_have_is_stored_in_short(state: VisitorState, stored: dict[str, Any]) -> None:
    was = msgspec.json.encode(state)
    packed = encode_visitor(state)
    assert msgspec.msgpack.decode(packed) == stored
    assert msgspec.json.encode(state) == was
    assert decode_visitor(packed) == decode_visitor(msgspec.json.encode(stored)) == state


CUSTOMER = CustomerState(["v"], {"v": 3, "added later": 1}, 10, heard=20, record=[Kept("d", 1, 5, {"tag:a": True})])
OF_CUSTOMER = msgspec.msgpack.encode(
    {"v": ["v"], "c": {"v": 3, "added later": 1}, "F": 10, "h": 20, "r": [["d", 1, 5, {"tag:a": True}]]}
)
OF_CUSTOMER_BEFORE = (
    b'{"visitors":["v"],"counts":{"visits":3,"added later":1},"first_seen":10,"heard":20,'
    b'"record":[["d",1,5,{"tag:a":true}]]}'
)


def test_a_customer_is_written_in_short_and_read_as_ever() -> None:
    assert msgspec.msgpack.decode(encode_customer(CUSTOMER)) == msgspec.msgpack.decode(OF_CUSTOMER)
    assert CUSTOMER.named_counts() == {"visits": 3, "added later": 1}
    assert decode_customer(OF_CUSTOMER) == decode_customer(OF_CUSTOMER_BEFORE) == CUSTOMER


@pytest.mark.parametrize("field", [field.name for field in msgspec.structs.fields(CustomerState)])
def test_each_field_of_a_customer_of_before_is_read(field: str) -> None:
    values: dict[str, Any] = {"visitors": ["v"], "counts": {"events": 2}, "record": CUSTOMER.record, "aliases": ["@b"]}
    is_text = field in ("source", "facts", "into")
    values["account"] = Account({"#a": Booking(1, 2, "EUR", 3)})
    value = values.get(field, "text" if is_text else 7)
    state = decode_customer(msgspec.json.encode({field: value}))
    assert (state.named_counts() if field == "counts" else getattr(state, field)) == value
    assert decode_customer(encode_customer(state)) == state
    assert len(STORED_CUSTOMER[field]) == 1


def test_no_two_fields_of_a_customer_share_a_letter() -> None:
    assert len(set(STORED_CUSTOMER.values())) == len(STORED_CUSTOMER)
    assert set(STORED_COUNTS) == {count.name for count in COUNTS}
    assert len(set(STORED_COUNTS.values())) == len(STORED_COUNTS)


def test_the_record_of_a_customer_is_read_from_either_form() -> None:
    found = read_record(part_of(OF_CUSTOMER).record)
    assert found is not None
    assert found == read_record(part_of(OF_CUSTOMER_BEFORE).record)
    assert found.tags == ("a",)
    assert read_record(part_of(b"{}").record) is None
