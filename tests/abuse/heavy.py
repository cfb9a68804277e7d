"""Visitors with large states, and many people behind one address: the cost per event is bounded."""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from benchmarks.waiting import until
from processor.writes import MOST_BYTES
from tests.abuse.stage import Stage
from tests.abuse.wire import ORIGIN, SITE, event, flood, now_ms, post, request
from tests.faults.outcome import Outcome
from tests.integration.kill.books import LANES
from wakeline.keys import Keys
from wakeline.lanes import lane_of

VISITORS = 50
REQUESTS_OF_EACH = 14
PAGES_OF_REQUEST = 24
LAST_EVENT = 2_047
PER_S = 16  # requests, from one address, each with an event of every heavy visitor
SECONDS = 11
STATE_KB = 16.0
P99_MS = 300.0
LONG = "\u00e9" * 58  # an interest has 64 characters
EVERY_S = 0.05


async def visitors(stage: Stage, outcome: Outcome) -> None:
    """Fifty visitors with 14 requests each, then further events, while innocent visitors arrive one after the other."""
    await stage.start("collector", "processor")
    made = [_heavy(visitor, part) for visitor in range(VISITORS) for part in range(REQUESTS_OF_EACH)]
    taken = await flood(stage.port, made)
    await stage.settle()
    outcome.is_exactly("requests not taken", len(made) - taken[202], 0)
    names = Keys()
    states = [names.state(lane_of(SITE, _id(n), LANES), SITE, _id(n)) for n in range(VISITORS)]
    outcome.at_most("state, KB", max(stage.redis.memory_usage(key) or 0 for key in states) / 1_024, STATE_KB)
    before = _received(stage)
    attack = asyncio.create_task(_go_on(stage))
    found = await _innocent(stage, attack)
    sent = await attack
    await stage.settle()
    outcome.is_exactly("events not taken", SECONDS * PER_S * VISITORS - sent[202] * VISITORS, 0)
    events = sent[202] * VISITORS + len(found)
    outcome.at_most(
        "KB that reach Redis for an event", (_received(stage) - before) / events / 1_024, MOST_BYTES / 1_024
    )
    outcome.at_least("innocent visitors", len(found), 30)
    outcome.at_most("their profile, p99 ms", found[math.ceil(len(found) * 0.99) - 1], P99_MS)
    outcome.shows("p50 ms", found[len(found) // 2])
    outcome.is_exactly("too late", stage.counted("too_late"), 0)


def _id(number: int) -> str:
    return f"heavy-{number:04d}"


def _page(visitor: int, number: int) -> str:
    return f"page-{visitor:04d}-{number:04d}"


def _envelope(events: list[dict[str, Any]]) -> bytes:
    """Without JSON escapes, which would leave room for fewer letters."""
    made = {"site": SITE, "consent": "full", "sent": now_ms(), "events": events}
    return json.dumps(made, ensure_ascii=False).encode()


def _heavy(visitor: int, part: int) -> bytes:
    """Page views with unique interests, and the last possible event of each page."""
    events = []
    for number in range(part * PAGES_OF_REQUEST, (part + 1) * PAGES_OF_REQUEST):
        here = {"page": _page(visitor, number), "visitor": _id(visitor)}
        interests = [f"{visitor:02d}{number:03d}{more}{LONG}" for more in range(8)]
        events.append(event(interests=interests, url=f"{ORIGIN}/{number}", **here))
        events.append(event(type="ping", n=LAST_EVENT, **here))
    return request(_envelope(events), X_Forwarded_For=f"198.51.100.{visitor}")


async def _go_on(stage: Stage) -> Counter[int]:
    """Events on old and new pages of all visitors, at the highest rate allowed for one address."""
    rng = random.Random(1)
    found: Counter[int] = Counter()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(SECONDS * PER_S):
        await asyncio.sleep(max(0.0, began + number / PER_S - loop.time()))
        events = []
        for visitor in range(VISITORS):
            page = _page(visitor, rng.choice((rng.randrange(PAGES_OF_REQUEST * REQUESTS_OF_EACH), 1_000 + number)))
            events.append(event(type="search", n=rng.randrange(LAST_EVENT), page=page, visitor=_id(visitor)))
        found[await post(stage.port, request(_envelope(events), X_Forwarded_For="198.51.100.250"))] += 1
    return found


async def _innocent(stage: Stage, attack: asyncio.Task[Any]) -> list[float]:
    """Milliseconds from a first page view to its profile, sorted, for the duration of the attack."""
    found = []
    names = Keys()
    for number in range(SECONDS * round(1 / EVERY_S)):
        if attack.done():
            break
        visitor = f"innocent-{number:04d}"
        key = names.profile(lane_of(SITE, visitor, LANES), SITE, visitor)
        sent = request(_envelope([event(visitor=visitor)]), X_Forwarded_For=f"203.0.113.{number % 250}")
        began = time.monotonic()
        assert await post(stage.port, sent) == 202
        await until(lambda key=key: stage.redis.exists(key), "an innocent profile", within=60)  # type: ignore[misc]
        found.append((time.monotonic() - began) * 1_000)
        await asyncio.sleep(EVERY_S)
    return sorted(found)


def _received(stage: Stage) -> int:
    """Bytes received by the server since it started."""
    return int(stage.redis.info("stats")["total_net_input_bytes"])


# ---- an office ------------------------------------------------------------------------------------

PEOPLE = 1_000
MINUTE_MS = 60_000


async def office(stage: Stage, outcome: Outcome) -> None:
    """A thousand people behind one address, with the same browser, within 20 minutes; half of it repeated."""
    await stage.start("collector", "processor")
    began = now_ms() - 21 * MINUTE_MS
    views = [
        {"page": f"person-{n:06d}", "time": began + n * 20 * MINUTE_MS // PEOPLE, "url": f"{ORIGIN}/{n}"}
        for n in range(PEOPLE)
    ]
    taken: Counter[int] = Counter()
    for part in (views[::2], views):
        taken += await flood(stage.port, list(_of_office(part)))
        await stage.settle()
    outcome.is_exactly("requests not taken", sum(taken.values()) - taken[202], 0)
    outcome.is_exactly("too late", stage.counted("too_late"), 0)
    outcome.is_exactly("views, counted", stage.counted("applied"), PEOPLE)
    outcome.is_exactly("known as sent again", stage.counted("duplicate"), PEOPLE / 2)


def _of_office(views: list[dict[str, Any]]) -> Iterator[bytes]:
    for start in range(0, len(views), 25):
        made = [event(**view) for view in views[start : start + 25]]
        body = {"site": SITE, "consent": "anonymous", "sent": now_ms(), "events": made}
        yield request(json.dumps(body).encode(), X_Forwarded_For="198.51.100.7")
