"""GET /metrics: the numbers in Redis, at most some seconds old, in Prometheus' text format."""

from __future__ import annotations

import asyncio
import heapq
import logging
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, islice

from aiohttp import web
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from api import figures, metrics
from api.budget import LIVE_PAGES, MOST_CURRENCIES
from api.latest import PATIENCE_S, Latest
from api.ledger import Ledger
from api.metrics import filled as _filled
from api.numbers import AWAY, Numbers, SiteNumbers
from wakeline import keys
from wakeline.definitions import LIVE_WINDOWS_MS
from wakeline.numbers import MONEYS, PAGE_REVENUE, REVENUE, WINDOWS, Money, currencies_of
from wakeline.patience import Outage
from wakeline.settings import MOST_PAGE_GROUPS
from wakeline.vocabulary.money import major_units

MAX_LABEL = 120  # characters of a label value
NO_VALUE = "(none)"  # Prometheus treats an empty label as a missing one
MOST_ENCODERS = 2  # kept ready: those asked for last
END = b"# EOF\n"  # of OpenMetrics, once

Encode = Callable[[Collector], bytes]

TopValues = Callable[[Mapping[bytes, float]], Mapping[str, float]]
"""`top_values`, with the number of those that are shown."""

log = logging.getLogger("wakeline.api")


