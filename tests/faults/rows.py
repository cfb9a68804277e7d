"""Every row of the table: what happens, what must be reached, on which logs, how often, for how long at most.

The order is that of the table. `Row.seconds` is one seed's time at most; `budget` adds them up for the whole table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.faults import away, disks, history, killed, records, watching, workers
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

REDIS, KAFKA = "redis", "kafka"
LOGS = (REDIS, KAFKA)


class Often(StrEnum):
    """How many seeds a row is run with."""

    KILL = "kill"
    OUTAGE = "outage"
    ONCE = "once"


SEEDS = {Often.KILL: 20, Often.OUTAGE: 2, Often.ONCE: 1}


@dataclass(frozen=True)
class Row:
    """`run` makes the fault on a stage and says in the outcome what it measured."""

    name: str
    run: Callable[[Stage, int, Outcome], Awaitable[None]]
    often: Often
    seconds: float  # that one seed takes, about: it is ended after three times that
    logs: tuple[str, ...] = LOGS
    own_broker: bool = False  # it harms the broker
    own_disk: bool = False  # it starts the server itself
    is_quick: bool = False  # `make test` runs one seed of it
    is_once: bool = False  # where both logs are asked for, on the last of its own only

    def logs_of(self, logs: tuple[str, ...]) -> tuple[str, ...]:
        """On which of `logs` it is run."""
        found = tuple(log for log in self.logs if log in logs)
        return found[-1:] if self.is_once else found


ROWS: tuple[Row, ...] = (
    Row("kill -9 processor under 500 events/s", killed.processor, Often.KILL, 15, is_quick=True),
    Row("kill -9 processor beside another", workers.killed_beside_another, Often.OUTAGE, 25, is_quick=True),
    Row("SIGTERM processor mid-batch", killed.processor_told_to_stop, Often.KILL, 10, is_quick=True),
    Row("Redis away 60 s", away.redis, Often.OUTAGE, 85),
    Row("kill -9 Redis, its file cut back to the last fsync", killed.redis, Often.KILL, 10, own_disk=True),
    Row(
        "kill -9 collector, its spool cut back to the last fsync",
        killed.collector,
        Often.KILL,
        10,
        own_broker=True,
    ),
    Row("Kafka away 60 s", away.kafka, Often.OUTAGE, 95, logs=(KAFKA,), own_broker=True),
    Row("Kafka paused 30 s", away.kafka_paused, Often.OUTAGE, 60, logs=(KAFKA,), own_broker=True),
    Row("spool disk full", disks.spool_full, Often.OUTAGE, 30, own_broker=True),
    Row("workers 1, 2, 1, ten times", workers.come_and_go, Often.ONCE, 200),
    Row("a worker paused 60 s while another takes its lanes", workers.paused, Often.OUTAGE, 90),
    Row("replies of Redis lost after the script ran", workers.replies_lost, Often.OUTAGE, 20, is_quick=True),
    Row("1 % poison records", records.poison, Often.OUTAGE, 12, is_quick=True),
    Row("a valid event that makes a rule raise", records.rule_raises, Often.OUTAGE, 15, is_quick=True),
    Row("exception in 1 of 100 batches, and a mutant that commits too early", records.batches_fail, Often.OUTAGE, 40),
    Row(
        "duplicates x3 in any order, skewed and late clocks, two tabs", records.thrice, Often.OUTAGE, 15, is_quick=True
    ),
    Row("replay into an empty key version while live", history.replayed_live, Often.OUTAGE, 20, is_quick=True),
    Row("Redis restored from an older backup", history.restored, Often.OUTAGE, 30, logs=(KAFKA,)),
    Row("archiver killed at any line", history.archiver_killed, Often.KILL, 15),
    Row("Prometheus away", watching.prometheus_away, Often.OUTAGE, 45),
)


def budget(logs: tuple[str, ...]) -> float:
    """Seconds that all rows take on these logs, about."""
    return sum(row.seconds * SEEDS[row.often] * len(row.logs_of(logs)) for row in ROWS)
