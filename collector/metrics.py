"""Every metric of a collector process. Plain integers on the hot path, converted at each scrape."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from collector.budget import Short
from collector.connections import Full
from collector.link_outcomes import EVERY, Outcome
from collector.memory import UNKNOWN, Use
from collector.props import Dropped
from collector.spool_folder import Trouble
from wakeline.event import Refusal

LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
GROUP_RECORDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)


class Histogram:
    """Counts of observations by upper bound, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self, name: str, help: str) -> HistogramMetricFamily:
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), total))
        return HistogramMetricFamily(name, help, buckets=buckets, sum_value=self._sum)


class Metrics(Collector):
    """What this process has done since it started. Never contains ids, addresses, queries or unknown site keys."""

    def __init__(self) -> None:
        # the ledger: received = accepted + rejected + unavailable + waiting, at any time
        self.received = 0
        self.accepted = 0
        self.rejected: Counter[Refusal] = Counter()
        self.props_dropped: Counter[Dropped] = Counter()
        self.unavailable = 0
        self.server_events = 0  # those of `received` that servers sent
        self.server_rejected: Counter[Refusal] = Counter()  # those of `rejected`
        self.waiting = 0  # events handed to the writer and not answered yet
        self.waiting_bytes = 0
        self.requests: Counter[int] = Counter()  # by HTTP status, all paths
        self.log_errors = 0
        self.log_open = False
        # the spool: found at the start + spooled = drained + set aside + lost + still in it
        self.spooled = 0
        self.drained = 0
        self.spool_errors: Counter[Trouble] = Counter()
        self.spool_bytes = 0
        self.spool_limit_bytes = 0
        self.spool_records = 0
        self.spool_oldest = 0  # ms since 1970; 0: it is empty
        self.salts_differ = False
        self.limited_addresses: Callable[[], int] = int
        self.connections: Callable[[], int] = int
        self.connections_limit = 0
        self.made_room: Counter[Full] = Counter()
        self.memory: Callable[[], tuple[int, Use]] = lambda: (0, UNKNOWN)
        self.counted_only: Counter[Short] = Counter()
        self.refused_for_memory = 0  # events, included in unavailable
        self.step_seconds: Counter[str] = Counter()  # of a sample, see `steps`
        self.step_events: Counter[str] = Counter()
        self.request_seconds = Histogram(LATENCY_S)
        self.server_request_seconds = Histogram(LATENCY_S)
        self.keys: Callable[[], tuple[int, float]] = lambda: (
            0,
            0.0,
        )  # API keys: how many, seconds since they were read
        self.links: Counter[tuple[str, Outcome]] = Counter()  # by kind and outcome
        self.link_wait_seconds = Histogram(LATENCY_S)
        self.link_timeouts = 0
        self.append_seconds = Histogram(LATENCY_S)
        self.group_records = Histogram(GROUP_RECORDS)

    def make_room(self, full: Full) -> None:
        self.made_room[full] += 1

    def reject(self, reason: Refusal, events: int = 1) -> None:
        self.rejected[reason] += events

    def reject_server(self, reason: Refusal, events: int = 1) -> None:
        self.rejected[reason] += events
        self.server_rejected[reason] += events

    def observe_step(self, step: str, seconds: float) -> None:
        self.step_seconds[step] += seconds  # type: ignore[assignment]  # a Counter of floats
        self.step_events[step] += 1

    @property
    def ledger_difference(self) -> int:
        return self.received - self.accepted - self.rejected.total() - self.unavailable - self.waiting

    def collect(self) -> Iterator[Metric]:
        yield _counter("received", "Events received; a request that cannot be decoded counts as one.", self.received)
        yield _counter("accepted", "Events that were on disk when answered.", self.accepted)
        yield _counters(
            "rejected",
            "Events rejected, by reason. Permanent, except timeout and rate_limited, which are retried.",
            "reason",
            {r: self.rejected[r] for r in REJECTIONS},
        )
        yield _counters(
            "props_dropped",
            "Properties, or parts of them, dropped from accepted events, by reason.",
            "reason",
            {reason: self.props_dropped[reason] for reason in Dropped},
        )
        yield _counter("unavailable", "Events answered 503, which the sender keeps and retries.", self.unavailable)
        yield _counter(
            "server_events",
            "Events received from servers, POST /v1/server/events; included in received.",
            self.server_events,
        )
        yield _counters(
            "server_rejected",
            "Events of servers rejected, by reason; included in rejected.",
            "reason",
            {reason: self.server_rejected[reason] for reason in OF_SERVERS},
        )
        yield _gauge(
            "ledger_difference",
            "Received minus accepted, rejected, unavailable and waiting. Anything but 0 is a bug.",
            self.ledger_difference,
        )
        yield _gauge("queue_events", "Events waiting for the log.", self.waiting)
        yield _gauge("queue_bytes", "Bytes of records waiting for the log.", self.waiting_bytes)
        yield _counters("requests", "HTTP answers on the public port, by status.", "status", self.requests)
        yield self.request_seconds.family(
            f"{PREFIX}request_seconds", "Time from a request's headers to its answer, POST /v1/events."
        )
        yield self.server_request_seconds.family(
            f"{PREFIX}server_request_seconds", "Time from a request's headers to its answer, POST /v1/server/events."
        )
        yield from self._links()
        keys, age_s = self.keys()
        yield _gauge("api_keys", "API keys that are valid.", keys)
        yield _gauge("api_keys_age_seconds", "Time since the API keys were read from Redis.", age_s)
        yield self.append_seconds.family(f"{PREFIX}append_seconds", "Time of one durable write to the log.")
        yield self.group_records.family(f"{PREFIX}group_records", "Records per write to the log.")
        yield _counter("log_errors", "Failed writes to the log and failed attempts to open it.", self.log_errors)
        yield _gauge("log_open", "1 while the log accepts events, otherwise 0.", int(self.log_open))
        yield _gauge(
            "salts_differ",
            "1 while another collector has other daily salts: anonymous visitors who reach both count twice.",
            int(self.salts_differ),
        )
        yield _gauge(
            "limited_addresses",
            "Public addresses being counted for rate_limit.",
            self.limited_addresses(),
        )
        yield _gauge("connections", "Open connections on the public port.", self.connections())
        yield _gauge("connections_limit", "Limit on open connections.", self.connections_limit)
        yield _counters(
            "connections_closed",
            "Connections closed to make room for another, by the limit reached: all, or one address.",
            "full",
            {full: self.made_room[full] for full in Full},
        )
        yield _counters(
            "counted_only",
            "Events that may not create a profile, because their address's daily budget or memory is exhausted.",
            "short_of",
            {short: self.counted_only[short] for short in Short},
        )
        step, use = self.memory()
        yield _gauge("memory_step", "0: normal; 1: no new profiles are created; 2: events are answered 503.", step)
        yield _gauge("memory_share", "Share of maxmemory in use on the fullest server; 0 if it has none.", use.now)
        yield _gauges(
            "memory_share_once_folded",
            "The same once the log's backlog is folded: without new profiles, or with one per record.",
            "profiles",
            {"none": use.counted, "all": use.profiles},
        )
        yield _counter(
            "memory_refused", "Events answered 503 because the server's memory is full.", self.refused_for_memory
        )
        yield from self._spool()
        yield _counters("step_seconds", "Time in a cleaning step, sampled.", "step", self.step_seconds)
        yield _counters("step_events", "Events timed in that step.", "step", self.step_events)

    def _links(self) -> Iterator[Metric]:
        links = CounterMetricFamily(
            f"{PREFIX}links",
            "Requests at links of mails and letters, by kind of link and by what became of them. lost: people went on, "
            "but it could not be stored. refused: no link of ours.",
            labels=["kind", "outcome"],
        )
        for each in EVERY:
            links.add_metric([*each], self.links[each])
        yield links
        yield self.link_wait_seconds.family(
            f"{PREFIX}link_wait_seconds", "Time for which a click waited until it was folded, before people went on."
        )
        yield _counter("link_timeouts", "Clicks that were not seen folded in time; people went on.", self.link_timeouts)

    def _spool(self) -> Iterator[Metric]:
        yield _counter("spooled", "Accepted events written to the spool while the log was down.", self.spooled)
        yield _counter("drained", "Events appended from the spool to the log.", self.drained)
        yield _gauge("spool_records", "Events in the spool that may not be in the log yet.", self.spool_records)
        yield _gauge("spool_bytes", "Size of the spool on disk in bytes.", self.spool_bytes)
        yield _gauge("spool_limit_bytes", "Limit of the spool in bytes; beyond it: 503.", self.spool_limit_bytes)
        waited = max(0.0, time.time() - self.spool_oldest / 1000) if self.spool_oldest else 0.0
        yield _gauge("spool_oldest_seconds", "Time since the oldest event in the spool was received.", waited)
        yield _counters(
            "spool_errors",
            "Problems with the spool. full, write: answered 503; read: retried; torn: cut off, never acknowledged; "
            "damaged: lost; refused by the log: set aside.",
            "kind",
            {trouble: self.spool_errors[trouble] for trouble in Trouble},
        )


