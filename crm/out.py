"""The effects of a rule beyond its visitor's state: `out` and its methods.

count, top      add to a number, or to a top list, of the site; money: to an amount in its live windows
measure         add a value to a histogram
pend            note since when a thing is in a state, or that it is not
wake            have the person's deadlines looked at, at a time of the log
tell            send a share to a customer's lane, or a fact to a thing's
emit            send a record to another person's lane
unlink          have the things and visitors of all lanes belong to a person no more
say             send a message about a person to whoever reads them outside
forget          keep what a person did up to a time out of its profile, for good

`out.now` is a rule's only clock. The effects are collected here; the processor writes them to Redis.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import msgspec

from crm.dead import DeadLetter
from crm.presence.state import Presence
from crm.sites import SiteFacts
from wakeline.definitions import SEEN_MS
from wakeline.durations import MINUTE_MS
from wakeline.keys import FORGOTTEN, LIVE_STEP_MS, MESSAGES_OF_A_MOMENT, five_minutes, minute
from wakeline.numbers import SUM, Count, Histogram, LiveMoney, Money, Pending, Top
from wakeline.record import CUSTOMER_PREFIX, NO_PLACE, Place, Record, Share, Unlink

LIVE_MS = SEEN_MS + MINUTE_MS  # events received later than this after their time enter no live window
BODY_BYTES = 4_096  # of one message, as JSON

_encode = msgspec.json.Encoder(order="deterministic").encode


class Verdict(StrEnum):
    """The result of folding a record; the lane's ledger has a row for each."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"  # a fact with the id of another one and other content: it changes nothing
    TOO_LATE = "too_late"
    ERASED = "erased"  # counted on the site, but not in a profile; a replay meets tombstones earlier, so erases more
    DEAD = "dead"
    DERIVED = "derived"  # our own deltas, ticks, erasures and others
    SKIPPED = "skipped"  # before the place where the numbers of this version begin


class Person(Protocol):
    """A visitor, a customer or a thing."""

    site: str
    id: str
    scheduled: int  # append time (ms) of the next check of its deadlines; 0: none


class Said(NamedTuple):
    """A message about a person: see `keys.lane_messages`."""

    offset: int
    step: int
    number: int  # within that moment, from 1 on
    site: str
    id: str
    kind: str
    time: int  # ms: the log's
    body: str  # JSON


class EndedCard(NamedTuple):
    """Of a customer's card: the moment at which it ended."""

    offset: int
    step: int
    upto: int  # ms: what was said later stays


Counts = defaultdict[str, int]


class Additions:
    """What a call adds to the top lists of one kind of bucket: (site, list, bucket) -> value -> amount.

    The length of a list is limited, so the order of changes matters. A run is a dict of additions in this order. A
    subtraction ends the run, and the next run begins after it. Subtractions from different values are a run too; the
    second one from a value is not in it, as the first one may take the value out of its list.
    """

    def __init__(self) -> None:
        self.open: defaultdict[tuple[str, str, str | int], Counts] = defaultdict(_counts)
        self._ended: defaultdict[tuple[str, str, str | int], list[Counts]] = defaultdict(list)
        self._taken: dict[tuple[str, str, str | int], Counts] = {}  # the latest run of subtractions

    def take_back(self, site: str, what: str, bucket: str | int, value: str, amount: int) -> None:
        """Add an `amount` below 0. This invalidates the key's dict of `open`, also in callers' caches."""
        key = site, what, bucket
        added, taken = self.open.pop(key, None), self._taken.get(key)
        if added:
            self._ended[key].append(added)
        if added or taken is None or value in taken:
            taken = self._taken[key] = _counts()
            self._ended[key].append(taken)
        taken[value] = amount

    def runs(self) -> dict[tuple[str, str, str | int], list[Counts]]:
        """The runs of each list, in order."""
        found = {key: list(runs) for key, runs in self._ended.items()}
        for key, counts in self.open.items():
            found.setdefault(key, []).append(counts)
        return found


