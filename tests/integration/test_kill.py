"""kill -9 of the processor under load, lost replies, bad records and rules that raise: each event counts once.

kill/traffic.py   seeded visitors, and what must come of them
kill/load.py      browsers that send it to the real collector
kill/services.py  the processes that are killed
kill/proxy.py     a network that loses what it is told to lose
kill/books.py     what Redis holds in the end, and where that differs
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from processor.replay import replay
from processor.sites import SiteFacts
from tests.integration.kill.books import LANES, Books
from tests.integration.kill.load import load
from tests.integration.kill.proxy import Fate, Proxy, Word, proxy
from tests.integration.kill.services import Deployment, deployment, until
from tests.integration.kill.traffic import SITE, now_ms
from wakeline.connect import connect
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.lanes import FIELDS, lane_of, stored_deployment
from wakeline.log.opening import open_log

KILLS = 5  # of one seed
AGAIN = 2  # key version of a replay
TAKEN_OVER_WITHIN_S = 30.0

pytestmark = pytest.mark.kill


@pytest.fixture(params=["redis", "kafka"])
def log(request: pytest.FixtureRequest) -> str:
    """Its URL; none for the log in Redis."""
    if request.param == "redis":
        return ""
    return f"{request.getfixturevalue('kafka').url}/{request.getfixturevalue('topic')}"


@pytest.fixture
def made(tmp_path: Path, own_server: Any, free_ports: Callable[[int], list[int]], log: str) -> Iterator[Deployment]:
    with deployment(tmp_path, own_server, free_ports(4), log) as made:
        yield made


# ---- killed under load ----------------------------------------------------------------------------

WORDS = [(word, fate) for word in Word for fate in (Fate.LOSE_REQUEST, Fate.LOSE_REPLY)]
TIMES_S = {"as it starts": (0.0, 1.5), "as it catches up": (0.0, 0.1), "at work": (0.1, 1.0)}


async def test_a_killed_processor_loses_nothing_and_doubles_nothing(made: Deployment, kill_seed: int) -> None:
    """Killed at any time, and right before or after Redis did what it had asked for.

    The log that it left behind, folded again into another version, says the same.
    """
    rng = random.Random(kill_seed)
    made.collector.start()
    async with proxy(made.server.port) as wire, load(kill_seed, made.port) as sent:
        made.processor.flags["redis"] = f"redis://127.0.0.1:{wire.port}/0"
        words = [(word, fate) for word, fate in WORDS if made.on_redis(word)]
        for moment in rng.sample([*words, *TIMES_S], KILLS):
            if isinstance(moment, str):
                await kill_at_a_time(made, moment, rng.uniform(*TIMES_S[moment]))
            else:
                await kill_at_a_word(made, wire, *moment, after=rng.randrange(40))
            made.books.free_the_lease()
        made.processor.flags["redis"] = made.server.url
    assert sent.retried == 0
    await made.until_drained()
    assert made.books.differences(sent.truth, seen_twice=sent.repeated) == {}
    with closing(await replayed(made, rng)) as books:
        assert books.differences(sent.truth, seen_twice=sent.repeated) == {}


async def replayed(made: Deployment, rng: random.Random) -> Books:
    """The books of another version that the log was folded into again, with a crash in the middle."""
    made.books.lift_tombstones()
    crashes = iter([False] * rng.randrange(16) + [True])

    def progress(records: int) -> None:
        if next(crashes, False):
            raise ZeroDivisionError

    async with connect(made.server.url) as redis:
        facts: dict[str, Any] = {
            "sites": {SITE: SiteFacts(made.site)},
            "deployment": stored_deployment(await redis.hmget(DEPLOYMENT, FIELDS)),
            "key_space": Keys(AGAIN),
        }
        log = await open_log(made.settings, LANES)
        with pytest.raises(ZeroDivisionError):
            await replay(log, redis, batch_records=rng.randrange(1, 40), progress=progress, **facts)
        await replay(log, redis, batch_records=rng.randrange(40, 400), **facts)
        await log.close()
    return Books(made.server.url, made.tail, AGAIN)


async def kill_at_a_time(made: Deployment, moment: str, pause_s: float) -> None:
    before = made.books.moved()
    made.processor.start()
    if moment != "as it starts":
        await until(lambda: made.books.moved() > before, "it works")
    await asyncio.sleep(pause_s)
    made.processor.kill()


async def kill_at_a_word(made: Deployment, wire: Proxy, word: Word, fate: Fate, *, after: int) -> None:
    """Kill it as it says `word` for the time number `after`."""
    left = after

    def decide(said: Word) -> Fate:
        nonlocal left
        left -= said is word
        return fate if left < 0 else Fate.PASS

    killed = asyncio.Event()

    def kill() -> None:
        if not killed.is_set():
            made.processor.kill()
            killed.set()

    wire.decide, wire.lost = decide, kill
    made.processor.start()
    await until(killed.is_set, f"it says {word.name}")
    wire.decide, wire.lost = lambda word: Fate.PASS, lambda: None


async def test_who_stands_by_takes_over_from_the_killed(made: Deployment) -> None:
    """Soon after a kill -9, and all is applied once."""
    made.collector.start()
    made.processor.start()
    async with load(100, made.port) as sent:
        await until(made.books.moved, "the first works")
        made.standby.start()
        await made.until_the_second_is_there()
        made.processor.kill()
        before = made.books.places()

        def has_taken_over() -> bool:
            return all(now > then for then, now in zip(before, made.books.places(), strict=True))

        await until(has_taken_over, "the second works on every lane", within=TAKEN_OVER_WITHIN_S)
    await until(made.books.are_settled, "all is applied")
    assert made.books.differences(sent.truth, seen_twice=sent.repeated) == {}


async def test_who_was_only_frozen_writes_nothing_more(made: Deployment) -> None:
    """An owner that is stopped for longer than its lease, with a write on its way that arrives after all."""
    made.collector.start()
    async with proxy(made.server.port) as wire, load(101, made.port) as sent:
        made.processor.flags["redis"] = f"redis://127.0.0.1:{wire.port}/0"
        made.processor.start()
        await until(made.books.moved, "the first works")
        made.standby.start()
        await made.until_the_second_is_there()
        is_frozen = False

        def freeze(word: Word) -> Fate:
            nonlocal is_frozen
            if is_frozen or word is not Word.WRITE:
                return Fate.PASS
            made.processor.signal(signal.SIGSTOP)
            is_frozen = True
            return Fate.HOLD

        wire.decide = freeze
        await until(lambda: is_frozen, "the first is about to write")
        before = made.books.places()

        def is_in_every_lane() -> bool:
            return all(now > then for then, now in zip(before, made.books.places(), strict=True))

        await until(is_in_every_lane, "the second has written to every lane")
        wire.held.set()
        made.processor.signal(signal.SIGCONT)
        await until(lambda: not made.processor.is_alive, "the first ends by itself")
    await until(made.books.are_settled, "all is applied")
    assert made.standby.is_alive
    assert made.books.differences(sent.truth, seen_twice=sent.repeated) == {}


# ---- lost on the way ------------------------------------------------------------------------------


@pytest.mark.parametrize("word", Word)
async def test_a_reply_of_redis_that_never_comes_doubles_nothing(made: Deployment, word: Word) -> None:
    """The processor's own process goes on: it asks again, and what was done is told by its stamp."""
    if not made.on_redis(word):
        pytest.skip("the log is not on this wire")
    rng = random.Random(7)
    made.collector.start()
    async with proxy(made.server.port) as wire:
        wire.decide = lambda said: Fate.LOSE_REPLY if said is word and rng.random() < 0.2 else Fate.PASS
        made.processor.flags["redis"] = f"redis://127.0.0.1:{wire.port}/0"
        made.processor.start()
        async with load(102, made.port) as sent:
            await until(lambda: wire.losses >= 20, "replies are lost")
        wire.decide = lambda said: Fate.PASS
        await until(made.books.are_settled, "all is applied")
    assert made.processor.starts == 1
    assert made.books.differences(sent.truth, seen_twice=sent.repeated) == {}


