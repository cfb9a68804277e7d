"""The table of faults can fail: each comparison sees what was lost and what was doubled, and so does each row."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

import tests.faults.__main__ as command
from api.exposition import families
from api.numbers import NumbersReader
from tests.faults import audit, exposition
from tests.faults.outcome import Outcome, worst
from tests.faults.rows import KAFKA, KILL, LOGS, ONCE, OUTAGE, REDIS, Row, minutes, rows
from tests.faults.stage import Stage
from tests.faults.watching import growth
from tests.integration.kill.books import LANES, Books
from tests.integration.kill.ledger import Ledger, lines_of, promised
from tests.integration.kill.tail import StreamsTail
from tests.integration.kill.traffic import BOT, CHROME, ORIGIN, SITE, Message
from wakeline import keys
from wakeline.keys import Keys
from wakeline.log import Log
from wakeline.log.redis_streams import RedisStreamsLog
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


# ---- figures --------------------------------------------------------------------------------------


def test_the_worst_of_several_seeds_is_shown() -> None:
    outcomes = [Outcome(), Outcome()]
    for outcome, lost, seconds, spooled in zip(outcomes, (0, 2), (40, 5), (9, 3), strict=True):
        outcome.is_exactly("lost", lost, 0)
        outcome.at_most("caught up s", seconds, 60)
        outcome.at_least("spooled", spooled, 1)
    found = worst(outcomes)
    assert {name: figure.value for name, figure in found.figures.items()} == {
        "lost": 2,
        "caught up s": 40,
        "spooled": 3,
    }
    assert found.failures == ["lost 2, must be == 0"]
    assert not outcomes[0].failures


@pytest.mark.parametrize(
    ("values", "percent"),
    [
        pytest.param([*range(50, 80), *[100] * 70], 0, id="warm, then flat"),
        pytest.param([100] * 90 + [110] * 10, 10, id="it grows at the end"),
        pytest.param([100] * 95 + [200] + [100] * 4, 0, id="one peak is none"),
    ],
)
def test_growth_is_what_stays_after_the_warm_up(values: list[int], percent: float) -> None:
    assert growth(values) == pytest.approx(percent)


# ---- the table ------------------------------------------------------------------------------------

BOTH = (REDIS, KAFKA)
PROMISED = {
    "kill -9 processor under 500 events/s": (KILL, BOTH),
    "kill -9 processor beside another": (OUTAGE, BOTH),
    "SIGTERM processor mid-batch": (KILL, BOTH),
    "Redis away 60 s": (OUTAGE, BOTH),
    "kill -9 Redis, its file cut back to the last fsync": (KILL, BOTH),
    "Redis restored from an older backup": (OUTAGE, (KAFKA,)),
    "Kafka away 60 s": (OUTAGE, (KAFKA,)),
    "Kafka paused 30 s": (OUTAGE, (KAFKA,)),
    "kill -9 collector, its spool cut back to the last fsync": (KILL, BOTH),
    "spool disk full": (OUTAGE, BOTH),
    "workers 1, 2, 1, ten times": (ONCE, BOTH),
    "a worker paused 60 s while another takes its lanes": (OUTAGE, BOTH),
    "replies of Redis lost after the script ran": (OUTAGE, BOTH),
    "1 % poison records": (OUTAGE, BOTH),
    "a valid event that makes a rule raise": (OUTAGE, BOTH),
    "exception in 1 of 100 batches, and a mutant that commits too early": (OUTAGE, BOTH),
    "duplicates x3 in any order, skewed and late clocks, two tabs": (OUTAGE, BOTH),
    "replay into an empty key version while live": (OUTAGE, BOTH),
    "archiver killed at any line": (KILL, BOTH),
    "soak 20 min at 300 events/s": (ONCE, BOTH),
    "Prometheus away": (OUTAGE, BOTH),
}


def test_every_promise_is_a_row() -> None:
    """None is dropped, or run less often, without this table noticing."""
    assert {row.name: (row.seeds, row.logs) for row in rows()} == PROMISED


def test_the_whole_table_fits_its_time() -> None:
    assert minutes(rows(), LOGS) <= command.MOST_MINUTES


async def raises(stage: Stage, seed: int, outcome: Outcome) -> None:
    raise ZeroDivisionError("a mistake of the row")


async def hangs(stage: Stage, seed: int, outcome: Outcome) -> None:
    await asyncio.sleep(60)


async def misses(stage: Stage, seed: int, outcome: Outcome) -> None:
    outcome.is_exactly("lost", seed, 0)


async def holds(stage: Stage, seed: int, outcome: Outcome) -> None:
    outcome.is_exactly("lost", 0, 0)


def asked(monkeypatch: pytest.MonkeyPatch, folder: Path, runs: list[Any], *words: str) -> Result:
    made = tuple(Row(run.__name__, run, 2, 0.1, logs=(REDIS,), own_disk=True) for run in runs)
    monkeypatch.setattr(command, "rows", lambda minutes=1.0: made)
    return CliRunner().invoke(command.main, [*words, "--report", str(folder / "faults.json")])


FAILING = {raises: "ZeroDivisionError: a mistake of the row", hangs: "not done within 0.3 s", misses: "lost 1"}


@pytest.mark.parametrize("run", FAILING)
def test_a_row_that_fails_is_named_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Any
) -> None:
    result = asked(monkeypatch, tmp_path, [run, holds])
    assert result.exit_code == 1
    assert f"FAILED: {run.__name__} [redis]" in result.output
    assert "FAILED: holds" not in result.output
    assert FAILING[run] in result.output.replace("\n", "")
    first, second = json.loads((tmp_path / "faults.json").read_text())
    assert first["failures"]
    assert (second["figures"], second["failures"], second["seeds"]) == ({"lost": 0}, [], 2)


def test_one_seed_of_one_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = asked(monkeypatch, tmp_path, [misses, raises], "--only", "MISS", "--seed", "0")
    assert result.exit_code == 0, result.output
    assert asked(monkeypatch, tmp_path, [misses], "--seed", "7").exit_code == 1
    assert asked(monkeypatch, tmp_path, [misses], "--seeds", "1").exit_code == 0


def test_no_row_begins_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "MOST_MINUTES", -1.0)
    result = asked(monkeypatch, tmp_path, [holds])
    assert result.exit_code == 1
    assert "not run" in result.output


def test_words_that_name_no_row_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = asked(monkeypatch, tmp_path, [holds], "--only", "nothing like it")
    assert result.exit_code == 2
    assert "--list names them" in result.output
    assert asked(monkeypatch, tmp_path, [holds], "--log", "kafka").exit_code == 2


def test_a_soak_that_is_once_is_not_run_on_both() -> None:
    (soak,) = (row for row in rows() if row.is_once)
    assert (soak.logs_of(LOGS), soak.logs_of((REDIS,))) == ((KAFKA,), (REDIS,))
    assert dataclasses.replace(soak, is_once=False).logs_of(LOGS) == LOGS
