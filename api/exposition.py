"""GET /metrics: the numbers in Redis, read at scrape time, in Prometheus' text format."""

from __future__ import annotations

import asyncio
import heapq
import logging
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

from aiohttp import web
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from api import metrics
from api.budget import MOST_CURRENCIES
from api.ledger import Ledger
from api.numbers import AWAY, Numbers, SiteNumbers
from wakeline import keys
from wakeline.definitions import LIVE_WINDOWS_MS
from wakeline.numbers import MONEYS, PAGE_REVENUE, REVENUE, WINDOWS, Money, currencies_of
from wakeline.patience import Outage
from wakeline.vocabulary.money import major_units

BUDGET_S = 3.0  # per read: below Prometheus' scrape timeout
MAX_LABEL = 120  # characters of a label value
NO_VALUE = "(none)"  # Prometheus treats an empty label as a missing one

TopValues = Callable[[Mapping[bytes, float]], Mapping[str, float]]
"""`top_values`, with the number of those that are shown."""

log = logging.getLogger("wakeline.api")


class Exposition:
    """The handler. Concurrent scrapes share one read. `more`: families beside those of the numbers."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Numbers]],
        *,
        top: int,
        budget: float = BUDGET_S,
        more: Callable[[Numbers], Iterable[Metric]] = lambda _: (),
    ) -> None:
        self._read = read
        self._top = top
        self._more = more
        self._budget = budget
        self._running: asyncio.Task[Numbers] | None = None
        self._outage = Outage(log)

    async def handle(self, request: web.Request) -> web.Response:
        try:
            numbers = await self._shared()
        except AWAY as error:
            return self._refuse(error)
        if self._outage.is_over():
            log.info("the business metrics can be read again")
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        text = encode(_Families([*metrics.REGISTRY.collect(), *families(numbers, self._top), *self._more(numbers)]))
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def _shared(self) -> Numbers:
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._within_budget())
            self._running.add_done_callback(_retrieve)
        return await asyncio.shield(self._running)  # a cancelled scrape does not cancel the read for the others

    async def _within_budget(self) -> Numbers:
        async with asyncio.timeout(self._budget):
            return await self._read()

    def _refuse(self, error: BaseException) -> web.Response:
        why = str(error) or f"no answer within {self._budget:g} s"
        self._outage.say(f"the business metrics cannot be read, scrapes get 503: {why}", kind="away")
        return web.Response(status=503, text=f"the numbers cannot be read from Redis: {why}\n")


def families(numbers: Numbers, top: int) -> Iterator[Metric]:
    """Every family in `metrics.FAMILIES` with its values."""
    yield _filled(
        metrics.LIVE_VISITORS,
        (((site, window), count) for site, each in numbers.sites.items() for window, count in each.live.items()),
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
    for what, family in metrics.TOPS.items():
        yield _filled(family, _top_samples(numbers, what, top))
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


def _filled(family: metrics.Family, samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    made = family.empty()
    for labels, value in samples:
        made.add_metric(labels, value * family.unit)
    return made


def _retrieve(task: asyncio.Task[Numbers]) -> None:
    """Retrieve the error if every scraper has gone, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()


class _Families(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families
