"""A million persons in a real Redis, built once and shared by several figures.

Each is a visitor with one visit, and a fifth of them are customers. The product's own workers fold their records, in
two processes (stand_builder.py). The log does not contain these records, but continues after them. All visits are still
open, although they are overdue: before a processor starts on the stand, set new deadlines with `fall_due`.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import redis
from msgspec import Struct

from benchmarks.machine import ALL
from benchmarks.progress import STALLED_S, progress
from benchmarks.services import SmallPath, deploy, deployment_at, process
from benchmarks.visitors import SITE, customer_of, visits
from wakeline import keys
from wakeline.durations import MINUTE_MS
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.record import CUSTOMER_PREFIX, encode_record
from wakeline.vocabulary.things import PREFIXES

COPIES = 100
VISITORS = 10_150  # randomly generated templates, some of them bots; all others are copies under other ids
PAGES = 1.3  # per visit, on average
AGO_MS = 45 * MINUTE_MS  # age of the records, so their visits are overdue
BUILDERS = 2
TOLD_S = 10.0  # between progress messages
REWRITTEN_S = 300.0


@contextmanager
def stand_for_all(folder: Path, *, quick: bool, say: Callable[[str], None]) -> Iterator[Callable[[], Stand]]:
    """A function that returns the stand, built at the first call; it lives as long as the context."""
    with ExitStack() as running:

        @cache
        def stand() -> Stand:
            return running.enter_context(closing(Stand(folder / "stand", 1 if quick else COPIES, say)))

        yield stand


NO_VISITORS = (CUSTOMER_PREFIX + PREFIXES).encode()  # begin the ids of customers and things, which end by age


class Template(Struct):
    """A visitor that the stand copies: the same records under other ids."""

    visitor: str
    customer: str = ""  # "": not a customer
    is_bot: bool = False
    records: list[bytes] = []

    def id(self, copy: int) -> str:
        """The id of a copy, with the same length and the same `visitors.hash_of`."""
        return f"{copy:02d}{self.visitor[2:]}"

    def records_of(self, id: str) -> Iterator[bytes]:
        """The records of the copy with this id."""
        ours = [(self.visitor.encode(), id.encode())]
        if self.customer:
            ours.append((self.customer.encode(), customer_of(id).encode()))
        for record in self.records:
            for was, becomes in ours:
                record = record.replace(was, becomes)
            yield record


def templates(end: int) -> list[Template]:
    """Visitors whose last event was received at `end` (ms)."""
    found: dict[str, Template] = {}
    for event in visits(VISITORS, end=end, pages=PAGES):
        one = found.setdefault(event.visitor, Template(event.visitor, is_bot=bool(event.bot)))
        one.customer = one.customer or event.customer
        one.records.append(encode_record(event))
    return list(found.values())


class Stand:
    """A server with `copies` times the visitors of `templates`. `close` stops it."""

    def __init__(self, folder: Path, copies: int, say: Callable[[str], None]) -> None:
        folder.mkdir()
        self.copies = copies
        self._running = ExitStack()
        self.path = self._running.enter_context(SmallPath(folder))
        self._end = time.time_ns() // 1_000_000 - AGO_MS
        self.deployment = deployment_at(self._end)
        try:
            self._build(folder, say)
        except BaseException:
            self.close()
            raise

    @property
    def persons(self) -> int:
        """Number of visitors with a profile, without their customers."""
        return len(self.visitors)

    @cached_property
    def client(self) -> redis.Redis:
        return self.path.client()

    @cached_property
    def visitors(self) -> list[str]:
        """The ids of all visitors with a profile, in no order."""
        found = [one.id(copy) for one in templates(self._end) if not one.is_bot for copy in range(self.copies)]
        random.Random(1).shuffle(found)
        return found

    def now(self) -> int:
        """The server's time, ms."""
        seconds, microseconds = self.client.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def close(self) -> None:
        self._running.close()

    # ---- building

    def _build(self, folder: Path, say: Callable[[str], None]) -> None:
        began = time.monotonic()
        self.path.start("server")
        client = self.client
        client.config_set("auto-aof-rewrite-percentage", "0")  # no rewrite of gigabytes during a measurement
        client.config_set("appendonly", "no")
        deploy(client, self.deployment)
        self.memory_before = int(client.info("memory")["used_memory"])
        self.events = self._make_room()
        for what in ("events", "told"):
            with ExitStack() as building:
                for number in range(BUILDERS):
                    building.enter_context(self._builder(folder, what, number))
                self._wait(what, say)
        for lane in range(self.deployment.lanes):
            client.xtrim(keys.log_lane(lane), maxlen=0, approximate=False)  # all applied
        self.memory = int(client.info("memory")["used_memory"])
        self._keep()
        say(f"{self.persons:,} persons and their customers after {time.monotonic() - began:.0f} s")

    def _make_room(self) -> int:
        """Let each lane's log begin after the records folded here; returns their number."""
        counts: Counter[int] = Counter()
        for one in templates(self._end):
            for copy in range(self.copies):
                counts[lane_of(SITE.key, one.id(copy), self.deployment.lanes)] += len(one.records)
        for lane, count in counts.items():
            stream, last = keys.log_lane(lane), f"0-{count}"
            self.client.xadd(stream, {"t": 0, "v": ""}, id=last)
            self.client.xdel(stream, last)
        return counts.total()

    def _builder(self, folder: Path, what: str, number: int) -> AbstractContextManager[int]:
        lanes = ",".join(map(str, range(number, self.deployment.lanes, BUILDERS)))
        asked = (self.path.config.settings.redis, str(self.copies), str(self._end), lanes)
        command = (sys.executable, "-m", "benchmarks.stand_builder", what, *asked)
        return process(command, folder, name=f"builder{number}", cores=ALL)

    def _wait(self, what: str, say: Callable[[str], None]) -> None:
        told = moved = time.monotonic()
        before = -1
        while True:
            done = progress(self.client, self.deployment.lanes)
            if done.events >= self.events and (done.is_heard if what == "told" else self._is_sent()):
                return
            now = time.monotonic()
            if done.records > before:
                before, moved = done.records, now
            elif now - moved > STALLED_S:
                said = "".join(out.read_text()[-2_000:] for out in sorted(self.path.folder.glob("builder*.out")))
                raise RuntimeError(
                    f"{done.events} of {self.events} events are folded, without progress; the builders said: {said}"
                )
            if now - told > TOLD_S:
                told = now
                say(f"building the stand: {100 * done.events / self.events:.0f} % of {self.events:,} events")
            time.sleep(0.2)

    def _is_sent(self) -> bool:
        """Whether the outboxes of all lanes are empty."""
        with self.client.pipeline(transaction=False) as pipe:
            for lane in range(self.deployment.lanes):
                pipe.xlen(Keys().outbox(lane))
            return not any(pipe.execute())

    def _keep(self) -> None:
        """From here on store every write on disk, as in production."""
        self.client.config_set("appendonly", "yes")
        deadline = time.monotonic() + REWRITTEN_S
        while (found := self.client.info("persistence"))["aof_rewrite_in_progress"] or found["aof_rewrite_scheduled"]:
            if time.monotonic() > deadline:
                raise RuntimeError("the append-only file is not written")
            time.sleep(0.2)

    # ---- for the figures

    def fall_due(self, when: Callable[[int, list[bytes]], Mapping[bytes, int]]) -> None:
        """Set the deadlines (ms) of visits, computed from (lane, members of its due set). No processor may run.

        A deadline may be later than its visit's end, as if the processor had not reached it yet.
        """
        for lane in range(self.deployment.lanes):
            due = Keys().due(lane)
            found: Any = self.client.zrange(due, 0, -1)
            members = [one for one in found if one.partition(b"/")[2][0] not in NO_VISITORS]
            self.client.zadd(due, when(lane, members), xx=True)
