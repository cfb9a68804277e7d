"""The simulator against a small server: no event is lost, final answers are not retried, and it stops when told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from benchmarks.children import ROOT, child_environ
from benchmarks.machine import free_port
from benchmarks.waiting import until
from demo.delivery import Sender, seconds
from demo.people import Crowd
from demo.simulator import CROWDED, arrivals, categories, mean_visit_s
from demo.visitors import Visit, visit
from wakeline.config import load
from wakeline.event import Envelope, decode_envelope, decode_event

CONFIG = load(ROOT / "demo" / "wakeline.toml", {}, {})
SITE = CONFIG.sites["demo"]
PATIENCE_S = 30.0
STOPS_S = 2.0


@dataclass
class Collector:
    """Answers with `statuses` in turn, repeating the last; keeps events answered 202."""

    statuses: list[int]
    reason: str | None = None
    retry_after: str | None = "0"
    requests: int = 0
    accepted: Counter[tuple[str, int]] = field(default_factory=Counter)  # by (page, n)
    late: list[int] = field(default_factory=list)  # ms between an envelope's sending and its arrival
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.requests += 1
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        envelope = decode_envelope(await request.read())
        self.headers.append(dict(request.headers))
        self.late.append(now_ms() - envelope.sent)
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        if status == 202:
            self.accepted.update(ids(envelope))
        answer = {"accepted": len(envelope.events) if status == 202 else 0, "rejected": [], "reason": self.reason}
        headers = {"Retry-After": self.retry_after} if status in (429, 503) and self.retry_after else {}
        return web.json_response(answer, status=status or 500, headers=headers)


def ids(envelope: Envelope) -> list[tuple[str, int]]:
    return [(event.page, event.n) for event in map(decode_event, envelope.events)]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def past_visits(count: int) -> list[Visit]:
    """Visits of people with right clocks that are over: all their requests are due at once."""
    chance = random.Random(5)
    crowd = Crowd(chance, categories())
    found: list[Visit] = []
    while len(found) < count:
        person = crowd.arrive()
        person.clock_off = 0
        played = visit(person, SITE, chance, now_ms() - 3_600_000)
        if played.deliveries:
            found.append(played)
    return found


@asynccontextmanager
async def playing(collector: Collector) -> AsyncIterator[Sender]:
    app = web.Application()
    app.router.add_post("/v1/events", collector.handle)
    async with TestServer(app) as server, Sender(server.make_url("/v1/events"), origin=SITE.origins[0]) as sender:
        yield sender


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.delivery.LEAST_WAIT_S", 0.01)
    monkeypatch.setattr("demo.delivery.MOST_WAIT_S", 0.02)


@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param([202], id="a collector in good health"),
        pytest.param([503] * 40 + [202], id="away at first"),
        pytest.param([202, 503, 429, 202, 0, 408, 202, 502, 202], id="off and on, and connections that break"),
    ],
)
async def test_every_event_is_delivered(statuses: list[int]) -> None:
    visits = past_visits(12)
    expected = {id for one in visits for delivery in one.deliveries for id in ids(delivery.envelope)}
    collector = Collector(list(statuses))
    async with playing(collector) as sender:
        await asyncio.gather(*map(sender.play, visits))
    assert set(collector.accepted) == expected
    assert collector.requests == sum(len(one.deliveries) for one in visits) + sum(one != 202 for one in statuses)
    assert sender.answered == sum(collector.accepted.values())
    assert sender.refused == 0


async def test_a_request_is_stamped_when_it_is_sent_not_when_it_was_due() -> None:
    """Else the collector would take the wait for a clock that is off, and date its events later than they were."""
    collector = Collector([503, 202])
    async with playing(collector) as sender:
        await asyncio.gather(*map(sender.play, past_visits(2)))
    assert all(-5 <= late < 600_000 for late in collector.late), "not an hour ago"


async def test_a_clock_that_is_off_stays_off() -> None:
    played = past_visits(1)[0]
    (first, *_) = played.deliveries
    first.envelope.sent += 7_200_000
    collector = Collector([503, 202])
    async with playing(collector) as sender:
        await sender.play(played)
    assert all(-7_200_005 <= late < -6_600_000 for late in collector.late[:2])


async def test_requests_look_like_a_browsers() -> None:
    collector = Collector([202])
    visits = past_visits(3)
    async with playing(collector) as sender:
        for one in visits:
            await sender.play(one)
    agents = {headers["User-Agent"] for headers in collector.headers}
    assert agents == {one.person.user_agent for one in visits}
    assert {headers["X-Forwarded-For"] for headers in collector.headers} == {one.person.address for one in visits}
    assert {headers["Origin"] for headers in collector.headers} == {SITE.origins[0]}
    assert all(headers["Content-Type"].startswith("text/plain") for headers in collector.headers)


async def test_a_final_refusal_is_given_up_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    visits = past_visits(5)
    collector = Collector([401], reason="unknown_site")
    with caplog.at_level(logging.INFO, "wakeline.simulator"):
        async with playing(collector) as sender:
            await asyncio.gather(*map(sender.play, visits))
    assert collector.requests == sum(len(one.deliveries) for one in visits), "nothing is sent again"
    assert sender.refused == sender.answered > 0
    (line,) = caplog.messages
    assert "unknown_site" in line


async def test_a_refused_event_of_an_accepted_request_is_said_too(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"accepted": 0, "rejected": [{"id": "p.0", "reason": "bad_url"}]}, status=202)

    collector = Collector([202])
    collector.handle = handle  # type: ignore[method-assign]
    async with playing(collector) as sender:
        await asyncio.gather(*map(sender.play, past_visits(3)))
    assert sender.refused == sender.answered
    (line,) = caplog.messages
    assert "bad_url" in line


@pytest.mark.parametrize("status", [400, 403, 404, 413, 415])
async def test_other_final_codes_are_not_sent_again(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Also from a server that is no collector and gives no reason."""
    visits = past_visits(1)
    collector = Collector([status])
    async with playing(collector) as sender:
        await sender.play(visits[0])
    assert collector.requests == len(visits[0].deliveries)
    assert str(status) in caplog.text


