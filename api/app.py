"""Wires the read side: a public port for profiles, an internal one for Prometheus."""

from __future__ import annotations

import asyncio
import logging

import uvloop
from aiohttp import web

from api import health
from api.exposition import Exposition
from api.numbers import NumbersReader
from api.profiles import ProfileHandlers
from wakeline.log.opening import open_log
from wakeline.profiles import AsyncProfiles
from wakeline.settings import Config
from wakeline.stopping import told_to_stop

log = logging.getLogger("wakeline.api")


def main(config: Config) -> None:
    """Runs until SIGTERM or SIGINT. Exits with 1 where a port is taken; waits for a Redis that is away."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(run(config)))


async def run(config: Config) -> int:
    """The life of the read side; returns its exit code."""
    stop = told_to_stop()
    settings = config.settings
    profiles = AsyncProfiles(settings.redis)
    numbers = NumbersReader(settings.redis, config.sites, lambda lanes: open_log(settings, lanes))
    exposition = Exposition(numbers.read, top=settings.top_values)

    public, internal = web.Application(), web.Application()
    public.add_routes([*ProfileHandlers(config, profiles).routes(), *health.routes(numbers.check)])
    internal.add_routes([web.get("/metrics", exposition.handle), *health.routes(numbers.check)])
    runners = [web.AppRunner(app, access_log=None, shutdown_timeout=5.0) for app in (public, internal)]
    try:
        for runner, port in zip(runners, (settings.api_port, settings.api_metrics_port), strict=True):
            await runner.setup()
            await web.TCPSite(runner, settings.internal_host, port).start()
    except OSError as error:
        log.error("cannot listen on %s port %d: %s", settings.internal_host, port, error.strerror or error)
        return 1
    else:
        log.info("profiles on http://%s:%d, metrics on port %d", settings.internal_host, settings.api_port, port)
        await stop.wait()
        return 0
    finally:
        for runner in runners:
            await runner.cleanup()
        await profiles.close()
        await numbers.close()
