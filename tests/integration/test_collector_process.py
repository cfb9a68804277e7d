"""The collector as a process on both logs, without a spool: their server is missing, killed, frozen and back."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from benchmarks.broker import Broker
from benchmarks.children import ROOT, child_environ
from benchmarks.exposition import series_of
from benchmarks.machine import find_free_ports
from benchmarks.waiting import until
from collector.waiting import DEADLINE_S
from tests import thorough
from tests.answers import status_of, until_status
from tests.balance import assert_balanced
from tests.logged import values_of
from wakeline.keys import DEPLOYMENT
from wakeline.log.opening import plain_log
from wakeline.record import Event, decode_record
from wakeline.redis.connect import connect
from wakeline.settings import METRICS_PORT_STEP

ORIGIN = "https://shop.example"
LANES = 8
PATIENCE_S = 30.0
OUTAGE_S = {"redis": 25.0, "kafka": 12.0}  # well above the patience of each one's client


@dataclass
class Collector:
    """A running `wakeline collector`."""

    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession
    port: int
    metrics_port: int
    sent: int = 0
    accepted: set[str] = field(default_factory=set)  # page ids that were answered 202
    statuses: Counter[int] = field(default_factory=Counter)
    slowest_s: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def post(self) -> int:
        """Send one event with a new page id; returns the answer's status, 0 for none."""
        self.sent += 1
        page, now = f"page-{self.sent:08d}", time.time_ns() // 1_000_000
        event = {"type": "page_view", "page": page, "n": 0, "time": now, "url": f"{ORIGIN}/{self.sent}"}
        body = {"site": "shop", "consent": "anonymous", "sent": now, "events": [event]}
        began = time.monotonic()
        try:
            async with self.http.post(
                f"{self.url}/v1/events", data=json.dumps(body), headers={"Origin": ORIGIN, "Content-Type": "text/plain"}
            ) as answer:
                await answer.read()
                status = answer.status
        except aiohttp.ClientConnectionError:
            status = 0
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.statuses[status] += 1
        if status == 202:
            self.accepted.add(page)
        return status

    async def until(self, path: str, status: int) -> None:
        """Ask until the answer has `status`."""
        await until_status(self.http, self.url + path, status)

    async def status(self, path: str) -> int:
        return await status_of(self.http, self.url + path)

    async def metrics(self, worker: int = 0) -> dict[str, float]:
        async with self.http.get(
            f"http://127.0.0.1:{self.metrics_port + METRICS_PORT_STEP * worker}/metrics"
        ) as answer:
            return series_of(await answer.text(), "wakeline_collector_")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Stop it; returns its whole output on stderr."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> str:
        """What it said, when it has ended by itself."""
        _, said = await asyncio.wait_for(self.process.communicate(), PATIENCE_S)
        return said.decode()


Start = Callable[..., Any]
Pages = Callable[[], Awaitable[list[str]]]


@pytest.fixture(params=["redis", "kafka"])
def server(request: pytest.FixtureRequest, own_server: Any) -> Any:
    """That of the log, of this file alone and running: it may be killed and paused."""
    if request.param == "redis":
        return own_server
    broker: Broker = request.getfixturevalue("broker")
    if broker.process is None:
        broker.start()
    return broker


whatever_the_log = pytest.mark.parametrize("server", ["redis"], indirect=True)
"""It plays no part in this, or its own tests have it."""


@pytest.fixture
def log(server: Any, topic: str) -> str:
    """Its URL; none for the log in Redis."""
    return f"{server.url}/{topic}" if isinstance(server, Broker) else ""


@pytest.fixture
def pages(log: str, own_server: Any) -> Pages:
    """Page ids of all records that the log holds, in no order."""

    async def pages() -> list[str]:
        opened = await plain_log(log or own_server.url, LANES)
        records = [decode_record(value) for lane in range(LANES) for value in await values_of(opened, lane)]
        await opened.close()
        return [record.page for record in records if isinstance(record, Event)]

    return pages


@pytest.fixture
async def start(own_server: Any, log: str, tmp_path: Path) -> AsyncIterator[Start]:
    config = tmp_path / "wakeline.toml"
    config.write_text(f'[[site]]\nkey = "shop"\norigins = ["{ORIGIN}"]\n')
    started: list[Collector] = []

    async def start(*, ports: Sequence[int] | None = None, workers: int = 1, data: str = "data") -> Collector:
        port, metrics_port = ports or find_free_ports(2)
        flags = {
            "config": config,
            "redis": own_server.url,
            "log": log,
            "data": tmp_path / data,
            "port": port,
            "metrics-port": metrics_port,
            "workers": workers,
            "lanes": LANES,
            "spool-mb": 0,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "wakeline",
            "collector",
            *(word for name, value in flags.items() for word in (f"--{name}", str(value))),
            cwd=ROOT,
            env=child_environ(),
            stderr=asyncio.subprocess.PIPE,
        )
        http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=PATIENCE_S)
        )
        started.append(Collector(process, http, port, metrics_port))
        return started[-1]

    yield start
    for collector in started:
        await collector.http.close()
        if collector.process.returncode is None:
            await asyncio.to_thread(assert_balanced, collector.metrics_port)
        if collector.process.returncode is None:
            collector.process.kill()
        await collector.process.communicate()


