"""What one call of the store will change: rules write into it, nothing else does.

Numbers of a site are added here; the states of visitors and customers change in place and are listed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from enum import StrEnum

from crm.dead import DeadLetter
from crm.identity.state import Customer
from crm.sites import SiteFacts, page_name
from crm.state import Visitor
from crm.visits.state import deadline
from wakeline import keys
from wakeline.definitions import SEEN_MS
from wakeline.durations import MINUTE_MS
from wakeline.labels import cut
from wakeline.numbers import TOPS, Count, Top
from wakeline.record import CustomerShare, Record

LIVE_MS = SEEN_MS + MINUTE_MS  # events received later than that enter no live window
NEVER = 1 << 62


class Verdict(StrEnum):
    """What became of a record: the lane's ledger has a row for each."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    TOO_LATE = "too_late"
    ERASED = "erased"  # counted on the site, but not in a profile; a replay meets tombstones earlier, so erases more
    DEAD = "dead"
    DERIVED = "derived"  # our own deltas, ticks and erasures
    SKIPPED = "skipped"  # before the place at which the numbers of this version begin


class TopLists:
    """Top lists of a lane as they are in Redis, so that the cap is applied without asking it."""

    def __init__(self) -> None:
        self.loaded: dict[str, dict[str, int]] = {}

    def forget_but(self, wanted: set[str]) -> None:
        """Keep only the lists that the next records can change."""
        for key in [key for key in self.loaded if key not in wanted]:
            del self.loaded[key]


class Presence:
    """What a call changes of who is on a site, and of who was seen there; 0: no longer.

    The result is as if each record by itself had removed what is over by its own clock, so it does not depend on how
    the log is cut into calls. `crm.presence.signs` writes it, for each event, so without a call.
    """

    __slots__ = ("oldest", "over", "present", "seen")

    def __init__(self) -> None:
        self.present: dict[str, int] = {}  # visitor -> ms until which it counts as on the site
        self.seen: dict[str, int] = {}  # visitor -> ms of its last sign
        self.over = 0  # ms: what was there before this call, up to this, is removed
        self.oldest = NEVER  # ms: nothing that this call has added is older; nearly always younger than what is removed

    def expire(self, upto: int) -> None:
        """Remove what is not later than `upto`, ms, of what this call has added."""
        for visitor in [visitor for visitor, ms in self.present.items() if ms <= upto]:
            self.present[visitor] = 0
        for visitor in [visitor for visitor, ms in self.seen.items() if 0 < ms <= upto]:
            del self.seen[visitor]  # one that was there before and is later stays
        self.oldest = min((ms for marks in (self.present, self.seen) for ms in marks.values() if ms), default=NEVER)


