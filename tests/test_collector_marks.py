"""Marks of the daily salts: collectors with different salts are detected, and stopped collectors do no harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, NoPermissionError

from collector.marks import Marks, OtherSalts, set_marks
from collector.metrics import Metrics
from collector.opening import deployment_log
from collector.salts import Salts
from ops.check.salts import check_salts
from tests.collector_stand import DAY, HOUR, NOON, Clock
from tests.server import RedisServer
from wakeline.keys import SALTS_TTL_MS
from wakeline.log import LogUnavailable
from wakeline.redis.connect import connect
from wakeline.salts import marks_in
from wakeline.settings import Config, Settings, Site

SITES = {"shop": ZoneInfo("UTC"), "blog": ZoneInfo("Pacific/Auckland")}


class Process:
    """One collector, as far as its salts go."""

    def __init__(self, folder: Path, redis: Redis, clock: Clock) -> None:
        self.metrics = Metrics()
        self.folder = folder / "salts"
        self.salts = Salts(self.folder, SITES, clock=clock)
        self.marks = Marks(self.salts, self.metrics)
        self._redis = redis

    async def keeps_its_marks(self) -> None:
        await self.marks.keep(self._redis)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect(redis_server.url)
    yield client
    await client.aclose()


async def test_collectors_with_one_folder_are_one(tmp_path: Path, redis: Redis, clock: Clock) -> None:
    for _ in range(2):
        await Process(tmp_path, redis, clock).keeps_its_marks()
    names = {key.decode() for key in await redis.keys("*")}
    assert names == {"wl:salts:shop:2026-09-21", "wl:salts:blog:2026-09-21"}


async def test_a_mark_gives_nothing_away_and_does_not_last(tmp_path: Path, redis: Redis, clock: Clock) -> None:
    await Process(tmp_path, redis, clock).keeps_its_marks()
    salts = [path.read_bytes() for path in (tmp_path / "salts").iterdir()]
    for key in await redis.keys("*"):
        mark = await redis.get(key)
        assert not [salt for salt in salts if salt in mark or salt.hex().encode() in mark]
        assert len(mark) == 32
        assert 0 < await redis.pttl(key) <= SALTS_TTL_MS


async def test_a_second_set_of_salts_is_refused_at_the_start(tmp_path: Path, redis: Redis, clock: Clock) -> None:
    """The message names the folder and the fix. The first collector continues unchanged."""
    first = Process(tmp_path / "a", redis, clock)
    await first.keeps_its_marks()
    with pytest.raises(OtherSalts, match=f"give all of them one folder {tmp_path}/b/salts, or stop the other"):
        await Process(tmp_path / "b", redis, clock).keeps_its_marks()
    await first.keeps_its_marks()
    assert not first.metrics.salts_differ


async def test_who_has_taken_events_says_it_once_and_goes_on(
    tmp_path: Path, redis: Redis, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Both were started while Redis was away, or a folder was put in place of another."""
    first, second = Process(tmp_path / "a", redis, clock), Process(tmp_path / "b", redis, clock)
    await first.keeps_its_marks()
    second.metrics.accepted = 1
    for _ in range(3):
        await second.keeps_its_marks()
    assert caplog.text.count("other daily salts") == 1
    assert second.metrics.salts_differ
    await redis.flushall()  # as three minutes after the first one has stopped
    await second.keeps_its_marks()
    assert not second.metrics.salts_differ


async def test_who_does_not_agree_keeps_no_mark_of_the_other_up(tmp_path: Path, redis: Redis, clock: Clock) -> None:
    """Marks of stopped collectors expire, whoever still reads them."""
    await Process(tmp_path / "a", redis, clock).keeps_its_marks()
    for key in await redis.keys("*"):
        await redis.pexpire(key, 60_000)
    with pytest.raises(OtherSalts):
        await Process(tmp_path / "b", redis, clock).keeps_its_marks()
    assert all([await redis.pttl(key) <= 60_000 for key in await redis.keys("*")])
    await Process(tmp_path / "a", redis, clock).keeps_its_marks()
    assert all([await redis.pttl(key) > 60_000 for key in await redis.keys("*")])


async def test_a_folder_that_was_lost_heals_by_itself(tmp_path: Path, redis: Redis, clock: Clock) -> None:
    await Process(tmp_path / "a", redis, clock).keeps_its_marks()
    for key in await redis.keys("*"):
        await redis.pexpire(key, 1)
    while await redis.keys("*"):  # noqa: ASYNC110  nothing tells it
        await asyncio.sleep(0.005)
    await Process(tmp_path / "b", redis, clock).keeps_its_marks()


async def test_a_worker_whose_folder_was_lost_comes_back_beside_the_others(
    tmp_path: Path, redis: Redis, clock: Clock
) -> None:
    """The new salts are rejected while the others run, and replaced by theirs within a minute."""
    living = Process(tmp_path, redis, clock)
    await living.keeps_its_marks()
    salt = living.salts.salt("shop", NOON)
    for path in living.folder.iterdir():
        path.unlink()
    with pytest.raises(OtherSalts):
        await Process(tmp_path, redis, clock).keeps_its_marks()
    living.salts.keep()
    await living.keeps_its_marks()
    back = Process(tmp_path, redis, clock)
    await back.keeps_its_marks()
    assert back.salts.salt("shop", NOON) == salt


