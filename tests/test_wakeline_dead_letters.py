"""`wakeline dead-letters`: finds records, shows them safely, retries them once, removes them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result

from ops.cli import main
from tests.timeline import Timeline, event
from wakeline import dead_letters, keys
from wakeline.dead_letters import DeadLetter
from wakeline.durations import DAY_MS
from wakeline.keys import Keys
from wakeline.log.opening import open_log
from wakeline.redis.connect import connect, connect_blocking
from wakeline.settings import Settings

FILE = '[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\n'
LANES = 4
NOW = time.time_ns() // 1_000_000
EVENT = '{"kind":"event","site":"blog","visitor":"v","type":"page_view","page":"p","n":0,"time":%d}'

LETTERS = [
    # lane, offset, reason, record, error; oldest first
    (0, 7, "malformed: Input data was truncated", '{"kind', ""),
    (2, 1, "unknown_site", EVENT % NOW, ""),
    (0, 9, "unknown_site", EVENT % (NOW - 9 * DAY_MS), ""),
    (1, 3, "bug", EVENT % NOW, "Traceback:\n  one\x1b[31m line\nZeroDivisionError"),
    (3, 0, "malformed: \x1b]0;owned\x07", "no\x1b[2J JSON\r\nsecond", ""),
    (3, 5, "bug", '{"kind":"delta","source":0,"after":0,"upto":4}', "Traceback"),
]

Run = Callable[..., Result]

redis_alone = pytest.mark.parametrize("servers", ["redis"], indirect=True)
"""They are in Redis, wherever the log is: only retries need a log."""


@pytest.fixture
def client(servers: Settings) -> Iterator[redis.Redis]:
    with connect_blocking(servers.redis) as client:
        client.hset(keys.DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": 0, "half_life": 1})
        for number, (lane, offset, reason, record, error) in enumerate(LETTERS):
            fields: Any = {"offset": offset, "reason": reason, "v": record, "error": error}
            client.xadd(Keys().dead(lane), fields, id=f"{NOW}-{number + 1}")
        yield client


@pytest.fixture
def run(configured: Callable[[str], None], servers: Settings) -> Run:
    configured(FILE)

    def run(*words: str) -> Result:
        command = ["dead-letters", *words, "--redis", servers.redis]
        return CliRunner().invoke(main, command, env={"COLUMNS": "120", "WAKELINE_LOG": servers.log})

    return run


def logged(servers: Settings) -> list[tuple[int, bytes]]:
    """(lane, record) of all that the log holds."""

    async def read() -> list[tuple[int, bytes]]:
        log = await open_log(servers, LANES)
        found = await log.read(dict.fromkeys(range(LANES), 0), limit=100, wait_ms=0)
        await log.close()
        return [(lane, entry.value) for lane in sorted(found) for entry in found[lane]]

    return asyncio.run(read())


def ids(said: Result) -> list[str]:
    """As --json lists them."""
    assert said.exit_code == 0, said.output
    return [json.loads(line)["id"] for line in said.output.splitlines()]


def test_they_are_counted_by_reason_and_listed_newest_first(run: Run, client: redis.Redis) -> None:
    said = run("list").output
    counts = sorted(line.split() for line in said.splitlines()[:3])
    assert counts == [["2", "bug"], ["2", "malformed"], ["2", "unknown_site"]]
    shown = [line.split()[0] for line in said.splitlines() if line.strip()[:1].isdigit() and ":" in line.split()[0]]
    assert shown == ["3:5", "3:0", "1:3", "0:9", "2:1", "0:7"]


CHOICES = {
    "all": ((), ["3:5", "3:0", "1:3", "0:9", "2:1", "0:7"]),
    "of a lane": (("--lane", "0"), ["0:9", "0:7"]),
    "of a reason": (("--reason", "malformed"), ["3:0", "0:7"]),
    "of both": (("--reason", "unknown_site", "--lane", "2"), ["2:1"]),
}


@redis_alone
@pytest.mark.parametrize("name", CHOICES)
def test_some_of_them(run: Run, client: redis.Redis, name: str) -> None:
    words, wanted = CHOICES[name]
    assert ids(run("list", "--json", *words)) == wanted


@redis_alone
def test_more_than_are_shown_are_said(run: Run, client: redis.Redis) -> None:
    assert "4 more" in run("list", "--limit", "2").output


@redis_alone
def test_none(run: Run, client: redis.Redis) -> None:
    client.delete(*(Keys().dead(lane) for lane in range(LANES)))
    assert run("list").output == "no dead letters\n"


@redis_alone
@pytest.mark.parametrize("id", ["3:0", "1:3"])
def test_nothing_in_a_record_steers_the_terminal(run: Run, client: redis.Redis, id: str) -> None:
    for said in (run("show", id).output, run("list").output):
        assert not [char for char in said if not char.isprintable() and char != "\n"]


def test_one_is_shown_with_its_traceback(run: Run, client: redis.Redis) -> None:
    said = run("show", "1:3").output
    assert "bug" in said
    assert EVENT % NOW in said
    assert said.endswith("ZeroDivisionError\n")


@redis_alone
@pytest.mark.parametrize("words", [("show", "9:9"), ("retry", "9:9", "--yes"), ("drop", "0:7", "9:9", "--yes")])
def test_one_that_is_not_there(run: Run, client: redis.Redis, words: tuple[str, ...]) -> None:
    said = run(*words)
    assert said.exit_code == 1
    assert "there is no dead letter 9:9" in said.output
    assert len(ids(run("list", "--json"))) == len(LETTERS)


@redis_alone
@pytest.mark.parametrize("word", ["retry", "drop"])
@pytest.mark.parametrize("words", [(), ("--all", "0:7"), ("0:7", "--reason", "bug"), ("0:7", "--lane", "0")])
def test_which_ones_must_be_clear(run: Run, client: redis.Redis, word: str, words: tuple[str, ...]) -> None:
    said = run(word, *words)
    assert said.exit_code == 2
    assert len(ids(run("list", "--json"))) == len(LETTERS)


def test_tried_again_they_are_records_of_their_lane(run: Run, client: redis.Redis, servers: Settings) -> None:
    """Oldest first, as they were; off the list."""
    said = run("retry", "--all", "--reason", "unknown_site", "--yes")
    assert said.output == "2 dead letters appended again\n"
    assert logged(servers) == [(0, LETTERS[2][3].encode()), (2, LETTERS[1][3].encode())]
    assert ids(run("list", "--json")) == ["3:5", "3:0", "1:3", "0:7"]


def test_what_the_processor_made_itself_is_not_tried_again(run: Run, client: redis.Redis, servers: Settings) -> None:
    """What came after it is applied: it would be taken for a repetition, in silence."""
    said = run("retry", "--all", "--reason", "bug", "--yes")
    assert said.exit_code == 1
    assert "3:5" in said.output
    assert "wakeline replay --from start" in said.output
    assert logged(servers) == []


def test_removed(run: Run, client: redis.Redis, servers: Settings) -> None:
    assert run("drop", "0:7", "3:0", "--yes").output == "2 dead letters removed\n"
    assert ids(run("list", "--json")) == ["3:5", "1:3", "0:9", "2:1"]
    assert logged(servers) == []


def test_an_old_event_would_be_too_late() -> None:
    def letter(record: str) -> DeadLetter:
        return DeadLetter(id="0:0", lane=0, at=NOW, reason="bug", record=record, is_text=True, error="", stored="1-1")

    ages = {0: False, 7 * DAY_MS: False, 9 * DAY_MS: True}
    assert {age: letter(EVENT % (NOW - age)).is_too_late(NOW) for age in ages} == ages
    assert not letter("no JSON").is_too_late(NOW)
    assert not letter('{"time": "soon"}').is_too_late(NOW)
    assert not letter("[" * 5_000).is_too_late(NOW)


def test_what_is_not_even_text_is_shown_and_not_tried_again(run: Run, client: redis.Redis, servers: Settings) -> None:
    client.xadd(Keys().dead(1), {"offset": 4, "reason": "malformed", "v": b"\xff\xfe{", "error": ""})
    assert "\\xff\\xfe{" in run("show", "1:4").output
    said = run("retry", "1:4", "0:7", "--yes")
    assert said.exit_code == 1
    assert "1:4: not valid text" in said.output
    assert logged(servers) == []


async def test_a_site_that_is_configured_late_gets_its_events_once(servers: Settings) -> None:
    """Tried twice, as when the first attempt was cut: the second time it is a duplicate, and the books balance."""
    log = await open_log(servers, LANES)
    made, late = Timeline(servers.redis, sites=()), Timeline(servers.redis)
    made.log = late.log = log  # type: ignore[assignment]
    await made.start()
    await made.append(event("visitor-1", "page-one", 0, 0))
    await made.run()
    letters = await dead_letters.dead_letters(made.redis, Keys(), range(LANES), lambda letter: True)
    assert [letter.reason for letter in letters] == ["unknown_site"]
    await late.start()
    await dead_letters.retry(late.redis, Keys(), log, letters)
    await dead_letters.retry(late.redis, Keys(), log, letters)
    await late.run()
    assert not await dead_letters.dead_letters(made.redis, Keys(), range(LANES), lambda letter: True)
    ledger = await late.ledger()
    assert (ledger["applied"], ledger["duplicate"], ledger["dead"]) == (1, 1, 1)
    assert (await late.totals())["page_views"] == 1
    await log.close()
    await made.close()
    await late.close()


def test_of_what_was_cut_a_part_is_shown_and_the_whole_is_tried_again_while_the_log_has_it(
    run: Run, client: redis.Redis, servers: Settings
) -> None:
    whole = (EVENT % NOW).replace('"page"', '"customer":"@alice","page"').encode()

    async def append() -> str:
        log = await open_log(servers, LANES)
        await log.append([(1, b"{}"), (1, whole)])
        identity = await log.identity()
        await log.close()
        return identity

    identity = asyncio.run(append())
    for offset in (1, 2):  # the latter is of no place in the log
        fields: dict[Any, Any] = {"offset": offset, "reason": "bug", "v": EVENT % NOW, "error": "", "cut": 1}
        client.xadd(Keys().dead(1), fields)
    assert run("retry", "1:1", "--yes").exit_code == 1  # the lane stands in no log yet
    client.hset(Keys().lane(1), "log", identity)
    said = run("retry", "1:1", "1:2", "--yes")
    assert said.exit_code == 1
    assert "1:2: the dead letter is incomplete" in said.output
    assert "1:1" in ids(run("list", "--json"))
    assert "@alice" not in run("show", "1:1").output
    assert run("retry", "1:1", "--yes").exit_code == 0
    assert logged(servers) == [(1, b"{}"), (1, whole), (1, whole)]
    assert "1:1" not in ids(run("list", "--json"))


# ---- who was forgotten --------------------------------------------------------------------------


@redis_alone
async def test_those_that_hold_the_id_of_the_forgotten_go_wherever_they_lie(client: redis.Redis) -> None:
    """In a lane that is not the person's, in no record at all, in a traceback; not where another id begins alike."""
    person = "visitor-1"
    kept = {
        "another's": ('{"kind":"event","site":"shop","visitor":"visitor-10"}', ""),
        "one that ends alike": ("a-visitor-1 that is no record", ""),
        "of another site": ('{"kind":"event","site":"blog","visitor":"visitor-1"}', ""),
    }
    gone = {
        "an event": ('{"kind":"event","site":"shop","visitor":"visitor-1"}', ""),
        "no record": ("..visitor-1 \x00", ""),
        "a traceback": ("{}", "KeyError: 'visitor-1'"),
    }
    for key in client.scan_iter("wl1:*dead*"):
        client.delete(key)
    for number, (record, error) in enumerate([*kept.values(), *gone.values()]):
        fields: Any = {"offset": number, "reason": "bug", "v": record, "error": error, "about": f"shop/{number} 7"}
        stored = client.xadd(Keys().dead(number % LANES), fields)
        client.zadd(Keys().dead_about(number % LANES), {f"shop/{number} 7 {stored.decode()}": 0})
    async with connect(url_of(client)) as asked:
        assert await dead_letters.forget(asked, Keys(), range(LANES), "shop", person) == len(gone)
        left = await dead_letters.dead_letters(asked, Keys(), range(LANES), lambda letter: True)
    assert {letter.record for letter in left} == {record for record, _ in kept.values()}
    lines = [line for lane in range(LANES) for line in client.zrange(Keys().dead_about(lane), 0, -1)]
    assert len(lines) == len(kept)


def url_of(client: redis.Redis) -> str:
    options = client.connection_pool.connection_kwargs
    return f"redis://{options['host']}:{options['port']}/{options['db']}"


@redis_alone
def test_one_of_which_only_the_reason_was_kept_is_not_tried_again(run: Run, client: redis.Redis) -> None:
    client.xadd(Keys().dead(1), {"offset": 4, "reason": "malformed", "v": "", "error": "", "about": "-"})
    said = run("retry", "1:4", "--yes")
    assert (said.exit_code, "was erased" in said.output) == (1, True)
    assert run("drop", "1:4", "--yes").exit_code == 0
