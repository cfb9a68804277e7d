"""Reads the lists of the most frequent values, and only those that have changed.

A list of a window has a part in Redis for each lane and bucket, with up to `keys.TOP_MEMBERS` values. With twenty sites
these are 16,000 parts, too many to read every few seconds. Each write renews a part's expiry, so Redis tells in a
microsecond whether it changed. One that did is read as a whole and summed up: what remains here is its sum and its
largest values, packed.

Sums are exact, and so are the counts of the values that are shown. A value may be left out although it has more than
one that is shown, but only if in some part it is not among the KEPT most frequent ones.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from wakeline import keys
from wakeline.numbers import TODAY, TOPS, WINDOWS, Top

if TYPE_CHECKING:
    from redis.asyncio import Redis


def windows_of(top: Top) -> tuple[str, ...]:
    return WINDOWS if top.is_live else (TODAY,)


LISTS = tuple((top.name, window) for top in TOPS for window in windows_of(top))
"""The (top list, window) pairs of a site."""

KEPT = 50  # values of a part; more if more are shown
SPARE = 10  # values more than are shown, whose exact counts decide which are
AT_ONCE = 12  # parts read in one pipeline: 0.5 ms of the server, 1.5 ms here
LANES_AT_ONCE = 4  # whose parts are looked at in one pipeline: 0.2 ms, 2 ms here
SETTLED_MS = 1_000  # after which a part with the same expiry is the same, even if nodes' clocks differ by as much
OTHER = keys.OTHER.encode()

NOT_THERE = -2  # PEXPIRETIME of no key

Counts = dict[bytes, float]
T = TypeVar("T")


class Part(msgspec.Struct, array_like=True):
    """What is known of a part. `top`: its largest values in order, then others that were asked for; never OTHER."""

    sum: float
    is_whole: bool  # whether `top` has all values
    top: Counts


pack = msgspec.msgpack.encode
unpack: Callable[[bytes | msgspec.Raw], Part] = msgspec.msgpack.Decoder(Part).decode

Parts = dict[str, tuple[int, bytes]]
"""By key: its expiry (ms) when it was read, or 0 if it may have changed since without another one; a packed `Part`."""


class Shown(NamedTuple):
    """A list of a window."""

    parts: list[str]  # their keys
    candidates: set[bytes]  # values whose counts were asked of each part
    counts: Counts


class Known(NamedTuple):
    """What is known of a site."""

    parts: Parts
    shown: dict[tuple[str, str], Shown]  # by LISTS

    def wanted(self) -> dict[str, set[bytes]]:
        """The values, by list, whose counts will be asked of each part."""
        wanted: dict[str, set[bytes]] = {}
        for (what, _), shown in self.shown.items():
            wanted.setdefault(what, set()).update(shown.candidates)
        return wanted


class ListReader:
    """Shows `values` values of each list. Raises redis-py's errors, after which it reads on.

    `redis` speaks RESP2, in whose flat replies 500 values take a third of the time.
    """

    def __init__(self, redis: Redis, values: int) -> None:
        self._redis = redis
        self._values = values
        self._kept = max(KEPT, values)
        self._known: dict[str, Known] = {}
        redis.set_response_callback("ZREVRANGE", _as_sent)

    async def read(
        self, names: keys.Keys, lanes: int, site: str, buckets: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], Counts]:
        """The site's lists over all lanes, by LISTS: the largest values, and the rest as OTHER.

        `buckets` are those of each window.
        """
        known, found = self._known.get(site, Known({}, {})), Known({}, {})
        wanted = known.wanted()
        seconds, micros = await self._redis.time()
        clock = seconds * 1000 + micros // 1000
        changed: set[str] = set()
        for some_lanes in _some(range(lanes), LANES_AT_ONCE):
            asked = {
                names.top(lane, site, what, bucket): (what, bucket)
                for lane in some_lanes
                for what, window in LISTS
                for bucket in buckets[window]
            }
            for some in _some(await self._changes(asked, known.parts, found.parts), AT_ONCE):
                replies = await self._read_parts([key for key, _ in some])
                for (key, expires), reply in zip(some, replies, strict=True):
                    what, bucket = asked[key]
                    is_settled = 0 < expires - keys.bucket_ttl(bucket) < clock - SETTLED_MS
                    part = part_of(reply, self._kept, wanted.get(what, ()))
                    found.parts[key] = (expires if is_settled else 0), pack(part)
                    changed.add(key)
        for what, window in LISTS:
            its = [names.top(lane, site, what, bucket) for lane in range(lanes) for bucket in buckets[window]]
            its = [key for key in its if key in found.parts]
            shown = known.shown.get((what, window))
            if shown is None or shown.parts != its or not changed.isdisjoint(its):
                shown = await self._merge(its, found.parts)
                await asyncio.sleep(0)  # others in this process come first
            found.shown[what, window] = shown
        self._known[site] = found
        return {each: shown.counts for each, shown in found.shown.items()}

    async def _changes(self, asked: Iterable[str], before: Parts, found: Parts) -> list[tuple[str, int]]:
        """Put parts that are as before into `found`; returns the keys of those to read, and their expiry."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in asked:
                pipe.pexpiretime(key)
            expiries: list[int] = await pipe.execute()
        changes = []
        for key, expires in zip(asked, expiries, strict=True):
            if expires > 0 and key in before and before[key][0] == expires:
                found[key] = before[key]
            elif expires != NOT_THERE:
                changes.append((key, expires))
        return changes

    async def _read_parts(self, names: Sequence[str]) -> list[list[bytes]]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in names:
                pipe.zrevrange(key, 0, -1, withscores=True)
            replies: list[list[bytes]] = await pipe.execute()
            return replies

    async def _merge(self, its: list[str], parts: Parts) -> Shown:
        of = {key: unpack(parts[key][1]) for key in its}
        counts = added(of.values())
        ranked = heapq.nlargest(self._values + SPARE, zip(counts.values(), counts, strict=True))
        candidates = {value for _, value in ranked}
        lacking = {
            key: lacks
            for key, part in of.items()
            if not part.is_whole and (lacks := sorted(candidates.difference(part.top)))
        }
        for some in _some(lacking.items(), AT_ONCE):
            async with self._redis.pipeline(transaction=False) as pipe:
                for key, lacks in some:
                    pipe.zmscore(key, lacks)  # type: ignore[arg-type]  # takes bytes as well
                replies = await pipe.execute()
            for (key, lacks), scores in zip(some, replies, strict=True):
                told = {value: float(score or 0) for value, score in zip(lacks, scores, strict=True)}
                top = of[key].top
                kept = dict(islice(top.items(), self._kept)) | {value: top[value] for value in candidates & top.keys()}
                of[key].top = kept | told
                parts[key] = parts[key][0], pack(of[key])
        counts = added(of.values()) if lacking else counts
        sum_of_all = sum(part.sum for part in of.values())
        return Shown(its, candidates, largest({value: counts[value] for value in candidates}, self._values, sum_of_all))


