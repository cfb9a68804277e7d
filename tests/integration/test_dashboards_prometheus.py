"""A real Prometheus with the committed configuration scrapes the real read side: every panel shows the truth.

The read side runs as a process over a real server that holds known numbers; the collector and the processor
are their metrics files behind a listener. Grafana is not part of it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import redis
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

import archiver.metrics
import processor.metrics
from benchmarks.children import ROOT, child_environ
from benchmarks.machine import ports_of_settings
from benchmarks.waiting import until
from collector.memory import Step, Use
from collector.metrics import Metrics, registry
from dashboards import live
from tests.answers import until_status
from tests.prometheus import Prometheus, committed
from wakeline import keys
from wakeline.event import Refusal
from wakeline.log.redis_streams import RedisStreamsLog

BOARD = json.loads(live.FILE.read_text())
PANELS = {panel["title"]: panel for panel in BOARD["panels"] if panel["type"] != "row"}
LANES = 4
TOP = 3
KEYS = keys.Keys()
DEADLINE_S = 60.0
PACE_S = 0.2


MOVES = "above 0"  # a number that goes on changing
JOBS = ("wakeline-collector", "wakeline-processor", "wakeline-api", "wakeline-archiver")


# ---- what is in Redis ----------------------------------------------------------------------------

COUNTERS = {
    "page_views": 60, "sessions": 8, "bounces": 3, "engaged_ms": 1_206_000, "events": 9, "bot_events": 5,
    "new_visitors": 4, "identified": 2, "withdrawals": 1, "visits": 12,
    "funnel_seen": 7, "funnel_carted": 5, "funnel_checkout": 4, "funnel_payment": 3, "funnel_bought": 2,
    "searches": 7, "searches_empty": 2, "not_found": 4,
    "orders": 7, "orders_back": 2, "pieces": 9, "pieces_back": 3, "carts": 6, "carts_abandoned": 4,
    "carts_recovered": 2, "revenue:EUR": 10_000, "revenue_back:EUR": 1_000, "revenue:JPY": 700,
    "page_revenue:EUR": 2_500, "page_revenue_back:EUR": 500, "margin:EUR": 4_000, "margin_back:EUR": 950,
    "revenue_of_unknown_margin:JPY": 700, "cart_value_abandoned:EUR": 5_000,
}  # fmt: skip
DAY_TOPS: dict[str, dict[str, int]] = {
    "searches": {"desk lamp": 5, "sofa": 2},
    "searches_empty": {"sofa": 2},
    "not_found": {"/lamp": 4},
    "countries": {"DE": 7, "FI": 2},
    "viewed": {"lamp": 9},
    "pages": {"/": 30, "/lamps": 20, "/chairs": 6, "/desks": 3, keys.OTHER: 1},
    "engaged_ms": {"/": 600_000, "/lamps": 606_000},
    "entries": {"/": 9, "/lamps": 3},
    "exits": {"/": 2, "/order": 6},
    "sources": {"(direct)": 7, "search.example": 5},
    "source_classes": {"direct": 7, "email": 5},
    "campaigns": {"spring": 4},
    "interests": {"lamps": 40, "chairs": 11},
    "events": {"add_to_cart": 6, "purchase": 3},
    "bots": {"Googlebot": 5},
    "products": {"lamp": 5},
    "categories": {"lamps": 5},
    "coupons": {"SPRING": 2},
    "carted": {"lamp": 8},
}
LIVE_TOPS: dict[str, dict[str, int]] = {
    "pages": {"/": 8, "/lamps": 4},
    "sources": {"(direct)": 2},
    "interests": {"lamps": 6},
}  # of one bucket; each window gets two

RECORDS = dict.fromkeys(("conflict", "too_late", "erased", "skipped"), 0)
RECORDS |= {"applied": 7, "duplicate": 2, "dead": 1, "derived": 1}
PENDING = 2
SPOOLED, UNARCHIVED = 21, 34
USE = Use(0.375, 0.5, 0.625)

TRUTH: dict[str, dict[str, Any]] = {
    "On the site now": {"now": 2},
    "Seen lately": {"5m": 3, "30m": 4},
    "Visitors": {"now": 2, "5m": 3, "30m": 4},
    "Per minute, people and bots": {"page views": MOVES, "custom events": MOVES, "bot events": MOVES},
    "Visits": {"visits": 12},
    "New visitors": {"new visitors": 4},
    "Page views": {"page views": 60},
    "Bounces": {"bounces": 3 / 8},
    "Engaged time a visit": {"engaged_seconds": 1_206 / 12},
    "Custom events": {"custom events": 9},
    "Classes of sources": {"direct": 7, "email": 5},
    "Campaigns": {"spring": 4},
    "Custom events by name": {"add_to_cart": 6, "purchase": 3},
    "Bots": {"Googlebot": 5},
    "Entry pages": {"/": 9, "/lamps": 3},
    "Exit pages": {"/order": 6, "/": 2},
    "Engaged time by page": {"/lamps": 606, "/": 600},
    "Revenue": {"EUR": 90, "JPY": 700},
    "Page only": {"EUR": 20, "JPY": 0},
    "Margin": {"EUR": 30.5, "JPY": 0},
    "Revenue, margin unknown": {"EUR": 0, "JPY": 700},
    "Orders": {"orders": 7, "orders taken back": 2},
    "Pieces": {"pieces sold": 9, "pieces taken back": 3},
    "Carts": {"carts": 6, "carts abandoned": 4, "carts recovered": 2},
    "Value of abandoned carts": {"EUR": 50, "JPY": 0},
    "Value of recovered carts": {"EUR": 0, "JPY": 0},
    "Products bought": {"lamp": 5},
    "Categories": {"lamps": 5},
    "Coupons": {"SPRING": 2},
    "Products put into carts": {"lamp": 8},
    "Revenue within an hour": {
        f"{what}, {currency}": MOVES for what in ("gained", "taken back") for currency in ("EUR", "JPY")
    },
    "Implausible orders": {
        "orders unpriced": 4,
        "orders too large": 0,
        "orders over refunded": 0,
        "order states backwards": 0,
    },
    "Searches": {"desk lamp": 5, "sofa": 2},
    "Searches without result": {"sofa": 2},
    "Pages that do not exist": {"/lamp": 4},
    "Countries": {"DE": 7, "FI": 2},
    "Products seen": {"lamp": 9},
    "How far visits came": {
        "visits with product": 7,
        "visits with cart": 5,
        "visits with checkout": 4,
        "visits with payment": 3,
        "visits with purchase": 2,
    },
    "Processes": dict.fromkeys(JOBS, 1),
    "Books": {"collector": 0, "lanes": 0, "dead letters": 1},
    "Lag": {"oldest record not in the profiles": MOVES},
    "Intake, events a second": {"accepted": MOVES, "rejected": MOVES, "unavailable": MOVES},
    "Rejections by reason, events per second": {"too_old": MOVES, "bad_url": MOVES},
    "How far behind": {
        "oldest record not in the profiles": MOVES,
        "event to profile, p95": MOVES,
        "collector's answer, p95": MOVES,
    },
    "Waiting records": {
        "in the spool, not in the log": SPOOLED,
        "in the log, not in the history": UNARCHIVED,
    },
    "Records of the log": RECORDS | {"pending": PENDING},
    "Memory": dict.fromkeys(JOBS, MOVES),
    "Memory of the server": {
        "in use": USE.now,
        "once the backlog is counted": USE.counted,
        "once all of it creates profiles": USE.profiles,
    },
}
TWO_BUCKETS: dict[str, dict[str, Any]] = {
    "Pages": {"/": 16, "/lamps": 8},
    "Sources": {"(direct)": 4},
    "Interests": {"lamps": 12},
}
TRUTH_OF_WINDOW: dict[str, dict[str, dict[str, Any]]] = {
    "5m": TWO_BUCKETS,
    "30m": TWO_BUCKETS,
    "today": {
        "Pages": {"/": 30, "/lamps": 20, "/chairs": 6, keys.OTHER: 4},
        "Sources": DAY_TOPS["sources"],
        "Interests": DAY_TOPS["interests"],
    },
}


def zone_at_noon() -> ZoneInfo:
    """A time zone in which no day ends during this test."""
    return ZoneInfo(f"Etc/GMT{datetime.now(UTC).hour - 12:+d}")


def write(client: redis.Redis, zone: ZoneInfo) -> None:
    """The known numbers, spread over the lanes as the processor would."""
    client.hset(keys.DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": 0, "half_life": 1 << 40})
    seconds, _ = client.time()
    now = seconds * 1000
    today = datetime.fromtimestamp(seconds, zone).date().isoformat()
    for field, count in COUNTERS.items():
        client.hset(KEYS.day(0, "shop", today), field, 1)
        client.hset(KEYS.day(3, "shop", today), field, count - 1)
    client.hset(KEYS.totals(2, "shop"), "orders_unpriced", 4)
    for what, counts in DAY_TOPS.items():
        add(client, what, keys.date(today), counts)
    for what, counts in LIVE_TOPS.items():
        for minutes in (0, 1):
            add(client, what, keys.minute(now - minutes * 60_000), counts)
        for minutes in (0, 5):
            add(client, what, keys.five_minutes(now - minutes * 60_000), counts)
    client.zadd(KEYS.present(1, "shop"), {"a": now + 600_000, "b": now + 600_000, "gone": now - 1})
    client.zadd(KEYS.seen(2, "shop"), {"a": now, "b": now, "c": now, "d": now - 10 * 60_000, "e": now - 31 * 60_000})
    client.hset(KEYS.lane(0), mapping={"offset": sum(RECORDS.values()), **RECORDS})


def add(client: redis.Redis, what: str, bucket: str, counts: dict[str, int]) -> None:
    client.zadd(KEYS.top(0, "shop", what, bucket), {value: count // 2 for value, count in counts.items()})
    client.zadd(KEYS.top(2, "shop", what, bucket), {value: count - count // 2 for value, count in counts.items()})


async def keep_moving(client: redis.Redis, collected: Metrics) -> None:
    """What goes on while Prometheus looks."""
    while True:
        move(client, collected)
        await asyncio.sleep(0.2)


def move(client: redis.Redis, collected: Metrics) -> None:
    for field in ("page_views", "events", "bot_events"):
        client.hincrby(KEYS.totals(1, "shop"), field, 2)
    for field in ("revenue:EUR", "revenue_back:EUR", "revenue:JPY", "revenue_back:JPY"):
        client.hincrby(KEYS.totals(1, "shop"), field, 300)
    collected.received += 10
    collected.accepted += 7
    collected.reject(Refusal.TOO_OLD, 1)
    collected.reject(Refusal.BAD_URL, 1)
    collected.unavailable += 1
    collected.request_seconds.observe(0.004)
    processor.metrics.EVENT_AGE_SECONDS.observe(0.03)


# ---- the processes -------------------------------------------------------------------------------


@dataclass
class World:
    """Everything runs; `ask` asks Prometheus."""

    redis: redis.Redis
    collected: Metrics
    http: aiohttp.ClientSession
    url: str

    async def ask(self, path: str, **query: str) -> Any:
        async with self.http.get(f"{self.url}/api/v1/{path}", params=query) as answer:
            body = await answer.json()
        assert body["status"] == "success", body
        return body["data"]

    async def shown(self, title: str, window: str = "30m") -> dict[str, float]:
        """What a panel shows now: legend -> number. In Prometheus' order, which bars keep."""
        found: dict[str, float] = {}
        for target in PANELS[title]["targets"]:
            data = await self.ask("query", query=filled(target["expr"], window))
            for series in data["result"]:
                legend = legend_of(target["legendFormat"], series["metric"])
                assert legend not in found, f"two series of {title} are called {legend}"
                found[legend] = float(series["value"][1])
        return found

    async def until(self, title: str, truth: dict[str, Any], window: str = "30m") -> None:
        """The panel comes to show the truth."""
        shown: dict[str, float] = {}

        async def is_shown() -> bool:
            await asyncio.sleep(PACE_S)
            shown.clear()
            shown.update(await self.shown(title, window))
            return matches(shown, truth)

        try:
            await until(is_shown, f"{title} in {window}", within=DEADLINE_S)
        except AssertionError as error:
            error.add_note(f"{shown}, not {truth}")
            raise


