"""Unlimited numbers of values: each is capped, and the excess is counted."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from benchmarks.exposition import Samples
from benchmarks.waiting import until
from tests.abuse.stage import Stage
from tests.abuse.wire import ORIGIN, SITE, envelope, event, flood, request
from tests.faults.outcome import Outcome
from tests.integration.kill.books import LANES
from wakeline import keys
from wakeline.keys import Keys, log_lane
from wakeline.lanes import lane_of
from wakeline.settings import Settings

EVENTS = 100_000
AT_ONCE = 50  # in one request
UNKNOWN_SITES = 100_000
LISTS = {  # family and label of a top list: values that one page view adds to it
    ("wakeline_page_views_window", "page"): 1,
    ("wakeline_visits_window", "source"): 1,
    ("wakeline_campaign_visits_window", "campaign"): 1,
    ("wakeline_interest_window", "interest"): 2,
}
WINDOWS = 1 + 2  # today, and at most two live ones
MOST_MB = {"collector": 24.0, "processor": 320.0, "api": 48.0}  # the processor remembers 64,000 visitors at most
AGAIN_MB = 24.0  # of the processor, once it remembers that many
LISTS_MB = 30.0  # in Redis, of all lanes, days and minutes


async def random_values(stage: Stage, outcome: Outcome) -> None:
    """Each event has unique page, campaign, source and interests; each of many requests a unique site."""
    await stage.start("collector", "processor", "api")
    await flood(stage.port, [_views(n) for n in range(40)])
    await stage.settle()
    before = {name: stage.megabytes(name) for name in MOST_MB}
    series = {name: _kinds(stage.told(name)) for name in MOST_MB}
    taken = await flood(stage.port, [_views(n) for n in range(EVENTS // AT_ONCE)])
    unknown = await flood(
        stage.port, [request(envelope(site=secrets.token_hex(8))) for _ in range(UNKNOWN_SITES)], connections=4
    )
    await stage.settle()
    views = EVENTS + 40 * AT_ONCE
    outcome.is_exactly("events not taken", EVENTS - AT_ONCE * taken[202], 0)
    outcome.is_exactly("unknown sites not answered 401", UNKNOWN_SITES - unknown[401], 0)
    await until(lambda: _today(stage.told("api"), *next(iter(LISTS))), "the api shows the lists")
    told = stage.told("api")
    most = (Settings().top_values + 1) * WINDOWS
    outcome.at_most("series of one list", max(len(_of(told, *each)) for each in LISTS), most)
    for (family, label), each in LISTS.items():
        shown = _today(told, family, label)
        outcome.is_exactly(f"{label}s that are lost to the sum", views * each - sum(shown.values()), 0)
        outcome.at_least(f"{label}s cut, counted as (other)", shown.get(keys.OTHER, 0), views * each / 2)
    for name in ("collector", "processor"):
        outcome.is_exactly(f"series more, {name}", len(_kinds(stage.told(name)) - series[name] - STATUSES), 0)
    top = stage.stored("wl1:*:top:*")
    outcome.at_most("members of one list in Redis", max(map(stage.redis.zcard, top)), keys.TOP_MEMBERS + 1)
    size = sum(stage.redis.memory_usage(key, samples=50) or 0 for key in top) / 1_048_576
    outcome.at_most("lists in Redis, MB", size, LISTS_MB)
    for name, megabytes in MOST_MB.items():
        outcome.at_most(f"memory of the {name}, MB more", stage.megabytes(name) - before[name], megabytes)
    full = stage.megabytes("processor")
    await flood(stage.port, [_views(n) for n in range(EVENTS // AT_ONCE // 2)])
    await stage.settle()
    outcome.at_most("and for 50,000 more, MB", stage.megabytes("processor") - full, AGAIN_MB)


STATUSES = {("wakeline_collector_requests_total", (("status", "401"),))}  # new, and bounded: HTTP has not many


def _views(number: int) -> bytes:
    events = []
    for _ in range(AT_ONCE):
        name = secrets.token_hex(6)
        events.append(
            event(
                visitor=f"visitor-{name}",
                url=f"{ORIGIN}/{name}?utm_source=s-{name}&utm_campaign=c-{name}&utm_{name}=x",
                interests=[f"i-{name}", f"j-{name}"],
                referrer=f"https://{name}.example/",
                title=name,
            )
        )
    return request(envelope(*events), X_Forwarded_For=f"10.1.{number >> 8 & 255}.{number & 255}")


def _kinds(told: Samples) -> set[Any]:
    return {key for key in told if key[0].startswith("wakeline_")}


def _of(told: Samples, family: str, label: str) -> dict[tuple[str, str], float]:
    """(window, value) -> count."""
    rows = ((dict(labels), count) for (name, labels), count in told.items() if name == family)
    return {(row["window"], row[label]): count for row, count in rows if row["site"] == SITE and label in row}


def _today(told: Samples, family: str, label: str) -> dict[str, float]:
    return {value: count for (window, value), count in _of(told, family, label).items() if window == "today"}


# ---- one visitor ----------------------------------------------------------------------------------

VISITOR = "visitor-without-end"
EVENTS_OF_PAGE = 100
STATE_KB = 16.0
PROFILE_KB = 16.0
INTERESTS = 64


async def one_visitor(stage: Stage, outcome: Outcome) -> None:
    """A thousand page instances with a hundred events each, all with unique interests.

    All are in the log before the processor starts, as a large batch must evict the most at once.
    """
    await stage.start("collector")
    taken = await flood(stage.port, list(_endless()), connections=1)
    await stage.start("processor")
    await stage.settle()
    names, lane = Keys(), lane_of(SITE, VISITOR, LANES)
    profile = names.profile(lane, SITE, VISITOR)
    page_views, events = (int(stage.redis.hget(profile, name) or 0) for name in ("page_views", "events"))
    outcome.is_exactly("events not taken", EVENTS - AT_ONCE * taken[202], 0)
    outcome.is_exactly("not in its profile", EVENTS - page_views - events, 0)
    outcome.at_most("state, KB", _kilobytes(stage, names.state(lane, SITE, VISITOR)), STATE_KB)
    outcome.at_most("profile, KB", _kilobytes(stage, profile), PROFILE_KB)
    outcome.at_most("interests, KB", _kilobytes(stage, names.interests(lane, SITE, VISITOR)), PROFILE_KB)
    outcome.at_most("interests", stage.redis.zcard(names.interests(lane, SITE, VISITOR)), INTERESTS)
    mine = [key for key in stage.stored(f"*{VISITOR}*") if key != log_lane(lane)]
    outcome.at_most("keys", len(mine), 5)  # its state, profile, interests, and pages: those of two days about midnight


def _kilobytes(stage: Stage, key: str) -> float:
    return (stage.redis.memory_usage(key, samples=0) or 0) / 1_024


def _endless() -> Iterator[bytes]:
    for page in range(EVENTS // EVENTS_OF_PAGE):
        made = []
        for n in range(EVENTS_OF_PAGE):
            here: dict[str, Any] = {"page": f"page-{page:06d}", "n": n, "visitor": VISITOR, "url": f"{ORIGIN}/{page}"}
            if n:
                made.append(event(type="search", props={"category": f"category {page} {n}", "price": n}, **here))
            else:
                made.append(event(interests=[f"interest {page} {more}" for more in range(8)], **here))
        for start in range(0, EVENTS_OF_PAGE, AT_ONCE):
            yield request(envelope(*made[start : start + AT_ONCE]))
