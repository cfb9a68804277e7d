"""Every metric of the archiver: its name and help. No lane is a label: what matters is their sum and the worst."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

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


def offer(host: str, port: int) -> None:
    """Show them on `port`, and /healthz, from a thread: the loop may be busy.

    Raises OSError where the port is taken.
    """
    _Server.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = make_server(host, port, _answer, _Server, handler_class=_Handler)
    Thread(target=server.serve_forever, daemon=True).start()


_metrics = make_wsgi_app(REGISTRY)


def _answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/metrics":
        return list(_metrics(environ, start))
    is_alive = environ["PATH_INFO"] == "/healthz"
    start("200 OK" if is_alive else "404 Not Found", [("Content-Type", "text/plain")])
    return [b"alive\n" if is_alive else b"only /metrics and /healthz are here\n"]


class _Server(ThreadingWSGIServer):
    def handle_error(self, *_: object) -> None:
        """Nothing, where a connection broke off: `socketserver` would print the sender's address."""


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: it would print the address of each request."""
