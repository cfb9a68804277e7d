"""Counts what the collector stored with the processor's own fold, on a real server."""

from __future__ import annotations

import msgspec

from crm.out import Verdict
from tests.browsers.stage import Stage
from tests.collector_stand import LANES
from tests.server import RedisServer
from tests.timeline import MINUTE, SITE, Timeline, timeline


async def counted(stage: Stage, server: RedisServer) -> dict[str, int]:
    """The ledger after the whole log: how many records were applied, duplicates and so on."""
    made = Timeline(server.url, lanes=LANES, sites=(stage.settings,))
    made.log = stage.collector.log
    try:
        await made.start()
        await made.run()
        return {Verdict(verdict).value: count for verdict, count in (await made.ledger()).items()}
    finally:
        await made.close()


async def visits(stage: Stage, server: RedisServer) -> tuple[int, int]:
    """Number of visits and bounces in the stored events after all visits ended, as if no driver had made them."""
    async with timeline(server) as made:
        made.now = 0  # the events are of today
        await made.append(*(msgspec.structs.replace(event, site=SITE.key, bot="") for event in await stage.events()))
        await made.run()
        await made.pass_time(60 * MINUTE)
        totals = await made.totals()
        return totals.get("sessions", 0), totals.get("bounces", 0)
