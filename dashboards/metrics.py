"""Generates docs/metrics.md: every metric of the read side, from its declaration.

Run `python -m dashboards.metrics`; a test fails if the page is out of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from api.budget import LEAST_VALUES, MOST_CURRENCIES, OF_ALL_SITES, OF_ONE_SITE
from api.latest import OLD_S, QUICK_S
from api.long_metrics import FAMILIES as LONG
from api.long_metrics import TARGETS
from api.metrics import AGE, FAMILIES, OF_CAMPAIGNS, Family, Measured
from wakeline import numbers
from wakeline.keys import OTHER, TOP_MEMBERS

FILE = Path(__file__).parents[1] / "docs" / "metrics.md"

HEAD = f"""# Metrics

The metrics of the API service's `/metrics` (port 8704 by default). They are read from Redis, so a restart loses none: at each
scrape, or where that takes longer than {QUICK_S * 1000:g} ms, every few seconds as long as somebody scrapes. Then a scrape gets numbers that are up to
{OLD_S:g} s old (`{AGE.name}`) at once. `make dashboards` generates this page.

Counters, whose names end in `_total`, and histograms, which have the label `page_group`, count since the start. All others are gauges:
do not use `rate` on them. Sum over sites, never over windows, which overlap.

Times are in seconds. Windows are {", ".join(f"`{window}`" for window in numbers.WINDOWS)}; the last is the current day in the
site's time zone. Weeks (`2026-W49`, from Monday on), months (`2026-11`) and spans (`28d`: the last 28 days that are over) are added
up in the background from the days that Redis keeps for 800 days. A list has the largest values, and the sum of all others as `{OTHER}`.
Its sum is exact; a value that comes once the list of a lane has its {TOP_MEMBERS} counts as `{OTHER}` there.

A site has at most {OF_ONE_SITE:,} series, all sites together {OF_ALL_SITES:,}: with many sites lists show fewer values than `top_values`, but
{LEAST_VALUES} at least; after that the last groups of pages are shown together, as `{OTHER}`. Amounts are shown in a site's main currency and in up to {MOST_CURRENCIES - 1} others, those in which servers told the most.
"""  # noqa: E501  # lines of a page


def page() -> str:
    sites = [family for family in FAMILIES if "site" in family.labels]
    lists = [family for family in sites if family.name.endswith("_window")]
    parts: dict[str, Iterable[Family | Measured]] = {
        "Numbers of a site": [family for family in sites if family not in (*lists, *OF_CAMPAIGNS)],
        "Lists of a site": lists,
        "Campaigns and sources, from the history": OF_CAMPAIGNS,
        "Days, weeks, months and long spans": [family for family in LONG if family not in TARGETS],
        "Targets": TARGETS,
        "The deployment": [family for family in FAMILIES if family not in sites],
    }
    return "\n".join([HEAD, *(line for title, families in parts.items() for line in _table(title, families))])


def _table(title: str, families: Iterable[Family | Measured]) -> Iterator[str]:
    yield from (f"## {title}", "", "| metric | labels | meaning |", "|---|---|---|")
    for family in families:
        yield f"| `{family.name}` | {', '.join(f'`{label}`' for label in family.labels)} | {family.help} |"
    yield ""


if __name__ == "__main__":
    FILE.write_text(page())
    print(FILE)
