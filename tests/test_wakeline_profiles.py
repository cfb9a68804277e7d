"""The profile readers, on a real server filled according to the hash's contract."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from rich.console import Console

from ops.cli.profile_view import profile_view
from wakeline import keys, profiles
from wakeline.decay import stored
from wakeline.definitions import SESSION_GAP_MS
from wakeline.durations import DAY_MS
from wakeline.identity import customer_id
from wakeline.lanes import NoDeployment, lane_of
from wakeline.profiles import AsyncProfiles, Interest, Profile, Profiles, Session, Source

LANES = 16
ZERO = 1_760_000_000_000
HALF_LIFE = 7 * DAY_MS
NOW = ZERO + 14 * DAY_MS
VISITOR = "q7QmVnZ3bGkd0yHkXo1F2w"

Read = Callable[..., Awaitable[Profile | None]]


@pytest.fixture
def server(redis_server: Any) -> Any:
    with redis.Redis(port=redis_server.port) as client:
        client.hset(keys.DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": ZERO, "half_life": HALF_LIFE})
        yield redis_server, client


@pytest.fixture(params=["sync", "async"])
async def read(request: pytest.FixtureRequest, server: Any) -> AsyncIterator[Read]:
    """`read` of both readers under one signature."""
    url = server[0].url
    if request.param == "async":
        async with AsyncProfiles(url) as reader:
            yield reader.read
        return
    with Profiles(url) as reader:

        async def read(*args: Any, **named: Any) -> Profile | None:
            return reader.read(*args, **named)

        yield read


def write(client: redis.Redis, id: str, fields: dict[str, Any], interests: dict[str, float] | None = None) -> None:
    """As the processor does."""
    lane = lane_of("shop", id, LANES)
    client.hset(keys.Keys().profile(lane, "shop", id), mapping=fields)
    if interests:
        scores = {name: stored(w, at=NOW, zero=ZERO, half_life=HALF_LIFE) for name, w in interests.items()}
        client.zadd(keys.Keys().interests(lane, "shop", id), scores)


def visitor_fields(*, last: int = NOW) -> dict[str, Any]:
    session = {"start": NOW - 600_000, "last": last, "page_views": 4, "engaged_ms": 61_500}
    return {
        "first_seen": NOW - 5 * DAY_MS,
        "last_seen": last,
        "visits": 3,
        "page_views": 21,
        "engaged_ms": 184_250,
        "events": 6,
        "device": "mobile",
        "browser": "Firefox",
        "os": "Android",
        "country": "DE",
        "customer": "@0123456789abcdef0123456789abcdef",
        "first_source": "search.example",
        "first_campaign": "",
        "last_source": "newsletter",
        "last_campaign": "spring",
        "session": json.dumps(
            session | {"entry": "/", "page": "/lamps/arc", "source": "newsletter", "campaign": "spring"}
        ),
    }


async def test_a_visitor_is_read_with_every_field(server: Any, read: Read) -> None:
    write(server[1], VISITOR, visitor_fields(), {"lamps": 8.0, "chairs": 2.0})
    assert await read("shop", VISITOR, now=NOW) == Profile(
        site="shop",
        id=VISITOR,
        customer="@0123456789abcdef0123456789abcdef",
        visitors=(),
        first_seen=datetime.fromtimestamp((NOW - 5 * DAY_MS) / 1000, UTC),
        last_seen=datetime.fromtimestamp(NOW / 1000, UTC),
        visits=3,
        page_views=21,
        engaged_seconds=184.25,
        events=6,
        session=Session(
            started=datetime.fromtimestamp((NOW - 600_000) / 1000, UTC),
            last=datetime.fromtimestamp(NOW / 1000, UTC),
            page_views=4,
            engaged_seconds=61.5,
            entry="/",
            page="/lamps/arc",
            source="newsletter",
            campaign="spring",
        ),
        first_source=Source("search.example", ""),
        last_source=Source("newsletter", "spring"),
        device="mobile",
        browser="Firefox",
        os="Android",
        country="DE",
        interests=(Interest("lamps", 8.0), Interest("chairs", 2.0)),
    )


async def test_a_customer_has_no_first_source(server: Any, read: Read) -> None:
    """Each of its browsers has one of its own, and what is not known is not said."""
    fields = {"first_seen": NOW, "last_seen": NOW, "last_source": "direct"}
    id = customer_id("0123456789abcdef", "c1")
    write(server[1], id, fields, {})
    found = await read("shop", id, now=NOW)
    assert found
    assert (found.first_source, found.last_source) == (None, Source("direct", ""))
    text = StringIO()
    Console(file=text, width=120).print(profile_view(found))
    assert "last direct" in text.getvalue()
    assert "first direct" not in text.getvalue()


async def test_interests_halve_with_each_half_life(server: Any, read: Read) -> None:
    write(server[1], VISITOR, visitor_fields(), {"lamps": 8.0, "chairs": 2.0})
    found = await read("shop", VISITOR, now=NOW + 2 * HALF_LIFE)
    assert found
    assert [(each.name, pytest.approx(each.score)) for each in found.interests] == [("lamps", 2.0), ("chairs", 0.5)]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        pytest.param(0, [], id="none asked, none given"),
        pytest.param(2, ["tag 11", "tag 10"], id="the strongest"),
        pytest.param(99, [f"tag {i}" for i in range(11, 0, -1)], id="all that are above 0"),
    ],
)
async def test_as_many_interests_as_asked_for(server: Any, read: Read, asked: int, names: list[str]) -> None:
    write(server[1], VISITOR, visitor_fields(), {f"tag {i}": float(i) for i in range(12)})
    found = await read("shop", VISITOR, interests=asked, now=NOW)
    assert found
    assert [each.name for each in found.interests] == names


@pytest.mark.parametrize(
    ("after_ms", "is_open"),
    [
        pytest.param(-60_000, True, id="the reader's clock is behind"),
        pytest.param(SESSION_GAP_MS - 1, True, id="just within half an hour"),
        pytest.param(SESSION_GAP_MS, False, id="half an hour after the last sign"),
    ],
)
async def test_a_session_ends_half_an_hour_after_its_last_sign(
    server: Any, read: Read, after_ms: int, is_open: bool
) -> None:
    write(server[1], VISITOR, visitor_fields())
    found = await read("shop", VISITOR, now=NOW + after_ms)
    assert found
    assert (found.session is not None) == is_open


async def test_a_customer_is_read_by_the_sites_own_id(server: Any) -> None:
    id = customer_id("s3cret", "jo@shop.example")
    fields = {"first_seen": 1, "last_seen": 2, "page_views": 30, "visitors": json.dumps([VISITOR, "b" * 22])}
    write(server[1], id, fields, {"lamps": 1.0})
    with Profiles(server[0].url) as reader:
        found = reader.read_customer("shop", "jo@shop.example", "s3cret", now=NOW)
        assert reader.read_customer("shop", "jo@shop.example", "another secret") is None
    async with AsyncProfiles(server[0].url) as reader:
        assert await reader.read_customer("shop", "jo@shop.example", "s3cret", now=NOW) == found
    assert found
    assert (found.id, found.page_views, found.visitors) == (id, 30, (VISITOR, "b" * 22))
    assert (found.session, found.customer, found.device, found.visits) == (None, None, "", 0)


@pytest.mark.parametrize("id", ["", "never-seen-visitor-01", "a b\r\nDEL x", "ü" * 300, "wl1:{3}:lane"])
async def test_who_is_unknown_has_no_profile(read: Read, id: str) -> None:
    assert await read("shop", id) is None


async def test_a_redis_that_wakeline_never_used_is_named_as_such(server: Any, read: Read) -> None:
    server[1].flushall()
    with pytest.raises(NoDeployment, match="no deployment yet"):
        await read("shop", VISITOR)


async def test_one_read_is_one_round_trip_and_changes_nothing(server: Any, read: Read) -> None:
    write(server[1], VISITOR, visitor_fields(), {"lamps": 8.0})
    await read("shop", VISITOR)  # the first one asks for the deployment
    server[1].config_resetstat()
    before = server[1].info("persistence")["rdb_changes_since_last_save"]
    await read("shop", VISITOR)
    calls = {name: numbers["calls"] for name, numbers in server[1].info("commandstats").items()}
    asked = {"cmdstat_eval": 1, "cmdstat_hgetall": 1, "cmdstat_zrevrangebyscore": 1}
    assert {
        name: count for name, count in calls.items() if name not in ("cmdstat_info", "cmdstat_config|resetstat")
    } == asked
    assert server[1].info("persistence")["rdb_changes_since_last_save"] == before


async def test_a_reader_follows_a_switch_to_another_version_of_the_keys(
    server: Any, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks again when a second has passed, so that a read is one round trip."""
    clock = [0.0]
    monkeypatch.setattr(profiles, "time", SimpleNamespace(monotonic=lambda: clock[0], time_ns=time.time_ns))
    _, client = server
    lane = lane_of("shop", VISITOR, LANES)
    for version in (1, 2):
        client.hset(keys.Keys(version).profile(lane, "shop", VISITOR), mapping={"first_seen": 1, "visits": version})
    visits = []
    for now, version in ((0.0, None), (0.9, 2), (1.1, 2), (2.0, 1), (2.2, 1)):
        clock[0] = now
        if version:
            client.hset(keys.DEPLOYMENT, "version", version)
        found = await read("shop", VISITOR)
        assert found
        visits.append(found.visits)
    assert visits == [1, 1, 2, 2, 1]