def matches(found: dict[str, float], truth: dict[str, Any]) -> bool:
    return found.keys() == truth.keys() and all(
        value > 0 if truth[legend] == MOVES else value == pytest.approx(truth[legend])
        for legend, value in found.items()
    )


def filled(expr: str, window: str) -> str:
    return expr.replace("$__rate_interval", "20s").replace("$site", "shop").replace("$window", window)


def legend_of(format: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels[match[1]], format)


@pytest.fixture
async def world(own_server: Any, tmp_path: Path) -> AsyncIterator[World]:
    ports = ports_of_settings()
    zone = zone_at_noon()
    collected = Metrics()
    collected.spool_records = SPOOLED
    collected.memory = lambda: (Step.ROOM, USE)
    archiver.metrics.LAG_RECORDS.set(UNARCHIVED)
    client = redis.Redis(port=own_server.port)
    write(client, zone)
    log = RedisStreamsLog(own_server.url, LANES)
    await log.append([(0, b"{}")] * (sum(RECORDS.values()) + PENDING))
    await log.close()
    runners = [
        await offering(registry(collected), ports["metrics_port"]),
        await offering(None, ports["processor_metrics_port"]),
        await offering(archiver.metrics.REGISTRY, ports["archiver_metrics_port"]),
    ]
    api = await start_api(own_server.url, zone, ports, tmp_path)
    watched = ("metrics_port", "processor_metrics_port", "api_metrics_port", "archiver_metrics_port")
    prometheus = Prometheus(tmp_path / "prometheus", committed({name: ports[name] for name in watched}))
    prometheus.start()
    async with aiohttp.ClientSession() as http:
        await until_status(http, f"{prometheus.url}/-/ready", 200, within=DEADLINE_S)
        yield World(client, collected, http, prometheus.url)
    prometheus.kill()
    api.terminate()
    await api.wait()
    for runner in runners:
        await runner.cleanup()
    client.close()


