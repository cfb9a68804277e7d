"""A collector in the test's process: real HTTP, an in-memory log that can fail, a clock set by the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web
from prometheus_client import generate_latest

from benchmarks.exposition import series_of
from collector.app import Parts, build
from collector.metrics import registry
from wakeline.log import Log, LogUnavailable
from wakeline.log.memory import MemoryLog
from wakeline.record import Event, Record, decode_record
from wakeline.settings import Config, Settings, Site

LANES = 4
NO_REDIS = "redis://127.0.0.1:1/0"  # where nobody listens
ORIGIN = "https://shop.example"
SECRET = "secret of the shop"
HOUR, DAY = 3_600_000, 86_400_000
NOON = 1_790_000_000_000 // DAY * DAY + 12 * HOUR  # a day of 2026 at noon, UTC
VISITOR, PAGE = "0k3v9q2m1t7b5s8d4f6g2a", "p4m8c1x7z2n5b9h3j6k0qr"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
)

SITE = Site(
    key="demo",
    secret=SECRET,
    origins=(ORIGIN, "http://localhost:8710"),
    time_zone=ZoneInfo("UTC"),
    own_cookie="staff",
    query=("ref",),
    masks=("/reset/*",),
)


class FaultyLog(MemoryLog):
    """Unavailable while `is_away`; blocks every append while `gate` is closed; counts appends."""

    def __init__(self, lanes: int) -> None:
        super().__init__(lanes)
        self.is_away = False
        self.fault: Exception | None = None  # raised by the next append instead
        self.gate = asyncio.Event()
        self.gate.set()
        self.groups: list[int] = []

    async def identity(self) -> str:
        if self.is_away:
            raise LogUnavailable("away, as the test wants it")
        return await super().identity()

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        self.groups.append(len(records))
        await self.gate.wait()
        if self.is_away:
            raise LogUnavailable("away, as the test wants it")
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return await super().append(records)


class Clock:
    """ms since 1970, set by the test."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Stand:
    """The collector, and a client for it."""

    def __init__(self, parts: Parts, log: FaultyLog, clock: Clock, http: aiohttp.ClientSession, port: int) -> None:
        self.parts, self.log, self.clock, self.http, self.port = parts, log, clock, http, port
        self.url = f"http://127.0.0.1:{port}"
        self.held: list[asyncio.StreamWriter] = []  # that a test opened, to be closed with it

    async def post(
        self, body: bytes | dict[str, Any], *, headers: Mapping[str, str | None] | None = None
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """(status, answer, headers) of a POST of `body` as sent by a browser; None omits a header."""
        sent = {"Origin": ORIGIN, "Content-Type": "text/plain;charset=UTF-8", "User-Agent": CHROME, **(headers or {})}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kept = {name: value for name, value in sent.items() if value is not None}
        skipped = [name for name in ("User-Agent", "Content-Type") if sent.get(name) is None]
        async with self.http.post(
            f"{self.url}/v1/events", data=data, headers=kept, skip_auto_headers=skipped
        ) as answer:
            return answer.status, await answer.json(), answer.headers

    async def entries(self) -> dict[int, list[Record]]:
        """All records in the log, by lane."""
        found = await self.log.read(dict.fromkeys(range(LANES), 0), limit=100_000, wait_ms=0)
        return {lane: [decode_record(entry.value) for entry in found[lane]] for lane in sorted(found)}

    async def records(self) -> list[Event]:
        """The same, which must all be events, lane by lane."""
        records = [record for lane in (await self.entries()).values() for record in lane]
        assert all(isinstance(record, Event) for record in records)
        return [record for record in records if isinstance(record, Event)]

    def metrics(self) -> dict[str, float]:
        """The content of /metrics by "name{labels}" without the prefix; only the collector's own."""
        return series_of(generate_latest(registry(self.parts.metrics)).decode(), "wakeline_collector_")

    def rejected(self) -> dict[str, int]:
        return {reason.value: count for reason, count in self.parts.metrics.rejected.items() if count}


async def stopped(runner: web.BaseRunner[Any]) -> None:
    """Also closes connections accepted at the last moment, which Python 3.11 loses if their server is closed before it
    knows them.
    """
    loop = asyncio.get_running_loop()
    for site in list(runner.sites):
        server: Any = site._server  # type: ignore[attr-defined]
        for listening in server.sockets if server is not None else ():
            loop.remove_reader(listening.fileno())
    for _ in range(20):  # turns of the loop, of which a busy machine may give none in any time
        await asyncio.sleep(0.001)
    for site in list(runner.sites):
        await site.stop()
    await runner.cleanup()


@asynccontextmanager
async def stand(
    folder: Path,
    *sites: Site,
    settings: Mapping[str, Any] | None = None,
    log: FaultyLog | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Stand]:
    """A running collector for `sites` (SITE) with its salts in `folder`; without a spool and a Redis server unless
    `settings` say so: the default one may be that of a Wakeline in use.

    Checks at the end that its ledger balances.
    """
    config = Config(
        Settings(**{"data": folder, "spool_mb": 0, "redis": NO_REDIS, **(settings or {})}),
        {site.key: site for site in sites or (SITE,)},
    )
    clock, kept = clock or Clock(), log or FaultyLog(LANES)

    async def open_log() -> tuple[Log, int]:
        await kept.identity()
        return kept, LANES

    parts = build(config, open_log=open_log, clock=clock)
    runner = web.ServerRunner(parts.server, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    writing = asyncio.create_task(parts.writer.run())
    await asyncio.sleep(0)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        made = Stand(parts, kept, clock, http, site.port)
        yield made
        for writer in made.held:
            writer.close()
    await stopped(runner)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert parts.metrics.ledger_difference == 0


def event(**fields: Any) -> dict[str, Any]:
    """One wire event, a page view a second ago unless `fields` override it; None omits a field."""
    base = {"type": "page_view", "page": PAGE, "n": 0, "time": NOON - 1_000, "url": f"{ORIGIN}/shoes"}
    return {name: value for name, value in (base | fields).items() if value is not None}


def envelope(*events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A request body under `anonymous` consent, of one event unless others are given."""
    return {"site": "demo", "consent": "anonymous", "sent": NOON, "events": list(events) or [event()], **fields}


def full(*events: dict[str, Any]) -> dict[str, Any]:
    """The same under `full`, each event with the visitor's id."""
    return envelope(*({"visitor": VISITOR, **each} for each in events or (event(),)), consent="full")
