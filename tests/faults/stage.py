"""The stage of a row: a deployment on one log, a sender with its ledger, and the final audit."""

from __future__ import annotations

import asyncio
import random
import secrets
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import exposition
from benchmarks.broker import Broker
from benchmarks.exposition import Samples
from benchmarks.machine import find_free_ports, free_port
from benchmarks.waiting import until
from tests.balance import assert_balanced
from tests.faults import audit
from tests.faults.numbers import RECORDS
from tests.faults.outcome import Outcome
from tests.integration.kill.books import Books
from tests.integration.kill.ledger import Ledger
from tests.integration.kill.load import Load, Made, load, more
from tests.integration.kill.services import Deployment, Service
from tests.server import RedisServer

SETTLED_WITHIN_S = 90.0
SHOWN = 3  # differences of one audit
WORDS = 150  # characters of what is found or wanted


class Stage(Deployment):
    """`server` runs unless the row starts it; services are not started yet. `broker` is None for the log in Redis."""

    def __init__(self, folder: Path, broker: Broker | None) -> None:
        log = f"{broker.url}/faults-{secrets.token_hex(6)}" if broker else ""
        ports = find_free_ports(7)
        super().__init__(folder, RedisServer(free_port(), folder / "redis"), ports, log)
        self.folder = folder
        self.broker = broker
        flags = {name: self.processor.flags[name] for name in ("config", "redis", "data", *(("log",) if log else ()))}
        self.api = Service("api", flags | {"api_port": ports[4], "api_metrics_port": ports[5]}, folder / "api.log")
        self.archiver = Service("archiver", flags | {"archiver_metrics_port": ports[6]}, folder / "archiver.log")
        self.services = (*self.services, self.api, self.archiver)
        self.ledger = folder / "ledger.jsonl"

    @asynccontextmanager
    async def load(self, seed: int, *, kind: type[Made] = Load) -> AsyncIterator[Made]:
        """Visitors that send events; every answer is in the ledger. At the end all are answered 202."""
        book = Ledger(self.ledger)
        try:
            async with load(seed, self.port, kind=kind, ledger=book) as sent:
                yield sent
        finally:
            book.close()

    def spool(self, megabytes: int = 64) -> None:
        """Enable the collector's spool from its next start on."""
        self.collector.flags["spool_mb"] = megabytes

    def lose_log(self) -> None:
        """Kill Redis, or pause the broker with its connections."""
        if self.broker is None:
            self.server.kill()
        else:
            self.broker.signal(signal.SIGSTOP)

    def give_log_back(self) -> None:
        if self.broker is None:
            self.server.start()
        else:
            self.broker.signal(signal.SIGCONT)

    def ends(self, *services: Service) -> int:
        """How often they ended since their first start."""
        return sum(service.starts - service.is_alive for service in services)

    # ---- what its processes say -------------------------------------------------------------------

    def collected(self) -> Samples:
        return exposition.scraped(self.collector.flags["metrics_port"])

    def told(self) -> Samples:
        """The API service's metrics."""
        return exposition.scraped(self.api.flags["api_metrics_port"])

    def is_drained(self) -> bool:
        """Whether the collector writes to the log again, and its spool is empty."""
        samples = self.collected()
        states = ("spool_records", "spool_bytes")
        return (
            bool(samples)
            and exposition.value(samples, "wakeline_collector_log_open") == 1
            and not any(exposition.value(samples, f"wakeline_collector_{name}") for name in states)
        )

    # ---- the end of a row -------------------------------------------------------------------------

    async def settle(self, *, revives: bool = True, books: Books | None = None) -> float:
        """Wait until all sent events are applied; returns the seconds. Restarts the processor if it dies."""
        began = time.monotonic()
        read = books or self.books

        def is_settled() -> bool:
            if revives:
                self.processor.revive()
            return read.are_settled()

        await until(is_settled, "all is applied", within=SETTLED_WITHIN_S)
        return time.monotonic() - began

    async def audit(
        self, outcome: Outcome, sent: Load, *, dead: int = 0, books: Books | None = None, erased: bool = False
    ) -> None:
        """Compare the ledger with the log, Redis and the metrics; and everything else in Redis with the truth.

        `dead`: records that had to be set aside. `books`: of the live key version, if it is another. `erased`: records
        of people who withdrew may be in the lanes' ledgers as erased, as after a replay.
        """
        books = books or self.books
        self.api.revive()
        await until(self.told, "the api answers")
        verdicts = (
            audit.of_log(self.ledger, books.ids()),
            audit.of_redis(self.ledger, books),
            audit.of_prometheus(self.ledger, await self._told_at_last()),
        )
        for verdict in verdicts:
            outcome.is_exactly("lost", verdict.lost, 0)
            outcome.is_exactly("doubled", verdict.doubled, 0)
            if verdict.lost or verdict.doubled:
                outcome.note(f"{verdict.of}: {verdict.lost} lost, {verdict.doubled} doubled")
        found = books.differences(sent.truth, dead=dead)
        if erased:
            away, _ = found.pop("ledger: erased", (0, 0))
            applied, wanted = found.pop("ledger: applied", (0, 0))
            if applied + away != wanted:
                found["ledger: applied, erased"] = (applied + away, wanted)
        outcome.is_exactly("other differences", len(found), 0)
        for what, (have, want) in list(found.items())[:SHOWN]:
            outcome.note(f"{what}: {str(have)[:WORDS]}, not {str(want)[:WORDS]}")

    async def _told_at_last(self) -> Samples:
        """Wait until the API service sees no pending records."""

        def pending() -> float:
            return exposition.value(self.told(), RECORDS, state="pending")

        await until(lambda: pending() == 0, "the api shows that all is applied")
        return self.told()


async def at_work(stage: Stage, sent: Load, rng: random.Random) -> None:
    """Wait until more records are applied, and for a random moment longer."""
    before = stage.books.moved()
    await until(lambda: stage.books.moved() > before, "it works")
    await more(sent, 1)
    await asyncio.sleep(rng.uniform(0.0, 0.7))


@asynccontextmanager
async def staged(folder: Path, broker: Broker | None, *, starts_server: bool = True) -> AsyncIterator[Stage]:
    """Kills all remaining processes. If the row raises, the error includes the services' last output."""
    stage = Stage(folder, broker)
    try:
        if starts_server:
            stage.server.start()
        yield stage
        await asyncio.to_thread(assert_balanced, stage.collector.flags["metrics_port"])
    except (Exception, asyncio.CancelledError) as error:
        for service in stage.services:
            if service.starts:
                error.add_note(service.last_words())
        raise
    finally:
        for service in stage.services:
            service.kill()
        await asyncio.to_thread(stage.close)
        stage.server.kill()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
