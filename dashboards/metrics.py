"""docs/metrics.md: every metric of the read side, from what declares them.

`python -m dashboards.metrics` writes it; a test says whether that was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from api.metrics import FAMILIES, Family
from wakeline import numbers
from wakeline.keys import OTHER

FILE = Path(__file__).parents[1] / "docs" / "metrics.md"

HEAD = f"""# Metrics

What `/metrics` of the api shows (port 8704 by default). It is read from Redis at each scrape, so a restart loses none of it.
`make dashboards` writes this page.

A counter, whose name ends in `_total`, counts since the start. All others are gauges that stand for themselves: `rate` has no
meaning on them. Add up sites, never windows, which overlap.

Times are in seconds. Windows are {", ".join(f"`{window}`" for window in numbers.WINDOWS)}, the last being the site's day in
its time zone. A list has its largest values, and all others together as `{OTHER}`.
"""  # noqa: E501  # lines of a page


def page() -> str:
    sites = [family for family in FAMILIES if "site" in family.labels]
    lists = [family for family in sites if family.name.endswith("_window")]
    parts = {
        "A site": [family for family in sites if family not in lists],
        "Lists of a site": lists,
        "The deployment": [family for family in FAMILIES if family not in sites],
    }
    return "\n".join([HEAD, *(line for title, families in parts.items() for line in _table(title, families))])


def _table(title: str, families: Iterable[Family]) -> Iterator[str]:
    yield from (f"## {title}", "", "| metric | labels | what |", "|---|---|---|")
    for family in families:
        yield f"| `{family.name}` | {', '.join(f'`{label}`' for label in family.labels)} | {family.help} |"
    yield ""


if __name__ == "__main__":
    FILE.write_text(page())
    print(FILE)
