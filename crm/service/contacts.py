"""The numbers of a site follow its contacts: each fact counts as the difference that it makes to its contact.

So a contact counts once, whoever tells it and however often, in any order. What was counted of it is stored with it.
When it is open, and since when, is decided as in `reports.things`, which says the same in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from crm.out import Out
from crm.service.facts import DIRECTED
from crm.things.state import Thing
from wakeline.definitions import LATE_MS
from wakeline.kept import Kept
from wakeline.keys import OTHER
from wakeline.labels import REDACTED
from wakeline.numbers import (
    CONTACT_ANSWER_MS,
    CONTACT_COST,
    CONTACT_COST_BACK,
    CONTACT_GRADES,
    CONTACT_WORK_S,
    CONTACTS,
    CONTACTS_ANSWERED,
    CONTACTS_GRADED,
    CONTACTS_OPEN,
    CONTACTS_SOLVED,
    CONTACTS_UNANSWERED,
    TOP_CHANNELS,
    TOP_TOPICS,
    Count,
    Top,
)
from wakeline.record import Fact
from wakeline.telephones import LEAST
from wakeline.told import BEGAN, CAME_IN, EARLIEST, WENT_OUT, Served, stored_name, teller_of, value_of
from wakeline.vocabulary.fields import CONTACT_STATES
from wakeline.vocabulary.money import half_up

OPENED, ANSWERED, *OVER = CONTACT_STATES
CHANNEL, TOPIC, STATE = map(stored_name, ("channel", "topic", "state"))
DIRECTION, GRADE, MINUTES = map(stored_name, ("direction", "satisfaction", "minutes"))
MOST_GRADE = 10
ADDRESS = re.compile(r"[@\uff20\ufe6b]|\d\.\d+\.\d+\.\d|(?:[0-9a-fA-F]{1,4}:){3}|::|[?&]\w+=")  # of mail, IP; a query
CACHED = 1_024  # channels and topics, which recur
MOST_WORK_S = 60_000_000  # a million minutes, as the collector takes at most


class Standing(NamedTuple):
    """What a contact is now. Times are ms."""

    began: int
    asked: int  # since when the customer waits: when it was opened or began, or the customer first spoke in one of ours
    answered: int | None  # first
    solved: int | None  # or closed, first
    is_open: bool  # its state was told and is neither solved nor closed; and not only we spoke in it
    is_unanswered: bool  # and open


def count(fact: Fact, thing: Thing, costs: Mapping[str, int], out: Out) -> None:
    """Count what a fact changed of its contact. `costs`: what that costs now, currency -> minor units."""
    told = thing.state.told
    if not told:
        return
    oldest = out.site.day(out.now - LATE_MS)
    now = standing(told)
    old, new = thing.state.served, _served(told, now, costs, oldest, out)
    if old is not None:
        old = _as_it_stays(old, oldest)
    if new != old:
        for (number, before), (_, after) in zip(_parts(old), _parts(new), strict=True):
            _count_difference(number, before, after, out)
        former = old or Served(day=new.day)
        _count_costs(former, new, _day(fact.time if fact.batch else out.now, oldest, out), out)
        _count_in_list(TOP_CHANNELS, (former.channel, former.day), (new.channel, new.day), out)
        _count_in_list(TOP_TOPICS, (former.topic, former.day), (new.topic, new.day), out)
        thing.state.served = new
    out.pend(CONTACTS_OPEN, thing, now.asked if now.is_open else 0)
    out.pend(CONTACTS_UNANSWERED, thing, now.asked if now.is_unanswered else 0)


def end(thing: Thing, out: Out) -> None:
    """It ends by age: what nobody spoke of for so long is open no more."""
    for pending in (CONTACTS_OPEN, CONTACTS_UNANSWERED):
        out.pend(pending, thing, 0)


def standing(told: Sequence[Kept]) -> Standing:
    """Of a contact of which something was told."""
    since = {state: at for state in CONTACT_STATES if (at := value_of(told, f"{EARLIEST}{state}")) is not None}
    times = [*(fact.time for fact in told), *since.values()]  # for an earlier version did not store when it began
    if (said := value_of(told, BEGAN)) is not None:
        times.append(said)
    began = min(times)
    came_in, went_out = _spoke(told, CAME_IN), _spoke(told, WENT_OUT)
    is_ours = went_out is not None and (came_in is None or went_out < came_in)
    is_open = _state(told, since) in (OPENED, ANSWERED) and (came_in is not None or not is_ours)
    return Standing(
        began=began,
        asked=came_in if came_in is not None and is_ours else since.get(OPENED, began),
        answered=since.get(ANSWERED),
        solved=min((since[state] for state in OVER if state in since), default=None),
        is_open=is_open,
        is_unanswered=is_open and ANSWERED not in since and (is_ours or went_out is None),
    )


def _spoke(told: Sequence[Kept], direction: str) -> int | None:
    """When the customer, or we, first did; an earlier version only stored the latest direction."""
    found: int | None = value_of(told, direction)
    latest = teller_of(told, DIRECTION) if found is None else None
    return latest.time if latest is not None and DIRECTED.get(latest.fields[DIRECTION]) == direction else found


def _state(told: Sequence[Kept], since: Mapping[str, int]) -> str:
    """The latest one; an earlier version only stored when a contact was first in each."""
    teller = teller_of(told, STATE)
    said, at = (teller.fields[STATE], teller.time) if teller is not None else ("", 0)
    latest = max(since, key=lambda state: since[state], default="")
    return latest if latest and since[latest] > at else said


# ---- what is counted


Part = tuple[int, str]
"""What the numbers have of a contact in one of them, and on which day."""
NO_PART: Part = (0, "")


def _served(told: Sequence[Kept], now: Standing, costs: Mapping[str, int], oldest: str, out: Out) -> Served:
    answered, solved, graded = now.answered, now.solved, teller_of(told, GRADE)
    grade = _grade(graded)
    return Served(
        day=_day(now.began, oldest, out),
        channel=label_of(value_of(told, CHANNEL) or ""),
        topic=label_of(value_of(told, TOPIC) or ""),
        answered=None if answered is None else _day(answered, oldest, out),
        answer_ms=0 if answered is None else max(0, answered - now.asked),
        solved=None if solved is None else _day(solved, oldest, out),
        graded=_day(graded.time, oldest, out) if graded is not None and grade is not None else None,
        grade=grade or 0,
        work_s=min(max(0, half_up((value_of(told, MINUTES) or 0) * 60)), MOST_WORK_S),
        costs={currency: cost for currency, cost in costs.items() if cost > 0},
    )


@lru_cache(CACHED)
def label_of(said: str) -> str:
    """A channel or a topic as all may see it: OTHER for what may say who somebody is, by address or number."""
    is_personal = REDACTED in said or sum(map(str.isdigit, said)) >= LEAST or ADDRESS.search(said)
    return OTHER if is_personal else said


def _grade(teller: Kept | None) -> int | None:
    """None: nobody gave one that is within the bounds."""
    said = teller.fields[GRADE] if teller is not None else None
    return said if isinstance(said, int) and 0 <= said <= MOST_GRADE else None


def _day(time: int, oldest: str, out: Out) -> str:
    """The day on which something of this time (ms) counts; "": one before the `oldest` that still changes."""
    day = out.site.day(min(time, out.now))
    return day if day >= oldest else ""


def _as_it_stays(old: Served, oldest: str) -> Served:
    """Days that change no more keep what they counted."""
    days = {name: getattr(old, name) for name in ("day", "answered", "solved", "graded")}
    return replace(old, **{name: "" for name, day in days.items() if day and day < oldest})


def _parts(one: Served | None) -> Iterator[tuple[Count, Part]]:
    """What is of a contact in each number; None: nothing."""

    def on(day: str | None, amount: int) -> Part:
        return NO_PART if day is None else (amount, day)

    one, is_counted = one or Served(), one is not None
    yield CONTACTS, (int(is_counted), one.day)
    yield CONTACTS_ANSWERED, on(one.answered, 1)
    yield CONTACT_ANSWER_MS, on(one.answered, one.answer_ms)
    yield CONTACTS_SOLVED, on(one.solved, 1)
    yield CONTACTS_GRADED, on(one.graded, 1)
    yield CONTACT_GRADES, on(one.graded, one.grade)
    yield CONTACT_WORK_S, (one.work_s, one.day)


def _count_difference(number: Count, was: Part, now: Part, out: Out) -> None:
    """What was counted on another day than is known now moves to that day."""
    if was[1] == now[1]:
        was, now = NO_PART, (now[0] - was[0], now[1])
    for amount, day in ((-was[0], was[1]), now):
        if amount:
            out.count_at(number, amount, day=day)


def _count_costs(old: Served, new: Served, told_on: str, out: Out) -> None:
    """Both numbers only rise, but for what moves to another day: what is less is counted on the day `told_on`."""
    for currency in sorted({*old.costs, *new.costs}):
        was, now = old.costs.get(currency, 0), new.costs.get(currency, 0)
        if was and old.day != new.day:
            out.count_at(CONTACT_COST, -was, day=old.day, currency=currency)
            out.count_at(CONTACT_COST, was, day=new.day, currency=currency)
        if now > was:
            out.count_at(CONTACT_COST, now - was, day=new.day, currency=currency)
        elif now < was:
            out.count_at(CONTACT_COST_BACK, was - now, day=told_on, currency=currency)


def _count_in_list(top: Top, was: tuple[str, str], now: tuple[str, str], out: Out) -> None:
    """Each is a value and the day of the list that has it."""
    if was == now:
        return
    for (value, day), amount in ((was, -1), (now, 1)):
        if value and day:
            out.top_of_day(top, value, amount, day=day)
