"""Reads the business numbers: one pipeline per lane, added up as they arrive, then the lists of each site."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from api.figures import FiguresReader
from api.ledger import Ledger, place_of
from api.lists import LISTS, ListReader
from wakeline import keys
from wakeline.campaign_figures import Figures
from wakeline.definitions import LATE_MS, LIVE_WINDOWS_MS
from wakeline.durations import DAY_MS
from wakeline.lanes import FIELDS, Deployment, NoDeployment, stored_deployment
from wakeline.log import LogUnavailable
from wakeline.numbers import (
    ALL_PAGES,
    COUNTS,
    HISTOGRAMS,
    LIVE_MONEYS,
    LIVE_WINDOWS,
    PENDINGS,
    SESSIONS,
    TODAY,
    TOTALS,
    VISITS,
    is_money,
)
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline

    from wakeline.log import Log
    from wakeline.settings import Site

MOST_OPEN = 5_000  # page instances of a site in one lane of which a scrape reads the pages, those that end last

AWAY = (*FAILURES, LogUnavailable, NoDeployment)
"""Errors of reading while Redis is down or empty."""

LIVE_AMOUNTS = tuple((money.name, window) for money in LIVE_MONEYS for window in LIVE_WINDOWS_MS)
"""The (amount, window) pairs of a site with a main currency."""


@dataclass
class SiteNumbers:
    """One site, summed over all lanes. `totals` and `day` also have the amounts that there are, by `Money.field`.

    `tops`: the largest values, and the rest as `keys.OTHER`. `currency`: the site's main one. `today`: the day in its
    time zone, YYYY-MM-DD. `groups`: those of its pages; `totals` has their parts of histograms, by `Histogram.field`,
    and of no others.
    """

    live: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LIVE_WINDOWS, 0))
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOTALS, 0))
    day: dict[str, int] = field(default_factory=lambda: {each.name: 0 for each in COUNTS})
    open_pages: dict[bytes, float] = field(default_factory=dict)  # how often each page is open, by its path
    tops: dict[tuple[str, str], dict[bytes, float]] = field(default_factory=lambda: {each: {} for each in LISTS})
    pending: dict[str, int] = field(default_factory=lambda: {each.name: 0 for each in PENDINGS})
    oldest: dict[str, int] = field(default_factory=dict)  # ms since when, of those of which anything is pending
    currency: str = ""
    live_money: dict[tuple[str, str], int] = field(default_factory=lambda: dict.fromkeys(LIVE_AMOUNTS, 0))
    """By the amount's name and its window, in minor units of the main currency."""
    today: str = ""
    groups: tuple[str, ...] = (ALL_PAGES,)

    def __post_init__(self) -> None:
        parts = (field for group in self.groups for histogram in HISTOGRAMS for field in histogram.fields(group))
        self.totals = dict.fromkeys(parts, 0) | self.totals


@dataclass
class Numbers:
    """The content of one scrape."""

    sites: dict[str, SiteNumbers]
    figures: Figures | None = None  # of campaigns; None: none were computed
    ledger: Ledger = field(default_factory=Ledger)
    open_sessions: int = 0
    lag_seconds: float = 0.0
    clocks_ahead: dict[str, float] = field(default_factory=lambda: {"redis": 0.0, "log": 0.0})  # s, of this machine's
    read_seconds: float = 0.0
    now: int = 0  # ms, by the clock of the log


