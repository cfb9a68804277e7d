"""Connections that are held open and send little."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack, suppress

from tests.abuse.stage import Stage
from tests.abuse.wire import connected, envelope, post, request, seconds_open
from tests.faults.outcome import Outcome
from tests.integration.kill.services import AS_INSTALLED

HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
SLOW = 500
LASTS_S = 25.0
IDLE = 2_000
AT_ONCE = 50
FEW = 256
FEW_FILES = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW // 2}, {FEW}))\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
MOST_MB = 128.0
AIM_S = 0.1


async def slow(stage: Stage, outcome: Outcome) -> None:
    """Closed within the time limit, however they continue."""
    await stage.start()
    silent, headers, body, chunks = await asyncio.gather(
        seconds_open(stage.port, b"", b"", most=40),
        seconds_open(stage.port, HEAD, b"X-A: b\r\n", most=40),
        seconds_open(stage.port, HEAD + b"Content-Length: 60000\r\n\r\n{", b" ", most=40),
        seconds_open(stage.port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"1\r\n \r\n", most=40),
    )
    outcome.at_most("silent, s", silent, 15)
    outcome.at_most("dripping headers, s", headers, 15)
    outcome.at_most("dripping a body, s", body, 6)
    outcome.at_most("dripping chunks, s", chunks, 6)
    outcome.is_exactly("then a good one: answered", await post(stage.port, request(envelope())), 202)


async def idle(stage: Stage, outcome: Outcome) -> None:
    """Two thousand idle connections: new ones are still served, also with a low limit on open files."""
    await stage.start()
    await _idle(stage, outcome, "")
    stage.services["collector"].kill()
    await stage.start(launcher=lambda name: FEW_FILES + AS_INSTALLED)
    await _idle(stage, outcome, f"{FEW} files: ")


async def _idle(stage: Stage, outcome: Outcome, where: str) -> None:
    took, answers = [], []
    async with AsyncExitStack() as stack:
        for start in range(0, IDLE, AT_ONCE):
            opened = [await stack.enter_async_context(connected(stage.port)) for _ in range(AT_ONCE)]
            for _, writer in opened:
                writer.write(GET)
            answered = await asyncio.gather(*(_answered(reader) for reader, _ in opened))
            outcome.is_exactly(f"{where}not answered while they come", answered.count(False), 0)
            if not start % (5 * AT_ONCE):
                began = time.perf_counter()
                answers.append(await post(stage.port, request(envelope())))
                took.append(time.perf_counter() - began)
        for _ in range(200):
            began = time.perf_counter()
            answers.append(await post(stage.port, request(envelope())))
            took.append(time.perf_counter() - began)
        room, left = stage.collected("connections_limit"), stage.collected("connections")
        outcome.shows(f"{where}they may be", room)
        outcome.at_most(f"{where}open", left, room)
        outcome.at_least(f"{where}open at least", left, 0.9 * min(IDLE, room))
        outcome.is_exactly(f"{where}others not answered 202", sum(answer != 202 for answer in answers), 0)
        outcome.at_most(f"{where}their p99, ms", sorted(took)[len(took) * 99 // 100] * 1_000, AIM_S * 1_000)
        outcome.at_most(f"{where}memory, MB", stage.megabytes("collector"), MOST_MB)
    outcome.is_exactly(f"{where}no file left: times", stage.logs()["collector"].count("Too many open files"), 0)
    outcome.is_exactly(f"{where}ledger difference", stage.collected("ledger_difference"), 0)


async def _answered(reader: asyncio.StreamReader) -> bool:
    with suppress(ConnectionError):
        return b" 200 " in await reader.readline()
    return False


async def five_hundred(stage: Stage, outcome: Outcome) -> None:
    """500 such connections at any moment, each replaced when closed; other clients are not affected."""
    await stage.start()
    until = time.monotonic() + LASTS_S
    rng = random.Random(6)
    opened = 0

    async def holder() -> None:
        nonlocal opened
        while (left := until - time.monotonic()) > 0:
            first, drip = rng.choice(
                ((b"", b""), (HEAD, b"X-A: b\r\n"), (HEAD + b"Content-Length: 9999\r\n\r\n{", b" "))
            )
            opened += 1
            await seconds_open(stage.port, first, drip, every=0.5, most=left)

    held = [asyncio.create_task(holder()) for _ in range(SLOW)]
    await asyncio.sleep(1)
    took, answers = [], []
    while time.monotonic() < until - 1:
        began = time.perf_counter()
        answers.append(await post(stage.port, request(envelope())))
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)
    await asyncio.gather(*held)
    outcome.shows("slow connections in all", opened)
    outcome.at_least("others sent", len(answers), 200)
    outcome.is_exactly("not answered 202", sum(answer != 202 for answer in answers), 0)
    outcome.at_most("their p99, ms", sorted(took)[len(took) * 99 // 100] * 1_000, AIM_S * 1_000)
