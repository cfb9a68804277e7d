"""Checks what an earlier run, another archiver or another log has left, before anything is written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from archiver import metrics
from archiver.merging import fix_overlaps
from wakeline.history import History, HistoryDamaged
from wakeline.history.identity import store_identity, stored_log
from wakeline.log import Log
from wakeline.log.links import Link, identity_of

logger = logging.getLogger("wakeline.archiver")


class Mismatch(Exception):
    """The history and the log do not belong together; the message has the fix. Nothing is written."""


async def stand(log: Log, history: History, *, lanes: int, links: Sequence[Link] = ()) -> tuple[str, dict[int, int]]:
    """(identity of the log, lane -> next offset). Stores the log's chain in the history. Raises Mismatch."""
    identity = await log.identity()
    known = list(links) if links and identity_of(links) == identity else []
    await asyncio.to_thread(_look, history, identity, known)
    bounds = await log.bounds(range(lanes))
    places = {}
    for lane in range(lanes):
        ends = history.bounds(lane).end
        first, end = bounds[lane]
        if not ends:
            places[lane] = first
            if first:
                logger.warning("lane %d: the history begins at %d, earlier records were already trimmed", lane, first)
            continue
        if ends > end:
            raise Mismatch(
                f"lane {lane}: the history at {history.url} ends at {ends}, but the log at {end}: was an older backup "
                "of it restored? Name another folder with archive, or restore the log"
            )
        places[lane] = ends
        if first < ends:
            await _compare(log, history, lane, ends - 1)
    return identity, places


def _look(history: History, identity: str, links: list[Link]) -> None:
    stored = stored_log(history.store)
    if stored is not None and stored.identity != identity:
        raise Mismatch(
            f"the history at {history.url} is of the log {stored.identity}, but this log is {identity}. If the log was "
            "lost or replaced, name another folder with archive; the old history can still be replayed and queried"
        )
    history.store.clean()
    history.refresh()
    if stored is None and history.lanes():
        raise Mismatch(f"the history at {history.url} does not name its log: log.json is missing")
    if stored is None or (links and stored.links != links):
        store_identity(history.store, identity, links)
    fix_overlaps(history)


async def _compare(log: Log, history: History, lane: int, offset: int) -> None:
    """Check that the last record of the history is the same in the log, which may have been replaced by an older copy.

    Compares append times, since the record's content may have been replaced by a tick.
    """
    try:
        ours = (await asyncio.to_thread(history.last, lane)).time
        theirs = await log.append_time(lane, offset)
    except HistoryDamaged as damaged:
        metrics.FAILURES.labels("damaged").inc()
        logger.error("%s", damaged)
        return
    if theirs not in (None, ours):
        raise Mismatch(
            f"lane {lane}: record {offset} differs between the log and the history at {history.url}: was an "
            "older backup of the log restored? Name another folder with archive, or restore the log"
        )
