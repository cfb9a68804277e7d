"""An internal port: metrics and health only, and no logging of clients."""

from __future__ import annotations

import gzip

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from archiver import metrics
from benchmarks.machine import free_port
from wakeline.internal_port import alive, metrics_of, serve
from wakeline.ports import CannotListen, hindrance


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_it_shows_metrics_and_that_it_is_alive(host: str, capfd: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    assert hindrance(host, port) is None
    runner = await serve([metrics_of(metrics.REGISTRY), alive()], host, port)
    at = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{at}/metrics") as answer:
            assert "wakeline_archiver_records_total" in await answer.text()
        async with http.get(f"{at}/healthz") as answer:
            assert await answer.text() == "alive\n"
        async with http.get(f"{at}/profiles") as answer:
            assert answer.status == 404
        with pytest.raises(CannotListen, match=f"cannot listen on {host} port {port}: .*in use"):
            await serve([alive()], host, port)
        assert "in use" in str(hindrance(host, port))
        await runner.cleanup()  # before the client closes: the kernel remembers the connection for a while
    assert hindrance(host, port) is None, "a port that just closed is free"
    assert capfd.readouterr() == ("", "")


async def test_metrics_are_brought_up_to_date_as_they_are_asked() -> None:
    port = free_port()
    registry = CollectorRegistry()
    asked = Counter("asked", "How often", registry=registry)
    runner = await serve([metrics_of(registry, before=asked.inc)], "127.0.0.1", port)
    async with aiohttp.ClientSession() as http:
        for n in (1.0, 2.0):
            async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
                assert f"asked_total {n}" in await answer.text()
    await runner.cleanup()


async def test_a_body_stays_as_small_as_it_was_sent() -> None:
    port = free_port()

    async def size(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    runner = await serve([web.post("/size", size)], "127.0.0.1", port)
    body = gzip.compress(b" " * 900_000)
    async with aiohttp.ClientSession() as http:
        at, headers = f"http://127.0.0.1:{port}/size", {"Content-Encoding": "gzip"}
        async with http.post(at, data=body, headers=headers) as answer:
            assert await answer.text() == str(len(body))
        await runner.cleanup()
