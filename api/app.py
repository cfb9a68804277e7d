"""Wires the read side: a port for profiles and cards, and an internal one for Prometheus."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial

import uvloop
from aiohttp import web

from api import long_metrics
from api.access import Access
from api.budget import OF_ALL_SITES, groups_shown, series_of_site, values_shown
from api.cards import CardHandlers
from api.exposition import Exposition, top_values
from api.health import ready
from api.long import LongReader
from api.numbers import AWAY, NumbersReader, groups_of
from api.periods import period_reader
from api.profiles import ProfileHandlers
from wakeline.internal_port import alive, serve
from wakeline.log.opening import open_log
from wakeline.numbers import LONG_VALUES
from wakeline.profiles import AsyncProfiles
from wakeline.redis.connect import connect
from wakeline.settings import Config
from wakeline.stopping import told_to_stop

log = logging.getLogger("wakeline.api")


def main(config: Config) -> None:
    """Runs until SIGTERM or SIGINT. Waits while Redis is down. Raises CannotListen."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(run(config)))


async def run(config: Config) -> int:
    """Run the read side; returns its exit code."""
    stop = told_to_stop()
    settings = config.settings
    profiles = AsyncProfiles(settings.redis)
    redis = connect(settings.redis)
    access = Access(config, redis)
    cards = CardHandlers(config, access, redis)
    targets = _most_targets(config)
    groups = groups_shown(len(config.sites), _most_groups(config), targets)
    top = _values_shown(len(config.sites), settings.top_values, targets, groups)
    numbers = NumbersReader(settings.redis, config.sites, lambda lanes: open_log(settings, lanes), values=top)
    long = LongReader(config.sites, partial(period_reader, redis), away=AWAY)
    exposition = Exposition(
        numbers.read,
        top=top,
        groups=groups,
        more=lambda numbers: long_metrics.families(
            config.sites, long.sites, numbers, partial(top_values, top=min(top, LONG_VALUES)), time.time()
        ),
    )

    health = [alive("ok"), ready(numbers.check)]
    listens = {
        settings.api_port: [*ProfileHandlers(config, profiles, access).routes(), *cards.routes(), *health],
        settings.api_metrics_port: [web.get("/metrics", exposition.handle), *health],
    }
    runners: list[web.AppRunner] = []
    reading = asyncio.create_task(long.run())
    try:
        for port, routes in listens.items():
            runners.append(await serve(routes, settings.internal_host, port))
        log.info("profiles on http://%s:%d, metrics on port %d", settings.internal_host, *listens)
        await stop.wait()
        return 0
    finally:
        reading.cancel()
        for runner in runners:
            await runner.cleanup()
        await exposition.close()
        await cards.close()
        await redis.aclose()
        await profiles.close()
        await numbers.close()


def _most_targets(config: Config) -> int:
    return max((len(site.targets) for site in config.sites.values()), default=0)


def _most_groups(config: Config) -> int:
    return max((len(groups_of(site)) for site in config.sites.values()), default=1)


def _values_shown(sites: int, wanted: int, targets: int = 0, groups: int = 1) -> int:
    """See `budget`; says so if it is not what was wanted, or not little enough."""
    values = values_shown(sites, wanted, targets, groups)
    series = sites * series_of_site(values, targets, groups)
    if series > OF_ALL_SITES:
        log.warning(
            "%d sites have up to %d series in /metrics, more than %d: let Prometheus have the memory for them",
            sites,
            series,
            OF_ALL_SITES,
        )
    elif values < wanted:
        log.info(
            "lists in /metrics show %d values each instead of %d, so that %d sites have at most %d series",
            values,
            wanted,
            sites,
            series,
        )
    return values
