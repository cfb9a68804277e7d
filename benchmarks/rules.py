"""Cost per event in the fold, by rule, and before and after the fold."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median
from time import perf_counter_ns

import msgspec

from benchmarks.figures import Figure, Run
from benchmarks.machine import MEASURED
from benchmarks.visitors import SITE, events
from crm.rules import ALL, CUSTOM, RULES, of_type
from crm.sites import SiteFacts
from processor.batch import chunks
from processor.fold import Fold
from processor.loaded import Loaded
from processor.memory import LaneMemory
from processor.writes import Place, commands
from wakeline.durations import DAY_MS
from wakeline.keys import Keys
from wakeline.lanes import Deployment
from wakeline.log import Entry
from wakeline.record import Event, encode_record

RECORDS = 20_000
BATCH = 500

FIGURES = (
    *(Figure(f"rule_us_{name}", "microseconds of the rule, over all events") for name, _, _ in RULES),
    Figure("fold_us_total", "the whole fold of a decoded event, all rules"),
    Figure("decode_us", "from JSON to a record"),
    Figure("commands_us", "from changes to Redis commands, per event"),
    Figure("pack_us", "from commands to the script's argument, per event"),
)
NOTHING = Loaded(None, {}, 0)
NEVER = 1 << 62


def measure(run: Run) -> dict[str, float]:
    """The median of several rounds, each with new people."""
    now = time.time_ns() // 1_000_000
    count = RECORDS // 10 if run.quick else RECORDS
    made = events(count, visitors=count // 10, end=now)
    log = [Entry(offset, event.received, encode_record(event)) for offset, event in enumerate(made)]
    deployment = Deployment(lanes=1, decay_zero=now - 30 * DAY_MS, half_life=7 * DAY_MS)
    found: defaultdict[str, list[float]] = defaultdict(list)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, MEASURED)
    try:
        for _ in range(1 if run.quick else 7):
            for timed_every in (1, NEVER):
                fold = Fold(
                    0,
                    sites={SITE.key: SiteFacts(SITE)},
                    deployment=deployment,
                    key_space=Keys(),
                    timed_every=timed_every,
                )
                spent = _stages(fold, log)
                for name, ns in (_rules(fold, made) if timed_every == 1 else spent).items():
                    found[name].append(ns / 1000 / count)
    finally:
        os.sched_setaffinity(0, before)
    return {figure.name: median(found[figure.name]) for figure in FIGURES}


def _stages(fold: Fold, log: Sequence[Entry]) -> dict[str, int]:
    """Fold the log; returns nanoseconds of each stage."""
    memory = LaneMemory()
    spent: defaultdict[str, int] = defaultdict(int)
    clock = perf_counter_ns
    pack = msgspec.msgpack.Encoder().encode
    for start in range(0, len(log), BATCH):
        began = clock()
        batch = fold.decode(log[start : start + BATCH])
        decoded = clock()
        memory.remember(dict.fromkeys(batch.people - memory.people.keys(), NOTHING))
        for key in fold.top_lists(batch):
            memory.tops.loaded.setdefault(key, {})
        for chunk in chunks(batch):
            before = clock()
            changes = fold.fold(chunk, memory)
            folded = clock()
            last = chunk[-1]
            writes = commands(changes, fold, memory, Place("log", last.offset + 1, last.time))
            written = clock()
            pack(writes)
            spent["fold_us_total"] += folded - before
            spent["commands_us"] += written - folded
            spent["pack_us"] += clock() - written
        spent["decode_us"] += decoded - began
    return dict(spent)


def _rules(fold: Fold, made: Sequence[Event]) -> dict[str, float]:
    """Nanoseconds of each rule over all records that `fold` has folded."""
    calls = Counter(name for event in made for name, _ in of_type(event.type if event.type in ALL else CUSTOM))
    look = _cost_of_looking()
    return {f"rule_us_{name}": max(0.0, fold.seconds[name] * 1e9 - look * calls[name]) for name, _, _ in RULES}


def _cost_of_looking(times: int = 20_000) -> float:
    """Nanoseconds between two consecutive clock reads."""
    total = 0
    for _ in range(times):
        began = perf_counter_ns()
        total += perf_counter_ns() - began
    return total / times
