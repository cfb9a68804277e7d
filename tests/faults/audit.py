"""Compares the sender's ledger with the log, Redis and the metrics after each fault.

lost = answered 2xx and missing; doubled = present more often than sent.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.exposition import Samples
from tests.faults import numbers
from tests.integration.kill.books import Books
from tests.integration.kill.ledger import Counted, Id, lines_of, promised


@dataclass(frozen=True)
class Verdict:
    """One of the three comparisons with the ledger, in events."""

    of: str
    lost: int
    doubled: int


def of_log(ledger: Path, found: set[Id]) -> Verdict:
    """`found`: the ids of all events in the log. One that was never sent counts as doubled."""
    lines = list(lines_of(ledger))
    ids, _ = promised(lines)
    return Verdict("log", len(ids - found), len(found - {line.id for line in lines}))


def of_numbers(ledger: Path, found: Counted, *, of: str) -> Verdict:
    """`found`: in Redis, or in the metrics."""
    _, wanted = promised(lines_of(ledger))
    return Verdict(of, wanted.beyond(found), found.beyond(wanted))


def of_redis(ledger: Path, books: Books) -> Verdict:
    return of_numbers(ledger, books.counted(), of="Redis")


def of_prometheus(ledger: Path, samples: Samples) -> Verdict:
    """`samples`: the metrics of the API service; if empty, all events count as lost."""
    if not samples:
        return of_numbers(ledger, Counted(), of="Prometheus")
    return of_numbers(ledger, numbers.counted(samples), of="Prometheus")


def slowest(ledger: Path, share: float, *, since: int = 0, until: int = 1 << 62) -> float:
    """ms within which `share` of the messages answered in [since, until) (ms since 1970) were answered."""
    took = sorted(line.took for line in lines_of(ledger) if since <= line.at < until)
    return took[min(len(took) - 1, int(share * len(took)))] if took else 0.0


def answers(ledger: Path, *, since: int = 0, until: int = 1 << 62) -> Counter[int]:
    """Events answered in [since, until), ms since 1970, by status; 0 for none."""
    return Counter(line.answer for line in lines_of(ledger) if since <= line.at < until)
