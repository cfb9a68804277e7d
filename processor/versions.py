"""Versions of the keys: where a replay into a new one begins, and how an unused one is removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from redis.asyncio import Redis

from crm.pages import WITHHELD_MS
from processor.definitions import KEPT, forgotten_until, seeded
from processor.replay import patiently
from processor.replay_protocol import BEGIN
from processor.retention import first_since
from processor.store import unavailable
from wakeline.applied import Now, Of, field_of, of_field
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.log import Bounds, Log, LogGap

START = "start"
MADE, FROM_THE_LOG = "made", "log"  # where a version's shares for customers come from, see `Replay`
DROPPED_AT_ONCE = 500  # keys
DROPPING = "dropping"  # field of a version's `replay` hash while its keys are being removed


class VersionRefused(Exception):
    """The request does not match the version's state; the message says what to do."""


async def begin(
    redis: Redis,
    log: Log,
    *,
    live: Keys,
    into: Keys,
    places: list[int],
    since: str,
    now: Mapping[Of, Now] | None = None,
) -> bool:
    """Make ready to fold into `into`, from `since` on: START, ms since 1970, or "" to go on where it was left.

    `places`: of the live version, by lane. `now`: definitions that hold from there on, whatever the records say up to
    these versions; None: each from its record on. A version that was begun goes on with those that it began with.
    Returns whether its lanes make what customers hear themselves: those of a version that begins at the start and was
    never live. Raises VersionRefused, and LogGap with the size of what is missing.
    """
    if into.version == live.version:
        raise VersionRefused(f"key version {into.version} is live: name another one with --into")
    if await patiently(partial(_is_being_dropped, redis, into)):
        raise VersionRefused(
            f"the removal of key version {into.version} was interrupted: --drop {into.version} completes it"
        )
    lanes = range(len(places))
    begun, holding = await patiently(partial(_begun, redis, into))
    if since and begun and since != begun:
        raise VersionRefused(
            f"key version {into.version} was begun from {shown(begun)}: omit --from to continue it, "
            f"or remove it first with --drop {into.version}"
        )
    known = [lane for lane in lanes if await patiently(partial(_exists, redis, into, lane))]
    if not begun and known:  # it was live before
        if since:
            raise VersionRefused(
                f"key version {into.version} was live before: omit --from to bring it up to date, "
                f"or remove it first with --drop {into.version}"
            )
    elif not begun and not since:
        raise VersionRefused("where to begin? Add --from start, or a time: --from 2026-11-01")
    if now is not None and (known or begun) and holding is None:
        raise VersionRefused(
            f"key version {into.version} follows the rules of the records: leave --rules out to go on with it, "
            f"or remove it first with --drop {into.version}"
        )
    now = holding if begun else now
    identity = await log.identity()
    starts = looked = dict.fromkeys(lanes, 0)
    if len(known) < len(lanes) and (begun or since):
        starts = await starting_places(log, lanes, begun or since)
        looked = await looked_through(log, lanes, begun or since)
        if now is None:
            await _refuse_forgotten(redis, log, live, {lane: looked[lane] for lane in lanes if lane not in known})
        await patiently(partial(_note, redis, into, since, now))
    if not known and START in (begun, since):
        await patiently(partial(_note_hops, redis, into, MADE))
    elif [lane for lane in known if await patiently(partial(_was_live, redis, into, lane))]:
        await patiently(partial(_note_hops, redis, into, FROM_THE_LOG))
    script = redis.register_script(BEGIN)

    async def begin_lane(lane: int) -> None:
        with unavailable():
            first, begins = (min(place, places[lane]) for place in (looked[lane], starts[lane]))
            if lane not in known:
                fields: Any = await redis.hgetall(live.definitions(lane))
                for field, text in seeded(fields, now or {}).items():
                    await redis.hset(into.definitions(lane), field, text)
            await script(keys=[into.lane(lane)], args=[identity, first, begins])

    for lane in lanes:
        await patiently(partial(begin_lane, lane))
    return await patiently(partial(_crosses, redis, into))


async def _refuse_forgotten(redis: Redis, log: Log, live: Keys, places: Mapping[int, int]) -> None:
    """Raises VersionRefused where a lane no longer knows what was defined at its place."""

    async def fields(lane: int) -> Any:
        with unavailable():
            return await redis.hgetall(live.definitions(lane))

    for lane, place in places.items():
        offset = forgotten_until(await patiently(partial(fields, lane)), place)
        if offset is None:
            continue
        time = await patiently(partial(log.append_time, lane, offset))
        later = "" if time is None else f", or at {shown(str(time + WITHHELD_MS + 1))} or later"
        raise VersionRefused(
            "which rules were applied at that time is not known any more, as only the first and the latest "
            f"{KEPT} versions are kept: begin at the start{later}; or add --rules now"
        )


