"""Rewrites the records of erased persons under a random id of the same lane, so that counts stay and nobody is meant.

1. Files that are new since the last time are read: whom they erase, and which ids they hold (`ids`).
2. Only if somebody was erased, or an erased person is named again: the files that hold these ids are surveyed, for what
   the person did after the erasure, and each is then rewritten.

A person's random id is stored before the first file is replaced, so after a crash the rest gets the same one. Its
erasure is rewritten with it: a replay folds the same numbers, and ends without a profile.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from archiver import erased, ids, metrics, persons
from archiver.erased import Erasures, RandomId, Waiting
from archiver.merging import GoOn
from archiver.persons import Who
from archiver.segment import OpenSegment
from wakeline.definitions import SESSION_GAP_MS
from wakeline.event import IDENTIFY, PING
from wakeline.history import History, HistoryDamaged, Segment
from wakeline.log import Entry
from wakeline.record import Event, Fact

logger = logging.getLogger("wakeline.archiver")

FILES = 32  # that are read before what was found is stored


def rewrite(history: History, *, lanes: int, today: datetime.date, go_on: GoOn) -> None:
    """Rewrite what the whole history holds of erased persons. All of it can be repeated."""
    history.refresh()
    try:
        erasures = erased.load(history.store)
        is_done = _read_new(history, erasures, go_on)
        if erasures.waiting and go_on():
            is_done = _rewrite_waiting(history, erasures, lanes, go_on) and is_done
            if is_done:
                erased.end(erasures, today + datetime.timedelta(days=erased.KEY_DAYS))
                erased.save(history.store, erasures)
        if is_done and erased.drop_keys(erasures, today):
            erased.save(history.store, erasures)
    except HistoryDamaged as damaged:
        metrics.FAILURES.labels("damaged").inc()
        logger.error("nothing is rewritten: %s", damaged)
        return
    if is_done:
        metrics.LAST_REWRITING.set_to_current_time()


# ---- 1. new files --------------------------------------------------------------------------------


def _read_new(history: History, erasures: Erasures, go_on: GoOn) -> bool:
    """Returns whether all were read."""
    segments = _all(history)
    there = ids.indexed(history.store)
    for name in there - {ids.name_of(segment) for segment in segments}:
        history.store.delete(name)
    new = [segment for segment in segments if ids.name_of(segment) not in there]
    is_whole = True
    for begin in range(0, len(new), FILES):
        read = {}
        changed = False
        for segment in new[begin : begin + FILES]:
            if not go_on():
                return False
            try:
                contents = _read(history, segment)
            except HistoryDamaged as damaged:
                metrics.FAILURES.labels("damaged").inc()
                logger.error("%s", damaged)
                is_whole = False
                continue
            read[segment] = ids.packed(contents.numbers)
            changed |= _note(erasures, contents)
        if changed:  # before the index says that they were read
            erased.save(history.store, erasures)
        for segment, content in read.items():
            history.store.write(ids.name_of(segment), content)
    return is_whole


@dataclass
class _Contents:
    """What is of interest of one file."""

    erased: list[persons.Erased] = field(default_factory=list)
    since: dict[Who, int] = field(default_factory=dict)  # each person -> time of the earliest record
    numbers: set[int] = field(default_factory=set)  # of all ids


def _read(history: History, segment: Segment) -> _Contents:
    found = _Contents()
    others: set[str] = set()
    for entries in history.entries(segment):
        for entry in entries:
            record = persons.read(entry.value)
            if record is None:
                others |= persons.tokens(entry.value)
                continue
            found.erased += persons.erased(record)
            for who, time in persons.named(record):
                if time < found.since.get(who, time + 1):
                    found.since[who] = time
    found.numbers = {ids.number(id) for _, id in found.since} | set(map(ids.number, others))
    return found


def _note(erasures: Erasures, contents: _Contents) -> bool:
    """Whom the file erases, and who was erased before and is named up to that; returns whether that is somebody new."""
    changed = False
    for who, upto, customer in contents.erased:
        if erasures.digest(who) not in erasures.random:
            changed |= erased.wait_for(erasures, who, upto, direct=not customer)
    for who, since in contents.since.items() if erasures.done else ():
        before = erasures.done.get(erasures.digest(who))
        if before is not None and since <= before.through:
            changed |= erased.wait_for(erasures, who, before.upto, direct=True)
    return changed


def _all(history: History) -> list[Segment]:
    return [segment for lane in history.lanes() for segment in history.segments(lane)]


# ---- 2. the files of who was erased -------------------------------------------------------------


def _rewrite_waiting(history: History, erasures: Erasures, lanes: int, go_on: GoOn) -> bool:
    """Returns whether nothing names them any more."""
    holding = _holding(history, erasures.waiting.values(), go_on)
    if holding is None:
        return False
    is_done = True
    if not all(one.surveyed for one in erasures.waiting.values()):
        survey = _Survey(erasures)
        for segment in holding:
            if not go_on():
                return False
            try:
                survey.read(history, segment)
            except HistoryDamaged:  # said below
                continue
        survey.end()
        erasures.random |= {erasures.digest((one.site, RandomId(one, lanes).new)) for one in erasures.waiting.values()}
        erased.save(history.store, erasures)
    stand_ins = {one.who: RandomId(one, lanes) for one in erasures.waiting.values()}
    for segment in holding:
        if not go_on():
            return False
        try:
            _rewrite(history, segment, stand_ins)
        except HistoryDamaged as damaged:
            metrics.FAILURES.labels("damaged").inc()
            logger.error("%s", damaged)
            is_done = False
    return is_done


def _holding(history: History, waiting: Iterable[Waiting], go_on: GoOn) -> list[Segment] | None:
    """The files that may name them; None if it was told to stop."""
    numbers = {ids.number(one.id) for one in waiting}
    found = []
    for segment in _all(history):
        if not go_on():
            return None
        try:
            held = ids.load(history.store, segment)
        except FileNotFoundError:  # it is damaged, and was not read
            continue
        if any(ids.holds(held, number) for number in numbers):
            found.append(segment)
    return found


class _Survey:
    """What the persons that are to be rewritten have done, and when."""

    def __init__(self, erasures: Erasures) -> None:
        self._erasures = erasures
        self._waiting = {one.who: one for one in erasures.waiting.values()}
        self._visits: dict[Who, list[int]] = {}  # times of what makes visits
        self._latest: dict[Who, int] = {}  # of what it told, or was told of it
        self._customers: dict[Who, list[tuple[int, str]]] = {}  # a browser's identifications

    def read(self, history: History, segment: Segment) -> None:
        for entries in history.entries(segment):
            for entry in entries:
                record = persons.read(entry.value)
                if isinstance(record, Event | Fact):
                    self._add(record)

    def _add(self, record: Event | Fact) -> None:
        for who, time in persons.named(record):
            if who in self._waiting:
                self._latest[who] = max(time, self._latest.get(who, 0))
        if not isinstance(record, Event) or (who := (record.site, record.visitor)) not in self._waiting:
            return
        if not record.bot and record.type != PING:
            self._visits.setdefault(who, []).append(record.time)
        if record.type == IDENTIFY and record.customer:
            self._customers.setdefault(who, []).append((record.time, record.customer))

    def end(self) -> None:
        """Store it. A browser that others have signed in on stays under its id: it is theirs, too."""
        for who, one in self._waiting.items():
            if one.surveyed:  # before a crash: by now a part is rewritten
                continue
            if not one.direct and self._is_shared(one):
                del self._erasures.waiting[self._erasures.digest(who)]
                continue
            one.through = self._end_of_visit(who, max(one.upto, one.through))
            one.returned = self._latest.get(who, 0) > one.through
            one.surveyed = True

    def _is_shared(self, one: Waiting) -> bool:
        erasures = self._erasures
        return any(
            (one.site, customer) not in self._waiting and erasures.digest((one.site, customer)) not in erasures.random
            for time, customer in self._customers.get(one.who, ())
            if time <= one.upto
        )

    def _end_of_visit(self, who: Who, upto: int) -> int:
        """A visit that goes on after the erasure stays one."""
        times = sorted(self._visits.get(who, ()))
        last = max((time for time in times if time <= upto), default=0)
        for time in times:
            if last < time <= last + SESSION_GAP_MS:
                last = time
        return max(upto, last)


def _rewrite(history: History, segment: Segment, stand_ins: Mapping[Who, RandomId]) -> None:
    filling = OpenSegment(segment.lane, segment.first, segment.date, since=0.0)
    changed = 0
    for found in history.entries(segment):
        for entry in found:
            value = persons.rewritten(entry.value, entry.time, stand_ins)
            changed += value is not entry.value
            filling.add(Entry(entry.offset, entry.time, value))
    if changed:
        history.store.write(segment.name, filling.content())
        metrics.REWRITTEN_FILES.inc()
        metrics.REWRITTEN_RECORDS.inc(changed)
    packed = ids.packed(_read(history, segment).numbers)
    if packed != ids.load(history.store, segment).tobytes():
        history.store.write(ids.name_of(segment), packed)
