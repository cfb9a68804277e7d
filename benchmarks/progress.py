"""Measures a processor's rate from outside, by the progress of its lanes in Redis.

Rates count events alone. Deltas for customers are work caused by events, so a side is done once all are applied.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

import redis

from benchmarks.machine import cpu_seconds
from crm.out import Verdict
from processor.lane_protocol import SENT, position_of
from wakeline.keys import Keys
from wakeline.record import Position

WARM = 0.15  # the part of the events that is not measured
STALLED_S = 60.0
LOOK_S = 0.01


class Rate(NamedTuple):
    """The rate of one side in one round."""

    events_per_s: float
    us_per_event: float  # CPU time of its process
    server_us_per_event: float  # CPU time of its Redis


class Progress(NamedTuple):
    """Number of applied events, number of all applied records, and whether all deltas are applied."""

    events: int
    records: int
    is_heard: bool


class Sample(NamedTuple):
    clock: float
    cpu: float
    server_cpu: float
    events: int


def rate_of(client: redis.Redis, pid: int, server: int, count: int, *, lanes: int) -> Rate:
    """Watch process `pid` until `count` events and their deltas are applied; the rate omits a first part for start-up.

    Raises RuntimeError if it stops before.
    """
    samples = _samples(client, pid, server, lanes, count)
    warm = next(sample for sample in samples if sample.events >= count * WARM)
    *_, last = samples
    measured = last.events - warm.events
    return Rate(
        measured / (last.clock - warm.clock),
        (last.cpu - warm.cpu) / measured * 1e6,
        (last.server_cpu - warm.server_cpu) / measured * 1e6,
    )


def _samples(client: redis.Redis, pid: int, server: int, lanes: int, count: int) -> Iterator[Sample]:
    moved, last = time.monotonic(), 0
    while True:
        done = progress(client, lanes)
        sample = Sample(time.monotonic(), cpu_seconds(pid), cpu_seconds(server), done.events)
        yield sample
        if done.events >= count and done.is_heard:
            return
        if done.records > last:
            moved, last = sample.clock, done.records
        elif sample.clock - moved > STALLED_S:
            raise RuntimeError(f"{done.events} of {count} events are applied, and no more for {STALLED_S:.0f} s")
        time.sleep(LOOK_S)


def progress(client: redis.Redis, lanes: int) -> Progress:
    names = Keys()
    with client.pipeline(transaction=False) as pipe:
        for lane in range(lanes):
            pipe.hgetall(names.lane(lane))
        for lane in range(lanes):
            pipe.hgetall(names.hop(lane))
        replies = pipe.execute()
    events = records = 0
    told: dict[tuple[int, int], Position] = {}  # (source, target) -> up to where
    for lane, fields in enumerate(replies[:lanes]):
        place = int(fields.get(b"offset", 0))
        records += place
        events += place - int(fields.get(Verdict.DERIVED.value.encode(), 0))
        for name, upto in fields.items():
            if name.startswith(SENT.encode()):
                told[lane, int(name[len(SENT) :])] = position_of(upto)
    heard = {
        (int(source), lane): position_of(upto)
        for lane, hop in enumerate(replies[lanes:])
        for source, upto in hop.items()
    }
    return Progress(events, records, all(heard.get(way, (0, 0)) >= upto for way, upto in told.items()))


def middle(rates: list[Rate]) -> Rate:
    """The median of several rounds, separately for each number."""
    return Rate(*(median(values) for values in zip(*rates, strict=True)))
