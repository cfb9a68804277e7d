"""The numbers on the API service's /metrics that can be compared with a sender's ledger."""

from __future__ import annotations

from collections import Counter

from benchmarks.exposition import Samples, value
from tests.integration.kill.ledger import Counted
from tests.integration.kill.traffic import SITE

VIEWS = "wakeline_page_views_window"
CUSTOM = "wakeline_custom_events_window"
RECORDS = "wakeline_ledger_records"


def counted(samples: Samples) -> Counted:
    """The business numbers in the API service's metrics. Raises KeyError if there are none."""
    total = {
        name: value(samples, f"wakeline_{name}_total", site=SITE)
        for name in ("bot_events", "engaged_seconds", "page_views", "custom_events")
    }
    settled = sum(value(samples, RECORDS, state=state) for state in ("applied", "erased", "too_late"))
    found = Counted(
        events=round(settled),
        bot_events=round(total["bot_events"]),
        engaged_ms=round(total["engaged_seconds"] * 1_000),
        views=Counter(_today(samples, VIEWS, "page")),
        custom=Counter(_today(samples, CUSTOM, "event")),
    )
    # the sum of a list is that of its counter, or one of the two is wrong: what differs gets a name of its own
    found.views["(not listed)"] = round(total["page_views"]) - found.views.total()
    found.custom["(not listed)"] = round(total["custom_events"]) - found.custom.total()
    return found


def _today(samples: Samples, name: str, label: str) -> dict[str, int]:
    listed = {labels: count for (found, labels), count in samples.items() if found == name}
    today = {labels: count for labels, count in listed.items() if dict(labels)["window"] == "today"}
    return {dict(labels)[label]: round(count) for labels, count in today.items()}
