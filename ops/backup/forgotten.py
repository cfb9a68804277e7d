"""Erasures and withdrawals made after the backup, which are appended to the restored log again.

They are read from the history, as far as it reaches, and from the previous data, whose tombstones also name people
without remaining records. Whom the history no longer names, since their records were rewritten, it knows by a hash.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from archiver import erased
from wakeline import keys
from wakeline.clock import now_ms
from wakeline.event import CONSENT, ConsentLevel
from wakeline.history import History
from wakeline.lanes import lane_of
from wakeline.log import Entry
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import CUSTOMER_PREFIX, FOR_GOOD, Delta, Erase, Event, Fact, Record, decode_record, encode_record
from wakeline.redis.connect import connect
from wakeline.vocabulary.types import FORGET

READ_RECORDS = 10_000
APPEND_RECORDS = 500
HINTS = (b'"erase"', b'"consent"', b'"erased_at"', b'"forget"')
"""Every record that erases somebody contains one of these."""

Who = tuple[str, str]  # site, id


class Forgotten:
    """The records that erase somebody, by their append time, and the tombstones of the previous data."""

    def __init__(self) -> None:
        self._records: dict[bytes, tuple[int, Who]] = {}  # record -> append time, person whose lane it is for
        self._upto: dict[Who, int] = {}  # -> ms up to which the records erase them
        self.tombstones: dict[Who, tuple[int, int]] = {}  # -> ms up to which it erases, remaining ms of its lifetime

    def __len__(self) -> int:
        return len(self._records)

    def reaches(self, who: Who, upto: int) -> bool:
        """Whether the records erase somebody at least as far as a tombstone of `upto` (ms)."""
        return self._upto.get(who, 0) >= upto

    def erased(self) -> list[tuple[str, str, int]]:
        """Who is erased: site, id, and up to when (ms)."""
        everybody = self._upto | {who: max(upto, self._upto.get(who, 0)) for who, (upto, _) in self.tombstones.items()}
        return [(*who, upto) for who, upto in everybody.items()]

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if any(hint in entry.value for hint in HINTS):
                try:
                    record = decode_record(entry.value)
                except (msgspec.MsgspecError, ValueError, RecursionError):
                    continue
                for value, who, upto in forgetting(record, entry.value):
                    self._records.setdefault(value, (entry.time, who))
                    if upto:
                        self._upto[who] = max(upto, self._upto.get(who, 0))

    def in_order(self) -> list[tuple[bytes, Who]]:
        ordered = sorted(self._records.items(), key=lambda item: item[1][0])
        return [(value, who) for value, (_, who) in ordered]


def forgetting(record: Record, value: bytes) -> list[tuple[bytes, Who, int]]:
    """The records to append for an erasing record: (record, person, ms up to which it erases).

    An erasure or withdrawal is appended unchanged, of a delta or a fact only the erasing part. The processor carries it
    out, however old it is. A withdrawal erases nobody who has a card, so that it says 0 ms of a customer.
    """
    if isinstance(record, Erase):
        return [_again(record)]
    if isinstance(record, Fact):
        withdraws = record.type == CONSENT and record.body.get("level") != ConsentLevel.FULL
        if withdraws or record.type == FORGET:
            return [_again(Erase(record.site, record.home, record.time, withdrawn=withdraws))]
        return []
    if isinstance(record, Event):
        withdraws = record.type == CONSENT and record.level != ConsentLevel.FULL and not record.is_anonymous
        return [(value, (record.site, record.visitor), FOR_GOOD)] if withdraws else []
    if isinstance(record, Delta):
        return [
            _again(Erase(share.site, share.customer, share.erased_at, withdrawn=share.withdrawn))
            for share in record.shares
            if share.erased_at
        ]
    return []


def _again(record: Erase) -> tuple[bytes, Who, int]:
    sets_tombstone = not record.withdrawn or not (record.customer or record.id[0] == CUSTOMER_PREFIX)
    return encode_record(record), (record.site, record.id), record.time if sets_tombstone else 0


def add_from_history(found: Forgotten, history: History, since: Sequence[int] = ()) -> None:
    """Add records after the places `since` (by lane), or all. Raises HistoryDamaged and HistoryUnavailable."""
    for lane in history.lanes():
        place = since[lane] if lane < len(since) else 0
        for segment in history.segments(lane):
            if segment.end > place:
                for entries in history.entries(segment):
                    found.add(entry for entry in entries if entry.offset >= place)


async def add_rewritten(found: Forgotten, history: History, redis: Redis) -> None:
    """Add whom the restored data know, and for whom the history was rewritten. Raises as `add_from_history`."""
    erasures = erased.load(history.store)
    if not erasures.done and not erasures.waiting:
        return
    async for key in redis.scan_iter(match="wl*", count=10_000):
        if (who := _whose(key.decode())) is not None and (upto := erasures.knows(who)):
            found.tombstones[who] = max((upto, keys.TOMBSTONE_TTL_MS), found.tombstones.get(who, (0, 0)))


def _whose(key: str) -> Who | None:
    """(site, id) of the state, profile or card of a person; None of other keys."""
    _, _, rest = key.partition("}:")
    for kind in ("state", "profile", "card"):
        site, colon, id = rest.partition(f":{kind}:")
        if colon:
            return site, id
    return None


async def add_from_server(found: Forgotten, url: str, *, lanes: int, since: Sequence[int] | None) -> None:
    """Add records of the previous data's log from its offsets `since` on, or all, and its tombstones."""
    log = RedisStreamsLog(url, lanes)
    try:
        for lane, bounds in (await log.bounds(range(lanes))).items():
            place = max(bounds.first, since[lane] if since else 0)
            while place < bounds.end:
                entries = (await log.read({lane: place}, limit=READ_RECORDS, wait_ms=0))[lane]
                found.add(entries)
                place = entries[-1].offset + 1
    finally:
        await log.close()
    async with connect(url, timeout=60.0) as redis:
        async for key in redis.scan_iter(match=keys.TOMBSTONES, count=10_000):
            upto, lives = int(await redis.get(key) or 0), await redis.pttl(key)
            who = keys.whose_tombstone(key.decode())
            if lives > 0:  # a customer's is in every lane
                found.tombstones[who] = max((upto, lives), found.tombstones.get(who, (0, 0)))


