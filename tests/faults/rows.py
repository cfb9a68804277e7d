"""Every row of the table in order: fault, requirements, logs, number of seeds, time limit.

`Row.seconds` is the approximate duration of one seed; `minutes` adds them up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.faults import (
    away,
    backups,
    disks,
    generated,
    history,
    killed,
    orders,
    power,
    records,
    repeats,
    soaking,
    watching,
    workers,
)
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage

REDIS, KAFKA = "redis", "kafka"
LOGS = (REDIS, KAFKA)

KILL, OUTAGE, ONCE = 20, 2, 1
"""Number of seeds for rows that kill, that wait for an outage, and that are long."""

SOAK_MINUTES = 20.0


@dataclass(frozen=True)
class Row:
    """`run` injects the fault into a stage and records its measurements in the outcome."""

    name: str
    run: Callable[[Stage, int, Outcome], Awaitable[None]]
    seeds: int
    seconds: float  # that one seed takes, about; see `run.PATIENCE`
    logs: tuple[str, ...] = LOGS
    own_broker: bool = False  # it harms the broker
    own_disk: bool = False  # it starts the server itself
    is_quick: bool = False  # `make test` runs one seed of it
    is_once: bool = False  # where both logs are asked for, on the last of its own only
    is_long: bool = False  # it takes hours, or goes with one that does: none of the minutes of the others

    @property
    def at_once(self) -> int:
        """Number of concurrent seeds: rows that mostly wait for starts can run side by side."""
        return 2 if self.seeds == KILL else 1

    def logs_of(self, logs: Sequence[str]) -> tuple[str, ...]:
        """The subset of `logs` to run it on."""
        found = tuple(log for log in self.logs if log in logs)
        return found[-1:] if self.is_once else found


ROWS: tuple[Row, ...] = (
    Row("kill -9 processor under 500 events/s", killed.processor, KILL, 25, is_quick=True),
    Row("kill -9 processor beside another", workers.killed_beside_another, OUTAGE, 30, is_quick=True),
    Row("SIGTERM processor mid-batch", killed.processor_told_to_stop, KILL, 12, is_quick=True),
    Row("kill -9 processor under orders, refunds and cancellations", orders.killed, KILL, 15, is_quick=True),
    Row("Redis away 60 s", away.redis, OUTAGE, 80),
    Row("kill -9 Redis, its file cut back to the last fsync", power.redis, KILL, 15, own_disk=True),
    Row("Redis restored from an older backup", history.restored, OUTAGE, 20, logs=(KAFKA,)),
    Row("Kafka away 60 s", away.kafka, OUTAGE, 90, logs=(KAFKA,), own_broker=True),
    Row("Kafka paused 30 s", away.kafka_paused, OUTAGE, 55, logs=(KAFKA,), own_broker=True),
    Row("kill -9 collector, its spool cut back to the last fsync", power.collector, KILL, 18, own_broker=True),
    Row("spool disk full", disks.spool_full, OUTAGE, 30, own_broker=True),
    Row("workers 1, 2, 1, ten times", workers.come_and_go, ONCE, 200),
    Row("a worker paused 60 s while another takes its lanes", workers.paused, OUTAGE, 80),
    Row("replies of Redis lost after the script ran", workers.replies_lost, OUTAGE, 20, is_quick=True),
    Row("1 % poison records", records.poison, OUTAGE, 15, is_quick=True),
    Row("a valid event that makes a rule raise", records.rule_raises, OUTAGE, 25, is_quick=True),
    Row("exception in 1 of 100 batches, and a mutant that commits too early", records.batches_fail, OUTAGE, 40),
    Row("duplicates x3 in any order, skewed and late clocks, two tabs", repeats.thrice, OUTAGE, 15, is_quick=True),
    Row("replay into an empty key version while live", history.replayed_live, OUTAGE, 20, is_quick=True),
    Row("backup under load, and its way back", backups.restored_under_load, OUTAGE, 40, is_quick=True),
    Row("archiver killed at any line", history.archiver_killed, KILL, 18),
    Row("Prometheus away", watching.prometheus_away, OUTAGE, 45),
)


def rows(soak_minutes: float = SOAK_MINUTES, cases: int = generated.CASES) -> tuple[Row, ...]:
    """In the order of the table."""
    name = f"soak {soak_minutes:g} min at 300 events/s"
    soak = Row(name, soaking.soak(soak_minutes), ONCE, 60 * soak_minutes + 60, is_once=True)
    name = "generated logs, cut, restored, killed and replayed"
    logs = Row(name, generated.logs(cases), ONCE, cases * generated.SECONDS, (REDIS,), own_disk=True, is_long=True)
    name = "identity: what is said of people, in any order of arrival"
    seconds = generated.PEOPLE * generated.SECONDS
    people = Row(name, generated.people, ONCE, seconds, (REDIS,), is_long=True)
    return (*ROWS[:-1], soak, ROWS[-1], people, logs)


def minutes(some: Sequence[Row], logs: Sequence[str]) -> float:
    """That these rows take on these logs, about, but for a long one."""
    return sum(row.seconds * row.seeds / row.at_once * len(row.logs_of(logs)) for row in some if not row.is_long) / 60
