"""The table of faults can fail: each comparison detects lost and doubled events, each watcher its fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from api.exposition import families
from api.numbers import NumbersReader
from benchmarks import exposition
from benchmarks.waiting import until
from tests.archive_stand import LANES as ARCHIVED_LANES
from tests.archive_stand import Stand
from tests.faults import audit
from tests.faults.history import compared
from tests.faults.repeats import LastSeen
from tests.faults.stage import Stage
from tests.faults.workers import Stall
from tests.integration.kill.books import LANES, Books
from tests.integration.kill.ledger import Ledger, lines_of, promised
from tests.integration.kill.load import Load
from tests.integration.kill.tail import StreamsTail
from tests.integration.kill.traffic import BOT, CHROME, ORIGIN, SITE, Message
from wakeline import keys
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.log import Log
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.redis.connect import connect
from wakeline.settings import Site

DAY = "2027-01-04"
NOW = 1_799_064_000_000  # noon of it


def message(number: int, type: str, *, path: str = "/", agent: str = CHROME, **body: Any) -> Message:
    event = {"type": type, "page": f"page-{number}", "n": 0, "time": NOW, "url": ORIGIN + path, **body}
    return Message("full", [event], {"User-Agent": agent})


SENT = {
    "a view": message(0, "page_view"),
    "a view of another page": message(1, "page_view", path="/bags"),
    "engagement": message(2, "engagement", engaged_ms=3_000),
    "a ping": message(3, "ping"),
    "a custom event": message(4, "search"),
    "a bot's view": message(5, "page_view", agent=BOT),
}


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """All of them were answered 202."""
    return written(tmp_path / "ledger.jsonl", [(each, 202) for each in SENT.values()])


def written(path: Path, answered: list[tuple[Message, int]]) -> Path:
    book = Ledger(path)
    for each, answer in answered:
        book.enter(each, answer=answer, at=NOW, took=3.0)
    book.close()
    return path


# ---- the file -------------------------------------------------------------------------------------


def test_what_was_refused_and_then_taken_is_promised_once(tmp_path: Path) -> None:
    view = SENT["a view"]
    lines = lines_of(written(tmp_path / "ledger", [(view, 0), (view, 503), (view, 202), (view, 202)]))
    ids, counted = promised(lines)
    assert ids == {("page-0", 0)}
    assert (counted.events, counted.views) == (1, {"/": 1})


def test_what_was_only_refused_is_promised_to_nobody(tmp_path: Path) -> None:
    ids, counted = promised(lines_of(written(tmp_path / "ledger", [(SENT["a view"], 503), (SENT["a ping"], 0)])))
    assert not ids
    assert counted.events == 0


def test_a_line_that_was_cut_is_left_out(ledger: Path) -> None:
    ledger.write_bytes(ledger.read_bytes()[:-3])
    assert len(list(lines_of(ledger))) == len(SENT) - 1


def test_answers_and_their_times_are_in_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    book = Ledger(path)
    for number in range(100):
        answer = 503 if number >= 90 else 202
        book.enter(message(number, "ping"), answer=answer, at=NOW + number, took=float(number))
    book.close()
    assert audit.slowest(path, 0.99) == 99.0
    assert audit.slowest(path, 1.0, until=NOW + 50) == 49.0
    assert audit.answers(path, since=NOW + 80) == {202: 10, 503: 10}


# ---- the three comparisons ------------------------------------------------------------------------


class Held:
    """A real server that holds what a processor would have made of some messages; each may be there 0, 1 or 2 times."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._redis = redis.Redis.from_url(url)
        self._redis.hset(keys.DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": 0, "half_life": 1 << 40})

    def close(self) -> None:
        self._redis.close()

    def apply(self, messages: list[Message]) -> None:
        names = Keys()
        for lane, each in enumerate(messages):
            (event,) = each.events
            type, path = event["type"], event["url"].removeprefix(ORIGIN)
            adds = {"bot_events": 1} if each.is_bot else {"engaged_ms": event.get("engaged_ms", 0)}
            if not each.is_bot and type == "page_view":
                adds["page_views"] = 1
                self._redis.zincrby(names.top(lane, SITE, "pages", keys.date(DAY)), 1, path)
            if not each.is_bot and type == "search":
                adds["events"] = 1
                self._redis.zincrby(names.top(lane, SITE, "events", keys.date(DAY)), 1, type)
            for name, amount in adds.items():
                self._redis.hincrby(names.totals(lane, SITE), name, amount)
                self._redis.hincrby(names.day(lane, SITE, DAY), name, amount)
            self._redis.hincrby(names.lane(lane), "applied", 1)
            self._redis.hincrby(names.lane(lane), "offset", 1)

    def log(self, messages: list[Message]) -> None:
        async def append() -> None:
            log = RedisStreamsLog(self.url, LANES)
            for lane, each in enumerate(messages):
                (event,) = each.events
                record = {"kind": "event", "page": event["page"], "n": event["n"]}
                await log.append([(lane, json.dumps(record).encode())])
            await log.close()

        asyncio.run(append())

    def books(self) -> Books:
        return Books(self.url, StreamsTail(self.url))

    def told(self) -> exposition.Samples:
        """What the read side says of it to Prometheus."""

        async def open_log(lanes: int) -> Log:
            return RedisStreamsLog(self.url, lanes)

        async def read() -> str:
            reader = NumbersReader(self.url, {SITE: Site(key=SITE, origins=(ORIGIN,))}, open_log)
            registry = CollectorRegistry()
            registry.register(Rendered(list(families(await reader.read(now=NOW), top=20))))
            await reader.close()
            return generate_latest(registry).decode()

        return exposition.samples_of(asyncio.run(read()))


class Rendered(Collector):
    def __init__(self, families: list[Any]) -> None:
        self._families = families

    def collect(self) -> Iterator[Any]:
        return iter(self._families)


@pytest.fixture
def held(redis_server: Any) -> Iterator[Held]:
    with closing(Held(redis_server.url)) as made:
        yield made


def in_log(held: Held, ledger: Path, there: list[Message]) -> audit.Verdict:
    held.log(there)
    with closing(held.books()) as books:
        return audit.of_log(ledger, books.ids())


def in_redis(held: Held, ledger: Path, there: list[Message]) -> audit.Verdict:
    held.apply(there)
    with closing(held.books()) as books:
        return audit.of_redis(ledger, books)


def in_exposition(held: Held, ledger: Path, there: list[Message]) -> audit.Verdict:
    held.apply(there)
    return audit.of_prometheus(ledger, held.told())


Compare = Callable[[Held, Path, list[Message]], audit.Verdict]
COUNTS = pytest.mark.parametrize("compare", [in_redis, in_exposition])
EVERYWHERE = pytest.mark.parametrize("compare", [in_log, in_redis, in_exposition])


@EVERYWHERE
def test_all_is_there_once(held: Held, ledger: Path, compare: Compare) -> None:
    found = compare(held, ledger, list(SENT.values()))
    assert (found.lost, found.doubled) == (0, 0)


@EVERYWHERE
@pytest.mark.parametrize("what", SENT)
def test_one_that_is_lost_is_seen(held: Held, ledger: Path, compare: Compare, what: str) -> None:
    found = compare(held, ledger, [each for name, each in SENT.items() if name != what])
    assert (found.lost, found.doubled) == (1, 0)


@COUNTS
@pytest.mark.parametrize("what", SENT)
def test_one_that_is_doubled_is_seen(held: Held, ledger: Path, compare: Compare, what: str) -> None:
    found = compare(held, ledger, [*SENT.values(), SENT[what]])
    assert (found.lost, found.doubled) == (0, 1)


@COUNTS
def test_one_lost_and_one_doubled_do_not_hide_each_other(held: Held, ledger: Path, compare: Compare) -> None:
    there = [each for name, each in SENT.items() if name != "a view"]
    found = compare(held, ledger, [*there, SENT["a view of another page"]])
    assert (found.lost, found.doubled) == (1, 1)


def test_one_in_the_log_that_nobody_sent_is_seen(held: Held, ledger: Path) -> None:
    found = in_log(held, ledger, [*SENT.values(), message(99, "ping")])
    assert (found.lost, found.doubled) == (0, 1)


def test_a_read_side_that_says_nothing_has_lost_it_all(ledger: Path) -> None:
    assert audit.of_prometheus(ledger, {}).lost == len(SENT)


def test_a_list_whose_sum_is_not_its_counter_is_seen(held: Held, ledger: Path) -> None:
    held.apply(list(SENT.values()))
    samples = held.told()
    samples["wakeline_page_views_total", (("site", SITE),)] += 1
    assert audit.of_prometheus(ledger, samples).doubled == 1


# ---- what else rows look at ------------------------------------------------------------------------


async def archived(redis_server: Any, folder: Path) -> Stand:
    """Two files of three records for each lane."""
    client = connect(redis_server.url)
    stand = Stand(folder, client)
    archiver = await stand.archiver()
    for n in range(6):
        for lane in range(ARCHIVED_LANES):
            await stand.append(lane, b'{"n":%d}' % n)
        if n in (2, 5):
            await stand.read_on(archiver)
            await archiver.seal_all()
    await client.aclose()
    return stand


def last_of(folder: Path) -> Path:
    return max(folder.rglob("*.gz"))


def values(stand: Stand) -> dict[int, list[bytes]]:
    return {lane: [entry.value for entry in entries] for lane, entries in stand.truth.items()}


async def test_an_archive_that_is_the_log_once(redis_server: Any, tmp_path: Path) -> None:
    stand = await archived(redis_server, tmp_path)
    assert compared(tmp_path, values(stand)) == (0, 0)


async def test_a_file_that_the_archive_lacks_is_seen(redis_server: Any, tmp_path: Path) -> None:
    stand = await archived(redis_server, tmp_path)
    last_of(tmp_path).unlink()
    assert compared(tmp_path, values(stand)) == (3, 0)


async def test_records_that_the_log_does_not_hold_are_seen(redis_server: Any, tmp_path: Path) -> None:
    stand = await archived(redis_server, tmp_path)
    log = values(stand)
    log[1][4] = b"another"
    del log[2][5]
    assert compared(tmp_path, log) == (1, 2)


def test_a_last_seen_that_goes_back_is_seen(redis_server: Any) -> None:
    truth = SimpleNamespace(visitors={"ann": 1, "bob": 1}, customers={})
    seen = LastSeen(cast(Stage, SimpleNamespace(server=redis_server)), cast(Load, SimpleNamespace(truth=truth)))
    with redis.Redis(port=redis_server.port) as client:
        for time, went_back in ((5, 0), (6, 0), (4, 1), (6, 1)):
            client.hset(Keys().profile(lane_of(SITE, "ann", LANES), SITE, "ann"), "last_seen", time)
            seen.look()
            assert seen.went_back == went_back
    assert seen.looks == 4


async def test_a_lane_that_stands_still_is_seen() -> None:
    places = [0] * LANES

    def move() -> list[int]:
        places[:-1] = [place + 1 for place in places[:-1]]
        return list(places)

    stall = Stall(cast(Stage, SimpleNamespace(books=SimpleNamespace(places=move))))
    watching = asyncio.create_task(stall.watch())
    await until(lambda: stall.longest > 0.25, "it is seen")
    watching.cancel()
