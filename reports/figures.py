"""What campaigns, their elements and sources brought: for the boards, out of the views that `wakeline campaigns` shows.

All sites are read at once, within limits, as it is done again and again beside everything else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from reports.asking import Query, ask
from reports.campaigns import NAMED
from reports.sandbox import Limits
from wakeline.campaign_figures import (
    STORED,
    Campaign,
    Element,
    Figures,
    SiteFigures,
    Source,
    shortened,
    shown_name,
)
from wakeline.definitions import BOARD_MODEL
from wakeline.history import History
from wakeline.keys import OTHER
from wakeline.settings import Site
from wakeline.vocabulary import fields

LIMITS = Limits(memory="500MB", threads=1)
OF_VISITS = tuple(kind for kind in NAMED if kind not in fields.ELEMENTS)
"""Kinds of elements that visits name; the others are named by what is sent."""

MOST = 2_000  # rows of a site that are named in SQL; planned campaigns are fewer, so that each of them is


def _named(sql: str, *names: str, sums: str, order: str, of: str = "site", dates: str = "") -> str:
    """`sql`, in which only the first MOST rows `of` each have their names, so that floods of others fit into memory."""
    named = ", ".join(f"CASE WHEN nth <= {MOST} THEN {name} ELSE '{OTHER}' END AS {name}" for name in names)
    dated = "".join(f", CASE WHEN nth <= {MOST} THEN {name} END AS {name}" for name in dates.split())
    kind = ", kind" if "kind" in of else ""
    sums = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in sums.split())
    return f"""
    SELECT site, {named}{dated}{kind}, {sums}
    FROM (SELECT *, row_number() OVER (PARTITION BY {of} ORDER BY {order}) AS nth FROM ({sql})) GROUP BY ALL
    """


CAMPAIGNS = _named(
    f"""
    SELECT
        owed.site, owed.campaign, starts, ends, visits, sent, opened, clicked, owed.orders, owed.revenue, owed.margin,
        owed.cost, owed.revenue_of_unknown_margin
    FROM campaign_credit AS owed LEFT JOIN campaigns USING (site, campaign) WHERE model = '{BOARD_MODEL}'
    """,
    "campaign",
    dates="starts ends",
    sums="visits sent opened clicked orders revenue margin cost revenue_of_unknown_margin",
    order="starts IS NULL, greatest(revenue, cost) DESC, visits DESC, campaign",
)
ELEMENTS = _named(
    f"SELECT * FROM campaign_elements WHERE kind IN ({', '.join(map(repr, NAMED))})",
    "campaign",
    "element",
    of="site, kind",
    sums="visits sent clicked orders revenue",
    order="revenue DESC, visits DESC, clicked DESC, sent DESC, campaign, element",
)
SOURCES = _named(
    f"""
    SELECT site, source, sum(visits) AS visits, round(sum(orders), 2) AS orders, sum(revenue) AS revenue,
        sum(margin) AS margin
    FROM (
        SELECT site, source, 1 AS visits, 0 AS orders, 0 AS revenue, 0 AS margin FROM sessions WHERE NOT continued
        UNION ALL
        SELECT site, source, 0, CASE WHEN is_back THEN 0 ELSE weight END, coalesce(revenue, 0), coalesce(margin, 0)
        FROM history.credit JOIN history.shop AS shop USING (site)
        WHERE model = '{BOARD_MODEL}' AND credit.currency = shop.currency
    ) WHERE source IS NOT NULL GROUP BY ALL
    """,
    "source",
    sums="visits orders revenue margin",
    order="revenue DESC, visits DESC, source",
)


def figures(history: History, sites: Collection[Site], *, now: int) -> Figures:
    """At `now` (ms since 1970). Raises as `ask` does."""
    zones = {site.key: site.time_zone for site in sites}
    # the views of what is asked after it are named, so that their data are read, too
    query = Query(f"/* campaign_elements, sessions */ {CAMPAIGNS}", limits=LIMITS)
    with ask(history, query, zones=zones, sites=sites, may_be_empty=True) as answer:
        campaigns = list(answer.rows())
        elements = list(answer.then(ELEMENTS).rows())
        sources = list(answer.then(SOURCES).rows())
    return Figures(
        now,
        {
            site.key: SiteFigures(
                site.currency,
                _campaigns(site, _of(site, campaigns), now),
                _elements(_of(site, elements)),
                _sources(_of(site, sources)),
            )
            for site in sites
        },
    )


def _of(site: Site, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [row[1:] for row in rows if row[0] == site.key]


def _campaigns(site: Site, rows: Iterable[tuple[Any, ...]], now: int) -> list[Campaign]:
    """First those that run, then others that were planned, then those that only links name; by what they move."""
    today = datetime.fromtimestamp(now / 1000, site.time_zone).date()
    found = []
    for name, starts, ends, visits, sent, opened, clicked, *amounts in rows:
        started = _began(site, starts) if starts and starts <= today else 0
        counts = map(int, (visits, sent, opened, clicked))
        made = Campaign(shown_name(name), started, *counts, *map(float, amounts))
        runs = bool(starts and starts <= today <= ends)
        found.append(((not runs, not starts, -max(made.revenue, made.cost), -made.visits, name), made))
    return shortened((made for _, made in sorted(found, key=lambda each: each[0])), STORED)


def _began(site: Site, day: date) -> int:
    """When the day began, in the site's time zone; s since 1970."""
    began = datetime.combine(day, time(), site.time_zone)
    return (began.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def _elements(rows: Iterable[tuple[Any, ...]]) -> list[Element]:
    found = [
        Element(shown_name(campaign), kind, shown_name(name), visits, sent, clicked, orders, float(revenue))
        for campaign, name, kind, visits, sent, clicked, orders, revenue in rows
    ]
    found.sort(key=lambda one: (-one.revenue, -one.visits, -one.clicked, -one.sent, one.campaign, one.kind, one.name))
    of_visits = [one for one in found if one.kind in OF_VISITS]
    of_mails = [one for one in found if one.kind not in OF_VISITS]
    return [*shortened(of_visits, STORED), *shortened(of_mails, STORED)]


def _sources(rows: Iterable[tuple[Any, ...]]) -> list[Source]:
    found = [Source(shown_name(name), int(visits), *map(float, amounts)) for name, visits, *amounts in rows]
    found.sort(key=lambda one: (-one.revenue, -one.visits, one.name))
    return shortened(found, STORED)