PREFIX = "wakeline_collector_"
REJECTIONS = tuple(reason for reason in Refusal if reason is not Refusal.UNAVAILABLE)
OF_SERVERS = (
    *(Refusal.MALFORMED, Refusal.BAD_ENCODING, Refusal.UNAUTHORIZED, Refusal.NO_SECRET, Refusal.TIMEOUT),
    *(Refusal.TOO_LARGE, Refusal.TOO_MANY_EVENTS, Refusal.WRONG_CONTENT_TYPE, Refusal.RATE_LIMITED),
    *(Refusal.BAD_EVENT, Refusal.TOO_OLD, Refusal.BAD_AMOUNT, Refusal.BAD_TIME, Refusal.NOT_YOURS, Refusal.INTERNAL),
)
"""Reasons why events of servers are rejected."""


def registry(metrics: Metrics) -> CollectorRegistry:
    """The process's /metrics: `metrics`, and its CPU, memory and files."""
    registry = CollectorRegistry(auto_describe=True)
    registry.register(metrics)
    ProcessCollector(registry=registry)
    return registry


def _counter(name: str, help: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(PREFIX + name, help, value=value)


def _counters(name: str, help: str, label: str, values: Mapping[Any, int]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, help, labels=[label])
    for value, count in values.items():
        family.add_metric([str(value)], count)
    return family


def _gauges(name: str, help: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, help, labels=[label])
    for value, found in values.items():
        family.add_metric([value], found)
    return family


def _gauge(name: str, help: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, help, value=value)