async def say_again(found: Forgotten, url: str, *, lanes: int) -> int:
    """Append the erasures to the restored log; returns the number of records. The processor then sets the tombstones.

    An existing tombstone would mark them as done. For a person whose tombstone reaches further than the records, a new
    record is appended if the backup knows the person; otherwise the tombstone is set directly.
    """
    ordered = found.in_order()
    async with connect(url, timeout=60.0) as redis:
        now = now_ms()
        for (site, id), (upto, lives) in found.tombstones.items():
            key = keys.tombstone(lane_of(site, id, lanes), site, id)
            if int(await redis.get(key) or 0) >= upto:
                continue
            if not await _is_known(redis, lanes, site, id):
                await redis.set(key, upto, px=lives)
            elif not found.reaches((site, id), upto):
                ordered.append((encode_record(forgetting_again(site, id, upto, now)), (site, id)))
    log = RedisStreamsLog(url, lanes)
    try:
        for start in range(0, len(ordered), APPEND_RECORDS):
            part = ordered[start : start + APPEND_RECORDS]
            await log.append([(lane_of(*who, lanes), value) for value, who in part])
    finally:
        await log.close()
    return len(ordered)


def forgetting_again(site: str, id: str, upto: int, now: int) -> Record:
    """A record that sets a tombstone of `upto` (ms) again; a future one belongs to a withdrawal.

    A customer that was erased has a tombstone of its own: a visitor's ends no record.
    """
    if upto <= now or id[0] == CUSTOMER_PREFIX:
        return Erase(site, id, min(upto, now), withdrawn=id[0] != CUSTOMER_PREFIX)
    page = f"restored-{secrets.token_hex(8)}"
    return Event(site, id, CONSENT, page, 0, time=now, received=now, host="", path="", level=ConsentLevel.OFF)


async def _is_known(redis: Redis, lanes: int, site: str, id: str) -> bool:
    version: Any = await redis.hget(keys.DEPLOYMENT, "version")
    names = keys.Keys(int(version or keys.VERSION))
    lane = lane_of(site, id, lanes)
    return bool(await redis.exists(names.state(lane, site, id), names.profile(lane, site, id)))
