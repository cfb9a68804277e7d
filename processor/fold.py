"""The fold: computes the changes that records make to the people they touch. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter_ns

from crm import dead, facts, records, rules
from crm.facts import Thing
from crm.out import LIVE_MS, Verdict
from crm.rules import Steps
from crm.sites import Facts, SiteFacts
from crm.state import Visitor
from processor import others
from processor.batch import (
    Batch,
    Invalid,
    Item,
    Who,
    batch_of,
    decoded,
    in_order,
    newest,
    only_what_lasts,
    touched_by,
)
from processor.changes import Changes, ReplayChanges
from processor.crossing import Heard
from processor.firing import catch_up, fire
from processor.memory import Home, LaneMemory
from wakeline import keys
from wakeline.durations import MINUTE_MS
from wakeline.lanes import Deployment, lane_of
from wakeline.log import Entry
from wakeline.numbers import LIVE_TOPS, TOPS
from wakeline.record import Definition, Delta, Erase, Event, Fact, ImportEnd, Record, Unlink, encode_record
from wakeline.vocabulary.types import BUILT_IN

TIMED = 64  # one event in so many: reading the clock costs as much as a small rule


class Fold:
    """Applies the rules to one lane. `emits` is False in a replay: the log already has the records for other lanes.

    The rules are timed for one event in `timed_every`. `heard`: where the shares of deltas come from instead of the
    log; the lane's own shares are then kept too.
    """

    def __init__(
        self,
        lane: int,
        *,
        sites: Mapping[str, SiteFacts],
        deployment: Deployment,
        key_space: keys.Keys,
        emits: bool = True,
        heard: Heard | None = None,
        timed_every: int = TIMED,
    ) -> None:
        self.lane = lane
        self.lanes = deployment.lanes
        self.begins = 0  # offset; of what lies before only withdrawals and definitions matter
        self.seconds: dict[str, float] = dict.fromkeys(rules.names(), 0.0)  # of the timed events
        self.timed = 0
        self.firing: Who | None = None  # the person whose deadline is firing
        self._timed_every = self._countdown = timed_every
        self._sites = sites
        self._held: Mapping[str, SiteFacts] = {}  # the sites by the definitions that hold in the lane
        self._facts = Facts(sites)
        self._deployment = deployment
        self._keys = key_space
        self._emits = emits
        self._heard = heard
        self._live_ms = LIVE_MS
        self._live_since = 0
        self._rules_of_type = {type: rules.of_type(type) for type in BUILT_IN}
        rules.prepare()
        self._rules_of_custom = rules.of_type(rules.CUSTOM)

    def leave_live_windows(self, *, before: int) -> None:
        """Omit the live windows of batches received and appended before this time (ms).

        Nobody reads them any more, and they are half of a replay's keys.
        """
        self._live_since = before

    def decode(self, entries: Iterable[Entry]) -> Batch:
        """Decode entries into records; those that cannot be folded become `Invalid`, with a reason."""
        if self.begins:
            entries = only_what_lasts(entries, before=self.begins)
        items = decoded(entries, self._sites)
        if self._live_since:
            self._live_ms = LIVE_MS if newest(items) > self._live_since else -1
        return batch_of(items, live_ms=self._live_ms)

    def top_lists(self, batch: Batch) -> set[str]:
        """Keys of the top lists that these records may change, except those of the start times of earlier visits."""
        wanted: set[str] = set()
        for site, minute, live in batch.minutes:
            time = minute * MINUTE_MS
            day = keys.date(self._sites[site].day(time))
            wanted.update(self._keys.top(self.lane, site, top.name, day) for top in TOPS)
            if live:
                for bucket in (keys.minute(time), keys.five_minutes(time)):
                    wanted.update(self._keys.top(self.lane, site, top.name, bucket) for top in LIVE_TOPS)
        return wanted

    def fold(self, items: Sequence[Item], memory: LaneMemory, *, step: int = 0) -> Changes:
        """Apply records in order, after the deadlines due before each. `step` of the first one's have already fired.

        All people and things that records and deadlines touch must be in `memory`. It may stop early, if too many
        deadlines are due for one call or more must be loaded: `folded` and `step` of the result are the number of
        applied records, and of deadlines that have fired before the next.
        """
        changes = self.begin(memory, step=step)
        self.go_on(items, memory, changes)
        self.finish(changes)
        return changes

    def go_on(self, items: Sequence[Item], memory: LaneMemory, changes: Changes) -> None:
        """Like `fold`, but between `begin` and `finish`; it may also stop before a delta that has to wait.

        Then `changes.waits_for` is this delta; call it again to continue.
        """
        deadlines, ledger = memory.deadlines, changes.ledger
        changes.waits_for = None
        self._held = memory.definitions.facts(self._sites)
        clock = memory.clock
        for item in items[changes.folded :] if changes.folded else items:
            if item.time != clock.time:
                clock.meet(item.time)
                changes.doubted = clock.doubted
            if deadlines.next <= item.time and not fire(item, memory, changes, self.come_due):
                break
            if deadlines.next <= item.time:
                catch_up(item.who, memory, changes, self.come_due, upto=item.time)
            changes.now, changes.offset = item.time, item.offset
            record = item.record
            if item.offset < self.begins:
                if isinstance(record, Event):
                    visitor = others.touch(memory, changes, item.who[0])
                    assert isinstance(visitor, Visitor)
                    records.look_through(record, visitor, changes)
                elif isinstance(record, Definition):
                    self._apply_derived(record, memory, changes)
                ledger[Verdict.SKIPPED] += 1
            elif type(record) is Event:
                ledger[self._apply(record, item.who[0], memory, changes)] += 1
            elif type(record) is Fact:
                ledger[self._hear(item, record, memory, changes)] += 1
            elif isinstance(record, Invalid):
                changes.dead.append(self.letter(item, record, memory))
                ledger[Verdict.DEAD] += 1
            elif self._heard is not None and isinstance(record, Delta) and not self._heard.is_ready(record):
                changes.waits_for = record
                break
            elif isinstance(record, Unlink) and not self._unlink(record, memory, changes):
                break
            else:
                self._apply_derived(record, memory, changes)
                ledger[Verdict.DERIVED] += 1
            changes.folded += 1
            changes.step = 0
            clock.folded = item.time

    def come_due(self, person: Home, at: int, changes: Changes) -> bool:
        """Check a person's deadlines at the time for which they are scheduled; returns whether one fired."""
        site = self._facts[person.site]
        next, kind = rules.earliest(person, site, doubted=changes.doubted)
        is_due = kind is not None and next <= at
        if kind is not None and is_due:
            self._fire_one(person, kind, at, changes)
            changes.step += 1
            next = rules.earliest(person, site, doubted=changes.doubted)[0]
        elif isinstance(person, Thing):
            changes.things[person.site, person.id] = person  # its key expires a week after its end, which has moved
            if not person.state.told:  # or has expired, as nobody folded then
                facts.end(person, changes)
        changes.reschedule(person, next and max(next, at))
        person.has_new_deadlines = False  # else the next record would look again, if nobody has let the person go
        return is_due

    def _fire_one(self, person: Home, kind: rules.Deadline, at: int, changes: Changes) -> None:
        self.firing = who = person.site, person.id
        changes.now = changes.received = at
        changes.enter(self._held.get(person.site) or self._facts[person.site], at)
        began = perf_counter_ns()
        if isinstance(person, Visitor):
            changes.visitors[who] = person
            if person.state.customer or person.state.turns:
                rules.open_share(person, kind.happened(person) if kind.happened is not None else at, since=at)
            kind.fire(person, changes)
            if person.share is not None:
                rules.send_share(person, changes)
        else:
            if isinstance(person, Thing):
                changes.things[who] = person
            else:
                changes.customers[who] = person
            kind.fire(person, changes)
        self.seconds[kind.kind] += (perf_counter_ns() - began) / 1e9 / self._timed_every
        self.firing = None

    def begin(self, memory: LaneMemory, *, step: int) -> Changes:
        """What one call changes: nothing yet."""
        changes = (Changes if self._heard is None else ReplayChanges)(
            self.lane,
            memory.tops,
            memory.deadlines,
            key_space=self._keys,
            decay_zero=self._deployment.decay_zero,
            half_life=self._deployment.half_life,
        )
        changes.live_ms = self._live_ms
        changes.step = step
        changes.doubted = memory.clock.doubted
        changes.sites = self._sites
        return changes

    def _look(self, person: Home, changes: Changes) -> None:
        """After a record that touched them: who was forgotten waits for less, others may wait for something earlier."""
        next = rules.earliest(person, self._facts[person.site], doubted=changes.doubted)[0]
        if person.has_new_deadlines or not person.scheduled or 0 < next < person.scheduled:
            person.has_new_deadlines = False
            if next != person.scheduled:
                changes.reschedule(person, next and max(next, changes.now))

    def _apply(self, event: Event, who: Who, memory: LaneMemory, changes: Changes) -> Verdict:
        changes.received = event.received
        changes.enter(self._held[event.site], event.time)
        visitor = changes.visitors.get(who)
        if visitor is None:
            visitor = changes.visitors[who] = memory.people[who]  # type: ignore[assignment]
            assert isinstance(visitor, Visitor)
        state = visitor.state
        if state.customer or state.turns:
            rules.open_share(visitor, event.time)
        erased = rules.is_kept_out(event, visitor, changes)
        steps = self._rules_of_type.get(event.type, self._rules_of_custom)
        self._countdown -= 1
        verdict = None
        if self._countdown:
            for _, rule in steps:
                verdict = rule(event, visitor, changes)
                if verdict is not None:
                    break
        else:
            verdict = self._timed(steps, event, visitor, changes)
        if visitor.share is not None:
            rules.send_share(visitor, changes)
        if visitor.has_new_deadlines or not visitor.scheduled:
            self._look(visitor, changes)
        return verdict or (Verdict.ERASED if erased else Verdict.APPLIED)

    def _timed(self, steps: Steps, event: Event, visitor: Visitor, changes: Changes) -> Verdict | None:
        self._countdown = self._timed_every
        self.timed += 1
        for name, rule in steps:
            began = perf_counter_ns()
            verdict = rule(event, visitor, changes)
            self.seconds[name] += (perf_counter_ns() - began) / 1e9
            if verdict is not None:
                return verdict
        return None

    def _hear(self, item: Item, fact: Fact, memory: LaneMemory, changes: Changes) -> Verdict:
        home, verdict = others.take(item, fact, memory, changes)
        if home is not None:
            self._look(home, changes)
        if verdict is Verdict.CONFLICT:
            value = encode_record(fact)
            invalid = Invalid(value, Verdict.CONFLICT.value, dead.named_by(value))
            changes.dead.append(self.letter(item, invalid, memory))
        return verdict

    def _unlink(self, record: Unlink, memory: LaneMemory, changes: Changes) -> bool:
        source = lane_of(record.site, record.id, self.lanes)
        return others.unlink(record, memory, changes, self._look, source=source)

    def _apply_derived(self, record: Record, memory: LaneMemory, changes: Changes) -> None:
        if isinstance(record, Delta):
            heard = self._heard
            applied = others.news(record, memory, changes, checks=heard is None)
            if applied is not None:
                shares = in_order(record) if heard is None else heard.shares(record, after=applied)
                if heard is not None and memory.deadlines.next <= memory.clock.time:
                    whose = [who for share in shares for who in touched_by(share)]
                    catch_up(whose, memory, changes, self.come_due, upto=memory.clock.time)
                    changes.now = memory.clock.time
                for share in shares:
                    home = others.receive(share, memory, changes, applied=applied)
                    if home is not None:
                        self._look(home, changes)
        elif isinstance(record, Erase):
            self._look(others.erase(record, memory, changes), changes)
        elif isinstance(record, Definition):
            others.define(record, memory, changes, self._sites)
        elif isinstance(record, ImportEnd):
            others.end_import(record, memory, changes)

    def letter(self, item: Item, record: Invalid, memory: LaneMemory, error: str = "") -> dead.DeadLetter:
        """The dead letter of an item. All people whom the record names must be in `memory`."""
        value, reason, named = record
        here = [memory.people[who] for who in named.people if self.lives_here(who)]  # others are left out
        gone = dead.is_forgotten(named, here, item.time)
        return dead.letter(item.offset, reason, value, error, is_forgotten=gone, lives_here=self.lives_here)

    def lives_here(self, who: Who) -> bool:
        """Whether a person belongs to this lane; without a site, whether it does for any site."""
        if who[0]:
            return lane_of(*who, self.lanes) == self.lane
        return any(lane_of(site, who[1], self.lanes) == self.lane for site in self._sites)

    def finish(self, changes: Changes) -> None:
        """End a call, after its last record."""
        changes.settle_tops()
        if not self._emits:
            changes.outbox.clear()
            if self._heard is None:
                changes.shares.clear()
