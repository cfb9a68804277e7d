"""What the processor makes of what the collector stored: its own fold, on a real server."""

from __future__ import annotations

from processor.changes import Verdict
from tests.browsers.stage import Stage
from tests.collector_stand import LANES
from tests.timeline import Timeline


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
