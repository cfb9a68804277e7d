"""What is kept of people and things, by kind, and how much of it would go now and soon. It only counts, and deletes
nothing: everything named here ends by itself.
"""

from __future__ import annotations

import asyncio
import datetime
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from redis.asyncio import Redis

from archiver.retention import kept as kept_of
from archiver.retention import last_days
from crm.facts import Thing
from crm.lifetimes import DEFAULT, customer_end, visitor_end
from crm.sites import SiteFacts
from crm.state import Customer, Visitor, decode_customer, decode_visitor
from crm.things.hearing import thing_end
from processor.retention import first_since
from wakeline import card_keys, keys
from wakeline.durations import DAY_MS
from wakeline.history import History, archive_url
from wakeline.lanes import FIELDS, Deployment, lane_of, stored_deployment
from wakeline.log.opening import open_log
from wakeline.record import CUSTOMER_PREFIX
from wakeline.redis.connect import connect
from wakeline.salts import NAME as SALT
from wakeline.settings import Config, Settings
from wakeline.told import decode_thing
from wakeline.vocabulary.things import THINGS, kind_of

SOON_DAYS = 30
AT_ONCE = 200  # keys that are read together
SCAN = 10_000  # keys looked through by one call
TIMEOUT_S = 30.0  # of one command

VISITORS, CUSTOMERS, COUNTED = "visitors", "customers", "visitors without a profile"
CARDS, HASHES, TOMBSTONES = "cards", "search hashes of cards", "tombstones"
LOG, HISTORY, LETTERS, MESSAGES, SALTS = "log", "history", "dead letters", "messages", "daily salts"
KINDS = (
    VISITORS, CUSTOMERS, COUNTED, CARDS, HASHES, TOMBSTONES, *(thing.name for thing in THINGS), LOG, HISTORY, LETTERS,
    MESSAGES, SALTS,
)  # fmt: skip


class Row(NamedTuple):
    """One of KINDS, in numbers."""

    kind: str
    held: int
    now: int  # of these: due to go, which happens within a day
    soon: int  # of these: due within SOON_DAYS, those of `now` left out