async def send_for(collector: Collector, seconds: float, *, connections: int = 64, pause_s: float = 0.05) -> None:
    until = time.monotonic() + seconds

    async def sender() -> None:
        while time.monotonic() < until:
            await collector.post()
            await asyncio.sleep(pause_s)

    await asyncio.gather(*(sender() for _ in range(connections)))


async def test_64_connections_send_one_event_each_and_then_nothing(start: Start, pages: Pages) -> None:
    """Nobody pushes what arrived while a write was under way: it must go by itself."""
    collector = await start()
    await collector.until("/readyz", 200)
    await asyncio.gather(*(collector.status("/healthz") for _ in range(64)))  # the connections are open
    assert await asyncio.gather(*(collector.post() for _ in range(64))) == [202] * 64
    assert sorted(await pages()) == sorted(collector.accepted)
    assert (await collector.metrics())["ledger_difference"] == 0


async def test_it_starts_without_a_server_and_takes_events_once_there_is_one(server: Any, start: Start) -> None:
    server.kill()
    collector = await start()
    await collector.until("/healthz", 200)
    assert await collector.status("/readyz") == 503
    assert await collector.post() == 503
    server.start()
    await collector.until("/readyz", 200)
    assert await collector.post() == 202
    said = await collector.stop()
    assert said.count("no events are taken until the log is back") == 1
    assert "the log is open, 8 lanes" in said


AWAY = [("redis", "killed"), ("kafka", "frozen"), ("redis", "frozen"), ("kafka", "killed")]


@pytest.mark.parametrize(("server", "how"), AWAY if thorough.SHARE == 1 else AWAY[:2], indirect=["server"])
async def test_the_server_is_away_for_long(server: Any, start: Start, pages: Pages, how: str) -> None:
    """All are answered in time, 503 meanwhile; it recovers by itself, and every 202 is in the log."""
    outage_s = OUTAGE_S["kafka" if isinstance(server, Broker) else "redis"]
    collector = await start()
    await collector.until("/readyz", 200)

    async def outage() -> None:
        await asyncio.sleep(1)
        if how == "killed":
            server.kill()
            await asyncio.sleep(outage_s)
            await asyncio.to_thread(server.start)  # Kafka takes seconds, in which all are answered too
        else:
            with server.paused():
                await asyncio.sleep(outage_s)

    breaking = asyncio.create_task(outage())
    await send_for(collector, outage_s + 2, connections=16, pause_s=0.2)
    await breaking
    assert set(collector.statuses) == {202, 503}
    assert collector.statuses[503] > 100
    assert collector.slowest_s < 2 * DEADLINE_S
    await collector.until("/readyz", 200)
    assert await asyncio.gather(*(collector.post() for _ in range(64))) == [202] * 64
    assert collector.accepted <= set(await pages())
    metrics = await collector.metrics()
    assert metrics["ledger_difference"] == 0
    assert metrics["accepted_total"] == len(collector.accepted)
    assert metrics["unavailable_total"] == collector.statuses[503]


async def test_a_killed_collector_loses_nothing_that_it_accepted(start: Start, pages: Pages) -> None:
    collector = await start()
    await collector.until("/readyz", 200)
    sending = asyncio.create_task(send_for(collector, 1.5, pause_s=0))
    await asyncio.sleep(1)
    collector.process.kill()
    await sending
    assert len(collector.accepted) > 100
    found = await pages()
    assert collector.accepted <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("workers", [1, 2])
async def test_told_to_stop_it_answers_what_is_in_flight(server: Any, start: Start, pages: Pages, workers: int) -> None:
    collector = await start(workers=workers)
    await collector.until("/readyz", 200)
    assert {await collector.post() for _ in range(20)} == {202}
    with server.paused():
        waiting = [asyncio.create_task(collector.post()) for _ in range(20)]
        await asyncio.sleep(0.3)
        collector.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
    assert await asyncio.gather(*waiting) == [202] * 20
    said = await collector.ended()
    assert collector.process.returncode == 0
    assert "Traceback" not in said
    assert collector.accepted <= set(await pages())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, 2])
