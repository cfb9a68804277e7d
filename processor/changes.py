"""The changes of one call: the effects of its rules (`Out`), and what the processor adds for the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from crm.facts import Thing
from crm.out import Additions, Counts, Out, Person, Verdict
from crm.sites import SiteFacts, page_name
from crm.state import Customer, Visitor
from processor.deadlines import Deadlines
from wakeline import keys
from wakeline.durations import MINUTE_MS
from wakeline.labels import cut
from wakeline.numbers import TOPS
from wakeline.paths import STEP
from wakeline.record import CustomerShare, Delta, Place, Position, Share
from wakeline.vocabulary.things import is_thing


class TopLists:
    """Copies of a lane's top lists in Redis, so that the cap can be applied without reading them again."""

    def __init__(self) -> None:
        self.loaded: dict[str, dict[str, int]] = {}

    def forget_but(self, wanted: set[str]) -> None:
        """Keep only the lists that the next records can change."""
        for key in [key for key in self.loaded if key not in wanted]:
            del self.loaded[key]


class HopGap(NamedTuple):
    """A gap in the deltas from a lane: some were lost."""

    source: int
    applied: Position  # up to which they were applied
    after: Position  # where the next one begins


class Changes(Out):
    """Collects the changes of one call."""

    def __init__(
        self, lane: int, tops: TopLists, deadlines: Deadlines, *, key_space: keys.Keys, decay_zero: int, half_life: int
    ) -> None:
        super().__init__(decay_zero=decay_zero, half_life=half_life)
        self.lane = lane
        self.keys = key_space
        self.folded = 0  # number of records applied so far
        self.waits_for: Delta | None = None  # the next record, if it has to wait
        self._tops = tops
        self._deadlines = deadlines
        self.ledger: dict[Verdict, int] = dict.fromkeys(Verdict, 0)
        self.top_changed: defaultdict[str, set[str]] = defaultdict(set)  # key -> members changed in a loaded list
        self.top_added: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)  # key -> additions, list not loaded
        self.visitors: dict[tuple[str, str], Visitor] = {}
        self.customers: dict[tuple[str, str], Customer] = {}
        self.things: dict[tuple[str, str], Thing] = {}
        self.imports: dict[str, str] = {}  # field of the lane's imports -> what it says now; "": it goes
        self.hops: dict[int, Position] = {}  # source lane -> up to where its deltas are applied
        self.ends: dict[int, Place] = {}  # source lane -> place of the latest end that was heard from it
        self.sites: Mapping[str, SiteFacts] = {}
        self.hop_gaps: list[HopGap] = []
        self.doubted = 0  # append time (ms) before which nothing ends by age, see `clock`
        self.definitions: dict[str, str] = {}  # field of the lane's definitions -> what it says now
        self.ended_ranks: set[str] = set()  # keys of lists of the best customers that start empty
        self.unlinked: str | None = None  # what the lane's field says now; "": it goes; None: it stays

    def wake(self, person: Person, at: int) -> None:
        """See `Out.wake`."""
        super().wake(person, at)
        if person.scheduled == at:
            self._deadlines.push(at, f"{person.site}/{person.id}", (person.site, person.id))

    def reschedule(self, person: Person, at: int) -> None:
        """Check the person's deadlines at append time `at` (ms), and not before; 0: it has none."""
        member = f"{person.site}/{person.id}"
        person.scheduled = self.due[member] = at
        if at:
            self._deadlines.push(at, member, (person.site, person.id))

    def settle_tops(self) -> None:
        """Turn the additions to top lists into changes in Redis; once, after the last record."""
        for additions, bucket_of in (
            (self.day_tops, keys.date),
            (self.minute_tops, lambda minute: keys.minute(minute * MINUTE_MS)),
            (self.five_tops, lambda five: keys.five_minutes(five * keys.LIVE_STEP_MS)),
        ):
            self._settle(additions, bucket_of)  # type: ignore[arg-type]

    def _settle(self, additions: Additions, bucket_of: Callable[[str | int], str]) -> None:
        for (site, what, bucket), runs in additions.runs().items():
            key = self.keys.top(self.lane, site, what, bucket_of(bucket))
            for counts in runs:
                self._add(key, counts, LABELS[what])

    def _add(self, key: str, counts: Counts, label: Callable[[str], str]) -> None:
        """Add to a list; `WRITE` in `lane_protocol` does the same for lists that are not loaded."""
        scores = self._tops.loaded.get(key)
        if scores is None:  # of a day or minute outside the batch
            self.top_added[key] += [(label(value), amount) for value, amount in counts.items()]
            return
        changed = self.top_changed[key]
        for value, amount in counts.items():
            value = label(value)
            if value not in scores and (len(scores) >= keys.TOP_MEMBERS or amount < 0):
                value = keys.OTHER
            score = scores[value] = scores.get(value, 0) + amount
            if not score:
                del scores[value]
            changed.add(value)

    def top_score(self, key: str, value: str) -> int:
        """The score of a value in a loaded list; 0: not in it."""
        return self._tops.loaded[key].get(value, 0)


OF_A_STEP = 58  # visible characters of each of its paths


class ReplayChanges(Changes):
    """Of a call of a replay whose lanes hear each other."""

    def tell(self, share: Share) -> None:
        """See `Out.tell`. Of a visitor that is still to be forgotten the fold knows less than the live version did.

        But what such a visitor told of things it says, and names nobody whom a tombstone covers: see `crm.things`.
        """
        if isinstance(share, CustomerShare) and not (is_thing(share.visitor) or share.via or share.erased_at):
            visitor = self.visitors[share.site, share.visitor]
            if visitor.erased < visitor.tombstone:
                return
        super().tell(share)


def label(value: str) -> str:
    """The name of a value in its top list: readable, cut only if very long, and then still distinct."""
    return cut(value, keys.TOP_LENGTH)


def label_of_path(value: str) -> str:
    """Of a path, or of a step between two: so short that both are seen wherever it is shown."""
    start, step, end = value.partition(STEP)
    if not step:
        return label(page_name(value))
    return f"{cut(page_name(start), OF_A_STEP)}{STEP}{cut(page_name(end), OF_A_STEP)}"


LABELS = {top.name: label_of_path if top.has_paths else label for top in TOPS}
