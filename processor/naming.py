"""Loads the things and visitors that name people who are to be unlinked from them."""

from __future__ import annotations

from processor.batch import Item, Who
from processor.memory import LaneMemory
from processor.store import Store
from wakeline.record import Unlink
from wakeline.vocabulary.things import is_thing

UNLINKED_AT_ONCE = 500  # things and visitors in one call


async def fill(store: Store, lane: int, chunk: list[Item], memory: LaneMemory) -> set[Who]:
    """Note what names the people whom these records unlink, at most about one call's worth.

    Returns those that must be loaded. The fold stops at a record whose things or visitors are not at hand or too many.
    """
    memory.naming.clear()
    unknown: set[Who] = set()
    total = 0
    for item in chunk:
        record = item.record
        if not isinstance(record, Unlink):
            continue
        who = item.who[0]
        if who not in memory.naming:
            if total >= UNLINKED_AT_ONCE:
                continue
            after = memory.unlinked[1] if memory.unlinked[0] == item.offset else ""
            memory.naming[who] = await store.naming(lane, who, after=after, most=UNLINKED_AT_ONCE)
            total += len(memory.naming[who].ids)
        ids = memory.naming[who].ids
        unknown |= memory.unknown((who[0], id) for id in ids if not (record.withdrawn and is_thing(id)))
    return unknown