class Out:
    """The effects of one call's rules. `now` is the append time of the current record, or the deadline's time, ms.

    `received` is when a collector received the current event, ms. An event's age for the live windows is measured with
    `received`, because event times follow the collectors' clocks, and never with `now`: log time does not go back, so
    if the log server's clock was once hours ahead, every event would look too old for hours.
    """

    def __init__(self, *, decay_zero: int, half_life: int) -> None:
        self.now = 0
        self.received = 0
        self.offset = -1  # of the current record
        self.step = 0  # deadlines that fired before it, and after the record before it
        self.site: SiteFacts = None  # type: ignore[assignment]  # of the current event, set before any rule runs
        self.day = ""  # of the current event
        self.live_ms = LIVE_MS  # maximum age of an event in the live windows; -1: no event enters them
        self._minute = -1
        self._is_live = False  # whether the current event enters the live windows
        self.decay_zero = decay_zero
        self.half_life = half_life
        self._today: Counts = _counts()
        self._lists: dict[str, Counts] = {}  # what -> list of the current event's day
        self._live_lists: dict[str, tuple[Counts, Counts]] = {}  # what -> lists of the event's minute and five minutes
        self.day_tops = Additions()
        self.minute_tops = Additions()
        self.five_tops = Additions()
        self.days: defaultdict[tuple[str, str], Counts] = defaultdict(_counts)  # site, day
        self.pending: dict[tuple[str, str, str], int] = {}  # site, name, thing -> ms since when; 0: no longer
        self.live_money: defaultdict[tuple[str, str, str], Counts] = defaultdict(_counts)  # site, what, bucket
        self.presence: defaultdict[str, Presence] = defaultdict(Presence)  # site
        self.due: dict[str, int] = {}  # "<site>/<id>" -> append time; 0: no longer
        self.tombstones: dict[tuple[str, str], int] = {}
        self.ended_cards: dict[tuple[str, str], EndedCard] = {}
        self.shares: list[Share] = []  # for other homes
        self.outbox: list[tuple[str, str, Record]] = []  # site, id whose lane receives it ("": every lane), record
        self.naming: defaultdict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
        """Person -> thing or visitor -> whether it names the person or is linked to it, where that changed."""
        self.cut: Counts = _counts()  # what a bound cut: kind -> amount
        self.odd: Counts = _counts()  # implausible facts that are in no number of the site: what -> how many
        self._emitted: tuple[int, int] = (-1, 0)  # offset and step of the latest emit
        self._emitted_to: set[tuple[str, str, str]] = set()  # site, id and cause of what they emitted
        self.messages: list[Said] = []
        self.dead: list[DeadLetter] = []
        self.letters: dict[tuple[str, str], int] = {}  # site, id -> time (ms) up to which dead letters are deleted

    def enter(self, site: SiteFacts, time: int) -> None:
        """Make `site` and `time` (ms) the default for the counts that follow."""
        minute = time // MINUTE_MS
        if site is not self.site or minute != self._minute:
            self.site, self._minute, self.day = site, minute, site.day(time)
            self._today = self.days[site.key, self.day]
            self._lists = {}
            self._live_lists = {}
        self._is_live = self.received - time < self.live_ms

    # ---- the site's numbers

    def count(self, number: Count, amount: int = 1, *, day: str = "") -> None:
        """Add to a number of the site: of `day`, by default the event's, and to its total if it has one."""
        (self.days[self.site.key, day] if day else self._today)[number.name] += amount

    def count_at(self, number: Count | Money, amount: int, *, day: str, currency: str = "") -> None:
        """Add to a number of the site on another day, or with "" only to its total. Of money: minor units."""
        name = number.field(currency) if isinstance(number, Money) else number.name
        self.days[self.site.key, day][name] += amount

    def measure(self, histogram: Histogram, value: int, *, group: str) -> None:
        """Add a value, in the unit of Redis, to the histogram of a group of the site's pages."""
        counts = self.days[self.site.key, ""]
        counts[histogram.field(bisect_left(histogram.bounds, value), group)] += 1
        counts[histogram.field(SUM, group)] += value

    def money(self, number: LiveMoney, time: int, amount: int, *, currency: str) -> None:
        """Add or subtract minor units at a time (ms), if that is recent enough, in the site's main currency."""
        if amount and self._is_live and self.received - time < self.live_ms and currency == self.site.currency:
            for bucket_of in (minute, five_minutes):
                self.live_money[self.site.key, number.name, bucket_of(min(time, self.now))][currency] += amount

    def top(self, top: Top, value: str, amount: int = 1) -> None:
        """Add to a top list of the event's day, and of its minute if the list is live and the event recent enough."""
        what = top.name
        counts = self._lists.get(what)
        if counts is None:
            counts = self._lists[what] = self.day_tops.open[self.site.key, what, self.day]
        counts[value] += amount
        if top.is_live and self._is_live:
            both = self._live_lists.get(what)
            if both is None:
                both = self._live_lists[what] = self._live(what, self._minute)
            both[0][value] += amount
            both[1][value] += amount

    def top_at(self, time: int, top: Top, value: str, amount: int = 1) -> None:
        """The same for a time other than the event's. A negative amount subtracts."""
        what, minute = top.name, time // MINUTE_MS
        is_live = top.is_live and self.received - time < self.live_ms
        if amount < 0:
            self._take_back(what, value, amount, day=self.site.day(time), minute=minute if is_live else 0)
            return
        self.day_tops.open[self.site.key, what, self.site.day(time)][value] += amount
        if is_live:
            for counts in self._live(what, minute):
                counts[value] += amount

    def top_of_day(self, top: Top, value: str, amount: int, *, day: str) -> None:
        """Add to a top list of a day, which is not live. A negative amount subtracts."""
        if amount < 0:
            self._take_back(top.name, value, amount, day=day, minute=0)
        elif amount:
            self.day_tops.open[self.site.key, top.name, day][value] += amount

    def pend(self, pending: Pending, thing: Person, since: int) -> None:
        """Note that a thing is in a state since a time (ms); 0: it is not."""
        self.pending[thing.site, pending.name, thing.id] = since

    def _live(self, what: str, minute: int) -> tuple[Counts, Counts]:
        site, five = self.site.key, minute * MINUTE_MS // LIVE_STEP_MS
        return self.minute_tops.open[site, what, minute], self.five_tops.open[site, what, five]

    def _take_back(self, what: str, value: str, amount: int, *, day: str, minute: int) -> None:
        site = self.site.key
        self.day_tops.take_back(site, what, day, value, amount)
        self._lists.pop(what, None)
        if minute:
            self.minute_tops.take_back(site, what, minute, value, amount)
            self.five_tops.take_back(site, what, minute * MINUTE_MS // LIVE_STEP_MS, value, amount)
            self._live_lists.pop(what, None)

    # ---- deadlines

    def wake(self, person: Person, at: int) -> None:
        """Check the person's deadlines at append time `at` (ms), or before.

        They are then computed from its state (`crm.rules.DEADLINES`), so moved or cancelled deadlines need no call.
        """
        if not person.scheduled or at < person.scheduled:
            person.scheduled = self.due[f"{person.site}/{person.id}"] = at

    # ---- others

    def tell(self, share: Share) -> None:
        """Send a share to its customer, or a fact to its thing."""
        share.at, share.step = self.offset, self.step
        self.shares.append(share)

    def emit(self, site: str, id: str, record: Record, *, cause: str) -> None:
        """Append a record to the lane of `id`, at most once per `cause` for each record of the log."""
        if self._emitted != (self.offset, self.step):
            self._emitted = self.offset, self.step
            self._emitted_to.clear()
        if (site, id, cause) not in self._emitted_to:
            self._emitted_to.add((site, id, cause))
            self.outbox.append((site, id, record))

    def place(self) -> Place:
        """The place of what is emitted next."""
        before = len(self._emitted_to) if self._emitted == (self.offset, self.step) else 0
        return self.offset, self.step, before + 1

    def unlink(
        self, site: str, id: str, *, upto: int, ended: bool = False, withdrawn: bool = False, everywhere: bool = False
    ) -> None:
        """Have the things of all lanes name a person no more, as far as facts up to `upto` (ms) do; see `Unlink`.

        And the visitors that are noted by now with a customer belong to it no more.
        """
        noted = self.now if id[0] == CUSTOMER_PREFIX else 0
        place = self.place() if noted and not ended else NO_PLACE
        record = Unlink(site, id, upto, ended, noted, withdrawn, everywhere, place)
        self.emit(site, "", record, cause=f"{id} {upto} {withdrawn} {everywhere}")

    def unlink_things(self, site: str, id: str, *, upto: int) -> None:
        """The same of things only: what they say of a customer up to `upto`."""
        self.emit(site, "", Unlink(site, id, upto), cause=f"{id} {upto}")

    def say(self, kind: str, person: Person, body: Mapping[str, Any]) -> None:
        """Send a message about a person, who must be one that may have a profile. `wakeline.messages` reads them.

        Raises ValueError if the body is too long, or this moment has said too much.
        """
        encoded = _encode(body)
        if len(encoded) > BODY_BYTES:
            raise ValueError(f"the body of a message {kind!r} has {len(encoded)} bytes, more than {BODY_BYTES}")
        self._say(kind, person.site, person.id, encoded.decode())

    def _say(self, kind: str, site: str, id: str, body: str) -> None:
        last = self.messages[-1] if self.messages else None
        number = 1 if last is None or (last.offset, last.step) != (self.offset, self.step) else last.number + 1
        if number >= MESSAGES_OF_A_MOMENT:
            raise ValueError(f"more than {MESSAGES_OF_A_MOMENT} messages in one moment")
        self.messages.append(Said(self.offset, self.step, number, site, id, kind, self.now, body))

    def forget(self, site: str, id: str, *, upto: int) -> None:
        """Set the person's tombstone: events up to `upto` (ms) never enter a profile again.

        All earlier messages about the person are removed, whatever they are about.
        """
        self.tombstones[site, id] = upto
        self._say(FORGOTTEN, site, id, "{}")

    def cover(self, site: str, id: str, *, upto: int) -> None:
        """Set a tombstone before which nothing is known of the person, so that nothing has to be taken back."""
        self.tombstones[site, id] = max(upto, self.tombstones.get((site, id), 0))

    def end_card(self, site: str, id: str, *, upto: int) -> None:
        """Delete what a customer's card holds of up to `upto` (ms), once: a replay leaves it alone."""
        former = self.ended_cards.get((site, id))
        self.ended_cards[site, id] = EndedCard(self.offset, self.step, max(upto, former.upto if former else 0))

    def forget_letters(self, site: str, id: str, *, upto: int) -> None:
        """Delete dead letters that name this person up to `upto` (ms): the stored ones and this call's."""
        self.letters[site, id] = max(upto, self.letters.get((site, id), 0))
        self.dead = [letter for letter in self.dead if not letter.is_about(site, id, upto)]


def _counts() -> Counts:
    return defaultdict(int)