class Page:
    """The numbers of one read, and their text for each content type that is asked for."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.texts: dict[str, bytes] = {}

    async def text(self, encode: Encode, content_type: str, families: Callable[[Numbers], Iterable[Metric]]) -> bytes:
        """Of these families."""
        if content_type not in self.texts:
            parts = []
            for family in families(self.numbers):
                parts.append(encode(_Families([family])).removesuffix(END))
                await asyncio.sleep(0)  # others in this process come first: twenty sites take about 0.2 s
            self.texts[content_type] = b"".join(parts)
        return self.texts[content_type]


class Exposition:
    """The handler. A scrape reads, or shows what was read at most some seconds ago: see `latest`.

    `more`: families beside those of the numbers.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Numbers]],
        *,
        top: int,
        groups: int = 1 + MOST_PAGE_GROUPS,
        patience: float = PATIENCE_S,
        more: Callable[[Numbers], Iterable[Metric]] = lambda _: (),
    ) -> None:
        self._read = read
        self._families = lambda numbers: chain(families(numbers, top, groups), more(numbers))
        self._patience = patience
        self._latest = Latest(self._make, patience=patience)
        self._encoders: dict[str, Encode] = {}  # the last ones asked for, by content type
        self._outage = Outage(log)

    async def handle(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        self._encoders = dict(islice({content_type: encode, **self._encoders}.items(), MOST_ENCODERS))
        try:
            made = await self._latest.get()
        except AWAY as error:
            return self._refuse(error)
        if self._outage.is_over():
            log.info("the business metrics can be read again")
        text = await made.what.text(encode, content_type, self._families)
        age = _filled(metrics.AGE, [((), self._latest.age(made))])
        own = encode(_Families([age, *metrics.REGISTRY.collect()]))
        return web.Response(body=text + own, headers={"Content-Type": content_type})

    async def close(self) -> None:
        """Stop reading."""
        await self._latest.close()

    async def _make(self) -> Page:
        page = Page(await self._read())
        for content_type, encode in self._encoders.items():
            await page.text(encode, content_type, self._families)
        return page

    def _refuse(self, error: BaseException) -> web.Response:
        why = str(error) or f"no answer within {self._patience:g} s"
        self._outage.say(f"the business metrics cannot be read, scrapes get 503: {why}", kind="away")
        return web.Response(status=503, text=f"the numbers cannot be read from Redis: {why}\n")


def families(numbers: Numbers, top: int, groups: int = 1 + MOST_PAGE_GROUPS) -> Iterator[Metric]:
    """Every family in `metrics.FAMILIES` with its values, but for the age, which each answer has; of groups of pages
    the first ones, and the others.
    """
    yield _filled(
        metrics.LIVE_VISITORS,
        (((site, window), count) for site, each in numbers.sites.items() for window, count in each.live.items()),
    )
    yield _filled(
        metrics.LIVE_PAGES,
        (
            ((site, page), count)
            for site, each in numbers.sites.items()
            for page, count in top_values(each.open_pages, min(top, LIVE_PAGES)).items()
        ),
    )
    for name, family in metrics.TOTALS.items():
        yield _filled(family, (((site,), each.totals[name]) for site, each in numbers.sites.items()))
    for name, family in metrics.DAY.items():
        yield _filled(family, (((site,), each.day[name]) for site, each in numbers.sites.items()))
    shown = {site: shown_currencies(each) for site, each in numbers.sites.items()}
    for money in MONEYS:
        yield _filled(metrics.MONEY_TOTALS[money.name], _amounts(numbers, shown, money, lambda each: each.totals))
    for money in MONEYS:
        yield _filled(metrics.MONEY_DAY[money.name], _amounts(numbers, shown, money, lambda each: each.day))
    for name, family in metrics.LIVE_MONEYS.items():
        yield _filled(family, _live_amounts(numbers, name))
    yield _filled(
        metrics.CURRENCIES_LEFT_OUT,
        (((site,), len(_currencies(each)) - len(shown[site])) for site, each in numbers.sites.items()),
    )
    for name, family in metrics.PENDING.items():
        yield _filled(family, (((site,), each.pending[name]) for site, each in numbers.sites.items()))
    for name, family in metrics.OLDEST.items():
        yield _filled(family, (((site,), _age(numbers, each.oldest.get(name))) for site, each in numbers.sites.items()))
    for measured in metrics.HISTOGRAMS:
        yield _distribution(measured, numbers, groups)
    for what, family in metrics.TOPS.items():
        yield _filled(family, _top_samples(numbers, what, top))
    yield from figures.families(numbers.figures, numbers.sites, top)
    yield _filled(metrics.OPEN_SESSIONS, [((), numbers.open_sessions)])
    yield from _books(numbers.ledger)
    yield _filled(metrics.LAG, [((), numbers.lag_seconds)])
    yield _filled(metrics.CLOCK_AHEAD, (((clock,), ahead) for clock, ahead in numbers.clocks_ahead.items()))
    yield _filled(metrics.READ_SECONDS, [((), numbers.read_seconds)])


def _age(numbers: Numbers, since: int | None) -> int:
    """ms; 0 for what is not there, or of a clock that is ahead."""
    return 0 if since is None else max(0, numbers.now - since)


def _books(ledger: Ledger) -> Iterator[Metric]:
    yield _filled(metrics.LEDGER_RECORDS, (((state,), count) for state, count in ledger.records.items()))
    yield _filled(metrics.LEDGER_DIFFERENCE, [((), ledger.difference)])
    yield _filled(metrics.DEAD_LETTERS, [((), ledger.records["dead"])])


def _amounts(
    numbers: Numbers,
    shown: Mapping[str, Sequence[str]],
    money: Money,
    counters: Callable[[SiteNumbers], Mapping[str, int]],
) -> Iterator[tuple[tuple[str, ...], float]]:
    """Of each currency that is `shown` of a site, 0 included, so that what is taken back can be subtracted."""
    for site, each in numbers.sites.items():
        for currency in shown[site]:
            yield (site, currency), float(major_units(counters(each).get(money.field(currency), 0), currency))


def _live_amounts(numbers: Numbers, name: str) -> Iterator[tuple[tuple[str, ...], float]]:
    for site, each in numbers.sites.items():
        for window in LIVE_WINDOWS_MS if each.currency else ():
            amount = float(major_units(each.live_money[name, window], each.currency))
            yield (site, window, each.currency), amount


def shown_currencies(site: SiteNumbers) -> list[str]:
    """MOST_CURRENCIES of those in which the site has any amount.

    First its main one, then those in which servers told the most: what pages alone tell, anybody can make up.
    """

    def rank(currency: str) -> tuple[bool, float, str]:
        told = site.totals.get(REVENUE.field(currency), 0) - site.totals.get(PAGE_REVENUE.field(currency), 0)
        return currency != site.currency, -float(major_units(told, currency)), currency

    return sorted(sorted(_currencies(site), key=rank)[:MOST_CURRENCIES])


def _currencies(site: SiteNumbers) -> set[str]:
    return currencies_of((*site.totals, *site.day))


def _distribution(measured: metrics.Measured, numbers: Numbers, groups: int) -> Metric:
    """Of each group of pages of each site, 0 included: a rate needs the value before the first.

    Of more than `groups` the last ones are one, OTHER.
    """
    made, histogram = measured.empty(), measured.histogram
    ends = [*map(histogram.le, histogram.bounds), "+Inf"]
    for site, each in numbers.sites.items():
        for group, parts in _groups(each.groups, groups).items():
            *counts, total = _added(each.totals, [histogram.fields(part) for part in parts])
            made.add_metric((site, group), list(zip(ends, accumulate(counts), strict=True)), histogram.shown(total))
    return made


def _groups(groups: Sequence[str], most: int) -> dict[str, Sequence[str]]:
    """The groups that are shown, and which of the site's are in each."""
    own = len(groups) if len(groups) <= most else most - 1
    shown: dict[str, Sequence[str]] = {group: (group,) for group in groups[:own]}
    return shown | ({keys.OTHER: groups[own:]} if own < len(groups) else {})


def _added(totals: Mapping[str, int], rows: Sequence[Sequence[str]]) -> Iterator[int]:
    return (sum(totals[field] for field in column) for column in zip(*rows, strict=True))


def _top_samples(numbers: Numbers, what: str, top: int) -> Iterator[tuple[tuple[str, ...], float]]:
    for site, each in numbers.sites.items():
        for window in WINDOWS:
            for value, count in top_values(each.tops.get((what, window), {}), top).items():
                yield (site, window, value), count


def top_values(counts: Mapping[bytes, float], top: int) -> dict[str, float]:
    """The `top` largest as label values, and all others as OTHER, so that the sum stays that of `counts`."""
    other = keys.OTHER.encode()
    largest = heapq.nlargest(top, ((count, value) for value, count in counts.items() if count > 0 and value != other))
    shown: dict[str, float] = {}
    for count, value in largest:
        label = label_value(value)
        shown[label] = shown.get(label, 0) + count  # two values may be equal once shortened
    in_top = {value for _, value in largest}
    rest = sum(count for value, count in counts.items() if value not in in_top)
    if rest:
        shown[keys.OTHER] = shown.get(keys.OTHER, 0) + rest
    return shown


def label_value(value: bytes) -> str:
    """A safe label value: no control characters, at most MAX_LABEL characters, not empty."""
    text = "".join(c for c in value.decode(errors="replace") if unicodedata.category(c)[0] != "C")
    return text[: MAX_LABEL - 1] + "…" if len(text) > MAX_LABEL else text or NO_VALUE


class _Families(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families
