"""The archiver beside a log that grows by 1,000 events a second: CPU, memory, bytes per event in the history."""

from __future__ import annotations

import time
from collections.abc import Iterator

import redis

from benchmarks.figures import Figure, Run, at_most
from benchmarks.machine import MEASURED, OTHERS, cpu_seconds, memory_mb
from benchmarks.services import SmallPath, fill_log
from benchmarks.visitors import PER_SECOND, SITE, events
from wakeline.history import History, archive_url
from wakeline.lanes import lane_of
from wakeline.record import Event

SECONDS = 40
SEAL_S = 10  # so that files are sealed during the test; by default they are larger, and cheaper
PARTS = 20  # of a second: how often the log grows

FIGURES = (
    Figure("archiver_cpu_percent", f"of one core at {PER_SECOND:,} events/s, sealing every {SEAL_S} s", at_most(5)),
    Figure("archiver_rss_mb", "resident memory at the end"),
    Figure("history_bytes_per_event", "compressed, in files of that size"),
)


def measure(run: Run) -> dict[str, float]:
    seconds = SECONDS // 8 if run.quick else SECONDS
    with SmallPath(run.folder, archive_seal_s=2 if run.quick else SEAL_S) as path:
        path.start("server", "archiver", cores={"server": OTHERS, "archiver": MEASURED})
        settings = path.config.settings
        client = path.client()
        made = events(PER_SECOND * (seconds + 2), visitors=PER_SECOND * 3, end=time.time_ns() // 1_000_000)
        laned = [(lane_of(SITE.key, event.visitor, settings.lanes), event) for event in made]
        parts = _parts(client, laned, lanes=settings.lanes)
        _grow(parts, 2)
        pid = path.pids["archiver"]
        before, began = cpu_seconds(pid), time.monotonic()
        _grow(parts, seconds)
        percent = 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)
        resident, _ = memory_mb(pid)
        url = archive_url(settings)
        assert url is not None
        history = History(url)
        segments = [segment for lane in history.lanes() for segment in history.segments(lane)]
        sealed = sum(segment.end - segment.first for segment in segments)
        size = sum(history.store.size(segment.name) for segment in segments)
        run.say(f"{sealed:,} of {len(laned):,} events sealed in {len(segments)} files")
    return {
        "archiver_cpu_percent": percent,
        "archiver_rss_mb": resident,
        "history_bytes_per_event": size / sealed,
    }


def _parts(client: redis.Redis, laned: list[tuple[int, Event]], *, lanes: int) -> Iterator[None]:
    """Appends a part of a second's events per step."""
    count = PER_SECOND // PARTS
    for start in range(0, len(laned), count):
        fill_log(client, laned[start : start + count], lanes=lanes)
        yield


def _grow(parts: Iterator[None], seconds: float) -> None:
    began = time.monotonic()
    for part in range(round(seconds * PARTS)):
        next(parts)
        time.sleep(max(0.0, began + (part + 1) / PARTS - time.monotonic()))
