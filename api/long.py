"""Reads what lasts longer than a day, in the background: days, weeks, months, and the lists of long spans.

Redis keeps each day for 800 days. The days that are over are added up here when the service starts, when a site's day
ends and once in READ_AGAIN_S, which finds what an import or a replay changed; those that late events may still change
every LATE_AGAIN_S. Reading rests as long as it works, several times over, so that scrapes and the fold hardly notice.
Today is not in it: `exposition` adds today's numbers, so that this week's number is right at each moment.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from api.periods import By, Period, PeriodReader, periods
from wakeline import keys
from wakeline.definitions import LATE_MS
from wakeline.durations import DAY_MS
from wakeline.numbers import DAYS, LONG_TOPS, MONTHS, SPANS, WEEKS
from wakeline.numbers.kinds import Top

if TYPE_CHECKING:
    from wakeline.settings import Site

LOOK_S = 5.0  # between two looks whether a day has ended
LATE_AGAIN_S = 600.0
READ_AGAIN_S = 86_400.0
REST = 4.0  # times as long as a call took
KEPT_VALUES = 10_000  # of a list, while it is added up: the rest is in OTHER
DAYS_OF_A_PART = 31
ONE_DAY = timedelta(days=1)
LATE_DAYS = -(-LATE_MS // DAY_MS)

log = logging.getLogger("wakeline.api")


@dataclass
class Long:
    """One site's sums of the days before `today`, by field of `keys.day`; those of no day are empty.

    `sums`: by kind and name of a period, among them the ones in which `today` is. `lists`: by name and span.
    """

    today: date = date.min
    sums: dict[tuple[By, str], dict[str, int]] = field(default_factory=dict)
    lists: dict[tuple[str, str], dict[bytes, float]] = field(default_factory=dict)
    lists_read: set[str] = field(default_factory=set)  # the others are those of before
    read_whole: float = float("-inf")  # by the monotonic clock, s
    read_late: float = float("-inf")

    def period(self, by: By) -> str:
        """The name of the one in which `today` is."""
        return _name_of(self.today, by)

    def now(self, by: By) -> dict[str, int]:
        """Of the one in which `today` is."""
        return self.sums.get((by, self.period(by)), {})

    def before(self, by: By) -> dict[str, int]:
        """Of the last one that is over."""
        return self.sums.get((by, _name_of(first_of(self.today, by) - ONE_DAY, by)), {})

    def is_whole_before(self, by: By) -> bool:
        """Whether something is known of before the last one that is over: else the site may have begun within it."""
        first = first_of(first_of(self.today, by) - ONE_DAY, by)
        return any(fields and name < _name_of(first, kind) for (kind, name), fields in self.sums.items())


def _name_of(day: date, by: By) -> str:
    return periods(day, day, by, today=day)[0].name


def first_of(day: date, by: By) -> date:
    """The first day of the period in which a day is."""
    if by is By.MONTH:
        return day.replace(day=1)
    return day - day.weekday() * ONE_DAY if by is By.WEEK else day


class LongReader:
    """Keeps `sites` up to date while `run` runs.

    `reader` makes a reader of the live version's keys; `away`: the errors of it while Redis is down or empty.
    """

    def __init__(
        self,
        sites: Mapping[str, Site],
        reader: Callable[[], Awaitable[PeriodReader]],
        *,
        away: tuple[type[BaseException], ...],
        now: Callable[[], float] = time.time,
        rest: float = REST,
    ) -> None:
        self.sites = {key: Long() for key in sites}
        self._configured = sites
        self._reader = reader
        self._away = away
        self._now = now
        self._rest = rest
        self._version = -1

    async def run(self) -> None:
        """Read what is not up to date, for ever. While Redis is away, what was read stays."""
        while True:
            try:
                await self.refresh()
            except self._away as error:
                log.debug("weeks and months are not read: %s", error)
            except Exception:  # what was read before is still right, and today's numbers do not need this
                log.exception("weeks and months cannot be read")
                await asyncio.sleep(LATE_AGAIN_S)
            await asyncio.sleep(LOOK_S)

    async def refresh(self) -> None:
        """First the sums of all sites, which boards and targets need at once. Lists of many sites take minutes: the
        sums come first again after each. Raises one of `away`.
        """
        await self._refresh_sums()
        while unread := next(self._unread(), None):
            key, top = unread
            long = self.sites[key]
            found = await self._lists(key, long.today, top)
            long.lists |= {(top.name, span): counts for span, counts in found.items()}
            long.lists_read.add(top.name)
            await self._refresh_sums()

    def _unread(self) -> Iterator[tuple[str, Top]]:
        return ((key, top) for key, long in self.sites.items() for top in LONG_TOPS if top.name not in long.lists_read)

    async def _refresh_sums(self) -> None:
        version = (await self._reader()).version
        is_other, self._version = version != self._version, version
        for key, site in self._configured.items():
            today = datetime.fromtimestamp(self._now(), site.time_zone).date()
            long, clock = self.sites[key], time.monotonic()
            if is_other or today != long.today or clock - long.read_whole > READ_AGAIN_S:
                sums = await self._sums(key, today, wanted(today))
                clock = time.monotonic()
                self.sites[key] = Long(today, sums, dict(long.lists), read_whole=clock, read_late=clock)
            elif clock - long.read_late > LATE_AGAIN_S:
                late = await self._sums(key, today, wanted(today, since=today - (LATE_DAYS + 1) * ONE_DAY))
                long.sums |= late
                long.read_late = clock

    async def _sums(
        self, site: str, today: date, asked: Iterable[tuple[By, Period]]
    ) -> dict[tuple[By, str], dict[str, int]]:
        reader, found = await self._reader(), {}
        for by, period in asked:
            days = tuple(day for day in period.days if day < today.isoformat())
            began = time.monotonic()
            found[by, period.name] = await reader.numbers(site, period._replace(days=days)) if days else {}
            await asyncio.sleep(self._rest * (time.monotonic() - began))
        return found

    async def _lists(self, site: str, today: date, top: Top) -> dict[str, dict[bytes, float]]:
        """Of each span: the days before today, the latest first, so that each day is read once."""
        reader, age = await self._reader(), 0
        counts: dict[bytes, float] = {}
        found = {}
        for span, days in sorted(SPANS.items(), key=lambda one: one[1]):
            while age < days:
                part = min(DAYS_OF_A_PART, days - age)
                names = tuple((today - (age + back) * ONE_DAY).isoformat() for back in range(1, part + 1))
                began = time.monotonic()
                for value, count in (await reader.values(site, Period("", names, may_change=False), top)).items():
                    member = value.encode()
                    counts[member] = counts.get(member, 0.0) + count
                counts = cut(counts, KEPT_VALUES)
                age += part
                await asyncio.sleep(self._rest * (time.monotonic() - began))
            found[span] = dict(counts)
        return found


def wanted(today: date, *, since: date = date.min) -> list[tuple[By, Period]]:
    """The periods whose sums are kept, DAYS days, WEEKS weeks and MONTHS months: those that end `since` a day."""
    first_week = first_of(today, By.WEEK) - (WEEKS - 1) * 7 * ONE_DAY
    month = first_of(today, By.MONTH)
    for _ in range(MONTHS - 1):
        month = first_of(month - ONE_DAY, By.MONTH)
    begins = {By.DAY: today - (DAYS - 1) * ONE_DAY, By.WEEK: first_week, By.MONTH: month}
    return [
        (by, period)
        for by, begin in begins.items()
        for period in periods(begin, today, by, today=today)
        if period.days[-1] >= since.isoformat()
    ]


def cut(counts: dict[bytes, float], most: int) -> dict[bytes, float]:
    """The `most` largest, and the sum of the others in OTHER."""
    if len(counts) <= most:
        return counts
    other = keys.OTHER.encode()
    rest = counts.pop(other, 0.0)
    kept = dict(heapq.nlargest(most, counts.items(), key=lambda one: (one[1], one[0])))
    kept[other] = rest + sum(count for value, count in counts.items() if value not in kept)
    return kept