async def offering(offered: CollectorRegistry | None, port: int) -> web.AppRunner:
    """A listener that offers a registry, the default one if None."""

    async def handle(_: web.Request) -> web.Response:
        text = generate_latest(offered) if offered else generate_latest()
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/metrics", handle)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def start_api(url: str, zone: ZoneInfo, ports: dict[str, int], folder: Path) -> asyncio.subprocess.Process:
    config = folder / "wakeline.toml"
    config.write_text(f'[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\ntime_zone = "{zone.key}"\n')
    flags = {
        "config": config, "redis": url, "api-port": ports["api_port"], "api-metrics-port": ports["api_metrics_port"],
        "top-values": TOP,
    }  # fmt: skip
    words = (word for name, value in flags.items() for word in (f"--{name}", str(value)))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wakeline",
        "api",
        *words,
        cwd=ROOT,
        stderr=asyncio.subprocess.DEVNULL,
        env=child_environ(),
    )


# ---- the truth -----------------------------------------------------------------------------------


def test_every_panel_has_a_truth() -> None:
    assert set(PANELS) == {*TRUTH, *TRUTH_OF_WINDOW["today"]}


async def test_every_panel_shows_the_truth(own_server: Any, world: World) -> None:
    moving = asyncio.create_task(keep_moving(world.redis, world.collected))
    for title, truth in TRUTH.items():
        await world.until(title, truth)
    for window, panels in TRUTH_OF_WINDOW.items():
        for title, truth in panels.items():
            await world.until(title, truth, window)

    # bars come largest first, with the rest at the end
    assert list(await world.shown("Pages", "today")) == ["/", "/lamps", "/chairs", keys.OTHER]

    # curves can be asked over time, within their budget of series
    now = time.time()
    for panel in PANELS.values():
        for target in panel["targets"]:
            data = await world.ask(
                "query_range", query=filled(target["expr"], "30m"), start=str(now - 60), end=str(now), step="5"
            )
            assert len(data["result"]) <= TOP + 20

    # every rule can be evaluated
    (group,) = (await world.ask("rules"))["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}

    # who cannot be asked any more is not shown as still there
    moving.cancel()
    own_server.kill()
    await world.until("On the site now", {})
    await world.until("Processes", dict.fromkeys(JOBS, 1) | {"wakeline-api": 0})
