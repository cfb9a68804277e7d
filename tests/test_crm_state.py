"""Stored fields of a visitor keep their names, whatever they are called in the code."""

from __future__ import annotations

import msgspec

from crm.state import Page, Session, VisitorState, encode_state

STORED = (
    b'{"pages":{"p2":[3,"4",40,30,null,0.5]},"past":"\\np1 [1]","sessions":[[10,20,25,2]],"floor":7,"heard":50,'
    b'"first_seen":10}'
)


def test_a_state_is_read_and_written_as_ever() -> None:
    state = msgspec.json.decode(STORED, type=VisitorState)
    assert (state.set_aside_pages, state.forgotten_until, state.last_append) == ("\np1 [1]", 7, 50)
    assert state.pages["p2"] == Page(upto=3, seen_bitmap="4", last_heartbeat=40, left=30, pending=0.5)
    assert state.sessions == [Session(start=10, last=20, last_append=25, page_views=2)]
    again = msgspec.json.decode(encode_state(state))
    stored = msgspec.json.decode(STORED)
    assert again.keys() == stored.keys()
    assert {name: again[name] for name in ("past", "floor", "heard", "pages")} == {
        name: stored[name] for name in ("past", "floor", "heard", "pages")
    }
