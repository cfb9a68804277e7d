"""Several logs in sequence as one: when the log's URL changes, the previous log is drained first and offsets continue.

Redis stores a deployment's logs and where each began (`keys.LOGS`), to detect if a log is replaced by another, or a
topic is recreated.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import msgspec
from redis.asyncio import Redis

from wakeline import keys
from wakeline.log import Bounds, Entry, Log, LogGap, LogMismatch
from wakeline.log.links import Link, identity_of

logger = logging.getLogger("wakeline.log")


_decode = msgspec.json.Decoder(Link).decode
_encode = msgspec.json.Encoder().encode

# KEYS: LOGS; ARGV: current length, new link.
EXTEND = """
if redis.call('LLEN', KEYS[1]) == tonumber(ARGV[1]) then redis.call('RPUSH', KEYS[1], ARGV[2]) end
"""


def _former(links: Sequence[Link]) -> Link | None:
    """The log before the current one; a restored log continues the one that the backup was taken of."""
    at = len(links) - 1
    while links[at].restored:
        at -= 1
    return links[at - 1] if at > 0 else None


async def links_of(redis: Redis) -> list[Link]:
    """A deployment's logs, the current one last. Raises redis-py's errors."""
    return [_decode(link) for link in await redis.lrange(keys.LOGS, 0, -1)]


async def chained(log: Log, before: Log | None, redis: Redis, lanes: int) -> Log:
    """`log` as the deployment's log. It continues where `before` ends, if that was its log until now.

    Raises LogMismatch if `log` is neither the current log nor new, or `before` is not its predecessor; LogUnavailable,
    and redis-py's errors.
    """
    identity = await log.identity()
    former = await before.identity() if before else None
    while True:
        links = await links_of(redis)
        if not links:
            link = Link(former or identity, [0] * lanes)
        elif links[-1].id == identity:
            return await _as_one(log, before, former, links)
        else:
            link = await _next(links, log, identity, before if former == links[-1].id else None, redis)
        await extend(redis, len(links), link)


async def extend(redis: Redis, count: int, link: Link) -> None:
    """Add `link` to a chain of length `count`; does nothing if another process was first."""
    await redis.eval(EXTEND, 1, keys.LOGS, count, _encode(link).decode())


async def _next(links: list[Link], log: Log, identity: str, before: Log | None, redis: Redis) -> Link:
    last = links[-1]
    lanes = range(len(last.begins))
    if identity in [link.id for link in links]:
        raise LogMismatch(f"the deployment has moved from this log to {last.id}: it lacks newer records")
    if before is None:
        raise LogMismatch(
            f"this is not the deployment's log ({last.id}): {await _standing(redis, last)}\n"
            "set log_before to the URL of that log, and it will be drained first\n"
            "if it is lost, so are its unapplied records: `wakeline adopt-log` continues without them"
        )
    held = sum(bounds.end for bounds in (await log.bounds(lanes)).values())
    if held and len(await links_of(redis)) == len(links):
        raise LogMismatch(f"the new log is not empty, it holds {held} records: give this deployment a separate log")
    ends = await before.bounds(lanes)
    return Link(identity, [last.begins[lane] + ends[lane].end for lane in lanes])


async def places(redis: Redis, lanes: int) -> list[int]:
    """Each lane's number of applied records. Raises redis-py's errors."""
    [version] = await redis.hmget(keys.DEPLOYMENT, ["version"])
    live = keys.Keys(int(version or keys.VERSION))
    pipe = redis.pipeline(transaction=False)
    for lane in range(lanes):
        pipe.hmget(live.lane(lane), ["offset"])
    return [int(place or 0) for [place] in await pipe.execute()]


async def adopt(log: Log, redis: Redis, lanes: int) -> list[int]:
    """Make `log` the deployment's log without draining the previous one; returns the places at which it begins.

    Raises LogMismatch if it is or was the deployment's log, and redis-py's errors.
    """
    identity = await log.identity()
    links = await links_of(redis)
    if identity in [link.id for link in links]:
        raise LogMismatch("this is or was the deployment's log: nothing to adopt")
    begins = await places(redis, lanes)
    await extend(redis, len(links), Link(identity, begins))
    return begins


async def _standing(redis: Redis, last: Link) -> str:
    applied = [place - begin for place, begin in zip(await places(redis, len(last.begins)), last.begins, strict=True)]
    return f"{sum(applied)} of its records were applied, {max(applied)} in the most advanced lane"


async def _as_one(log: Log, before: Log | None, former: str | None, links: list[Link]) -> Log:
    left = _former(links)
    if before is not None and (left is None or former != left.id):
        await before.close()
        before = None
    if not any(links[-1].begins):
        if before is not None:
            await before.close()
        return log
    return ChainedLog(log, before, links)


class ChainedLog:
    """See `Log`. Places below `begins` are in `before`, and a gap if that is None."""

    def __init__(self, log: Log, before: Log | None, links: list[Link]) -> None:
        self._log = log
        self._before = before
        self._id = identity_of(links)
        left = _former(links)
        self._former_begins = left.begins if left is not None else links[-1].begins
        self.begins = links[-1].begins
        self._said = False

    async def identity(self) -> str:
        """See `identity_of`."""
        return self._id

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        return {lane: self.begins[lane] + end for lane, end in (await self._log.append(records)).items()}

    async def read(self, places: Mapping[int, int], *, limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        old = {lane: place - self._former_begins[lane] for lane, place in places.items() if place < self.begins[lane]}
        new = {lane: place - self.begins[lane] for lane, place in places.items() if place >= self.begins[lane]}
        found: dict[int, list[Entry]] = {}
        if old:
            if self._before is None:
                lane = min(old)
                raise LogGap(
                    f"lane {lane}: place {places[lane]} is in the previous log, which ends at "
                    f"{self.begins[lane]}: set log_before to its URL"
                )
            for lane, entries in (await self._before.read(old, limit=limit, wait_ms=0)).items():
                found[lane] = _shifted(entries, self._former_begins[lane])
                found[lane] = [entry for entry in found[lane] if entry.offset < self.begins[lane]]
        if new:
            for lane, entries in (await self._log.read(new, limit=limit, wait_ms=0 if old else wait_ms)).items():
                found[lane] = _shifted(entries, self.begins[lane])
        return found

    async def bounds(self, lanes: Sequence[int]) -> dict[int, Bounds]:
        found = {
            lane: Bounds(self.begins[lane] + bounds.first, self.begins[lane] + bounds.end)
            for lane, bounds in (await self._log.bounds(lanes)).items()
        }
        if self._before is not None:
            for lane, bounds in (await self._before.bounds(lanes)).items():
                first, end = (self._former_begins[lane] + at for at in bounds)
                if end > self.begins[lane] and not self._said:
                    self._said = True
                    logger.error(
                        "lane %d: %d records were appended to the previous log after the switch: "
                        "a collector still uses its URL",
                        lane,
                        end - self.begins[lane],
                    )
                if first < self.begins[lane]:
                    found[lane] = Bounds(first, found[lane].end)
        return found

    async def trim(self, lane: int, *, upto: int) -> None:
        if self._before is not None:
            await self._before.trim(lane, upto=min(upto, self.begins[lane]) - self._former_begins[lane])
        if upto > self.begins[lane]:
            await self._log.trim(lane, upto=upto - self.begins[lane])

    async def append_time(self, lane: int, offset: int) -> int | None:
        if offset >= self.begins[lane]:
            return await self._log.append_time(lane, offset - self.begins[lane])
        if self._before is None:
            return None
        return await self._before.append_time(lane, offset - self._former_begins[lane])

    async def close(self) -> None:
        await self._log.close()
        if self._before is not None:
            await self._before.close()


def _shifted(entries: list[Entry], by: int) -> list[Entry]:
    for entry in entries:
        entry.offset += by
    return entries
