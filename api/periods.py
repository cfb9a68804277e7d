"""What Redis keeps of each day, added up by day, week or month: a site's numbers, and one of its lists.

Days are the site's own, weeks begin on Monday. A list of a day has the most frequent values of each lane and the sum
of the others (`keys.OTHER`): so the sum over a period is right, and a value that is rare on each day may be too low.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from wakeline import keys
from wakeline.definitions import LATE_MS
from wakeline.durations import DAY_MS
from wakeline.lanes import FIELDS, stored_deployment
from wakeline.numbers import COUNTS, is_money
from wakeline.numbers.kinds import Top

if TYPE_CHECKING:
    from redis.asyncio import Redis

KEPT_DAYS = keys.DAY_TTL_MS // DAY_MS
LATE_DAYS = -(-LATE_MS // DAY_MS)  # for which a day may still change
DAYS_AT_ONCE = 31  # of one lane in one call
ONE_DAY = timedelta(days=1)
COUNTED = frozenset(count.name for count in COUNTS)


class By(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Period(NamedTuple):
    """Days that are added up. `name`: 2026-11-30, 2026-W49, or 2026-11."""

    name: str
    days: tuple[str, ...]  # YYYY-MM-DD, in order; fewer than the period has if that was asked for
    may_change: bool  # it is not over, or late events may still come


def periods(first: date, last: date, by: By, *, today: date) -> list[Period]:
    """Those from one day to another, both included."""
    found: dict[str, list[date]] = {}
    for number in range((last - first).days + 1):
        day = first + number * ONE_DAY
        found.setdefault(_name(day, by), []).append(day)
    return [
        Period(name, tuple(day.isoformat() for day in days), days[-1] >= today - LATE_DAYS * ONE_DAY)
        for name, days in found.items()
    ]


def _name(day: date, by: By) -> str:
    if by is By.MONTH:
        return f"{day:%Y-%m}"
    if by is By.WEEK:
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return day.isoformat()


class PeriodReader:
    """Reads from the live version's keys. Raises what `wakeline.redis.failures.FAILURES` lists."""

    def __init__(self, redis: Redis, names: keys.Keys, *, lanes: int) -> None:
        self._redis = redis
        self._names = names
        self.version = names.version
        self._lanes = lanes

    async def numbers(self, site: str, period: Period) -> dict[str, int]:
        """By `Count.name`, and `Money.field` of the currencies that there are, in minor units."""
        found: dict[str, int] = {}
        for lane, days in self._parts(period):
            pipe = self._redis.pipeline(transaction=False)
            for day in days:
                pipe.hgetall(self._names.day(lane, site, day))
            for fields in await pipe.execute():
                _add(found, fields)
        return found

    async def values(self, site: str, period: Period, top: Top) -> dict[str, float]:
        """Of a list, by value; `keys.OTHER` is the sum of all that it does not name."""
        found: dict[str, float] = {}
        for lane, days in self._parts(period):
            asked = [self._names.top(lane, site, top.name, keys.date(day)) for day in days]
            union: Any = await self._redis.zunion(asked, withscores=True)
            for member, score in union:
                value = member.decode(errors="replace")
                found[value] = found.get(value, 0.0) + score
        return found

    def _parts(self, period: Period) -> Iterator[tuple[int, tuple[str, ...]]]:
        for lane in range(self._lanes):
            for start in range(0, len(period.days), DAYS_AT_ONCE):
                yield lane, period.days[start : start + DAYS_AT_ONCE]


async def period_reader(redis: Redis) -> PeriodReader:
    """A reader of the live version. Raises NoDeployment if Redis has none yet."""
    stored: Any = await redis.hmget(keys.DEPLOYMENT, FIELDS)
    deployment = stored_deployment(stored)
    return PeriodReader(redis, keys.Keys(deployment.version), lanes=deployment.lanes)


def _add(found: dict[str, int], fields: Mapping[bytes, bytes]) -> None:
    for stored, amount in fields.items():
        name = stored.decode()
        if name in COUNTED or is_money(name):
            found[name] = found.get(name, 0) + int(amount)
