"""What campaigns, their elements and sources brought, as the history's latest computation stored it: gauges.

Each list shows fewer values than the lists of the day, as it has several metrics; see `budget`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from prometheus_client.core import Metric

from api import metrics
from api.metrics import Family
from wakeline import keys
from wakeline.campaign_figures import STORED, Campaign, Element, Figures, SiteFigures, Source, decode, shortened
from wakeline.vocabulary import fields

if TYPE_CHECKING:
    from redis.asyncio import Redis

LEAST_CAMPAIGNS = 3  # and (other)
KINDS_OF_VISITS, KINDS_OF_MAILS = 2, len(fields.ELEMENTS)  # each has a sum of the rest of its own
OF_MAILS = frozenset(fields.ELEMENTS)

Row = TypeVar("Row", Campaign, Element, Source)
Sample = tuple[tuple[str, ...], float]


class FiguresReader:
    """Reads what was stored last. Decodes it once."""

    def __init__(self) -> None:
        self._stored: bytes | None = None
        self._figures: Figures | None = None

    async def read(self, redis: Redis) -> Figures | None:
        """None: nothing was computed yet, or by a later version in another form. Raises redis-py's errors."""
        stored: Any = await redis.get(keys.CAMPAIGN_FIGURES)
        if stored != self._stored:
            self._stored, self._figures = stored, _decoded(stored)
        return self._figures


def _decoded(stored: bytes | None) -> Figures | None:
    try:
        return None if stored is None else decode(stored)
    except msgspec.DecodeError:
        return None


# ---- how many ------------------------------------------------------------------------------------


def shown(values: int) -> tuple[int, int, int]:
    """Campaigns, elements of visits and as many of mails, and sources, where the lists of the day show `values`.

    Of many sites these shrink first: a list of the day has one metric, these have up to ten.
    """
    others = min(max(1, values // 2 - 6), STORED)
    return min(max(LEAST_CAMPAIGNS, values - 14), STORED), others, others


def series_of_site(values: int) -> int:
    """At most so many series of one site."""
    campaigns, elements, sources = shown(values)
    return (
        len(CAMPAIGN) * (campaigns + 1)
        + campaigns  # when they began: (other) never did
        + len(OF_VISIT) * (elements + KINDS_OF_VISITS)
        + len(OF_MAIL) * (elements + KINDS_OF_MAILS)
        + len(SOURCE) * (sources + 1)
    )


# ---- rendered ------------------------------------------------------------------------------------

CAMPAIGN: Mapping[Family, Callable[[Campaign], float | None]] = {
    metrics.CAMPAIGN_VISITS: lambda one: one.visits,
    metrics.CAMPAIGN_SENT: lambda one: one.sent,
    metrics.CAMPAIGN_OPENED: lambda one: one.opened,
    metrics.CAMPAIGN_CLICKED: lambda one: one.clicked,
    metrics.CAMPAIGN_ORDERS: lambda one: one.orders,
    metrics.CAMPAIGN_REVENUE: lambda one: one.revenue,
    metrics.CAMPAIGN_UNKNOWN: lambda one: one.unknown,
    metrics.CAMPAIGN_COST: lambda one: one.cost,
    metrics.CAMPAIGN_PROFIT: lambda one: one.margin - one.cost,
    metrics.CAMPAIGN_RETURN: lambda one: (one.margin - one.cost) / one.cost if one.cost else None,
}
OF_VISIT: Mapping[Family, Callable[[Element], float | None]] = {
    metrics.ELEMENT_VISITS: lambda one: one.visits,
    metrics.ELEMENT_ORDERS: lambda one: one.orders,
    metrics.ELEMENT_REVENUE: lambda one: one.revenue,
}
OF_MAIL: Mapping[Family, Callable[[Element], float | None]] = {
    metrics.ELEMENT_SENT: lambda one: one.sent,
    metrics.ELEMENT_CLICKED: lambda one: one.clicked,
}
SOURCE: Mapping[Family, Callable[[Source], float | None]] = {
    metrics.SOURCE_VISITS: lambda one: one.visits,
    metrics.SOURCE_ORDERS: lambda one: one.orders,
    metrics.SOURCE_REVENUE: lambda one: one.revenue,
    metrics.SOURCE_MARGIN: lambda one: one.margin,
}


def families(found: Figures | None, sites: Mapping[str, Any], values: int) -> Iterator[Metric]:
    """Of `sites`. Without figures the families are empty; so are amounts of a site without a currency."""
    campaigns, elements, sources = shown(values)
    figures = {site: each for site, each in found.sites.items() if site in sites} if found else {}
    of_campaigns = {site: shortened(each.campaigns, campaigns) for site, each in figures.items()}
    of_visits = {site: shortened(_elements(each, are_mails=False), elements) for site, each in figures.items()}
    of_mails = {site: shortened(_elements(each, are_mails=True), elements) for site, each in figures.items()}
    of_sources = {site: shortened(each.sources, sources) for site, each in figures.items()}
    yield from _each(CAMPAIGN, of_campaigns, figures, lambda one: (one.name,))
    began = (
        ((site, one.name), float(one.started)) for site, rows in of_campaigns.items() for one in rows if one.started
    )
    yield metrics.filled(metrics.CAMPAIGN_STARTED, began)
    yield from _each(OF_VISIT, of_visits, figures, lambda one: (one.campaign, one.kind, one.name))
    yield from _each(OF_MAIL, of_mails, figures, lambda one: (one.campaign, one.kind, one.name))
    yield from _each(SOURCE, of_sources, figures, lambda one: (one.name,))
    yield metrics.filled(metrics.FIGURES_COMPUTED, [((), found.computed / 1000)] if found else [])


def _elements(figures: SiteFigures, *, are_mails: bool) -> list[Element]:
    return [one for one in figures.elements if (one.kind in OF_MAILS) == are_mails]


def _each(
    values: Mapping[Family, Callable[[Row], float | None]],
    rows: Mapping[str, list[Row]],
    figures: Mapping[str, SiteFigures],
    named: Callable[[Row], tuple[str, ...]],
) -> Iterator[Metric]:
    for family, value in values.items():
        samples: list[Sample] = []
        for site, its_rows in rows.items():
            currency = figures[site].currency
            if "currency" in family.labels and not currency:
                continue
            first = (site, currency) if "currency" in family.labels else (site,)
            numbers = [(named(one), value(one)) for one in its_rows]
            samples += [(first + names, number) for names, number in numbers if number is not None]
        yield metrics.filled(family, samples)
