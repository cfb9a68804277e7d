"""From an event to a readable profile, over the whole path, at a steady rate.

Requests leave by the clock, whether or not the ones before were answered, and a marker's time runs from the
moment at which it was due: waiting in line is part of what a visitor sees.
"""

from __future__ import annotations

import asyncio
import re
from statistics import quantiles
from typing import cast

import uvloop
from redis.asyncio import Redis

from benchmarks import load
from benchmarks.figures import Figure, Run, below
from benchmarks.services import SmallPath
from benchmarks.visitors import SITE
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.profiles import AsyncProfiles
from wakeline.redis.connect import connect
from wakeline.settings import Settings

PER_SECOND = 1_000
MARKED = 20  # one event in that many is a visitor's first, and its profile is waited for
WARM_S = 3
CONNECTIONS = 64
LOOK_S = 0.003
LOST_S = 30.0
VISITOR = re.compile(rb'"visitor":"([^"]+)"')

FIGURES = (
    Figure("profile_p50_ms", f"event to readable profile at {PER_SECOND:,} events/s"),
    Figure("profile_p95_ms", "the same, 95 of 100", below(150)),
    Figure("profile_p99_ms", "the same, 99 of 100", below(300)),
)


def measure(run: Run) -> dict[str, float]:
    with SmallPath(run.folder) as path:
        path.start("server", "collector", "processor")
        settings = path.config.settings
        waited = uvloop.run(_measure(settings.port, settings.redis, 3 if run.quick else 25))
    at = quantiles(waited, n=100, method="inclusive")
    run.say(f"{len(waited)} profiles waited for, the slowest {1000 * max(waited):.0f} ms")
    return {f"profile_p{percent}_ms": 1000 * at[percent - 1] for percent in (50, 95, 99)}


async def _measure(port: int, redis_url: str, seconds: int) -> list[float]:
    """Seconds that each marker's profile took, without those of the first WARM_S."""
    requests = load.requests(PER_SECOND * (WARM_S + seconds))
    async with AsyncProfiles(redis_url) as profiles:
        watch = Watch(profiles, connect(redis_url), lanes=Settings().lanes)
        watching = asyncio.create_task(watch.run())
        sender = await Sender.connected(port, CONNECTIONS)
        clock = asyncio.get_running_loop().time
        began = clock() + 0.1
        for index, request in enumerate(requests):
            marked, visitor = _marked(request, index) if index % MARKED == 0 else (request, "")
            due = began + index / PER_SECOND
            if (early := due - clock()) > 0:
                await asyncio.sleep(early)
            if visitor:
                watch.wait_for(visitor, due)
            sender.send(marked)
        watch.wait_for_no_more()
        await watching
        sender.close()
    return [took for due, took in watch.waited if due >= began + WARM_S]


def _marked(request: bytes, index: int) -> tuple[bytes, str]:
    """The request with a visitor of its own, of the same length, and that visitor's id."""
    found = VISITOR.search(request)
    assert found is not None
    visitor = f"m{index}".ljust(len(found[1]), "-")
    return request[: found.start(1)] + visitor.encode() + request[found.end(1) :], visitor


class Watch:
    """Looks for all awaited profiles together, every LOOK_S: a slow path is not made slower by being watched."""

    def __init__(self, profiles: AsyncProfiles, redis: Redis, *, lanes: int) -> None:
        self.waited: list[tuple[float, float]] = []  # when it was due, seconds until its profile was read
        self._profiles = profiles
        self._redis = redis
        self._lanes = lanes
        self._outstanding: dict[str, tuple[float, str]] = {}  # visitor -> when it was due, key of its profile
        self._is_over = False

    def wait_for(self, visitor: str, due: float) -> None:
        lane = lane_of(SITE.key, visitor, self._lanes)
        self._outstanding[visitor] = due, Keys().profile(lane, SITE.key, visitor)

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
                pipe.exists(key)
            for (visitor, (due, _)), exists in zip(waiting, await pipe.execute(), strict=True):
                if exists and await self._profiles.read(SITE.key, visitor) is not None:
                    del self._outstanding[visitor]
                    self.waited.append((due, clock() - due))
                elif clock() - due > LOST_S:
                    raise RuntimeError(f"an event made no profile within {LOST_S:.0f} s")
        await self._redis.aclose()


class Sender:
    """Sends each request at once, on a connection that waits for nothing; with all of them busy it opens more."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._all: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self.refused = 0

    @classmethod
    async def connected(cls, port: int, connections: int) -> Sender:
        """With so many connections open."""
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
        (await self._open()).send(request)

    async def _open(self) -> _Connection:
        _, made = await asyncio.get_running_loop().create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
        self._all.add(made)
        return made

    def answered(self, connection: _Connection, status: bytes) -> None:
        self._idle.append(connection)
        self.refused += status != b"202"

    def lost(self, connection: _Connection) -> None:
        """The collector closes connections that were silent for long; with a request under way it must not."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        else:
            self.refused += 1

    def close(self) -> None:
        """Raises RuntimeError if anything was answered otherwise than by 202."""
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
