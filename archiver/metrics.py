"""Every metric of the archiver with its help. Lanes are not labels: the sum and the worst lane matter."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)


def _counter(name: str, help: str, *labels: str) -> Counter:
    return Counter(f"wakeline_archiver_{name}", help, labels, registry=REGISTRY)


def _gauge(name: str, help: str) -> Gauge:
    return Gauge(f"wakeline_archiver_{name}", help, registry=REGISTRY)


RECORDS = _counter("records", "Records sealed into the history")
BYTES = _counter("bytes", "Bytes of sealed files, compressed")
FILES = _counter("files", "Files sealed")
HELD_BYTES = _gauge("held_bytes", "Bytes in memory that are not sealed yet")
LAG_RECORDS = _gauge("lag_records", "Unsealed records of the log, all lanes")
LAG_RECORDS_MAX = _gauge("lag_records_max", "Unsealed records of the lane that is furthest behind")
OVERDUE_SECONDS = _gauge("overdue_seconds", "How long the oldest record has waited beyond archive_seal_s; 0: on time")
LAST_SEAL = _gauge("last_seal_timestamp_seconds", "Time of the last sealed file, seconds since 1970")
FAILURES = _counter(
    "failures", "Failed attempts: log (or Redis), history, mismatch, damaged, figures of campaigns", "what"
)
STUCK = _gauge("stuck", "1 while history and log do not belong together: needs manual action")
GAP_RECORDS = _counter("gap_records", "Records that the log lost before they were archived")
MERGED_FILES = _counter("merged_files", "Small files merged into larger ones")
EXPIRED_RECORDS = _counter("expired_records", "Records replaced with ticks after archive_days")
DELETED_FILES = _counter("deleted_files", "Files deleted after archive_days")
REWRITTEN_FILES = _counter("rewritten_files", "Files rewritten because they named an erased person")
REWRITTEN_RECORDS = _counter("rewritten_records", "Records of erased persons put under a random id")
LAST_REWRITING = _gauge(
    "last_rewriting_timestamp_seconds",
    "Time when the history last named no person whose erasure it held, seconds since 1970",
)
FIGURES_SECONDS = _gauge("figures_seconds", "Time that the last computation of the campaigns' figures took")

for _what in ("log", "history", "mismatch", "damaged", "figures"):
    FAILURES.labels(_what)  # so that a first failure is an increase
