"""A fact is heard by its thing; a person is named no more; a thing ends by age.

A fact counts once: by its digest as long as something is left of it, and after that because it says nothing new. Whom
an erasure covers is not named: neither by facts that come later nor in a replay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crm.out import Out, Verdict
from crm.sites import SiteFacts
from crm.things.digests import OF_PAGES, PAGE, digest, heard_before
from crm.things.merging import merge, says_something
from crm.things.state import NOBODY, Thing, take_out
from wakeline.kept import Fields, Kept
from wakeline.record import Fact
from wakeline.told import CLAIM, CUSTOMER, RANK_OF_OTHERS, RANK_OF_PAGES, VISITOR, ThingState

CLAIM_NUMBER = "claim"  # in the body of a page's fact: how many of that visitor came before, of whose order it is
Making = Callable[[Fact], Fields]
"""What a fact says of its thing. Raises ValueError, which names the field, where it cannot say that."""


def hear(fact: Fact, thing: Thing, named: Mapping[str, Any], out: Out, *, making: Making) -> Verdict:
    """Add a fact to its thing. `named`: whom the fact names, by id.

    What is older than such things are kept is refused: it may have been heard before.
    """
    state = thing.state
    if fact.time < out.now - thing.kind.lives_ms:
        return Verdict.TOO_LATE
    said = digest(fact)
    if seen := heard_before(said, (told.digest for told in state.told)):
        return seen
    fields = making(fact)
    fields |= _whom(fact, named)
    told = Kept(said, rank(fact), fact.time, fields)
    if not says_something(told):
        return Verdict.APPLIED
    before = thing.named()
    state.last = max(state.last, min(fact.time, out.now))
    cut = merge(state.told, told)
    if cut:
        out.cut["facts"] += cut
    _note(thing, before, out)
    return Verdict.APPLIED


def rank(fact: Fact) -> int:
    """What others say is above what a page says, unless their signature stands below it."""
    return RANK_OF_PAGES if fact.by == PAGE else RANK_OF_OTHERS


def _whom(fact: Fact, named: Mapping[str, Any]) -> Fields:
    """The fields that name people: see `wakeline.told.customer_of`."""
    found: Fields = {}
    if fact.by not in OF_PAGES:
        if fact.customer:
            found[CUSTOMER] = _unless_erased(fact.customer, fact, named)
        return found
    precedence = [int(fact.by == PAGE), fact.time]
    if fact.customer:
        number = fact.body.get(CLAIM_NUMBER, 0)
        found[CLAIM] = [*precedence, -number, _unless_erased(fact.customer, fact, named)]
    if fact.visitor:
        found[VISITOR] = [*precedence, _unless_erased(fact.visitor, fact, named)]
    return found


def _unless_erased(id: str, fact: Fact, named: Mapping[str, Any]) -> str:
    return NOBODY if fact.time <= named[id].tombstone else id


def unlink(thing: Thing, id: str, out: Out, *, upto: int) -> None:
    """Take a person out, as far as facts up to a time (ms) name it."""
    before = thing.named()
    for told in thing.state.told:
        if told.time <= upto:
            take_out(id, told.fields)
    _note(thing, before, out)


def _note(thing: Thing, before: set[str], out: Out) -> None:
    now = thing.named()
    for id in before ^ now:
        out.naming[thing.site, id][thing.id] = id in now


def thing_end(thing: Thing, site: SiteFacts) -> int:
    """Append time (ms) at which a thing ends; 0: nothing is known of it."""
    return thing.state.last + thing.kind.lives_ms if thing.state.told else 0


def end_thing(thing: Thing, out: Out) -> None:
    before = thing.named()
    thing.state = ThingState()
    _note(thing, before, out)
