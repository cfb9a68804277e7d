"""What untrusted clients can make the server store: bytes in the log, profiles, and all available memory."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import Counter

from benchmarks.waiting import until
from tests.abuse.stage import Stage
from tests.abuse.wire import ORIGIN, SITE, envelope, event, flood, post, request
from tests.faults.outcome import Outcome
from tests.integration.kill.books import LANES
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.settings import Settings

ONE = "198.51.100.7"
MEGABYTE = 1_048_576
BURST_S = 10
REQUEST_BYTES = 4_096
LARGE = 300  # requests of 61 KB
OF_NEW = 200  # requests of 50 new visitors
A_DAY = Settings().new_profiles_a_day
ROOM_MB = 256  # for all that the flood leaves
MOST_EVENTS = 200_000  # by then the memory is full, or the row has failed
MOST_SHARE = 0.98  # of maxmemory: what is left was never needed


async def by_one_address(stage: Stage, outcome: Outcome) -> None:
    """Large requests count as several, and new visitors have a budget; neither stores more than allowed."""
    await stage.start("collector", "processor")
    large = [event(title="x" * 300, url=f"{ORIGIN}/{n}/{'y' * 870}") for n in range(50)]
    body = envelope(*large)
    began = time.monotonic()
    before = stage.redis.info("memory")["used_memory"]
    answers = await flood(stage.port, [request(body, X_Forwarded_For=ONE)] * LARGE)
    allowed = Settings().rate_limit * (BURST_S + time.monotonic() - began) * REQUEST_BYTES
    kept = sum(map(len, stage.records()))
    outcome.shows("a large request, KB", len(body) / 1_024)
    outcome.is_exactly("neither 202 nor 429", LARGE - answers[202] - answers[429], 0)
    outcome.at_most("left in the log, of 4 KB a request of its rate", kept / allowed, 1)
    outcome.at_most("memory of that, MB", (stage.redis.info("memory")["used_memory"] - before) / MEGABYTE, 12)
    another = "203.0.113.9"
    sent = [request(_new(50), X_Forwarded_For=another) for _ in range(OF_NEW)]
    answers = await flood(stage.port, sent, connections=2)
    while answers[202] < OF_NEW:  # that many come to more than it may send at once
        more = await flood(stage.port, sent[: OF_NEW - answers[202]], connections=1)
        answers = Counter({202: answers[202] + more[202]})
    await stage.settle()
    profiles = len(stage.stored(f"wl1:*:{SITE}:profile:visitor-new-*"))
    outcome.is_exactly("new visitors", 50 * OF_NEW, 10_000)
    outcome.at_most("profiles", profiles, A_DAY)
    outcome.at_least("profiles at least", profiles, A_DAY)
    outcome.is_exactly("ledger difference", stage.collected("ledger_difference"), 0)


async def memory(stage: Stage, outcome: Outcome) -> None:
    """Filled by invented visitors from many addresses: only counted, then 503, then back to normal."""
    stage.redis.config_set("maxmemory", stage.redis.info("memory")["used_memory"] + ROOM_MB * MEGABYTE)
    await stage.start("collector", "processor", "api")
    old = "visitor-who-was-here"
    assert await post(stage.port, request(envelope(event(visitor=old)))) == 202
    await stage.settle()
    answers: Counter[int] = Counter()
    steps, most = set(), 0.0
    number = itertools.count()
    step = 0.0
    while step < 2 and answers.total() * 50 < MOST_EVENTS:
        sent = [request(_new(50), X_Forwarded_For=f"10.{n >> 8 & 255}.{n & 255}.1") for n in _some(number, 40)]
        answers += await flood(stage.port, sent)
        step = stage.collected("memory_step")
        if step == 1 and 1 not in steps:
            assert await post(stage.port, request(envelope(event(visitor=old)))) == 202
        steps.add(step)
        most = max(most, _share(stage))
    answers += await flood(stage.port, [request(_new(50)) for _ in range(100)])
    await stage.settle()
    most = max(most, _share(stage))
    outcome.shows("events", 50 * answers.total())
    outcome.is_exactly("steps seen", len(steps - {0}), 2)
    outcome.at_least("answered 503", answers[503], 10)
    outcome.is_exactly("neither 202 nor 503", answers.total() - answers[202] - answers[503], 0)
    outcome.at_most("of the memory in use, at most", most, MOST_SHARE)
    outcome.at_most("accepted and not in the log", stage.collected("accepted_total") - stage.appended(), 0)
    outcome.is_exactly("in the log and not applied", stage.appended() - stage.applied(), 0)
    outcome.is_exactly("processor: out of memory, times", stage.logs()["processor"].lower().count("oom"), 0)
    lane = lane_of(SITE, old, LANES)
    outcome.is_exactly(
        "who has a profile goes on: views", int(stage.redis.hget(Keys().profile(lane, SITE, old), "page_views") or 0), 2
    )
    counted = int(stage.collected("counted_only_total", short_of="memory"))
    profiles = len(stage.stored(f"wl1:*:{SITE}:profile:visitor-new-*"))
    outcome.shows("only counted", counted)
    outcome.is_exactly("taken, not counted only and without a profile", 50 * answers[202] - profiles - counted + 1, 0)
    stage.redis.config_set("maxmemory", 4 * stage.redis.info("memory")["used_memory"])
    await until(lambda: stage.collected("memory_step") == 0, "there is room again")
    assert await post(stage.port, request(envelope(event(visitor="visitor-afterwards")))) == 202
    await stage.settle()
    outcome.is_exactly("then a new one has a profile", len(stage.stored(f"wl1:*:{SITE}:profile:visitor-afterwards")), 1)
    outcome.is_exactly("ledger difference", stage.collected("ledger_difference"), 0)


def _some(number: itertools.count[int], many: int) -> list[int]:
    return [next(number) for _ in range(many)]


def _share(stage: Stage) -> float:
    info = stage.redis.info("memory")
    return float(info["used_memory"] / info["maxmemory"])


def _new(visitors: int) -> bytes:
    return envelope(
        *(
            event(visitor=f"visitor-new-{secrets.token_hex(8)}", interests=["one", "two"], title="A page of the shop")
            for _ in range(visitors)
        )
    )
