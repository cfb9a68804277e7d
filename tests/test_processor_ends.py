"""An end of a customer that its lane tells again, as after a restored backup, is for nobody who was linked since."""

from __future__ import annotations

from typing import Any

import pytest

from crm.state import encode_visitor
from tests.aliased import A, V
from tests.lanes_apart import LANES, LanesApart
from tests.timeline import MINUTE, SECOND, START, Timeline, event
from wakeline.lanes import lane_of
from wakeline.record import Place, Unlink, encode_record

ERASED = START + 30 * SECOND


def end(place: Place) -> Unlink:
    return Unlink("shop", A, ERASED, noted=START + MINUTE, place=place)


def linked_since() -> LanesApart:
    """A browser that is linked after the end was heard, and was so before it, as is told late."""
    lanes = LanesApart()
    lanes.append(V, end((7, 0, 1)), MINUTE)
    lanes.append(V, event(V, "p", 0, 2 * MINUTE, "identify", customer=A), 2 * MINUTE)
    lanes.append(V, event(V, "q", 0, 10 * SECOND, "identify", customer=A), 3 * MINUTE)
    lanes.append(V, event(V, "q", 1, 4 * MINUTE, interests=["wool"]), 4 * MINUTE)
    lanes.settle(4 * MINUTE)
    assert lanes.visitor(V).state.linked == START + 10 * SECOND
    return lanes


@pytest.mark.parametrize(("place", "is_another"), [((7, 0, 1), False), ((6, 3, 9), False), ((7, 0, 2), True)])
def test_what_is_told_again_changes_nothing(place: Place, is_another: bool) -> None:
    lanes = linked_since()
    before = encode_visitor(lanes.visitor(V).state)
    lanes.append(V, end(place), 5 * MINUTE)
    lanes.settle(5 * MINUTE)
    assert (encode_visitor(lanes.visitor(V).state) != before) == is_another


async def test_the_place_of_the_latest_end_is_stored(made: Timeline) -> None:
    source = lane_of("shop", A, LANES)
    await made.append(event(V, "p", 0, 0, "identify", customer=A), at=0)
    for place in ((7, 0, 1), (9, 2, 1), (7, 0, 1)):
        await made.log.append([(made.lane(V), encode_record(end(place)))])
        await made.run()
    assert (await made.redis.hgetall(made.store.keys.hop(made.lane(V))))[f"end:{source}".encode()] == b"9:2:1"
    await made.start()
    worker: Any = made.workers[made.lane(V)]
    assert worker._memory.ends == {source: (9, 2, 1)}
