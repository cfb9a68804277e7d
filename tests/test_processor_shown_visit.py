"""The visit in a profile is the one with the latest page view, open or ended, and is written when it changed."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from crm.state import STORED, Session, VisitorState, encode_state, encode_visitor
from processor.loaded import Loaded, visitor_of
from processor.replay import replay
from tests.timeline import MINUTE, SECOND, START, Timeline, event
from wakeline.keys import Keys
from wakeline.record import Event

V = "visitor-1"
HOUR = 60 * MINUTE


async def tell(made: Timeline, *events: Event, at: int | None = None) -> None:
    await made.append(*events, at=at)
    await made.run()


async def shown(made: Timeline, keys: Keys | None = None) -> dict[str, Any]:
    session: dict[str, Any] = json.loads((await made.profile(V, keys))["session"])
    return session


async def test_what_ended_stays_until_a_later_visit(made: Timeline) -> None:
    await tell(made, event(V, "a", 0, 0, path="/first"))
    await made.pass_time(HOUR)
    await made.start()  # from what is stored
    assert (await shown(made))["entry"] == "/first"
    await tell(made, event(V, "b", 0, 2 * HOUR, path="/second"))
    assert (await shown(made))["entry"] == "/second"
    await tell(made, event(V, "c", 0, -2 * HOUR, path="/queued"), at=2 * HOUR)
    assert (await shown(made))["entry"] == "/second"
    await made.pass_time(HOUR)
    await tell(made, event(V, "d", 0, -4 * HOUR, path="/queued-long"), at=4 * HOUR)
    assert (await shown(made))["entry"] == "/second"


async def test_a_visit_that_begins_and_ends_in_one_call_is_shown(made: Timeline) -> None:
    await tell(made, event(V, "a", 0, 0, path="/first"))
    await made.append(
        event(V, "b", 0, HOUR, path="/second"), event(V, "b", 1, HOUR + SECOND, "engagement", engaged_ms=7_000)
    )
    await made.append(event(V, "c", 0, 3 * HOUR, "ping"))
    await made.run()
    session = await shown(made)
    assert (session["entry"], session["engaged_ms"]) == ("/second", 7_000)
    for batch in (1, 2, 1_000):
        into = Keys(2 + batch)
        await replay(
            made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=into, batch_records=batch
        )
        assert await shown(made, into) == session


async def test_only_what_changed_a_visit_writes_it(made: Timeline) -> None:
    await tell(made, event(V, "a", 0, 0))
    key = made.store.keys.profile(made.lane(V), "shop", V)
    await made.redis.hset(key, "session", "not written")
    await tell(made, event(V, "a", 1, MINUTE, "ping"))
    assert (await made.profile(V))["session"] == "not written"
    await tell(made, event(V, "a", 2, 2 * MINUTE, "engagement", engaged_ms=7_000))
    assert (await shown(made))["engaged_ms"] == 7_000
    await made.redis.hset(key, "session", "not written")
    await made.pass_time(2 * HOUR)
    assert (await shown(made))["engaged_ms"] == 7_000


def test_the_ended_visit_of_an_earlier_version_is_later_than_others() -> None:
    ended = Session(START, START + SECOND, START, page_views=1, page_at=(START + SECOND, "p"))
    state = VisitorState(former_recent=ended, first_seen=START)
    found = visitor_of("shop", V, Loaded(encode_state(state), {}, 0))
    assert (found.state.last_shown, found.state.former_recent) == (START + SECOND, None)
    assert STORED["former_recent"] not in msgspec.msgpack.decode(encode_visitor(found.state))
