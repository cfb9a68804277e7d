"""What the processor makes of what the collector stored: its own fold, on a real server."""

from __future__ import annotations

import msgspec

from processor.changes import Verdict
from tests.browsers.stage import Stage
from tests.collector_stand import LANES
from tests.timeline import MINUTE, SITE, Timeline


async def counted(stage: Stage, server_url: str) -> dict[str, int]:
    """The ledger after all that is in the log: how many records were applied, duplicates and so on."""
    timeline = Timeline(server_url, lanes=LANES, sites=(stage.settings,))
    timeline.log = stage.collector.log
    try:
        await timeline.start()
        await timeline.run()
        return {Verdict(verdict).value: count for verdict, count in (await timeline.ledger()).items()}
    finally:
        await timeline.close()


async def visits(stage: Stage, server_url: str) -> tuple[int, int]:
    """How many visits the stored events were once all are over, and how many bounces, had no driver made them."""
    timeline = Timeline(server_url)
    timeline.now = 0  # the events are of today
    try:
        await timeline.start()
        await timeline.append(
            *(msgspec.structs.replace(event, site=SITE.key, bot="") for event in await stage.events())
        )
        await timeline.run()
        await timeline.pass_time(60 * MINUTE)
        totals = await timeline.totals()
        return totals.get("sessions", 0), totals.get("bounces", 0)
    finally:
        await timeline.close()