async def test_it_stops_cleanly(start: Start, number: signal.Signals, workers: int) -> None:
    collector = await start(workers=workers)
    await collector.until("/readyz", 200)
    said = await collector.stop(number)
    assert collector.process.returncode == 0
    assert "Traceback" not in said


@whatever_the_log
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("taken", [0, 1], ids=["public port", "metrics port"])
async def test_a_taken_port_is_named(start: Start, workers: int, taken: int) -> None:
    """Also where the kernel would let several processes share it."""
    ports = find_free_ports(4)
    first = await start(ports=ports[:2], workers=workers)
    await first.until("/readyz", 200)
    second_ports = ports[2:]
    second_ports[taken] = ports[taken]
    second = await start(ports=second_ports, workers=workers)
    said = await second.ended()
    assert second.process.returncode == 1
    assert re.search(rf"cannot listen on 127\.0\.0\.1 port {ports[taken]}\b.*in use", said)
    assert "Traceback" not in said
    assert await first.post() == 202


@whatever_the_log
async def test_a_deployment_that_does_not_fit_ends_it_with_a_clear_line(own_server: Any, start: Start) -> None:
    async with connect(own_server.url) as redis:
        await redis.hset(DEPLOYMENT, mapping={"lanes": 3, "decay_zero": 0, "half_life": 7 * 86_400_000})
    collector = await start()
    said = await collector.ended()
    assert collector.process.returncode == 1
    assert "lanes is 8 in the settings, but the data in Redis was built with 3" in said
    assert "Traceback" not in said


async def test_a_collector_with_daily_salts_of_its_own_ends_with_a_clear_line(start: Start) -> None:
    """One that shares the folder of the first does not, nor do workers of one."""
    first = await start(workers=2)
    await first.until("/readyz", 200)
    other = await start(data="other")
    said = await other.ended()
    assert other.process.returncode == 1
    assert "give all of them one folder" in said
    assert "Traceback" not in said
    same = await start()
    await same.until("/readyz", 200)
    assert {await first.post(), await same.post()} == {202}
    assert (await same.metrics())["salts_differ"] == 0


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pids: Sequence[int]) -> None:
    async def all_gone() -> bool:
        return not any(map(is_alive, pids))

    await until(all_gone)


@whatever_the_log
async def test_workers_share_one_port_and_a_dead_one_is_replaced(start: Start) -> None:
    collector = await start(workers=2)
    await collector.until("/readyz", 200)

    async def both_serve() -> bool:
        return not await port_is_closed(collector.metrics_port) and not await port_is_closed(
            collector.metrics_port + METRICS_PORT_STEP
        )

    await until(both_serve)
    before = children(collector.process.pid)
    await asyncio.gather(*(collector.post() for _ in range(200)))  # each over a connection of its own
    counts = [(await collector.metrics(worker))["accepted_total"] for worker in (0, 1)]
    assert sum(counts) == 200
    assert min(counts) > 0
    os.kill(before[0], signal.SIGKILL)

    async def replaced() -> bool:
        now = children(collector.process.pid)
        return len(now) == 2 and before[0] not in now

    await until(replaced)
    await collector.until("/readyz", 200)
    workers = children(collector.process.pid)
    said = await collector.stop()
    assert collector.process.returncode == 0
    assert "was ended by SIGKILL; a new one starts" in said
    await gone(workers)


async def port_is_closed(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    writer.close()
    return False


@whatever_the_log
async def test_workers_do_not_outlive_a_killed_supervisor(start: Start) -> None:
    collector = await start(workers=2)
    await collector.until("/readyz", 200)
    workers = children(collector.process.pid)
    assert workers
    collector.process.kill()
    await gone(workers)


async def test_no_salt_and_no_address_is_in_the_servers_files(
    own_server: Any, server: Any, log: str, topic: str, start: Start, tmp_path: Path
) -> None:
    """The append-only file, and what Kafka keeps of the topic, would have them when their time is over."""
    collector = await start()
    await collector.until("/readyz", 200)
    assert await collector.post() == 202
    salts = [path.read_bytes() for path in (tmp_path / "data" / "salts").glob("*.salt")]
    files = [*own_server.folder.rglob("*"), *(server.folder.rglob(f"{topic}-*/*") if log else ())]
    kept = b"".join(path.read_bytes() for path in files if path.is_file())
    said = await collector.stop()
    assert salts
    assert b"page-00000001" in kept
    for secret in (*salts, *(salt.hex().encode() for salt in salts)):
        assert secret not in kept
    assert b"127.0.0.1" not in kept.replace(b"bind 127.0.0.1", b"")
    assert "127.0.0.1" not in said.replace("http://127.0.0.1", "")
