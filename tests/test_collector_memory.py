"""The fuller the server, the less the collector accepts; a restriction ends some way below its threshold."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError

from benchmarks.waiting import until
from collector.memory import UNKNOWN, Asking, Memory, Step, Use, step_of
from collector.metrics import Metrics
from collector.spool import Spool
from tests.collector_stand import LANES, FaultyLog, envelope, event, full, stand
from wakeline.keys import Keys
from wakeline.log import Bounds, LogUnavailable
from wakeline.log.memory import MemoryLog
from wakeline.memory import PROFILE_BYTES, RECORD_BYTES, share_of
from wakeline.redis.connect import connect

MEGABYTE = 1_048_576

COURSE = (
    # share of maxmemory, the step then
    (0.10, Step.ROOM),
    (0.79, Step.ROOM),
    (0.80, Step.COUNT_ONLY),
    (0.76, Step.COUNT_ONLY),
    (0.74, Step.ROOM),
    (0.89, Step.COUNT_ONLY),
    (0.90, Step.REFUSE),
    (0.86, Step.REFUSE),
    (0.84, Step.COUNT_ONLY),
    (0.99, Step.REFUSE),
    (0.76, Step.COUNT_ONLY),
    (1.02, Step.REFUSE),
    (0.50, Step.ROOM),
)


def no_log() -> tuple[None, int]:
    return None, 0


def test_the_ladder_up_and_down() -> None:
    step = Step.ROOM
    for share, wanted in COURSE:
        step = step_of(Use(share, share, share), step)
        assert step is wanted, share


def test_what_waits_to_be_folded_needs_room_too() -> None:
    """A flood that is ahead of the processor."""
    assert step_of(Use(0.3, 0.4, 0.81), Step.ROOM) is Step.COUNT_ONLY
    assert step_of(Use(0.3, 0.4, 0.76), Step.COUNT_ONLY) is Step.COUNT_ONLY
    assert step_of(Use(0.3, 0.4, 5.0), Step.ROOM) is Step.COUNT_ONLY
    assert step_of(Use(0.3, 0.91, 5.0), Step.ROOM) is Step.REFUSE
    assert step_of(Use(0.91, 0.91, 5.0), Step.ROOM) is Step.REFUSE


async def test_it_does_not_flap(caplog: pytest.LogCaptureFixture) -> None:
    shares = [0.5, 0.81, *[0.79, 0.81] * 20, 0.91, *[0.89, 0.91] * 20, 0.5]
    memory = Memory(iter_of(shares))
    with caplog.at_level(logging.WARNING):
        for _ in shares:
            await memory.look()
    said = [record.getMessage() for record in caplog.records]
    assert [words.partition(": ")[2][:20] for words in said] == [
        "new visitors are onl", "events are refused w", "memory is available ",
    ]  # fmt: skip


FULL = "events are refused with 503"
SHORT = "new visitors are only counted, without profiles"
CAUSES = (
    # the step before, what is in use (now, all that waits counted, all of it begins profiles, records), what is said
    (Step.ROOM, Use(0.92, 0.93, 0.95, 9), f"92 % of the server's memory is in use: {FULL}"),
    (
        Step.ROOM,
        Use(0.4, 0.97, 3.0, 12_345),
        "40 % of the server's memory is in use, 97 % once the backlog of 12,345 records is folded: " + FULL,
    ),
    (
        Step.REFUSE,
        Use(0.4, 0.5, 0.78, 12_345),
        "40 % of the server's memory is in use, 78 % once the backlog of 12,345 records is folded: " + SHORT,
    ),
    (Step.ROOM, Use(0.8, 0.8, 0.8, 0), f"80 % of the server's memory is in use: {SHORT}"),
    (Step.REFUSE, Use(0.4, 0.5, 0.6, 5), "40 % of the server's memory is in use: memory is available again"),
    (
        Step.REFUSE,
        None,
        "the server's memory limit or usage is unknown now: memory is available again",
    ),
)


@pytest.mark.parametrize(("before", "use", "said"), CAUSES)
async def test_the_line_says_what_the_step_comes_from(
    caplog: pytest.LogCaptureFixture, before: Step, use: Use | None, said: str
) -> None:
    """What is in use, or what waits to be folded: a processor that is behind is not hidden."""
    memory = Memory(iter_of([use]))
    memory.step = before
    await memory.look()
    assert [record.getMessage() for record in caplog.records] == [said]


async def test_what_was_full_stays_full_while_nobody_answers() -> None:
    memory = Memory(iter_of([0.95, ConnectionError("away"), OSError("away"), 0.3, None]))
    found = []
    for _ in range(5):
        await memory.look()
        found.append(memory.step)
    assert found == [Step.REFUSE, Step.REFUSE, Step.REFUSE, Step.ROOM, Step.ROOM]
    assert memory.use == UNKNOWN


def iter_of(shares: list[Any]) -> Any:
    left = iter(shares)

    async def ask() -> Use | None:
        share = next(left)
        if isinstance(share, Exception):
            raise share
        return Use(share, share, share) if isinstance(share, float) else share

    return ask


def test_what_the_server_does_not_count_is_not_counted() -> None:
    info = {"maxmemory": 1_000, "used_memory": 900, "mem_not_counted_for_evict": 100}
    assert share_of(info) == 0.8
    assert share_of({"maxmemory": 0, "used_memory": 900}) is None


async def test_a_server_is_asked(own_server: Any) -> None:
    asking = Asking(own_server.url, log=no_log, counted_bytes=0)
    async with connect(own_server.url) as redis:
        await redis.config_set("maxmemory", 0)
        assert await asking() is None
        used = int((await redis.info("memory"))["used_memory"])
        await redis.config_set("maxmemory", 2 * used)
        assert (await asking() or Use(0, 0, 0)).now == pytest.approx(0.5, abs=0.1)
        await redis.execute_command("ACL SETUSER", "collector", "on", ">password", "~wl*", "+client|setinfo", "+get")
    one = Asking(own_server.url.replace("redis://", "redis://collector:password@"), log=no_log, counted_bytes=0)
    assert await one() is None  # it may not ask, so there is no ladder
    own_server.kill()
    with pytest.raises((ConnectionError, OSError)):
        await asking()
    await asking.close()
    await one.close()


async def test_a_server_that_evicts_has_no_ladder(own_server: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is nearly full by design: 503 would never end. That it loses what was accepted is said loudly, once."""
    asking = Asking(own_server.url, log=no_log, counted_bytes=RECORD_BYTES)
    memory = Memory(asking)
    async with connect(own_server.url) as redis:
        used = int((await redis.info("memory"))["used_memory"])
        await redis.config_set("maxmemory", int(used / 0.95))
        await memory.look()
        assert memory.step is Step.REFUSE
        caplog.clear()
        for policy in ("volatile-lru", "volatile-lru", "allkeys-lru", "noeviction"):
            await redis.config_set("maxmemory-policy", policy)
            await memory.look()
            assert memory.step is (Step.REFUSE if policy == "noeviction" else Step.ROOM)
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        await redis.config_set("maxmemory", 0)
        await memory.look()
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [words[:52] for words in said] == [
        "the server evicts (maxmemory-policy volatile-lru): w", "the server evicts (maxmemory-policy allkeys-lru): wh",
    ]  # fmt: skip
    await asking.close()