class Tally:
    """Counts by kind, as of `now` (ms)."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.soon = now + SOON_DAYS * DAY_MS
        self._held: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._soon: Counter[str] = Counter()

    def add(self, kind: str, ends: int, count: int = 1) -> None:
        """`ends`: ms; 0: not by time."""
        self._held[kind] += count
        if ends and ends <= self.now:
            self._now[kind] += count
        elif ends and ends <= self.soon:
            self._soon[kind] += count

    def rows(self) -> list[Row]:
        return [Row(kind, self._held[kind], self._now[kind], self._soon[kind]) for kind in KINDS]


async def going(config: Config, now: int) -> list[Row]:
    """Each of KINDS, as of `now` (ms).

    Raises redis-py's errors, NoDeployment, LogUnavailable, HistoryUnavailable and HistoryDamaged.
    """
    tally = Tally(now)
    settings = config.settings
    async with connect(settings.redis, timeout=TIMEOUT_S) as redis:
        values: Any = await redis.hmget(keys.DEPLOYMENT, FIELDS)
        deployment = stored_deployment(values)
        await _people_and_things(redis, deployment, config, tally)
        for lane in range(deployment.lanes):
            tally.add(LETTERS, 0, await redis.xlen(keys.Keys(deployment.version).dead(lane)))
        await _messages(redis, tally)
    await _log(settings, deployment, tally)
    if (url := archive_url(settings)) is not None:
        await asyncio.to_thread(_history, History(url), config, tally)
    _salts(config, tally)
    return tally.rows()


# ---- Redis ----------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """A key that is of interest: what it is, and whose."""

    kind: str  # state, thing, tombstone or card
    key: str
    site: str
    id: str


def _found(key: str, live: str) -> _Found | None:
    prefix, _, rest = key.partition("{")
    _, _, rest = rest.partition("}:")
    for kind in ("state", "thing") if prefix == live else ("tombstone", "card") if prefix == "wl:" else ():
        site, colon, id = rest.partition(f":{kind}:")
        if colon:
            return _Found(kind, key, site, id)
    return None


async def _people_and_things(redis: Redis, deployment: Deployment, config: Config, tally: Tally) -> None:
    sites = {key: SiteFacts(site) for key, site in config.sites.items()}
    ends: dict[tuple[str, str], int] = {}  # of customers
    cards: list[tuple[_Found, int, int]] = []  # with the number of hashes, and the end of the key
    async for some in _batches(redis, keys.Keys(deployment.version).prefix):
        values = await asyncio.gather(*(_value(redis, one, tally.now) for one in some))
        for one, (value, expires) in zip(some, values, strict=True):
            site = sites.get(one.site, DEFAULT)
            if value is None:
                continue
            if one.kind == "tombstone":  # a customer's is in every lane, and counts in its own
                if one.key == keys.tombstone(lane_of(one.site, one.id, deployment.lanes), one.site, one.id):
                    tally.add(TOMBSTONES, expires)
            elif one.kind == "card":
                cards.append((one, value, expires))
            elif one.kind == "thing":
                kind = kind_of(one.id)
                if kind is not None:
                    tally.add(kind.name, thing_end(Thing(one.site, one.id, decode_thing(value)), site))
            elif one.id[0] == CUSTOMER_PREFIX:
                end = customer_end(Customer(one.site, one.id, decode_customer(value), {}, 0), site)
                if end:
                    ends[one.site, one.id] = end
                    tally.add(CUSTOMERS, end)
            else:
                end = visitor_end(Visitor(one.site, one.id, decode_visitor(value), {}, 0), site)
                tally.add(VISITORS if end else COUNTED, end or expires)
    for one, hashes, expires in cards:
        end = ends.get((one.site, one.id), expires)
        tally.add(CARDS, end)
        tally.add(HASHES, end, hashes)


async def _batches(redis: Redis, live: str) -> AsyncIterator[list[_Found]]:
    some: list[_Found] = []
    seen: set[str] = set()  # a scan may name a key twice
    async for key in redis.scan_iter(match="wl*", count=SCAN):
        found = _found(key.decode(), live)
        if found is not None and found.key not in seen:
            seen.add(found.key)
            some.append(found)
        if len(some) >= AT_ONCE:
            yield some
            some = []
    if some:
        yield some


async def _value(redis: Redis, one: _Found, now: int) -> tuple[Any, int]:
    """(the value; of a card the number of its hashes; None if it has gone, when the key expires: ms or 0)."""
    left = await redis.pttl(one.key)
    expires = now + left if left > 0 else 0
    if one.kind == "tombstone":
        return (None if left == -2 else True), expires
    if one.kind != "card":
        return await redis.get(one.key), expires
    fields: Any = await redis.hgetall(one.key)
    told = [value.split(b":", 2) for name, value in fields.items() if name.decode() != card_keys.RETURNED]
    return (sum(len(hashes.split()) for _, hashes, _ in told) if told else None), expires


async def _messages(redis: Redis, tally: Tally) -> None:
    count = await redis.xlen(keys.MESSAGES)
    oldest: Any = await redis.xrange(keys.MESSAGES, count=1)
    if oldest:  # all go within a week, the oldest first
        is_due = int(oldest[0][1][b"time"]) + keys.MESSAGES_TTL_MS <= tally.now
        tally.add(MESSAGES, tally.now, int(is_due))
        tally.add(MESSAGES, tally.now + keys.MESSAGES_TTL_MS, count - is_due)


# ---- the log, the history, files ------------------------------------------------------------------


async def _log(settings: Settings, deployment: Deployment, tally: Tally) -> None:
    """By age; a lane with more than `log_max_records` loses the oldest earlier."""
    age = round(settings.log_max_age_days * DAY_MS)
    log = await open_log(settings, deployment.lanes)
    try:
        for lane, bounds in (await log.bounds(range(deployment.lanes))).items():
            now = await first_since(log, lane, bounds, tally.now - age)
            soon = await first_since(log, lane, bounds, min(tally.now, tally.soon - age))
            tally.add(LOG, tally.now, now - bounds.first)
            tally.add(LOG, tally.soon, soon - now)
            tally.add(LOG, 0, bounds.end - soon)
    finally:
        await log.close()


def _history(history: History, config: Config, tally: Tally) -> None:
    """Records of people and things, by the day on which the log received them, and their site's `archive_days`."""
    now, soon = (last_days(config.sites, _day(at)) for at in (tally.now, tally.soon))
    history.refresh()
    for lane in history.lanes():
        for segment in history.segments(lane):
            count = segment.end - segment.first
            if not _expired(soon, segment.date):
                tally.add(HISTORY, 0, count)
                continue
            for entries in history.entries(segment):
                for entry in entries:
                    if _goes(entry.value, _expired(now, segment.date), now):
                        tally.add(HISTORY, tally.now)
                    else:
                        tally.add(HISTORY, tally.soon if _goes(entry.value, _expired(soon, segment.date), soon) else 0)


def _expired(through: Mapping[str, str], date: str) -> set[str]:
    """The sites whose records of this day have expired."""
    return {site for site, day in through.items() if date <= day}


def _goes(value: bytes, expired: set[str], through: Mapping[str, str]) -> bool:
    return bool(expired) and kept_of(value, expired, through.keys())[0] is not value


def _day(ms: int) -> datetime.date:
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC).date()


def _salts(config: Config, tally: Tally) -> None:
    """Those of the day before yesterday and earlier go now."""
    folder = config.settings.data / "salts"
    yesterday = _day(tally.now) - datetime.timedelta(days=1)
    for path in folder.glob("*.salt") if folder.is_dir() else ():
        if found := SALT.fullmatch(path.name):
            is_over = datetime.date.fromisoformat(found[2]) < yesterday
            tally.add(SALTS, tally.now if is_over else tally.soon)
