"""Rules that say messages, and what the lanes have said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from crm import records, rules
from crm.out import Out
from crm.rules import Deadline
from crm.state import Customer, Visitor
from processor.replay import Replay
from processor.teller import Teller
from tests.timeline import Timeline
from wakeline import keys
from wakeline.record import CustomerShare, Event

TWICE = "/bags/one"


def view(event: Event, visitor: Visitor, out: Out) -> None:
    """Each view is said, one path twice."""
    if visitor.may_profile:
        for _ in range(1 + (event.path == TWICE)):
            out.say("viewed", visitor, {"path": event.path, "page": event.page})


@pytest.fixture
async def made(state: Any) -> AsyncIterator[Timeline]:
    """On a server and on a cluster."""
    found = Timeline(state.url)
    await found.start()
    yield found
    await found.close()


@pytest.fixture
def speaking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views, ends of visits and what customers hear are said, by whatever folds from here on."""
    (ends, *others), receive = rules.DEADLINES[Visitor], records.receive

    def end(visitor: Visitor, out: Out) -> None:
        ends.fire(visitor, out)
        if visitor.id[0] != "~" and visitor.state.first_seen:
            out.say("ended", visitor, {"visits": visitor.state.visits})

    def hear(share: CustomerShare, customer: Customer, out: Out) -> None:
        receive(share, customer, out)
        if not share.erased_at:
            out.say("heard", customer, {"visitor": share.visitor})

    monkeypatch.setattr(rules, "RULES", (*rules.RULES, ("views", view, ("page_view",))))
    monkeypatch.setitem(rules.DEADLINES, Visitor, (Deadline(ends.kind, ends.next, end), *others))
    monkeypatch.setattr(records, "receive", hear)


Entry = tuple[str, ...]  # id, who, kind, time, body


async def said(made: Timeline, *, stream: Callable[[int], str] = keys.lane_messages) -> dict[int, list[Entry]]:
    """By lane, what lies in its stream."""
    found = {}
    for lane in range(made.deployment.lanes):
        rows: Any = await made.redis.xrange(stream(lane))
        found[lane] = [(id.decode(), *(value.decode() for value in fields.values())) for id, fields in rows]
    return found


async def told(made: Timeline) -> list[dict[str, str]]:
    """What lies in the stream that others read."""
    rows: Any = await made.redis.xrange(keys.MESSAGES)
    return [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in rows]


async def tell(made: Timeline, teller: Teller | None = None) -> None:
    """By a process that has just started, unless another one is meant."""
    if teller is None:
        teller = Teller(made.redis, lanes=made.deployment.lanes, token="test")
        await teller.refresh()
    while await teller.move():
        pass


async def folded_anew(made: Timeline) -> dict[int, list[Entry]]:
    """By lane, what the log says if it is folded from its start to its end in one go; the lanes' streams are as before.

    It makes use of that a version which is not live keeps what no live one has said.
    """
    kept = await made.backup()
    anew = keys.Keys(99)
    for lane in range(made.deployment.lanes):
        await made.redis.set(keys.lane_said(lane), "0-0")
    replay = Replay(
        made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=anew, crosses=False,
        clock=lambda: made.now,
    )  # fmt: skip
    ends = await made.log.bounds(range(made.deployment.lanes))
    await replay.advance({lane: bounds.end for lane, bounds in ends.items()})
    found = await said(made, stream=anew.held)
    await made.restore(kept)
    return found
