"""Sends simulated visitors through the collector: they arrive as a Poisson process and act independently."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
from collections.abc import Awaitable, Callable

import uvloop

from demo.browser import PACE
from demo.catalogue import catalogue
from demo.delivery import Sender
from demo.departments import DEPARTMENTS, SHARES
from demo.key import Key
from demo.people import Crowd
from demo.server_events import PATH, ServerEvents, endpoint
from demo.visitors import Visit, visit
from wakeline.clock import now_ms
from wakeline.settings import Config, Site
from wakeline.stopping import told_to_stop, unless_told

logger = logging.getLogger("wakeline.simulator")

KEY = "demo"  # of the shop in the settings
CROWDED = 3  # times the requested number: beyond that no new visitors, e.g. while the collector is down
MOST_TELLING = 100  # stories of departments at once: beyond that they tell no more, e.g. while nobody hears them
SAMPLE = 300  # visits simulated beforehand to measure their length, which determines the rate of arrivals


def main(config: Config, visitors: int) -> None:
    """About `visitors` concurrent visitors of the demo shop, until SIGTERM or SIGINT.

    Exits with 1, after a log message with the reason, if `config` has no shop.
    """
    site = config.sites.get(KEY)
    if site is None or not site.origins:
        logger.error(
            'there is no shop to visit: a [[site]] with key = "%s" and its origins, as in demo/wakeline.toml', KEY
        )
        sys.exit(1)
    uvloop.run(simulate(site, config, visitors))


async def simulate(site: Site, config: Config, visitors: int) -> None:
    """Run until this process is stopped; visits in progress are aborted then."""
    url = endpoint(config.settings, "/v1/events")
    heard = ServerEvents(endpoint(config.settings, PATH), Key(config, KEY))
    async with Sender(url, origin=site.origins[0]) as sender, heard:
        await unless_told(told_to_stop(), in_and_out(sender, heard, site, visitors))
        logger.info("the visitors sent %d events, of which %d were rejected", sender.answered, sender.refused)
        if heard.accepted:
            logger.info("till, service desk and newsletter told of %d", heard.accepted)


async def in_and_out(sender: Sender, heard: ServerEvents, site: Site, visitors: int) -> None:
    """Visitors at the shop's pages; and what its departments tell of those who logged in there."""
    chance, telling = random.Random(), set[asyncio.Task[None]]()
    async with asyncio.TaskGroup() as group:
        group.create_task(heard.look())  # a key is made now: collectors take it some seconds later

        async def play(visit: Visit) -> None:
            await sender.play(visit)
            for name, share in SHARES.items():
                is_heard = heard.is_there and len(telling) < MOST_TELLING
                if visit.customer and is_heard and chance.random() < share:
                    task = group.create_task(heard.play(DEPARTMENTS[name](visit.customer, chance, now_ms())))
                    telling.add(task)
                    task.add_done_callback(telling.discard)

        await arrivals(play, site, visitors)


async def arrivals(play: Callable[[Visit], Awaitable[None]], site: Site, visitors: int) -> None:
    """Lets visitors in at the rate that keeps about this number active. Runs until cancelled, and cancels them."""
    chance = random.Random()  # not seeded: page ids must not repeat those of an earlier run
    crowd = Crowd(chance, categories())
    gap_s = mean_visit_s(site) / visitors
    logger.info(
        "about %d visitors at a time, one every %.1f s; they act %g times as fast as people", visitors, gap_s, PACE
    )
    in_play = 0

    async def let_in() -> None:
        nonlocal in_play
        coming = visit(crowd.arrive(), site, chance, now_ms())
        in_play += 1
        await play(coming)
        in_play -= 1
        crowd.leave(coming.person)

    due = time.monotonic()
    async with asyncio.TaskGroup() as group:
        while True:
            due = max(due + chance.expovariate(1 / gap_s), time.monotonic() - gap_s)
            await asyncio.sleep(due - time.monotonic())
            if in_play < CROWDED * visitors:
                group.create_task(let_in())


def mean_visit_s(site: Site) -> float:
    chance = random.Random(SAMPLE)
    crowd = Crowd(chance, categories())
    total = 0
    for _ in range(SAMPLE):
        played = visit(crowd.arrive(), site, chance, now_ms())
        total += played.end - played.start
        crowd.leave(played.person)
    return total / SAMPLE / 1_000


def categories() -> tuple[str, ...]:
    return tuple(category.id for category in catalogue().categories)