class NumbersReader:
    """Reads `Numbers` with `values` values of each list. Raises one of AWAY if they cannot be read now."""

    def __init__(
        self, url: str, sites: Mapping[str, Site], open_log: Callable[[int], Awaitable[Log]], *, values: int = 20
    ) -> None:
        self._redis: Redis = connect(url, protocol=2)
        self._lists = ListReader(self._redis, values)
        self._sites = sites
        self._open_log = open_log
        self._log: Log | None = None
        self._figures = FiguresReader()

    async def check(self) -> Deployment:
        """The deployment; raises like `read` if numbers cannot be read."""
        deployment, _ = await self._begin()
        return deployment

    async def read(self, *, now: int | None = None) -> Numbers:
        """The numbers at `now` (ms since 1970), by default at the server's time."""
        started = time.perf_counter()
        deployment, clock = await self._begin()
        ours = time.time() * 1000
        now = clock if now is None else now
        days = {key: _days(site, now) for key, site in self._sites.items()}
        numbers = Numbers(
            {
                key: SiteNumbers(currency=site.currency, today=days[key][0], groups=groups_of(site))
                for key, site in self._sites.items()
            },
            now=now,
        )
        names = keys.Keys(deployment.version)
        lanes = [await self._read_lane(numbers, names, lane, days, now) for lane in range(deployment.lanes)]
        await self._read_log(numbers, lanes, now)
        for site, each in numbers.sites.items():
            each.tops = await self._lists.read(names, deployment.lanes, site, _buckets(days[site][0], now))
        numbers.figures = await self._figures.read(self._redis)
        log_time = max(int(lane.get(b"clock", 0)) for lane in lanes)
        numbers.open_sessions = max(numbers.open_sessions, 0)
        numbers.clocks_ahead = {"redis": (clock - ours) / 1000, "log": max(0.0, (log_time - ours) / 1000)}
        numbers.read_seconds = time.perf_counter() - started
        return numbers

    async def close(self) -> None:
        await self._redis.aclose()
        if self._log is not None:
            await self._log.close()

    async def _begin(self) -> tuple[Deployment, int]:
        """The deployment, and the time (ms) of the log's clock, as this machine's may be off."""
        stored: Any = await self._redis.hmget(keys.DEPLOYMENT, FIELDS)
        seconds, micros = await self._redis.time()
        return stored_deployment(stored), seconds * 1000 + micros // 1000

    async def _read_lane(
        self, numbers: Numbers, names: keys.Keys, lane: int, days: Mapping[str, list[str]], now: int
    ) -> dict[bytes, bytes]:
        """Add a lane to `numbers`; returns its hash."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(names.lane(lane))
            for site, its_days in days.items():
                _ask_site(pipe, names, lane, site, its_days, now)
            replies = iter(await pipe.execute())
        place: dict[bytes, bytes] = next(replies)
        for site, each in numbers.sites.items():
            _add_site(each, replies)
            numbers.open_sessions += sum(_open(next(replies)) for _ in days[site])
        return place

    async def _read_log(self, numbers: Numbers, lanes: list[dict[bytes, bytes]], now: int) -> None:
        if self._log is None:
            self._log = await self._open_log(len(lanes))
        ends = {lane: bounds.end for lane, bounds in (await self._log.bounds(range(len(lanes)))).items()}
        for lane, fields in enumerate(lanes):
            numbers.ledger.add(fields, end=ends[lane])
            if place_of(fields) < ends[lane]:
                waiting = await self._log.append_time(lane, place_of(fields))
                numbers.lag_seconds = max(numbers.lag_seconds, (now - (waiting or now)) / 1000)


def groups_of(site: Site) -> tuple[str, ...]:
    """The groups of a site's pages; see `crm.sites`."""
    named = dict.fromkeys(rule.group for rule in site.page_groups)
    return (*named, keys.OTHER) if named else (ALL_PAGES,)


def _days(site: Site, now: int) -> list[str]:
    """Today in the site's time zone, and the days before on which a session that is open may have begun."""
    today = datetime.fromtimestamp(now / 1000, site.time_zone).date()
    return [(today - timedelta(days=age)).isoformat() for age in range(LATE_MS // DAY_MS + 2)]


def _buckets(today: str, now: int) -> dict[str, list[str]]:
    """Those of each window."""
    live = {window: keys.buckets(now, reach) for window, reach in LIVE_WINDOWS_MS.items()}
    return live | {TODAY: [keys.date(today)]}


def _ask_site(pipe: Pipeline, names: keys.Keys, lane: int, site: str, days: list[str], now: int) -> None:
    pipe.zcount(names.present(lane, site), f"({now}", "+inf")
    for reach in LIVE_WINDOWS_MS.values():
        pipe.zcount(names.seen(lane, site), f"({now - reach}", "+inf")
    pipe.zrange(names.open_pages(lane, site), "+inf", f"({now}", desc=True, byscore=True, offset=0, num=MOST_OPEN)
    pipe.hgetall(names.totals(lane, site))
    pipe.hgetall(names.day(lane, site, days[0]))
    for pending in PENDINGS:
        key = names.pending(lane, site, pending.name)
        pipe.zcount(key, "-inf", "+inf")
        pipe.zrange(key, 0, 0, withscores=True)
    buckets = _buckets(days[0], now)
    for what, window in LIVE_AMOUNTS:
        pipe.zunion([names.top(lane, site, what, bucket) for bucket in buckets[window]], withscores=True)
    for day in days:
        pipe.hmget(names.day(lane, site, day), VISITS.name, SESSIONS.name)


def _open(counts: list[bytes | None]) -> int:
    """Sessions of a day that began and have not ended: both are counted on the day of the beginning."""
    begun, ended = (int(count or 0) for count in counts)
    return begun - ended


def _add_site(numbers: SiteNumbers, replies: Iterator[Any]) -> None:
    for window in numbers.live:
        numbers.live[window] += next(replies)
    for open_page in next(replies):
        path = open_page.rpartition(b"\n")[0]
        numbers.open_pages[path] = numbers.open_pages.get(path, 0.0) + 1
    for counters in (numbers.totals, numbers.day):
        stored = next(replies)
        for stored_name, amount in stored.items():
            name = stored_name.decode()
            if name in counters or is_money(name):
                counters[name] = counters.get(name, 0) + int(amount)
    for pending in numbers.pending:
        numbers.pending[pending] += next(replies)
        for _, since in next(replies):
            numbers.oldest[pending] = min(int(since), numbers.oldest.get(pending, int(since)))
    for of in numbers.live_money:
        for currency, amount in next(replies):
            if currency.decode() == numbers.currency:
                numbers.live_money[of] += int(amount)
