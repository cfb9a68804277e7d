"""Cards while processes are killed: no value that was acknowledged is lost, and none is anywhere in plain text."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.children import ROOT, child_environ
from benchmarks.waiting import until
from tests.card_teller import customer, email
from tests.cards import LANES, desk_on, holds
from tests.integration.kill.at_a_line import killed_at_a_line, places_in
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import Fact, decode_record
from wakeline.redis.connect import connect

KILLS = 10  # of one seed
LINES = 12_000  # of our own that a process may run before it is killed
AS_IT_IS = "from tests.card_teller import main\nmain()\n"


class Teller:
    """Processes that tell cards, one after the other."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.errors = folder / "process.log"
        self.printed = folder / "printed"
        self.starts = 0

    def start(self, *, lines: int = 0) -> None:
        """`lines`: of the product's code until it kills itself; 0: it lives."""
        launcher = killed_at_a_line(lines, "collector.", "wakeline.") if lines else AS_IT_IS
        launcher = launcher.replace("from ops.cli import main", "from tests.card_teller import main")
        with self.errors.open("ab") as errors, self.printed.open("ab") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-c", launcher, self.url, str(self.folder), str(self.starts * 1_000_000)],
                cwd=ROOT,
                env=child_environ(PYTHONPATH=str(ROOT)),
                stdout=printed,
                stderr=errors,
            )
        self.starts += 1

    def answered(self) -> set[int]:
        return {int(line) for line in self.printed.read_text().splitlines() if line} if self.printed.exists() else set()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.mark.kill
async def test_no_card_is_lost_and_no_event_comes_without_its_card(
    own_server: Any, tmp_path: Path, kill_seed: int
) -> None:
    """Killed at any line, while Redis is there, away, or comes back; each event of the log has its card."""
    rng = random.Random(kill_seed)
    teller = Teller(own_server.url, tmp_path)
    teller.start()
    await until(lambda: len(teller.answered()) > 20, "it tells")
    teller.kill()
    for _ in range(KILLS):
        if rng.random() < 0.5:
            own_server.kill()
        teller.start(lines=rng.randint(1, LINES))
        await asyncio.sleep(rng.uniform(0.5, 1.5))
        if not own_server.is_alive:
            own_server.start()
        await until(lambda: teller.process.poll() is not None, "it is killed")
    teller.start()
    count = len(teller.answered())
    await until(lambda: len(teller.answered()) > count + 20, "it tells again")
    teller.kill()
    spooled = [path for path in (tmp_path / "data").rglob("*.spool") if path.stat().st_size > 100]
    assert spooled == []
    assert len(places_in(teller.errors.read_text())) == KILLS
    answered = teller.answered()
    told = await told_in_the_log(own_server.url)
    assert answered <= told
    client = connect(own_server.url)
    desk = await desk_on(client, own_server.url, tmp_path)
    found = await desk.reader.read_many("shop", map(customer, sorted(told)))
    assert {n for n in told if customer(n) in found} == told
    assert all(found[customer(n)].values["email"].text == email(n) for n in told)
    some = sorted(told)[:: max(1, len(told) // 50)]
    assert [await desk.find(email(n)) for n in some] == [[customer(n)] for n in some]
    assert holds(tmp_path, "customer-number", "mail.example") == {}
    assert holds(tmp_path, customer(some[0]))
    await desk.reader.close()
    await client.aclose()


async def told_in_the_log(url: str) -> set[int]:
    """Numbers of the events that say that a card was told."""
    log = RedisStreamsLog(url, LANES)
    found = set()
    for lane, bounds in (await log.bounds(range(LANES))).items():
        place = bounds.first
        while place < bounds.end:
            entries = (await log.read({lane: place}, limit=10_000, wait_ms=0))[lane]
            for entry in entries:
                record = decode_record(entry.value)
                assert isinstance(record, Fact)
                found.add(int(record.id, 16))
            place = entries[-1].offset + 1
    await log.close()
    return found