@pytest.mark.parametrize("log", ["redis"], indirect=True)  # tests/test_wakeline_kafka.py for the other
async def test_an_append_whose_answer_never_comes_is_sent_again_and_counted_once(made: Deployment) -> None:
    """The collector cannot know, so it answers 503; the browser repeats the events under their ids."""
    rng = random.Random(8)
    async with proxy(made.server.port) as wire:
        wire.decide = lambda said: Fate.LOSE_REPLY if said is Word.APPEND and rng.random() < 0.1 else Fate.PASS
        made.collector.flags["redis"] = f"redis://127.0.0.1:{wire.port}/0"
        made.collector.start()
        made.processor.start()
        async with load(103, made.port) as sent:
            await until(lambda: wire.losses >= 10, "answers are lost")
            wire.decide = lambda said: Fate.PASS
        await made.until_drained()
    assert sent.retried > 0
    assert made.books.differences(sent.truth) == {}


# ---- what cannot be folded ------------------------------------------------------------------------

POISON = {
    "no JSON": "}{",
    "not UTF-8": b"\xff\xfe",
    "an unknown kind": '{"kind":"mystery"}',
    "nesting without end": '{"kind":"event","props":' + "[" * 50_000,
}

BUGGY = """
from processor import rules

def raises(event, visitor, changes):
    if event.path == "/bug":
        raise ZeroDivisionError("a mistake of ours")

rules.RULES = (*rules.RULES, ("buggy", raises, rules.ALL))
from wakeline.cli import main
main()
"""