async def _begun(redis: Redis, into: Keys) -> tuple[str, dict[Of, Now] | None]:
    """From where, "" for not at all; and what holds from there on, None where the records say it."""
    with unavailable():
        found: Any = await redis.hmget(into.replay, "from", "rules")
    since, rules = found
    if not since or rules is None:
        return (since or b"").decode(), None
    return since.decode(), {of_field(field.encode()): now for field, now in _decode_rules(rules).items()}


_decode_rules = msgspec.json.Decoder(dict[str, Now]).decode


async def _note(redis: Redis, into: Keys, since: str, now: Mapping[Of, Now] | None) -> None:
    rules = None if now is None else msgspec.json.encode({field_of(of): holds for of, holds in now.items()})
    with unavailable():
        if rules is None:
            await redis.hdel(into.replay, "rules")
        else:
            await redis.hset(into.replay, "rules", rules)
        await redis.hsetnx(into.replay, "from", since)


async def _note_hops(redis: Redis, into: Keys, how: str) -> None:
    with unavailable():
        await redis.hset(into.replay, "hops", how)


async def _crosses(redis: Redis, into: Keys) -> bool:
    with unavailable():
        return bool(await redis.hget(into.replay, "hops") == MADE.encode())


async def _was_live(redis: Redis, into: Keys, lane: int) -> bool:
    """Whether a switch took the lane from this version to another one."""
    with unavailable():
        return await redis.hget(into.lane(lane), "moved") is not None


async def _is_being_dropped(redis: Redis, into: Keys) -> bool:
    with unavailable():
        return await redis.hget(into.replay, DROPPING) is not None


async def _exists(redis: Redis, into: Keys, lane: int) -> bool:
    with unavailable():
        return bool(await redis.exists(into.lane(lane)))


async def starting_places(log: Log, lanes: range, since: str) -> dict[int, int]:
    """By lane, its first record, or the first that was appended at `since` (ms) or later.

    Raises LogGap for START if neither history nor log reach back that far.
    """
    found: dict[int, Bounds] = await patiently(lambda: log.bounds(lanes))
    if since != START:
        return {lane: await patiently(partial(first_since, log, lane, found[lane], int(since))) for lane in lanes}
    if missing := sum(bounds.first for bounds in found.values()):
        times = [await log.append_time(lane, bounds.first) for lane, bounds in found.items() if bounds.first]
        whole = shown(str(max(time or 0 for time in times)))
        raise LogGap(
            f"{missing} records are missing: neither the history nor the log holds the beginning any more\n"
            f"with --from {whole} nothing is missing, but the new version will lack earlier records"
        )
    return dict.fromkeys(lanes, 0)


async def looked_through(log: Log, lanes: range, since: str) -> dict[int, int]:
    """By lane, where to begin looking for withdrawals before `since` that may still be in effect.

    Not before the beginning of history and log.
    """
    return await starting_places(log, lanes, since if since == START else str(max(0, int(since) - WITHHELD_MS)))


def shown(since: str) -> str:
    """In the format of --from."""
    if since == START:
        return since
    precision = "milliseconds" if int(since) % 1000 else "seconds"
    return datetime.fromtimestamp(int(since) / 1000, UTC).isoformat(timespec=precision).replace("+00:00", "Z")


async def drop(redis: Redis, version: int, *, dropped: Callable[[int], None] = lambda keys: None) -> int:
    """Remove a version that is not live; returns its number of keys. Raises VersionRefused and redis-py's errors."""
    live, moving = await redis.hmget(DEPLOYMENT, "version", "moving")
    if version == int(live or 1):
        raise VersionRefused(f"key version {version} is live: it cannot be removed")
    if moving and version == int(moving.split()[0]):
        raise VersionRefused(f"a switch to key version {version} is in progress: `wakeline replay --abort` reverts it")
    keys = Keys(version)
    await redis.hset(keys.replay, DROPPING, "1")  # first, and removed last: what is left of it is no version
    count = await unlink(redis, f"{keys.prefix}*", keep=(keys.replay,), dropped=dropped)
    await redis.unlink(keys.replay)
    return count


async def unlink(redis: Redis, pattern: str, *, keep: tuple[str, ...] = (), dropped: Callable[[int], None]) -> int:
    """Remove the keys that match, except `keep`, in portions; returns their number."""
    count = 0
    by_slot: dict[bytes, list[Any]] = {}  # one call per slot
    kept = {name.encode() for name in keep}

    async def remove(names: list[Any]) -> None:
        nonlocal count
        await redis.unlink(*names)
        count += len(names)
        dropped(len(names))
        names.clear()

    async for name in redis.scan_iter(match=pattern, count=1_000):
        if name in kept:
            continue
        names = by_slot.setdefault(name[name.find(b"{") : name.find(b"}") + 1], [])
        names.append(name)
        if len(names) >= DROPPED_AT_ONCE:
            await remove(names)
    for names in by_slot.values():
        if names:
            await remove(names)
    return count
