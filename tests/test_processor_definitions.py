"""What is defined holds in each lane from its record on, for exactly what comes behind it."""

from __future__ import annotations

import json

import msgspec
import pytest

from processor.definitions import KEPT
from tests.defining import CONFIGURED, LANES, SECOND, THIRD, VISITORS, all_have, apply, defined, names, restart, view
from tests.timeline import MINUTE, Timeline
from wakeline.record import Definition, encode_record


@pytest.mark.parametrize("batch", [1, 7, 1_000])
async def test_it_holds_for_exactly_the_events_behind_its_record(made: Timeline, batch: int) -> None:
    """In every lane, with its record in the middle of a batch, also when the workers start anew behind it."""
    assert {made.lane(who) for who in VISITORS} == set(LANES)
    await view(made, "before", 0, "/bags/one")
    await apply(made, defined(1, *CONFIGURED))
    await view(made, "between", MINUTE, "/shoes/red")
    await apply(made, defined(2, *SECOND))
    await view(made, "behind", 2 * MINUTE, "/bags/two", VISITORS[::2])
    await made.run(batch=batch)
    wanted = [{"shoes", "bags"} if who in VISITORS[::2] else {"shoes"} for who in VISITORS]
    assert await names(made) == wanted
    weights = [await made.interests(who) for who in VISITORS[::2]]
    assert all(one["bags"] == pytest.approx(one["shoes"], rel=1e-3) for one in weights)  # of one view, not of two
    assert await made.top("interests", "d2027-01-15") == {"shoes": len(VISITORS), "bags": len(VISITORS) // 2}
    ledger = await made.ledger()
    assert ledger["derived"] == 2 * len(LANES)
    assert not ledger["dead"]
    await made.start()
    await view(made, "later", 3 * MINUTE, "/bags/three")
    await made.run(batch=batch)
    assert await names(made) == all_have("shoes", "bags")


async def test_the_configuration_counts_for_nothing_once_a_record_has_said_it(made: Timeline) -> None:
    """Until then it does, in each lane by itself."""
    await restart(made, "/bags/* Configured")
    await apply(made, defined(1, "/bags/* Recorded"), lanes=[0, 1])
    await view(made, "page", 0, "/bags/one")
    await made.run()
    wanted = [{"recorded"} if made.lane(who) in (0, 1) else {"configured"} for who in VISITORS]
    assert await names(made) == wanted
    await restart(made, "/bags/* Changed")
    await view(made, "again", MINUTE, "/bags/one")
    await made.run()
    wanted = [{"recorded"} if made.lane(who) in (0, 1) else {"configured", "changed"} for who in VISITORS]
    assert await names(made) == wanted


async def test_an_older_one_and_one_that_comes_again_change_nothing(made: Timeline) -> None:
    """One who was cut for long appends an old version behind a new one."""
    for record in (defined(1, *CONFIGURED), defined(2, *SECOND), defined(2, *SECOND), defined(1, *CONFIGURED)):
        await apply(made, record)
    await view(made, "page", 0, "/bags/one")
    await made.run()
    assert await names(made) == all_have("bags")
    await made.start()
    await view(made, "again", MINUTE, "/bags/two")
    await apply(made, defined(3, *THIRD))
    await view(made, "third", 2 * MINUTE, "/shoes/red")
    await made.run()
    assert await names(made) == all_have("bags", "red")


async def test_of_two_that_say_otherwise_under_one_version_the_later_holds(made: Timeline) -> None:
    """The second comes from a Redis that was older than the log."""
    await apply(made, defined(1, *CONFIGURED))
    await apply(made, defined(1, *SECOND))
    await view(made, "page", 0, "/bags/one")
    await made.run()
    assert await names(made) == all_have("bags")
    await made.start()
    await view(made, "again", MINUTE, "/shoes/red")
    await made.run()
    assert await names(made) == all_have("bags", "shoes")


async def test_what_cannot_hold_is_a_dead_letter_and_what_is_not_known_is_kept(made: Timeline) -> None:
    """Of a site or of a kind that this process does not know, another one may."""
    odd = [
        Definition("shop", "interests", 1, msgspec.Raw(b'[{"path":1}]')),
        Definition("shop", "interests", 0, msgspec.Raw(b"[]")),
        Definition("sh/op", "interests", 1, msgspec.Raw(b"[]")),
        Definition("shop", "In terests", 1, msgspec.Raw(b"[]")),
    ]
    await made.log.append([(0, encode_record(one)) for one in odd])
    for known in (defined(1, *SECOND, key="elsewhere"), defined(1, *SECOND, name="moons")):
        await made.log.append([(0, encode_record(known))])
    await view(made, "page", 0, "/shoes/red")
    await made.run()
    await made.start()
    assert await names(made) == all_have("shoes")
    ledger = await made.ledger()
    assert (ledger["dead"], ledger["derived"]) == (4, 2)
    assert await made.redis.hkeys(made.store.keys.definitions(0)) == [b"elsewhere/interests", b"shop/moons"]


async def test_a_lane_keeps_a_bounded_number_the_first_and_the_latest(made: Timeline) -> None:
    for version in range(1, 30):
        await made.log.append([(0, encode_record(defined(version, f"/{version} {version}")))])
    await made.run(batch=3)
    found = json.loads(await made.redis.hget(made.store.keys.definitions(0), "shop/interests"))
    assert [one["version"] for one in found["noted"]] == [1, *range(30 - KEPT, 30)]
