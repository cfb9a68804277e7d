"""Stored fields of a visitor keep their names, whatever they are called in the code; those of before are read too."""

from __future__ import annotations

import msgspec
import pytest

from crm.state import STORED as names
from crm.state import Page, Session, Touch, VisitorState, decode_visitor, encode_state, encode_visitor

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
    again = msgspec.json.decode(encode_state(state))
    stored = msgspec.json.decode(STORED)
    assert again.keys() == stored.keys()
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
    (VisitorState(customer=ALICE, noted={ALICE: 7}), b'{"u":"@alice","q":{"":7}}'),
    (VisitorState(customer=ALICE, noted={BEN: 5, ALICE: 7}), b'{"u":"@alice","q":{"@ben":5,"@alice":7}}'),
    (VisitorState(customer=ALICE, noted={BEN: 5}), b'{"u":"@alice","q":{"@ben":5}}'),
    (VisitorState(noted={BEN: 5}), b'{"q":{"@ben":5}}'),
    (VisitorState(first=Touch(5, "google"), latest=Touch(5, "google")), b'{"b":[5,"google",""]}'),
    (VisitorState(first=Touch(5, "google"), latest=Touch(6)), b'{"b":[5,"google",""],"z":[6,"",""]}'),
]


@pytest.mark.parametrize(("state", "stored"), SHORTER)
def test_what_most_have_is_stored_in_short(state: VisitorState, stored: bytes) -> None:
    was = msgspec.json.encode(state)
    assert encode_visitor(state) == stored
    assert msgspec.json.encode(state) == was
    assert decode_visitor(stored) == state