async def test_poison_in_the_log_is_set_aside_while_everything_goes_on(made: Deployment) -> None:
    """In the dead-letter stream with its reason; the process neither ends nor is anybody's event lost."""
    made.collector.start()
    made.processor.start()
    async with load(104, made.port) as sent:
        await until(made.books.moved, "it works")
        for lane in range(LANES):
            for value in POISON.values():
                made.books.append_raw(lane, value)
    await until(made.books.are_settled, "all is applied")
    assert made.processor.starts == 1
    letters = made.books.dead_letters()
    assert len(letters) == LANES * len(POISON)
    assert {letter["reason"].split(":")[0] for letter in letters} == {"malformed"}
    assert made.books.ledger()["dead"] == len(letters)
    assert made.books.differences(sent.truth, seen_twice=sent.repeated, dead=len(letters)) == {}


async def test_a_record_that_ends_the_process_twice_is_set_aside_the_third_time(made: Deployment) -> None:
    """With the reason `bug` and its traceback; its neighbours in the same batch count, once."""
    made.collector.start()
    made.processor.launcher = BUGGY
    made.processor.start()
    async with load(105, made.port) as sent:
        await until(made.books.moved, "it works")
        made.books.append_raw(lane_of(SITE, "visitor-bug", LANES), BUG % (now_ms(), now_ms()))

        def is_set_aside() -> bool:
            made.processor.revive()
            return bool(made.books.dead_letters())

        await until(is_set_aside, "the record is set aside")
    await made.until_drained()
    assert made.processor.starts == 3
    (letter,) = made.books.dead_letters()
    assert letter["reason"] == "bug"
    assert "Traceback" in letter["error"]
    assert "a mistake of ours" in letter["error"]
    assert '"/bug"' in letter["v"]
    assert made.books.differences(sent.truth, seen_twice=sent.repeated, dead=1) == {}


BUG = (
    '{"kind":"event","site":"shop","visitor":"visitor-bug","type":"page_view","page":"page-bug","n":0,'
    '"time":%d,"received":%d,"host":"shop.example","path":"/bug"}'
)
