"""Sends live events at a steady rate, and measures the time until what follows from them can be read.

Requests are sent by the clock, whether or not earlier ones were answered, and a marker's time starts when it was due,
so that it includes queueing.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis

from benchmarks import load
from benchmarks.mix import MIX, Mix
from benchmarks.visitors import ORIGIN, PER_SECOND, SITE, events
from wakeline.event import ENGAGEMENT, IDENTIFY, PAGE_VIEW
from wakeline.identity import signature
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.profiles import AsyncProfiles
from wakeline.record import Event
from wakeline.redis.connect import connect
from wakeline.settings import Settings

QUICK_PER_SECOND = 200
MARKED = 20  # one event in so many, a marker, is a new visitor's first, and its profile is awaited
CONNECTIONS = 64
LOOK_S = 0.003
LOST_S = 30.0
RUN = secrets.token_hex(4)  # makes the markers' ids new to Redis
SEEN = "last_seen"  # of a profile: it changes with each later event
VISITOR = re.compile(rb'"visitor":"([^"]+)"')


class Wait(NamedTuple):
    """The wait for what one marker changes."""

    id: str
    due: float  # seconds since the first request
    took: float  # seconds


class Marker(NamedTuple):
    """A request, and the id of what is awaited: a visitor or a customer whose profile it changes, or an order."""

    request: bytes
    id: str  # "": nothing


def requests(count: int, visitors: Sequence[str], *, mix: Mix = MIX) -> list[bytes]:
    """Requests of these visitors' pages, with one event each; no bots. Pages and orders are new at each call."""
    now = time.time_ns() // 1_000_000
    made = events(count, visitors=visitors, end=now, quiet_ms=0, seed=secrets.randbits(32), mix=mix)
    return [request_of(event, now) for event in made if not event.bot]


def next_view(visitor: str) -> bytes:
    """The request of a page that a visitor views."""
    now = time.time_ns() // 1_000_000
    view = next(event for event in events(50, visitors=[visitor], end=now) if event.type == PAGE_VIEW)
    return request_of(view, now)


def request_of(event: Event, now: int) -> bytes:
    """The request of a page with this event, which happens when it is sent; `now`: ms."""
    return load.request(_as_sent(event, now), now)


def _as_sent(event: Event, now: int) -> dict[str, Any]:
    """The event as a page sends it, with the time of sending."""
    query = "&".join(f"{name}={value}" for name, value in event.query.items())
    sent = {"type": event.type, "page": event.page, "n": event.n, "time": now, "visitor": event.visitor}
    sent["url"] = f"{ORIGIN}{event.path}{'?' if query else ''}{query}"
    if event.type == PAGE_VIEW:
        return sent | {"title": event.title, "referrer": event.referrer and f"https://{event.referrer}"}
    if event.type == ENGAGEMENT:
        return sent | {"engaged_ms": event.engaged_ms, "scroll": event.scroll, "leave": event.leave}
    if event.type == IDENTIFY:
        return sent | {"id": event.visitor, "signature": signature(SITE.secret, event.visitor)}
    return sent | ({"props": event.props} if event.props else {})


async def waits(
    settings: Settings,
    requests: Sequence[bytes],
    *,
    per_second: int = PER_SECOND,
    start: float = 0.0,
    markers: Sequence[Marker] = (),
) -> list[Wait]:
    """Send the requests, from `start` (seconds since 1970) on or at once, and wait for their markers' profiles.

    `markers`: sent in place of the requests that are marked. Raises RuntimeError if a profile does not appear or
    change, or a request is not accepted.
    """
    async with AsyncProfiles(settings.redis) as profiles:
        watch = ProfileWatch(connect(settings.redis), profiles, lanes=settings.lanes)
        await watch.note([marker.id for marker in markers])
        return await send(settings.port, _with(markers, requests), watch, per_second=per_second, start=start)


