"""Every metric of the archiver: its name and help. No lane is a label: what matters is their sum and the worst."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)


def _counter(name: str, help: str, *labels: str) -> Counter:
    return Counter(f"wakeline_archiver_{name}", help, labels, registry=REGISTRY)


def _gauge(name: str, help: str) -> Gauge:
    return Gauge(f"wakeline_archiver_{name}", help, registry=REGISTRY)


RECORDS = _counter("records", "Records that were sealed into the history")
BYTES = _counter("bytes", "Bytes of the files that were sealed, compressed")
FILES = _counter("files", "Files that were sealed")
HELD_BYTES = _gauge("held_bytes", "Bytes in memory that are not sealed yet")
LAG_RECORDS = _gauge("lag_records", "Records of the log that are not sealed, all lanes together")
LAG_RECORDS_MAX = _gauge("lag_records_max", "The same of the lane that is furthest behind")
OVERDUE_SECONDS = _gauge(
    "overdue_seconds", "How long the oldest record has waited beyond archive_seal_s; 0: all is well"
)
LAST_SEAL = _gauge("last_seal_timestamp_seconds", "When the last file was sealed, seconds since 1970")
FAILURES = _counter("failures", "Attempts that failed: log (or Redis), history, mismatch, damaged", "what")
STUCK = _gauge("stuck", "1 while history and log do not fit together: a person has to look")
GAP_RECORDS = _counter("gap_records", "Records that the log had lost before they were archived")
MERGED_FILES = _counter("merged_files", "Small files that became part of a larger one")
EXPIRED_RECORDS = _counter("expired_records", "Records that became ticks: archive_days has passed")
DELETED_FILES = _counter("deleted_files", "Files deleted: archive_days has passed for all in them")

for _what in ("log", "history", "mismatch", "damaged"):
    FAILURES.labels(_what)  # so that a first failure is an increase