async def test_what_waits_is_what_the_log_holds_beyond_the_places(own_server: Any) -> None:
    log = MemoryLog(LANES)
    await log.append([(n % LANES, b"{}") for n in range(100)])
    asking = Asking(own_server.url, log=lambda: (log, LANES), counted_bytes=RECORD_BYTES)
    async with connect(own_server.url) as redis:
        info = await redis.info("memory")
        for placed in (0, 10, 25, 30):
            for lane in range(LANES):
                await redis.hset(Keys().lane(lane), "offset", placed)
            use = await asking() or Use(0, 0, 0)
            waiting = LANES * max(0, 25 - placed) * PROFILE_BYTES / info["maxmemory"]
            assert use.profiles - use.now == pytest.approx(waiting)
            assert use.counted - use.now == pytest.approx(waiting * RECORD_BYTES / PROFILE_BYTES)
    await asking.close()


async def test_a_log_that_is_away_hides_nothing(own_server: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What waited when it was asked last counts on; nor does a bug end the intake."""
    log = FaultyBounds(LANES)
    await log.append([(n % LANES, b"{}") for n in range(100)])
    asking = Asking(own_server.url, log=lambda: (log, LANES), counted_bytes=RECORD_BYTES)
    before = await asking() or Use(0, 0, 0)
    for fault in (LogUnavailable("away"), TimeoutError()):
        log.fault = fault
        use = await asking() or Use(0, 0, 0)
        assert use.profiles - use.now == pytest.approx(before.profiles - before.now)
    log.fault = ZeroDivisionError()
    memory = Memory(asking)
    for _ in range(3):
        await memory.look()
    assert [record.getMessage() for record in caplog.records] == ["the server's memory usage cannot be read"]
    await asking.close()


class FaultyBounds(MemoryLog):
    fault: Exception | None = None

    async def bounds(self, lanes: Sequence[int]) -> dict[int, Bounds]:
        if self.fault is not None:
            raise self.fault
        return await super().bounds(lanes)


async def test_of_a_cluster_the_fullest_node_counts(own_cluster: Any) -> None:
    """Also while another one is away."""
    log = MemoryLog(LANES)
    await log.append([(n % LANES, b"{}") for n in range(100)])
    asking = Asking(own_cluster.url, log=lambda: (log, LANES), counted_bytes=RECORD_BYTES)
    first = await asking() or Use(0, 0, 0)
    assert 0 < first.now < first.profiles
    full, away, _ = own_cluster.nodes
    used = int(full.ask("INFO", "memory")["used_memory"])
    full.ask("CONFIG", "SET", "maxmemory", str(2 * used))
    assert (await asking() or Use(0, 0, 0)).now == pytest.approx(0.5, abs=0.1)
    away.kill()
    assert (await asking() or Use(0, 0, 0)).now == pytest.approx(0.5, abs=0.1)
    await asking.close()


async def test_events_go_on_and_then_are_refused(tmp_path: Path) -> None:
    """The books balance at each step, and what is refused may be sent again."""
    async with stand(tmp_path, settings={"spool_mb": 1}) as collector:
        await until(lambda: collector.parts.writer.is_open, "the log is open")
        memory = collector.parts.memory
        for step in (Step.ROOM, Step.COUNT_ONLY, Step.REFUSE, Step.COUNT_ONLY, Step.ROOM):
            memory.step = step
            sent = full(event(visitor=f"visitor-{step}"), event(visitor=f"visitor-{step}", n=1, url="x:"))
            status, answer, headers = await collector.post(sent)
            shown = collector.metrics()
            assert (status, answer.get("reason")) == ((503, "unavailable") if step is Step.REFUSE else (202, None))
            assert ("Retry-After" in headers) is (step is Step.REFUSE)
            assert shown["memory_step"] == step
            assert shown["ledger_difference"] == 0
        assert [record.counted_only for record in await collector.records()].count(True) == 2
        assert shown["memory_refused_total"] == shown["unavailable_total"] == 2
        assert shown['counted_only_total{short_of="memory"}'] == 2
        memory.use = Use(0.3, 0.4, 0.7, 5)
        shown = collector.metrics()
        names = ("memory_share", *(f'memory_share_once_folded{{profiles="{which}"}}' for which in ("none", "all")))
        assert [shown[name] for name in names] == [0.3, 0.4, 0.7]
        assert shown["spooled_total"] == 0


async def test_what_is_spooled_waits_until_there_is_room(tmp_path: Path) -> None:
    """No failure: the log stays open meanwhile."""
    log = FaultyLog(LANES)
    asked = 0
    is_full = True

    def is_held() -> bool:
        nonlocal asked
        asked += 1
        return is_full

    metrics = Metrics()
    spool = Spool(tmp_path / "spool", 0, workers=1, limit=MEGABYTE, metrics=metrics, is_held=is_held)
    assert await spool.append([(0, b"one"), (1, b"two")], lanes=LANES)
    draining = asyncio.create_task(spool.drain(log, LANES, group=1))
    await until(lambda: asked >= 3, "it has asked for room several times")
    assert not log.groups
    is_full = False
    await draining
    assert log.groups == [1, 1]
    assert (metrics.spool_records, metrics.drained) == (0, 2)
    spool.close()


async def test_there_is_room_again_once_what_waited_is_folded(tmp_path: Path, own_server: Any) -> None:
    """Also while something is spooled that waits for this room: what the log holds is looked at all the while."""
    log = FaultyLog(LANES)
    await log.append([(n % LANES, b"{}") for n in range(1_000 * LANES)])
    async with (
        connect(own_server.url) as redis,
        stand(tmp_path, settings={"spool_mb": 1, "redis": own_server.url}, log=log) as collector,
    ):
        await until(lambda: collector.parts.writer.is_open, "the log is open")
        memory = collector.parts.memory
        await memory.look()  # knows what waits
        log.is_away = True
        assert (await collector.post(envelope()))[0] == 202
        used = int((await redis.info("memory"))["used_memory"])
        await redis.config_set("maxmemory", used + 1_050 * LANES * RECORD_BYTES)
        watching = asyncio.create_task(memory.watch())
        await until(lambda: memory.step is Step.REFUSE, "what waits needs all there is")
        log.is_away = False
        await until(lambda: collector.metrics()["log_open"], "the log is open again")
        for lane in range(LANES):
            await redis.hset(Keys().lane(lane), "offset", 1_000)
        await until(lambda: memory.step is Step.ROOM, "memory is available again", within=5)
        await until(lambda: not collector.metrics()["spool_records"], "all is drained")
        assert (await collector.post(envelope(event(n=1))))[0] == 202
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    await collector.parts.asking.close()
