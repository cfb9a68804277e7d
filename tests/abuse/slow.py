"""Sockets that are opened and not used."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from tests.abuse.port import HEAD, Sender, closed_after, envelope, memory_mb, running
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

SOCKETS = 500
P99_MS = 100.0
PER_S = 100
OPENED_WITHIN_S = 5.0
FOR_S = 12.0  # longer than a socket is given for its first request
MEMORY_MB = 50.0


async def closed_in_time(stage: Stage, outcome: Outcome) -> None:
    """Silent ones, ones that drip their headers, ones that drip a body; also behind a first request that was whole."""
    async with running(stage):
        headers = HEAD + b"X-Header: " + b"a" * 500
        body = HEAD + b"Content-Length: 4000\r\n\r\n"
        chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        whole = envelope()
        first = HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(whole), whole)
        silent, dripping, body_s, chunk_s, second = await asyncio.gather(
            closed_after(stage.port),
            closed_after(stage.port, drip=headers),
            closed_after(stage.port, first=body, drip=b"{" * 500),
            closed_after(stage.port, first=chunked, drip=b"1\r\n{\r\n" * 100),
            closed_after(stage.port, first=first + body, drip=b"{" * 500),
        )
    outcome.at_most("silent s", silent, 15)
    outcome.at_most("headers s", dripping, 15)
    for name, seconds in (("body s", body_s), ("chunks s", chunk_s), ("second body s", second)):
        outcome.at_most(name, seconds, 6)


async def beside_normal_ones(stage: Stage, outcome: Outcome) -> None:
    """Half of them say nothing, half drip a body; those that are closed are opened again. Others get their answers."""
    async with running(stage) as sender, AsyncExitStack() as stack:
        before, _ = memory_mb(stage.collector)
        opened = 0

        async def slow(number: int) -> None:
            nonlocal opened
            await asyncio.sleep(OPENED_WITHIN_S * number / SOCKETS)
            while True:
                opened += 1
                if number % 2:
                    await closed_after(stage.port)
                else:
                    head = HEAD + b"Content-Length: 60000\r\n\r\n" + b" " * 30_000
                    await closed_after(stage.port, first=head, drip=b" " * 1_000)

        sockets = [asyncio.create_task(slow(number)) for number in range(SOCKETS)]
        stack.callback(lambda: [socket.cancel() for socket in sockets])
        await asyncio.sleep(OPENED_WITHIN_S)
        times = await _answers(sender)
        _, most = memory_mb(stage.collector)
    outcome.at_least("slow sockets", opened, SOCKETS)
    outcome.shows("normal requests", len(times))
    outcome.at_most("p99 ms", 1_000 * sorted(times)[int(0.99 * len(times))], P99_MS)
    outcome.at_most("memory MB more", most - before, MEMORY_MB)


async def _answers(sender: Sender) -> list[float]:
    """Seconds that each of some normal requests took, sent at a steady pace."""
    times: list[float] = []

    async def one(number: int) -> None:
        began = time.monotonic()
        answer = await sender.post(envelope(), address=f"10.0.{number >> 8 & 255}.{number & 255}")
        assert answer.status == 202, answer
        times.append(time.monotonic() - began)

    async with asyncio.TaskGroup() as group:
        for number in range(round(PER_S * FOR_S)):
            group.create_task(one(number))
            await asyncio.sleep(1 / PER_S)
    return times
