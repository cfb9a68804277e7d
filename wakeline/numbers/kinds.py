"""The kinds of numbers: counts, amounts, distributions, what is pending, lists of the most frequent values; windows."""

from __future__ import annotations

from typing import NamedTuple

from wakeline.definitions import LIVE_WINDOWS_MS

TODAY = "today"  # the site's day, in its time zone
WINDOWS = (*LIVE_WINDOWS_MS, TODAY)
"""5m: this minute and the four before it; 30m: the current five minutes and the five such periods before them."""
LIVE_WINDOWS = ("now", *LIVE_WINDOWS_MS)
"""Windows of live visitors."""

MS = 0.001
PERCENT = 0.01
OF_CURRENCY = ":"  # between the name of an amount and its currency
SUM = "sum"  # of the values of a histogram
ALL_PAGES = "(all)"  # the group of pages of a site that has no `page_groups`


class Count(NamedTuple):
    """A number per day and, with few exceptions, since the start."""

    name: str  # the field of `keys.day` and `keys.totals`
    metric: str  # wakeline_<metric>_total and wakeline_<metric>_today
    help: str
    has_total: bool = True
    unit: float = 1.0  # of the value in Redis, in the metric's base unit


class Money(NamedTuple):
    """Amounts per day and since the start, by currency: those of different ones are never added. Redis: minor units."""

    name: str  # the field of `keys.day` and `keys.totals` is "<name>:<currency>"
    metric: str  # wakeline_<metric>_total and wakeline_<metric>_today, in units of the currency
    help: str

    def field(self, currency: str) -> str:
        return f"{self.name}{OF_CURRENCY}{currency}"


class Histogram(NamedTuple):
    """How often a measured value was in each of some ranges, and the sum of all, since the start, by group of pages.

    The field of `keys.totals` is "<name>:<range>:<group>", its ranges numbered from 0; or SUM in place of the number.
    """

    name: str
    metric: str  # wakeline_<metric>
    help: str
    bounds: tuple[int, ...]  # the highest value in each range, all in the unit of Redis; one more range has the others
    most: int  # above it a value is made up
    good: int = 0  # one of `bounds`: up to it a value is good; 0: nobody says
    poor: int = 0  # above this one it is poor
    unit: float = MS

    def field(self, bucket: int | str, group: str) -> str:
        return f"{self.name}:{bucket}:{group}"

    def fields(self, group: str) -> list[str]:
        """The fields of all ranges, in order, and of the sum."""
        return [self.field(bucket, group) for bucket in (*range(len(self.bounds) + 1), SUM)]

    def shown(self, value: int) -> float:
        """A value in the metric's base unit."""
        return round(value * self.unit, 6)

    def le(self, bound: int) -> str:
        """The label of a bucket, which has all values up to `bound`."""
        return str(self.shown(bound))


class LiveMoney(NamedTuple):
    """A net amount in the live windows, in the site's main currency. Redis: minor units."""

    name: str  # as in `keys.top`
    metric: str  # wakeline_<metric>_window, in units of the currency
    help: str


class Net(NamedTuple):
    """What was gained, less what was taken back, in the site's main currency."""

    name: str
    help: str
    gained: Money
    back: Money


class Ratio(NamedTuple):
    """A number per another one."""

    name: str
    help: str
    part: Count | Net
    whole: Count


class Pending(NamedTuple):
    """Things that are in a state now: how many, and for how long the oldest."""

    name: str  # of `keys.pending`
    metric: str  # wakeline_<metric> and wakeline_<metric>_oldest_seconds
    help: str


class Top(NamedTuple):
    """A list of the most frequent values and their counts, per day and optionally in the live windows."""

    name: str  # as in `keys.top`
    metric: str  # wakeline_<metric>_window
    label: str  # of the metric: what a value is
    help: str
    is_live: bool = False
    has_paths: bool = False  # values are paths, or steps between two, shown as `paths.page_label` spells them
    unit: float = 1.0
    most: int | None = None  # values that there can be, if that is known