def part_of(reply: Sequence[bytes], kept: int, wanted: Collection[bytes]) -> Part:
    """A part of which these are all values, each followed by its count, the largest first: its `kept` largest, and
    those `wanted`.
    """
    scores = dict(zip(reply[::2], map(float, reply[1::2]), strict=True))
    sum_of_all = sum(scores.values())
    scores.pop(OTHER, None)
    top = dict(islice(scores.items(), kept))
    return Part(sum_of_all, len(top) == len(scores), top | {value: scores.get(value, 0.0) for value in wanted})


def largest(counts: Mapping[bytes, float], most: int, sum_of_all: float) -> Counts:
    """The `most` largest of these counts, and as OTHER what is missing to `sum_of_all`."""
    above = ((count, value) for value, count in counts.items() if count > 0)
    found = {value: count for count, value in heapq.nlargest(most, above)}
    rest = sum_of_all - sum(found.values())
    return found | {OTHER: rest} if rest else found


def added(parts: Iterable[Part]) -> Counts:
    """The counts of all values that are known of these parts."""
    counts: Counts = {}
    for part in parts:
        for value, count in part.top.items():
            counts[value] = counts.get(value, 0) + count
    return counts


def _some(all: Iterable[T], most: int) -> Iterator[list[T]]:
    rest = iter(all)
    while found := list(islice(rest, most)):
        yield found


def _as_sent(response: Any, **_: Any) -> Any:
    """Values and counts in turn: redis-py would make a pair of each, which takes longer than everything else."""
    return response
