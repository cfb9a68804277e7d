"""Applies the records that are no events: facts, deltas, erasures, definitions and ends of imports."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from crm import facts, records
from crm.facts import Thing
from crm.out import Verdict
from crm.sites import Facts, SiteFacts
from crm.state import Customer, Visitor
from processor.batch import Item, Who, touched_by
from processor.changes import Changes, HopGap
from processor.memory import Home, LaneMemory
from wakeline.account import RANKS
from wakeline.record import (
    NO_PLACE,
    CustomerShare,
    Definition,
    Delta,
    Erase,
    Fact,
    ImportEnd,
    Position,
    Share,
    Unlink,
)
from wakeline.vocabulary.things import is_thing

NO_LONGER = Facts()  # sites that are not configured, of which facts are still on their way


def touch(memory: LaneMemory, changes: Changes, who: Who) -> Home:
    """Somebody or something whose state the current record changes."""
    home = memory.people[who]
    if isinstance(home, Visitor):
        changes.visitors[who] = home
    elif isinstance(home, Customer):
        changes.customers[who] = home
    else:
        changes.things[who] = home
    return home


def hear(fact: Fact, who: tuple[Who, ...], memory: LaneMemory, changes: Changes) -> tuple[Home, Verdict]:
    """Apply a fact at its home. `who`: see `batch.named_in`."""
    first, *others = who
    changes.received = fact.received
    home = touch(memory, changes, first)
    _enter(fact.site, min(fact.time, changes.now), memory, changes)
    named = {id: memory.people[site, id] for site, id in others}
    return home, facts.take(fact, home, named, changes)


def _enter(site: str, time: int, memory: LaneMemory, changes: Changes) -> None:
    changes.enter(memory.definitions.facts(changes.sites).get(site) or NO_LONGER[site], time)


def take(item: Item, fact: Fact, memory: LaneMemory, changes: Changes) -> tuple[Home | None, Verdict]:
    """Apply a fact of the log; None: it is a line of an import that was applied before."""
    if fact.batch:
        noted = memory.imports.take(fact, item.time)
        if noted is None:
            return None, Verdict.DUPLICATE
        changes.imports |= noted
    return hear(fact, item.who, memory, changes)


def news(delta: Delta, memory: LaneMemory, changes: Changes, *, checks: bool) -> Position | None:
    """Meet a delta: where what it says begins that was not applied yet; None: nowhere. `checks`: for gaps."""
    applied = memory.hops.get(delta.source, (0, 0))
    after, upto = (delta.after, delta.after_step), (delta.upto, delta.upto_step)
    if checks and after > applied:
        changes.hop_gaps.append(HopGap(delta.source, applied, after))
    if upto <= applied:
        return None
    memory.hops[delta.source] = changes.hops[delta.source] = upto
    return applied


def receive(share: Share, memory: LaneMemory, changes: Changes, *, applied: Position) -> Home | None:
    """Apply a share or a fact that another lane tells; None: it was applied before, or says nothing new."""
    if share.at >= 0 and (share.at, share.step) < applied:
        return None
    if isinstance(share, CustomerShare):
        who = touched_by(share)[0]
        customer = memory.people[who]
        assert isinstance(customer, Customer)
        if records.is_known(share, customer):
            return None
        touch(memory, changes, who)
        _enter(share.site, changes.now, memory, changes)
        records.receive(share, customer, changes)
        return customer
    return hear(share.fact, touched_by(share), memory, changes)[0]


def erase(record: Erase, memory: LaneMemory, changes: Changes) -> Home:
    person = touch(memory, changes, (record.site, record.id))
    assert not isinstance(person, Thing)
    records.erase(record, person, changes)
    return person


def unlink(
    record: Unlink, memory: LaneMemory, changes: Changes, look: Callable[[Home, Changes], None], *, source: int
) -> bool:
    """Take a person out of the things and visitors of this lane, `Naming.most` at a time; False: others are left for
    the next call, and each call is a step of the lane's place. `look`: at a visitor's deadlines. `source`: the person's
    lane, which sends it again if it is folded again.

    The parts do not depend on where batches end: if there is more than one, each call begins with what is stored. An
    erased person is not named again: its tombstone is in every lane.
    """
    who = record.site, record.id
    naming, changed = memory.naming.get(who), changes.naming.get(who, {})
    is_continued = memory.unlinked[0] == changes.offset
    if naming is None or (changed and (is_continued or not naming.is_all)):
        return False
    ids = set(naming.ids)
    for id, names in changed.items():
        (ids.add if names else ids.discard)(id)
    if len(ids) > naming.most:
        return False
    is_again = NO_PLACE < record.place <= memory.ends.get(source, NO_PLACE)
    for id in sorted(ids):
        if not is_thing(id):
            visitor = touch(memory, changes, (record.site, id))
            assert isinstance(visitor, Visitor)
            records.unlink(record, visitor, changes, is_again=is_again)
            look(visitor, changes)
        elif not record.withdrawn:
            thing = touch(memory, changes, (record.site, id))
            assert isinstance(thing, Thing)
            _enter(record.site, changes.now, memory, changes)
            facts.unlink(thing, record.id, changes, upto=record.time)
    if not naming.is_all:
        memory.unlinked = changes.offset, naming.ids[-1]
        changes.unlinked = f"{changes.offset} {naming.ids[-1]}"
        changes.step += 1
        return False
    if is_continued:
        del memory.naming[who]  # it begins where an earlier call ended, so it is for this record only
        memory.unlinked, changes.unlinked = (-1, ""), ""
    if record.place > memory.ends.get(source, NO_PLACE):
        memory.ends[source] = changes.ends[source] = record.place
    if not (record.ended or record.withdrawn):
        person = memory.people[who]
        person.tombstone = max(person.tombstone, record.time)
        changes.tombstones[who] = max(record.time, changes.tombstones.get(who, 0))
    return True


def define(record: Definition, memory: LaneMemory, changes: Changes, sites: Mapping[str, SiteFacts]) -> None:
    """Have a definition hold from here on. Of another main currency, the ranks of customers start empty."""
    held = memory.definitions.facts(sites)
    before = held.get(record.site)
    changes.definitions |= memory.definitions.take(record, changes.offset, sites)
    if before is None or before.currency == held[record.site].currency:
        return
    for rank in RANKS:
        key = changes.keys.best(changes.lane, record.site, rank)
        changes.ended_ranks.add(key)
        memory.lowest.pop(key, None)
    for customer in changes.customers.values():
        if customer.site == record.site:
            customer.ranks = customer.highest = None


def end_import(record: ImportEnd, memory: LaneMemory, changes: Changes) -> None:
    changed, gone = memory.imports.end(record, changes.now)
    changes.imports |= changed | dict.fromkeys(gone, "")
