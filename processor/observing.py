"""What a process says of the records that it folded: metrics, and errors in its log."""

from __future__ import annotations

import logging
import time

from processor import metrics
from processor.batch import Item
from processor.changes import Changes
from wakeline.record import Event

logger = logging.getLogger("wakeline.processor")


def observe(lane: int, items: list[Item], changes: Changes) -> None:
    """Note what a call of a lane changed, and how old the last of its records was."""
    for verdict, amount in changes.ledger.items():
        if amount:
            metrics.RECORDS.labels(verdict.value).inc(amount)
    for source, applied, after in changes.hop_gaps:
        metrics.HOP_GAPS.inc()
        logger.error("lane %d: deltas of lane %d from %s to %s are missing", lane, source, applied, after)
    for what, amount in changes.cut.items():
        metrics.FACTS_CUT.labels(what).inc(amount)
    for what, amount in changes.odd.items():
        metrics.ODD_FACTS.labels(what).inc(amount)
    for _, reason, *_ in changes.dead:
        metrics.DEAD_LETTERS.labels(reason.split(":")[0]).inc()
        logger.error("lane %d: a dead letter: %s", lane, reason)
    if not items:
        return
    metrics.BATCH_RECORDS.observe(len(items))
    record = items[-1].record
    if isinstance(record, Event):
        metrics.EVENT_AGE_SECONDS.observe(max(0.0, time.time() - record.received / 1000))
