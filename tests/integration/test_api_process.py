"""The read side as a process: `wakeline api` with a Redis, and a Kafka, that is missing, killed, frozen and back."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis

from benchmarks.broker import Broker
from benchmarks.children import ROOT, child_environ
from benchmarks.machine import find_free_ports
from tests.answers import status_of, until_status
from wakeline import keys

TOKEN = "t0ken-of-this-test"
DEADLINE_S = 20.0


@dataclass
class Api:
    """A running `wakeline api`."""

    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession
    public: str
    internal: str

    async def status(self, url: str) -> int:
        return await status_of(self.http, url)

    async def until(self, url: str, status: int) -> None:
        """Ask until the answer has `status`."""
        await until_status(self.http, url, status)


@pytest.fixture(params=["redis", "kafka"])
def log(request: pytest.FixtureRequest, topic: str) -> str:
    """Its URL; none for the log in Redis."""
    return "" if request.param == "redis" else f"{request.getfixturevalue('broker').url}/{topic}"


@pytest.fixture
def start(own_server: Any, log: str, tmp_path: Path) -> Callable[..., Any]:
    config = tmp_path / "wakeline.toml"
    config.write_text('[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\n')

    async def start(ports: list[int] | None = None) -> Api:
        public, internal = ports or find_free_ports(2)
        servers = {"redis": own_server.url, "log": log}
        flags = {"config": config, **servers, "api-port": public, "api-metrics-port": internal}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "wakeline",
            "api",
            *(word for name, value in flags.items() for word in (f"--{name}", str(value))),
            env=child_environ(WAKELINE_API_TOKEN=TOKEN),
            cwd=ROOT,
            stderr=asyncio.subprocess.PIPE,
        )
        http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=DEADLINE_S), headers={"Authorization": f"Bearer {TOKEN}"}
        )
        return Api(process, http, f"http://127.0.0.1:{public}", f"http://127.0.0.1:{internal}")

    return start


@pytest.fixture
async def api(start: Callable[..., Any]) -> AsyncIterator[Api]:
    api = await start()
    yield api
    await api.http.close()
    if api.process.returncode is None:
        api.process.kill()
    await api.process.communicate()


def deploy(server: Any) -> None:
    with redis.Redis(port=server.port) as client:
        client.hset(keys.DEPLOYMENT, mapping={"lanes": 16, "decay_zero": 0, "half_life": 1 << 40})


whatever_the_log = pytest.mark.parametrize("log", ["redis"], indirect=True)
"""It plays no part in this: only the business metrics ask it how far it reaches."""


async def test_it_lives_through_a_redis_that_is_empty_killed_frozen_and_back(own_server: Any, api: Api) -> None:
    metrics, ready = f"{api.internal}/metrics", f"{api.public}/readyz"
    profile = f"{api.public}/v1/profiles/shop/never-seen-visitor-01"
    await api.until(f"{api.public}/healthz", 200)

    async def answers(*, metrics_status: int, ready_status: int, profile_status: int) -> None:
        await api.until(metrics, metrics_status)
        await api.until(ready, ready_status)
        await api.until(profile, profile_status)
        assert await api.status(f"{api.public}/healthz") == 200
        assert await api.status(f"{api.internal}/healthz") == 200

    await answers(metrics_status=503, ready_status=503, profile_status=503)  # nobody made a deployment yet
    deploy(own_server)
    await answers(metrics_status=200, ready_status=200, profile_status=404)
    own_server.kill()
    await answers(metrics_status=503, ready_status=503, profile_status=503)
    own_server.start()
    await answers(metrics_status=200, ready_status=200, profile_status=404)
    with own_server.paused():
        await answers(metrics_status=503, ready_status=503, profile_status=503)  # not a hang
    await answers(metrics_status=200, ready_status=200, profile_status=404)


@pytest.mark.parametrize("log", ["kafka"], indirect=True)
async def test_profiles_are_read_while_only_the_log_is_away(own_server: Any, broker: Broker, api: Api) -> None:
    """Whoever scrapes gets no numbers rather than wrong ones, and gets them again by itself."""
    deploy(own_server)
    metrics, profile = f"{api.internal}/metrics", f"{api.public}/v1/profiles/shop/never-seen-visitor-01"
    await api.until(metrics, 200)
    with broker.paused():
        await api.until(metrics, 503)
        assert await api.status(profile) == 404
        assert await api.status(f"{api.public}/readyz") == 200
    await api.until(metrics, 200)
    broker.kill()
    await api.until(metrics, 503)
    assert await api.status(profile) == 404
    broker.start()
    await api.until(metrics, 200)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_cleanly(own_server: Any, api: Api, number: signal.Signals) -> None:
    deploy(own_server)
    await api.until(f"{api.internal}/metrics", 200)
    api.process.send_signal(number)
    _, said = await api.process.communicate()
    assert api.process.returncode == 0
    assert b"Traceback" not in said


@whatever_the_log
async def test_a_taken_port_is_named(own_server: Any, api: Api, start: Callable[..., Any]) -> None:
    await api.until(f"{api.public}/healthz", 200)
    port = int(api.public.rsplit(":", 1)[1])
    second = await start([port, port + 1])
    _, said = await second.process.communicate()
    await second.http.close()
    assert second.process.returncode == 1
    assert re.search(rf"\b{port}\b", said.decode())
    assert b"Traceback" not in said


@whatever_the_log
async def test_paths_with_ids_are_not_logged(own_server: Any, api: Api) -> None:
    deploy(own_server)
    await api.until(f"{api.public}/v1/profiles/shop/never-seen-visitor-01", 404)
    own_server.kill()
    await api.until(f"{api.public}/v1/profiles/shop/never-seen-visitor-01", 503)
    api.process.send_signal(signal.SIGTERM)
    _, said = await api.process.communicate()
    assert b"could not be read" in said
    assert b"never-seen-visitor-01" not in said
