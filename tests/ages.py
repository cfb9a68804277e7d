"""People who are not heard of any more: what brings them and time forward, and where Redis still names them."""

from __future__ import annotations

from typing import Any

from tests.timeline import DAY, START, Timeline, event
from wakeline.durations import MONTH_MS
from wakeline.keys import Keys
from wakeline.record import Erase, Event, Tick, encode_record
from wakeline.settings import InterestRule, Site

V, W, ALICE, BEN = "visitor-1", "visitor-2", "@alice", "@ben"
MONTHS = MONTH_MS  # as in 13 * MONTHS
WEEK = 7 * DAY  # no jump of the lane's time, see `processor.clock`
QUICK = Site(
    key="shop",
    interests=(InterestRule(path="/shoes/*", interest="Shoes"),),
    visitor_months=1,
    visitor_most_months=1,
    customer_months=2,
)


def visit(visitor: str, at: int, *, n: int = 0) -> Event:
    return event(visitor, f"page-{visitor}-{at}", n, at, path="/shoes/red")


def identify(visitor: str, at: int, customer: str) -> Event:
    return event(visitor, f"page-{visitor}-{at}", 1, at, "identify", customer=customer)


async def arrive(made: Timeline, *records: Event | Erase | bytes, at: int | None = None) -> None:
    for one in records:
        await walk(made, max(one.time - START if isinstance(one, Event) else 0, 0) if at is None else at)
        await made.append(one, at=at)
        await settle(made)


async def settle(made: Timeline) -> None:
    for _ in range(3):
        await made.run()


async def walk(made: Timeline, at: int) -> None:
    """Append ticks up to `at` ms after START, so that no lane's time jumps."""
    while made.now + WEEK < START + at:
        made.now += WEEK
        await made.log.append([(lane, encode_record(Tick())) for lane in range(4)])


async def until(made: Timeline, at: int) -> None:
    """Time passes to `at` ms after START, in every lane."""
    await walk(made, at)
    await jump(made, at)


async def jump(made: Timeline, at: int) -> None:
    """The next record of every lane is appended at `at` ms after START."""
    made.now = START + at
    await made.log.append([(lane, encode_record(Tick())) for lane in range(4)])
    await settle(made)


async def fail(made: Timeline, id: str, name: str) -> None:
    """A record that names somebody becomes a dead letter."""
    value = f'{{"kind":"event","site":"shop","{name}":"{id}","time":{made.now}}}'.encode()
    await made.log.append([(made.lane(id), value)])
    await settle(made)


async def naming(made: Timeline, id: str, keys: Keys | None = None) -> list[str]:
    """All of Redis where this id stands: a key's name, or what it holds."""
    found = []
    for key in await made.redis.keys(f"{(keys or made.store.keys).prefix}*"):
        reads: dict[bytes, Any] = {
            b"string": made.redis.get,
            b"hash": made.redis.hgetall,
            b"zset": lambda name: made.redis.zrange(name, 0, -1),
            b"stream": made.redis.xrange,
        }
        held = await reads[await made.redis.type(key)](key)
        if id in key.decode() or id in str(held):
            found.append(key.decode())
    return sorted(found)


async def counted(made: Timeline, keys: Keys | None = None) -> dict[str, Any]:
    numbers = {"totals": await made.totals(keys)}
    for key in await made.redis.keys(f"{(keys or made.store.keys).prefix}*:day:*"):
        day = key.decode().rsplit(":", 1)[1]
        numbers[day] = await made.day(day, keys)
    return numbers


async def pttl(made: Timeline, key: str) -> int:
    return int(await made.redis.pttl(key))


async def due_of(made: Timeline) -> list[str]:
    """Everybody who waits for a deadline."""
    found = [await made.redis.zrange(made.store.keys.due(lane), 0, -1) for lane in range(4)]
    return [member.decode() for lane in found for member in lane]