def _with(markers: Sequence[Marker], requests: Sequence[bytes]) -> Iterator[Marker]:
    for index, request in enumerate(requests):
        if index % MARKED:
            yield Marker(request, "")
        else:
            yield markers[index // MARKED] if markers else _marked(request, index)


def _marked(request: bytes, index: int) -> Marker:
    """The request with a new visitor id of the same length."""
    found = VISITOR.search(request)
    assert found is not None
    visitor = f"m{index}-{RUN}".ljust(len(found[1]), "-")
    return Marker(request[: found.start(1)] + visitor.encode() + request[found.end(1) :], visitor)


async def send(
    port: int,
    markers: Iterable[Marker],
    watch: Watch,
    *,
    per_second: int,
    start: float = 0.0,
    sender: Sender | None = None,
) -> list[Wait]:
    """Send the requests, from `start` (seconds since 1970) on or at once, and wait for what they change.

    `sender`: that sends them, else one of events.

    Raises RuntimeError if something is awaited in vain, or a request is not accepted.
    """
    watching = asyncio.create_task(watch.run())
    sender = sender or Sender(port)
    await sender.connect(CONNECTIONS)
    clock = asyncio.get_running_loop().time
    began = clock() + max(0.1, start - time.time())
    for index, (request, awaited) in enumerate(markers):
        due = began + index / per_second
        if (early := due - clock()) > 0:
            await asyncio.sleep(early)
        if awaited:
            watch.wait_for(awaited, due)
        sender.send(request)
    watch.wait_for_no_more()
    await watching
    sender.close()
    return [wait._replace(due=wait.due - began) for wait in watch.waited]


class Watch(ABC):
    """Looks for all that is awaited at once, every LOOK_S, so that watching does not slow down a slow path.

    A time is therefore up to LOOK_S too long, and what a look takes: milliseconds, if much is awaited.
    """

    def __init__(self, redis: Redis) -> None:
        self.waited: list[Wait] = []  # due by the loop's clock
        self.redis = redis
        self.outstanding: dict[str, float] = {}  # id -> due time
        self._is_over = False

    def wait_for(self, id: str, due: float) -> None:
        self.outstanding[id] = due

    def wait_for_no_more(self) -> None:
        self._is_over = True

    @abstractmethod
    def there(self, ids: Sequence[str]) -> AsyncIterator[str]:
        """Those of `ids` that can be read."""

    async def run(self) -> None:
        """Returns once all was there. Raises RuntimeError if something takes longer than LOST_S."""
        clock = asyncio.get_running_loop().time
        while self.outstanding or not self._is_over:
            await asyncio.sleep(LOOK_S)
            async for id in self.there(list(self.outstanding)):
                due = self.outstanding.pop(id)
                self.waited.append(Wait(id, due, clock() - due))
            if any(clock() - due > LOST_S for due in self.outstanding.values()):
                raise RuntimeError(f"what follows from an event cannot be read after {LOST_S:.0f} s")
        await self.redis.aclose()


class ProfileWatch(Watch):
    """Awaits profiles of visitors and customers: that they appear, or say something later than was noted."""

    def __init__(self, redis: Redis, profiles: AsyncProfiles, *, lanes: int) -> None:
        super().__init__(redis)
        self._profiles = profiles
        self._lanes = lanes
        self._before: dict[str, bytes | None] = {}  # whose -> when it was seen last

    async def note(self, ids: Sequence[str]) -> None:
        """Note when these were seen last, so that their profiles are awaited to say something later."""
        self._before = dict(zip(ids, await self._seen(ids), strict=True))

    async def there(self, ids: Sequence[str]) -> AsyncIterator[str]:
        for id, seen in zip(ids, await self._seen(ids), strict=True):
            if seen != self._before.get(id) and await self._profiles.read(SITE.key, id) is not None:
                yield id

    async def _seen(self, ids: Sequence[str]) -> list[bytes | None]:
        pipe = self.redis.pipeline(transaction=False)
        for id in ids:
            pipe.hget(Keys().profile(lane_of(SITE.key, id, self._lanes), SITE.key, id), SEEN)
        return await pipe.execute()


class Sender:
    """Sends each request at once on an idle connection, and opens more if all are busy."""

    accepted = b"202"  # the status of the answers

    def __init__(self, port: int) -> None:
        self._port = port
        self._all: set[SentOn] = set()
        self._idle: list[SentOn] = []
        self._opening: set[asyncio.Task[None]] = set()
        self.refused = 0

    async def connect(self, connections: int) -> None:
        """Open so many connections."""
        for _ in range(connections):
            self._idle.append(await self._open())

    def send(self, request: bytes) -> None:
        if self._idle:
            self._idle.pop().send(request)
            return
        task = asyncio.create_task(self._send_on_another(request))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _send_on_another(self, request: bytes) -> None:
        try:
            (await self._open()).send(request)
        except OSError:
            self.refused += 1

    async def _open(self) -> SentOn:
        _, made = await asyncio.get_running_loop().create_connection(lambda: SentOn(self), "127.0.0.1", self._port)
        self._all.add(made)
        return made

    def answered(self, connection: SentOn, status: bytes) -> None:
        self._idle.append(connection)
        self.refused += status != self.accepted

    def lost(self, connection: SentOn) -> None:
        """Called for a closed connection: the collector may close idle ones, but not during a request."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        else:
            self.refused += 1

    def close(self) -> None:
        """Close all connections. Raises RuntimeError if any answer was another one."""
        refused = self.refused
        for connection in self._all:
            connection.abort()
        if refused:
            raise RuntimeError(f"{refused} requests were not accepted")


class SentOn(asyncio.Protocol):
    """A connection of a sender, and when it sent its latest request, by the loop's clock."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.since = 0.0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def send(self, request: bytes) -> None:
        self.since = asyncio.get_running_loop().time()
        self._transport.write(request)

    def abort(self) -> None:
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._sender.lost(self)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if load.end_of_answer(self._answer):
            status, self._answer = self._answer[9:12], b""
            self._sender.answered(self, status)
