"""Imports in tests: files in a folder, what they tell, what the log then holds."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ops.cli import main
from ops.imports.guess import guess
from ops.imports.jsonl import is_json
from ops.imports.mapping import Map
from ops.imports.problems import Problems
from ops.imports.saying import JSON, File, said, told
from ops.imports.summary import Summary
from ops.imports.text import read_through
from wakeline.cards import Card
from wakeline.keys import Keys
from wakeline.lanes import open_deployment
from wakeline.log.opening import open_log
from wakeline.record import Fact, ImportEnd, decode_record
from wakeline.redis.connect import connect, connect_blocking
from wakeline.settings import Settings, Site
from wakeline.vocabulary.things import ORDER, thing_id

LANES = 4
Run = Callable[..., Result]
YESTERDAY, DAY = datetime.now(UTC) - timedelta(days=1), timedelta(days=1)
HEADER = "Order,Date,Customer ID,Total\n"
FLAGS = ("--zone", "UTC", "--currency", "EUR")
SITE = Site(key="shop", secret="s" * 32)
NOW = 1_790_000_000_000  # 2026-09-21
TOML = f"""
lanes = {LANES}
[[site]]
key = "shop"
secret = "{SITE.secret}"
origins = ["https://shop.example"]
time_zone = "Europe/Berlin"
"""


class Read:
    """What a file tells, without any server."""

    def __init__(self, path: Path, kind: str = "", map: Map | None = None, *, currency: str = "EUR") -> None:
        text = read_through(path)
        if map is None and is_json(text):
            map = Map(JSON)
        self.map = map or guess(text, kind, currency=currency, zone="Europe/Berlin").map
        self.encoding = text.encoding
        self.problems, self.summary = Problems(), Summary()
        folder = path.parent / f"work-{path.name}"
        folder.mkdir(exist_ok=True)
        all = said(File(path.name, text, self.map), self.problems, folder, lambda row: None, began=NOW)
        found = list(told(File(path.name, text, self.map), SITE, all, self.problems, self.summary, now=NOW))
        self.facts: list[Fact] = [fact for _, fact, _ in found]
        self.cards: list[Card] = [card for _, _, card in found if card is not None]

    def of(self, type: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.type == type]

    @property
    def errors(self) -> list[tuple[int, str, str]]:
        return [(one.line, one.column, one.what) for one in self.problems.first(1_000) if one.is_error]

    @property
    def notes(self) -> list[tuple[int, str, str]]:
        return [(one.line, one.column, one.what) for one in sorted(self.problems._all) if not one.is_error]


def order(number: str) -> str:
    """The home of an order."""
    return thing_id(SITE.secret, ORDER, number)


def in_log(settings: Settings) -> list[list[Fact | ImportEnd]]:
    """The records of imports in each lane."""

    async def read() -> list[list[Fact | ImportEnd]]:
        log = await open_log(settings, LANES)
        found: list[list[Fact | ImportEnd]] = []
        for lane in range(LANES):
            end = (await log.bounds([lane]))[lane].end
            records: list[Fact | ImportEnd] = []
            place = 0
            while place < end:
                for entry in (await log.read({lane: place}, limit=1_000, wait_ms=200)).get(lane, []):
                    record = decode_record(entry.value)
                    place = entry.offset + 1
                    if isinstance(record, Fact | ImportEnd):
                        records.append(record)
            found.append(records)
        await log.close()
        return found

    return asyncio.run(read())


def kept(lanes: list[list[Fact | ImportEnd]]) -> list[list[Fact]]:
    """What a fold keeps of them: of each import in each lane only rising lines. Times of receipt are left out."""
    found = []
    for records in lanes:
        last: dict[str, int] = {}
        facts = []
        for record in records:
            if isinstance(record, Fact) and record.line > last.get(record.batch, 0):
                last[record.batch] = record.line
                record.received = 0
                facts.append(record)
        found.append(facts)
    return found


@contextmanager
def applied(url: str) -> Iterator[None]:
    """As a processor would, says of all that is in the log that it is applied."""
    over = threading.Event()

    def follow() -> None:
        from wakeline import keys

        with connect_blocking(url) as client:
            while not over.is_set():
                for lane in range(LANES):
                    client.hset(Keys().lane(lane), "offset", client.xlen(keys.log_lane(lane)))
                time.sleep(0.005)

    follower = threading.Thread(target=follow)
    follower.start()
    try:
        yield
    finally:
        over.set()
        follower.join()


def orders(count: int, path: str = "orders.csv", *, bad: int = 0, first: int = 0) -> Path:
    """A file of so many orders, in no order; the one in line `bad` cannot be read."""
    rows = [f"N{n},{YESTERDAY - n % 28 * DAY:%Y-%m-%d},K{n % 9},{n}.25\n" for n in range(first, first + count)]
    random.Random(1).shuffle(rows)
    if bad:
        rows[bad - 2] = "N,2026-02-30,secret,1\n"  # a day that never was
    Path(path).write_text(HEADER + "".join(rows))
    return Path(path)


def deploy(servers: Settings) -> None:
    async def deploy() -> None:
        async with connect(servers.redis) as redis:
            await open_deployment(redis, Settings(redis=servers.redis, lanes=LANES))

    asyncio.run(deploy())


words_alone = pytest.mark.parametrize("servers", ["redis"], indirect=True)
"""Where it is the same for each log."""


@pytest.fixture
def run(configured: Callable[[str], None], servers: Settings) -> Run:
    configured(TOML)
    return runner(servers)


def runner(servers: Settings) -> Run:
    """`runner(servers)(*words)` runs the command on these servers, which get a deployment."""
    deploy(servers)

    def run(*words: str, flags: tuple[str, ...] = FLAGS) -> Result:
        return CliRunner().invoke(main, ["import", *words, *flags, "--redis", servers.redis, "--log", servers.log])

    return run


def facts(servers: Settings) -> list[Fact]:
    return [record for lane in in_log(servers) for record in lane if isinstance(record, Fact)]


def ends(servers: Settings) -> list[ImportEnd]:
    return [record for lane in in_log(servers) for record in lane if isinstance(record, ImportEnd)]