class Changes:
    """Accumulates one call. `now` is the append time of the current record, ms, `offset` its offset.

    `received` is when a collector received the current event, ms. Live windows are by event time, so by the
    collectors' clocks: how old an event is for them is told by `received`, never by `now`. The log's time does not go
    back, so after a moment in which its server's clock was hours ahead every event would be too old for hours.
    """

    def __init__(self, lane: int, tops: TopLists, *, key_space: keys.Keys, decay_zero: int, half_life: int) -> None:
        self.lane = lane
        self.now = 0
        self.received = 0
        self.offset = -1
        self.site: SiteFacts = None  # type: ignore[assignment]  # of the current event, set before any rule runs
        self.day = ""  # of the current event
        self.live_ms = LIVE_MS  # age up to which an event enters the live windows; -1: none does
        self._minute = -1
        self._is_live = False  # young enough for the live windows
        self.keys = key_space
        self.decay_zero = decay_zero
        self.half_life = half_life
        self._tops = tops
        self._today: Counts = _counts()
        self._lists: dict[str, Counts] = {}  # what -> day's list, of the current event's day
        self._live_lists: dict[str, Counts] = {}  # what -> minute's list
        self._day_tops: defaultdict[tuple[str, str, str], Counts] = defaultdict(_counts)  # site, what, day
        self._minute_tops: defaultdict[tuple[str, str, int], Counts] = defaultdict(_counts)  # site, what, minute
        self.ledger: dict[Verdict, int] = dict.fromkeys(Verdict, 0)
        self.days: defaultdict[tuple[str, str], Counts] = defaultdict(_counts)  # site, day
        self.top_changed: defaultdict[str, set[str]] = defaultdict(set)  # key -> members changed in a loaded list
        self.top_added: defaultdict[str, Counts] = defaultdict(_counts)  # key -> what to add to another list
        self.presence: defaultdict[str, Presence] = defaultdict(Presence)  # site
        self.due: dict[str, int] = {}  # member -> append time; 0: no longer
        self.visitors: dict[tuple[str, str], Visitor] = {}
        self.customers: dict[tuple[str, str], Customer] = {}
        self.tombstones: dict[tuple[str, str], int] = {}
        self.hops: dict[int, int] = {}  # source lane -> upto
        self.hop_gaps: list[tuple[int, int, int]] = []  # source lane, applied upto, next delta comes after
        self.shares: list[CustomerShare] = []  # for the customers' lanes
        self.outbox: list[tuple[str, str, Record]] = []  # site, id whose lane it is for, record
        self.told: set[tuple[str, str, str]] = set()  # site, visitor, customer: who is told already to forget it
        self.dead: list[DeadLetter] = []
        self.forgotten: dict[tuple[str, str], int] = {}  # whose dead letters go, up to when, ms

    def enter(self, site: SiteFacts, time: int) -> None:
        """Turn to an event of `site` at `time`: what follows is counted there and then, unless it says otherwise."""
        minute = time // MINUTE_MS
        if site is not self.site or minute != self._minute:
            self.site, self._minute, self.day = site, minute, site.day(time)
            self._today = self.days[site.key, self.day]
            self._lists = {}
            self._live_lists = {}
        self._is_live = self.received - time < self.live_ms

    def count(self, number: Count, amount: int = 1, *, day: str = "") -> None:
        """Add to a number of the site: for a day (that of the event) and, if it has a total, in all."""
        (self.days[self.site.key, day] if day else self._today)[number.name] += amount

    def top(self, top: Top, value: str, amount: int = 1) -> None:
        """Add to a top list of the event's day; of its minute too, if the list is live and the event young enough."""
        what = top.name
        counts = self._lists.get(what)
        if counts is None:
            counts = self._lists[what] = self._day_tops[self.site.key, what, self.day]
        counts[value] += amount
        if top.is_live and self._is_live:
            counts = self._live_lists.get(what)
            if counts is None:
                counts = self._live_lists[what] = self._minute_tops[self.site.key, what, self._minute]
            counts[value] += amount

    def top_at(self, time: int, top: Top, value: str, amount: int = 1) -> None:
        """The same, for something that happened at another time than the event."""
        self._day_tops[self.site.key, top.name, self.site.day(time)][value] += amount
        if top.is_live and self.received - time < self.live_ms:
            self._minute_tops[self.site.key, top.name, time // MINUTE_MS][value] += amount

    def settle_tops(self) -> None:
        """Turn what was added to top lists into what changes in Redis; once, after the last record."""
        for (site, what, day), counts in self._day_tops.items():
            self._add(self.keys.top(self.lane, site, what, keys.date(day)), counts, LABELS[what])
        for (site, what, minute), counts in self._minute_tops.items():
            for bucket in (keys.minute(minute * MINUTE_MS), keys.five_minutes(minute * MINUTE_MS)):
                self._add(self.keys.top(self.lane, site, what, bucket), counts, LABELS[what])

    def _add(self, key: str, counts: Counts, label: Callable[[str], str]) -> None:
        scores = self._tops.loaded.get(key)
        if scores is None:  # rare: a day or minute that no record of the batch announced; the script applies the cap
            added = self.top_added[key]
            for value, amount in counts.items():
                added[label(value)] += amount
            return
        changed = self.top_changed[key]
        for value, amount in counts.items():
            value = label(value)
            if value not in scores and (len(scores) >= keys.TOP_MEMBERS or amount < 0):
                value = keys.OTHER
            scores[value] = scores.get(value, 0) + amount
            changed.add(value)

    def top_score(self, key: str, value: str) -> int:
        return self._tops.loaded[key][value]

    def forget_letters(self, site: str, id: str, *, upto: int) -> None:
        """Dead letters that name this person, at `upto` (ms) or before, go: those that lie there and this call's."""
        self.forgotten[site, id] = max(upto, self.forgotten.get((site, id), 0))
        self.dead = [letter for letter in self.dead if not letter.is_about(site, id, upto)]

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


def label(value: str) -> str:
    """A value as its top list names it: what people read, cut only where it is very long, never as another one."""
    return cut(value, keys.TOP_LENGTH)


def label_of_path(path: str) -> str:
    return label(page_name(path))


LABELS = {top.name: label_of_path if top.has_paths else label for top in TOPS}

Counts = defaultdict[str, int]


def _counts() -> Counts:
    return defaultdict(int)
