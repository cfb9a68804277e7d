"""What one call of the store will change: rules write into it, nothing else does.

Numbers of a site are added here; the states of visitors and customers change in place and are listed.
"""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum

from processor.sites import SiteFacts
from processor.state import Customer, Session, Visitor, deadline
from wakeline import keys
from wakeline.record import CustomerShare, Record

LIVE_MS = 31 * 60_000  # older events no longer enter the buckets of the live windows


class Verdict(StrEnum):
    """What became of a record: the lane's ledger has a row for each."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    TOO_LATE = "too_late"
    ERASED = "erased"  # counted on the site, but not in a profile: the person is to be forgotten
    DEAD = "dead"
    DERIVED = "derived"  # our own deltas, ticks and erasures


class TopLists:
    """Top lists of a lane as they are in Redis, so that the cap is applied without asking it."""

    def __init__(self) -> None:
        self.loaded: dict[str, dict[str, int]] = {}

    def forget_but(self, wanted: set[str]) -> None:
        """Keep only the lists that the next records can change."""
        for key in [key for key in self.loaded if key not in wanted]:
            del self.loaded[key]


class Changes:
    """Accumulates one call. `now` is the append time of the current record, ms."""

    def __init__(self, lane: int, tops: TopLists, *, key_space: keys.Keys, decay_zero: int, half_life: int) -> None:
        self.lane = lane
        self.now = 0
        self.site: SiteFacts = None  # type: ignore[assignment]  # of the current record, set before any rule runs
        self.keys = key_space
        self.decay_zero = decay_zero
        self.half_life = half_life
        self._tops = tops
        self._top_keys: dict[tuple[str, str, int | str], str] = {}
        self.ledger: dict[Verdict, int] = dict.fromkeys(Verdict, 0)
        self.totals: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.days: defaultdict[tuple[str, str], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.top_scores: defaultdict[str, set[str]] = defaultdict(set)  # members changed in a loaded list
        self.top_added: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))  # in others
        self.present: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.seen: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.due: dict[str, int] = {}  # member -> append time; 0: no longer
        self.visitors: dict[tuple[str, str], Visitor] = {}
        self.customers: dict[tuple[str, str], Customer] = {}
        self.tombstones: dict[tuple[str, str], int] = {}
        self.hops: dict[int, int] = {}  # source lane -> upto
        self.shares: list[CustomerShare] = []  # for the customers' lanes
        self.outbox: list[tuple[str, str, Record]] = []  # site, id whose lane it is for, record
        self.dead: list[tuple[int, str, bytes, str]] = []  # offset, reason, value, error

    def count(self, field: str, day: str, amount: int = 1) -> None:
        """Add to a counter of the current site, in all and for a day."""
        self.totals[self.site.key][field] += amount
        self.days[self.site.key, day][field] += amount

    def count_day(self, field: str, day: str, amount: int) -> None:
        """Add to a number that only days have; it may go down."""
        self.days[self.site.key, day][field] += amount

    def top(self, what: str, value: str, day: str, amount: int = 1) -> None:
        """Add to a day's top list of the current site."""
        self._add(self._key(what, day), value, amount)

    def top_live(self, what: str, value: str, time: int, day: str, amount: int = 1) -> None:
        """Add to the top lists of the day and, while it is young enough, of the live windows."""
        self._add(self._key(what, day), value, amount)
        if self.now - time < LIVE_MS:
            minute = time // 60_000
            self._add(self._key(what, minute), value, amount)
            self._add(self._key(what, -(minute // 5)), value, amount)

    def _key(self, what: str, bucket: int | str) -> str:
        """`bucket`: a day, a minute, or a negative number of five minutes."""
        named = (self.site.key, what, bucket)
        key = self._top_keys.get(named)
        if key is None:
            key = self._top_keys[named] = self.keys.top(self.lane, self.site.key, what, bucket_name(bucket))
        return key

    def _add(self, key: str, value: str, amount: int) -> None:
        scores = self._tops.loaded.get(key)
        if scores is None:  # rare: a day or minute that no record of the batch announced; the script applies the cap
            self.top_added[key][value] += amount
            return
        if value not in scores and (len(scores) >= keys.TOP_MEMBERS or amount < 0):
            value = keys.OTHER
        scores[value] = scores.get(value, 0) + amount
        self.top_scores[key].add(value)

    def top_score(self, key: str, value: str) -> int:
        return self._tops.loaded[key][value]

    def schedule(self, visitor: Visitor) -> None:
        """Put the visitor into the lane's due set if it has a session and is not there.

        An entry may come too early, never too late: when it falls due, `reschedule` looks again.
        """
        if visitor.state.sessions and not visitor.scheduled:
            self.reschedule(visitor)

    def reschedule(self, visitor: Visitor) -> None:
        """Bring the lane's due set in line with the visitor's open sessions."""
        due = min([deadline(session) for session in visitor.state.sessions], default=0)
        visitor.scheduled = due > 0
        self.due[f"{visitor.site}/{visitor.id}"] = due


def bucket_name(bucket: int | str) -> str:
    if isinstance(bucket, str):
        return keys.date(bucket)
    return keys.minute(bucket * 60_000) if bucket >= 0 else keys.five_minutes(-bucket * 300_000)


def copied(session: Session) -> Session:
    """The session as it is now."""
    return Session(
        session.start,
        session.last,
        session.heard,
        page_views=session.page_views,
        entry_at=session.entry_at,
        source=session.source,
        campaign=session.campaign,
        continued=session.continued,
    )
