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

from benchmarks import load
from benchmarks.figures import Figure, Run, below
from benchmarks.services import SmallPath
from benchmarks.visitors import SITE
from wakeline.profiles import AsyncProfiles

PER_SECOND = 1_000
MARKED = 20  # one event in that many is a visitor's first, and its profile is waited for
WARM_S = 3
CONNECTIONS = 64
LOOK_S = 0.003
LOST_S = 10.0
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
    markers = {}
    for index in range(0, len(requests), MARKED):
        requests[index], markers[index] = _marked(requests[index], index)
    async with AsyncProfiles(redis_url) as profiles:
        clock = asyncio.get_running_loop().time
        watches: dict[int, asyncio.Task[float]] = {}

        def on_due(index: int, due: float) -> None:
            if index in markers:
                watches[index] = asyncio.create_task(_seen(profiles, markers[index], due))

        sender = await Sender.connected(port, CONNECTIONS)
        began = clock() + 0.1
        for index, request in enumerate(requests):
            due = began + index / PER_SECOND
            if (early := due - clock()) > 0:
                await asyncio.sleep(early)
            on_due(index, due)
            sender.send(request)
        waited = dict(zip(watches, await asyncio.gather(*watches.values()), strict=True))
        sender.close()
    return [took for index, took in waited.items() if index >= WARM_S * PER_SECOND]


def _marked(request: bytes, index: int) -> tuple[bytes, str]:
    """The request with a visitor of its own, of the same length, and that visitor's id."""
    found = VISITOR.search(request)
    assert found is not None
    visitor = f"m{index}".ljust(len(found[1]), "-")
    return request[: found.start(1)] + visitor.encode() + request[found.end(1) :], visitor


async def _seen(profiles: AsyncProfiles, visitor: str, due: float) -> float:
    """Seconds from `due` until the profile of `visitor` can be read."""
    clock = asyncio.get_running_loop().time
    while await profiles.read(SITE.key, visitor) is None:
        if clock() - due > LOST_S:
            raise RuntimeError(f"an event made no profile within {LOST_S:.0f} s")
        await asyncio.sleep(LOOK_S)
    return clock() - due


class Sender:
    """Sends each request at once, on a connection that waits for nothing; with all of them busy it opens more."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._all: list[_Connection] = []
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
        self._all.append(made)
        return made

    def answered(self, connection: _Connection, status: bytes) -> None:
        self._idle.append(connection)
        self.refused += status != b"202"

    def close(self) -> None:
        """Raises RuntimeError if anything was answered otherwise than by 202."""
        for connection in self._all:
            connection.abort()
        if self.refused:
            raise RuntimeError(f"{self.refused} requests were not accepted")


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

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if load.end_of_answer(self._answer):
            status, self._answer = self._answer[9:12], b""
            self._sender.answered(self, status)
