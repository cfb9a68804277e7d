"""Sends live events at a steady rate, and measures the time until their profiles can be read.

Requests are sent by the clock, whether or not earlier ones were answered, and a marker's time starts when it was due,
so that it includes queueing.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis

from benchmarks import load
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
    """The wait for one marker's profile."""

    due: float  # seconds since the first request
    took: float  # seconds


class Marker(NamedTuple):
    """A request, and the visitor or customer whose profile it changes."""

    request: bytes
    id: str


def requests(count: int, visitors: Sequence[str]) -> list[bytes]:
    """Requests of these visitors' pages, with one event each; no bots."""
    now = time.time_ns() // 1_000_000
    made = events(count, visitors=visitors, end=now, quiet_ms=0)
    return [load.request(_as_sent(event, now), now) for event in made if not event.bot]


def next_view(visitor: str) -> bytes:
    """The request of a page that a visitor views."""
    now = time.time_ns() // 1_000_000
    view = next(event for event in events(50, visitors=[visitor], end=now) if event.type == PAGE_VIEW)
    return load.request(_as_sent(view, now), now)


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
        watch = Watch(profiles, connect(settings.redis), lanes=settings.lanes)
        await watch.note([marker.id for marker in markers])
        watching = asyncio.create_task(watch.run())
        sender = await Sender.connected(settings.port, CONNECTIONS)
        clock = asyncio.get_running_loop().time
        began = clock() + max(0.1, start - time.time())
        for index, request in enumerate(requests):
            sent, awaited = request, ""
            if index % MARKED == 0:
                sent, awaited = markers[index // MARKED] if markers else _marked(request, index)
            due = began + index / per_second
            if (early := due - clock()) > 0:
                await asyncio.sleep(early)
            if awaited:
                watch.wait_for(awaited, due)
            sender.send(sent)
        watch.wait_for_no_more()
        await watching
        sender.close()
        return [Wait(due - began, took) for due, took in watch.waited]


def _marked(request: bytes, index: int) -> Marker:
    """The request with a new visitor id of the same length."""
    found = VISITOR.search(request)
    assert found is not None
    visitor = f"m{index}-{RUN}".ljust(len(found[1]), "-")
    return Marker(request[: found.start(1)] + visitor.encode() + request[found.end(1) :], visitor)


class Watch:
    """Looks for all awaited profiles at once, every LOOK_S, so that watching does not slow down a slow path."""

    def __init__(self, profiles: AsyncProfiles, redis: Redis, *, lanes: int) -> None:
        self.waited: list[tuple[float, float]] = []  # due time, seconds until the profile was read
        self._profiles = profiles
        self._redis = redis
        self._lanes = lanes
        self._outstanding: dict[str, tuple[float, str]] = {}  # whose -> due time, key of the profile
        self._before: dict[str, bytes | None] = {}  # whose -> when it was seen last
        self._is_over = False

    async def note(self, ids: Sequence[str]) -> None:
        """Note when these were seen last, so that their profiles are awaited to say something later."""
        pipe = self._redis.pipeline(transaction=False)
        for id in ids:
            pipe.hget(self._key(id), SEEN)
        self._before = dict(zip(ids, await pipe.execute(), strict=True))

    def wait_for(self, id: str, due: float) -> None:
        self._outstanding[id] = due, self._key(id)

    def _key(self, id: str) -> str:
        return Keys().profile(lane_of(SITE.key, id, self._lanes), SITE.key, id)

    def wait_for_no_more(self) -> None:
        self._is_over = True

    async def run(self) -> None:
        """Returns once all markers were seen. Raises RuntimeError if one takes longer than LOST_S."""
        clock = asyncio.get_running_loop().time
        while self._outstanding or not self._is_over:
            await asyncio.sleep(LOOK_S)
            waiting = list(self._outstanding.items())
            pipe = self._redis.pipeline(transaction=False)
            for _, (_, key) in waiting:
                pipe.hget(key, SEEN)
            for (id, (due, _)), seen in zip(waiting, await pipe.execute(), strict=True):
                if seen != self._before.get(id) and await self._profiles.read(SITE.key, id) is not None:
                    del self._outstanding[id]
                    self.waited.append((due, clock() - due))
                elif clock() - due > LOST_S:
                    raise RuntimeError(f"an event is in no profile after {LOST_S:.0f} s")
        await self._redis.aclose()


class Sender:
    """Sends each request at once on an idle connection, and opens more if all are busy."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._all: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self.refused = 0

    @classmethod
    async def connected(cls, port: int, connections: int) -> Sender:
        """A sender with so many open connections."""
        sender = cls(port)
        for _ in range(connections):
            sender._idle.append(await sender._open())
        return sender

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

    async def _open(self) -> _Connection:
        _, made = await asyncio.get_running_loop().create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
        self._all.add(made)
        return made

    def answered(self, connection: _Connection, status: bytes) -> None:
        self._idle.append(connection)
        self.refused += status != b"202"

    def lost(self, connection: _Connection) -> None:
        """Called for a closed connection: the collector may close idle ones, but not during a request."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        else:
            self.refused += 1

    def close(self) -> None:
        """Close all connections. Raises RuntimeError if any answer was not 202."""
        refused = self.refused
        for connection in self._all:
            connection.abort()
        if refused:
            raise RuntimeError(f"{refused} requests were not accepted")


class _Connection(asyncio.Protocol):
    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def send(self, request: bytes) -> None:
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