async def test_an_outage_is_said_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "wakeline.simulator"):
        async with playing(Collector([202, 503, 503, 503, 202])) as sender:
            for one in past_visits(3):
                await sender.play(one)
    away, back = caplog.messages
    assert "503" in away
    assert "again" in back


async def test_retry_after_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    slept = asyncio.sleep

    async def sleep(wait: float) -> None:
        waits.append(wait)
        await slept(0)

    monkeypatch.setattr("demo.delivery.asyncio.sleep", sleep)
    async with playing(Collector([503, 429, 202], retry_after="7")) as sender:
        await sender.play(past_visits(1)[0])
    assert [wait for wait in waits if wait >= 1] == [7.0, 7.0]


@pytest.mark.parametrize(
    ("said", "waits"),
    [("", 0.0), ("3", 3.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("-1", 0.0), ("9" * 30, 600.0), ("²", 0.0)],
)
def test_retry_after_in_seconds(said: str, waits: float) -> None:
    assert seconds(said) == waits


async def test_about_as_many_as_asked_for_are_in_play(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little's law: they arrive as fast as a visit is short."""
    monkeypatch.setattr("demo.simulator.mean_visit_s", lambda site: 0.2)
    in_play = 0
    seen: list[int] = []

    async def play(_: Visit) -> None:
        nonlocal in_play
        in_play += 1
        seen.append(in_play)
        await asyncio.sleep(random.expovariate(1 / 0.2))
        in_play -= 1

    await until_seen(arrivals(play, SITE, 20), lambda: len(seen) > 300)
    later = seen[100:]
    assert 10 < sum(later) / len(later) < 32
    assert in_play <= CROWDED * 20


async def test_nobody_else_comes_while_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.simulator.mean_visit_s", lambda site: 0.01)
    inside = 0
    turned = asyncio.Event()

    async def play(_: Visit) -> None:
        nonlocal inside
        inside += 1
        await turned.wait()

    task = asyncio.create_task(arrivals(play, SITE, 4))
    await until(lambda: inside == CROWDED * 4, "the shop never filled")
    await asyncio.sleep(0.05)  # twenty more would have come
    assert inside == CROWDED * 4
    turned.set()
    await until(lambda: inside > CROWDED * 4, "nobody came after it moved again")
    await stopped(task)


async def until_seen(running: Awaitable[None], condition: Callable[[], object]) -> None:
    task = asyncio.ensure_future(running)
    await until(condition, "too few arrived")
    await stopped(task)


async def stopped(task: asyncio.Future[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def test_a_visit_is_about_a_minute() -> None:
    assert 20 < mean_visit_s(SITE) < 120
    assert mean_visit_s(SITE) == mean_visit_s(SITE)


@pytest.mark.parametrize("is_away", [False, True], ids=["a collector that answers", "no collector"])
async def test_told_to_stop_it_stops_at_once(is_away: bool) -> None:
    port = free_port()
    collector = Collector([202])
    app = web.Application()
    app.router.add_post("/v1/events", collector.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    if not is_away:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "wakeline", "simulator", "200", "--config", str(ROOT / "demo" / "wakeline.toml")),
        env=child_environ(WAKELINE_PORT=str(port), WAKELINE_LOG_FORMAT="json"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said: list[str] = []
    word = "keep their events" if is_away else "visitors at a time"
    async with asyncio.timeout(PATIENCE_S):
        while not said or word not in said[-1]:
            said.append((await process.stderr.readline()).decode())
            assert said[-1], said
    if not is_away:
        await until(lambda: len(collector.accepted) > 10, "nothing arrived")
    process.send_signal(signal.SIGTERM)
    _, rest = await asyncio.wait_for(process.communicate(), STOPS_S)
    await runner.cleanup()
    assert process.returncode == 0
    last = json.loads(rest.decode().splitlines()[-1])
    assert last["level"] == "info"
    assert "0 were rejected" in last["message"].replace("of which ", "")
    assert "error" not in last