async def test_who_does_not_hold_the_mark_puts_nothing_right(tmp_path: Path, redis: Redis, clock: Clock) -> None:
    """Of two with other salts, both of which have taken events, the folder keeps those of the mark."""
    first, second = Process(tmp_path, redis, clock), Process(tmp_path, redis, clock)
    await first.keeps_its_marks()
    kept = {path: path.read_bytes() for path in first.folder.iterdir()}
    for path in kept:
        path.unlink()
    second.salts.marks()
    second.metrics.accepted = 1
    for process in (first, second, first, second):
        await process.keeps_its_marks()
        assert {path: path.read_bytes() for path in first.folder.iterdir()} == kept
    assert second.metrics.salts_differ


async def test_two_that_start_at_once_are_not_both_taken(tmp_path: Path, redis: Redis, clock: Clock) -> None:
    both = [Process(tmp_path / name, redis, clock) for name in "ab"]
    found = await asyncio.gather(*(one.keeps_its_marks() for one in both), return_exceptions=True)
    assert [type(each) for each in found].count(OtherSalts) >= 1


async def test_tomorrows_salts_have_a_mark_as_soon_as_they_are_made(tmp_path: Path, redis: Redis, clock: Clock) -> None:
    process = Process(tmp_path, redis, clock)
    clock.now = NOON + 15 * HOUR + 30 * 60_000
    process.salts.keep()
    await process.keeps_its_marks()
    assert await redis.get("wl:salts:shop:2026-09-22")


async def test_a_salt_stays_the_one_that_was_marked(tmp_path: Path, redis: Redis, clock: Clock) -> None:
    """The folder may be lost while it runs; ids and marks are made from memory."""
    process = Process(tmp_path, redis, clock)
    salt = process.salts.salt("shop", NOON)
    await process.keeps_its_marks()
    for path in process.folder.iterdir():
        path.unlink()
    await process.keeps_its_marks()
    assert process.salts.salt("shop", NOON) == salt
    clock.now += 3 * DAY
    process.salts.keep()
    await process.keeps_its_marks()


async def test_a_user_that_may_not_set_marks_takes_events_all_the_same(
    tmp_path: Path, redis: Redis, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions from before there were marks."""

    async def refused(*_: object) -> list[str]:
        raise NoPermissionError("this user has no permissions to run the 'set' command")

    monkeypatch.setattr("collector.marks.set_marks", refused)
    process = Process(tmp_path, redis, clock)
    for _ in range(2):
        await process.keeps_its_marks()
    assert caplog.text.count("docs/redis.md") == 1


async def test_a_folder_that_cannot_be_read_does_not_keep_the_log_shut(
    tmp_path: Path, redis: Redis, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    process = Process(tmp_path, redis, clock)
    process.folder.rmdir()
    await process.keeps_its_marks()
    assert "no mark of the daily salts" in caplog.text


async def test_the_log_is_not_opened_for_a_second_set(tmp_path: Path, redis_server: RedisServer, redis: Redis) -> None:
    """While Redis is away it is merely tried again."""
    now = Clock()
    settings = Settings(redis=redis_server.url, data=tmp_path)
    log, _ = await deployment_log(settings, Process(tmp_path / "a", redis, now).marks)
    await log.close()
    other = Process(tmp_path / "b", redis, now)
    with pytest.raises(OtherSalts):
        await deployment_log(settings, other.marks)
    await redis.flushall()

    class Away:
        async def keep(self, _: Redis) -> None:
            raise ConnectionError("away")

    with pytest.raises(LogUnavailable):
        await deployment_log(settings, Away())  # type: ignore[arg-type]


async def test_the_check_says_whose_salts_run(tmp_path: Path, redis_server: RedisServer, redis: Redis) -> None:
    site = Site(key="shop", time_zone=ZoneInfo("UTC"))
    config = Config(Settings(redis=redis_server.url, data=tmp_path), {"shop": site})
    assert await check_salts(config) == []
    mine = Salts(tmp_path / "salts", {"shop": ZoneInfo("UTC")})
    marks = mine.marks()
    assert await check_salts(config) == []
    assert await set_marks(redis, marks) == []
    (finding,) = await check_salts(config)
    assert "the same daily salts" in finding.what
    await redis.flushall()
    await set_marks(redis, dict.fromkeys(marks, "0" * 32))
    (finding,) = await check_salts(config)
    assert "other daily salts" in finding.what
    assert finding.fix


def test_looking_makes_no_salt(tmp_path: Path) -> None:
    assert marks_in(tmp_path / "salts", SITES, NOON) == {}
    assert not (tmp_path / "salts").exists()
