"""The read side as a process: a public port for profiles, an internal one for Prometheus."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

import uvloop
from aiohttp import web

from api.exposition import AWAY, Exposition
from api.numbers import NumbersReader
from api.profiles import ProfileHandlers
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.profiles import AsyncProfiles
from wakeline.settings import Config

log = logging.getLogger("wakeline.api")


def main(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. Exits with a message where a port is taken."""
    uvloop.run(serve(config))


async def serve(config: Config) -> None:
    settings = config.settings
    profiles = AsyncProfiles(settings.redis)
    numbers = NumbersReader(settings.redis, config.sites, lambda lanes: RedisStreamsLog(settings.redis, lanes))
    public = web.Application()
    public.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz(numbers))])
    public.add_routes(ProfileHandlers(config, profiles).routes())
    internal = web.Application()
    internal.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz(numbers))])
    internal.add_routes([web.get("/metrics", Exposition(numbers.read, top=settings.top_values).handle)])

    runners = [
        await listen(public, settings.host, settings.api_port),
        await listen(internal, settings.host, settings.api_metrics_port),
    ]
    log.info("profiles on port %d, metrics on port %d", settings.api_port, settings.api_metrics_port)
    await stopped()
    for runner in runners:
        await runner.cleanup()
    await profiles.close()
    await numbers.close()


async def healthz(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def readyz(numbers: NumbersReader) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(2.0):
                await numbers.check()
        except AWAY as error:
            return web.Response(status=503, text=f"{error or 'Redis did not answer in time'}\n")
        return web.Response(text="ok\n")

    return handle


async def listen(app: web.Application, host: str, port: int) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)  # paths hold ids: no access log
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise SystemExit(f"the read side cannot listen on {host}:{port}: {error.strerror or error}") from error
    return runner


async def stopped() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
