"""Every row of the table: what happens, what must be reached, on which logs, how often, for how long at most.

The order is that of the table. `Row.seconds` is one seed's time at most; `budget` adds them up for the whole table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.faults import killed
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
    Row("SIGTERM processor mid-batch", killed.processor_told_to_stop, Often.KILL, 10, is_quick=True),
    Row("kill -9 Redis, its file cut back to the last fsync", killed.redis, Often.KILL, 10, own_disk=True),
    Row(
        "kill -9 collector, its spool cut back to the last fsync",
        killed.collector,
        Often.KILL,
        10,
        own_broker=True,
    ),
)


def budget(logs: tuple[str, ...]) -> float:
    """Seconds that all rows take on these logs, about."""
    return sum(row.seconds * SEEDS[row.often] * len(row.logs_of(logs)) for row in ROWS)
