"""`wakeline archiver` as a process: killed, paused, doubled, without its server; each record is in the history once."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from benchmarks.exposition import scraped, value_or_0
from benchmarks.machine import find_free_ports
from benchmarks.waiting import until
from tests.integration.kill.services import Service
from tests.logged import entries_of
from wakeline.history import History
from wakeline.history.identity import archived
from wakeline.log import Bounds, Entry, Log, LogUnavailable
from wakeline.log.opening import plain_log
from wakeline.redis.connect import connect

LANES = 16
RECORD = b'{"kind":"event","site":"shop","n":%d,"title":"\xc3\xa4"}'


class World:
    """A log that grows, and archivers that may be killed."""

    def __init__(self, folder: Path, server: Any, ports: list[int], log: Log, url: str = "") -> None:
        config = folder / "wakeline.toml"
        config.write_text('[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\n')
        self.folder = folder
        self.server = server
        self.ports = ports
        self.log = log
        self.redis = connect(server.url)
        self.flags = {"config": config, "redis": server.url, "data": folder / "data", "archive_seal_s": 1, "log": url}
        self.archivers = [
            Service("archiver", self.flags | {"archiver_metrics_port": port}, folder / f"{n}.log")
            for n, port in enumerate(ports)
        ]
        self.appended = 0

    async def append(self, count: int, *, lanes: int = LANES) -> None:
        records = [(n % lanes, RECORD % n) for n in range(self.appended, self.appended + count)]
        await self.log.append(records)
        self.appended += count

    async def truth(self, lane: int) -> list[Entry]:
        return await entries_of(self.log, lane)

    def files(self) -> History:
        return History(str(self.folder / "data" / "archive"))

    async def until_all_is_sealed(self) -> None:
        def is_sealed() -> bool:
            history = self.files()
            return sum(history.bounds(lane).end for lane in history.lanes()) >= self.appended

        await until(is_sealed, "all is sealed")

    async def until_that_is_published(self) -> None:
        """The log may be trimmed up to there, and `wakeline lag` shows it."""
        history, identity, said = self.files(), await self.log.identity(), dict[int, int]()

        async def ask() -> None:
            while True:
                with suppress(RedisError):
                    said.update(await archived(self.redis, identity))
                await asyncio.sleep(0.05)

        asking = asyncio.create_task(ask())
        await until(lambda: said == {lane: history.bounds(lane).end for lane in range(LANES)}, "it is published")
        asking.cancel()

    async def is_the_log_once(self) -> None:
        """Every file of the tree, not only those that readers would choose."""
        history = self.files()
        history.refresh()
        assert history.left_over() == []
        for lane in range(LANES):
            entries = [
                entry for segment in history.segments(lane) for found in history.entries(segment) for entry in found
            ]
            assert entries == await self.truth(lane)

    def said(self, which: int = 0) -> str:
        return self.archivers[which].said()


@pytest.fixture
async def world(tmp_path: Path, own_server: Any, log: str) -> AsyncIterator[World]:
    opened = await plain_log(log or own_server.url, LANES)
    async with running(World(tmp_path, own_server, find_free_ports(2), opened, log)) as made:
        yield made


@pytest.fixture
async def large_world(tmp_path: Path, redis_cluster: Any, kafka: Any, topic: str) -> AsyncIterator[World]:
    """The log on Kafka, the state in a Redis Cluster."""
    url = f"{kafka.url}/{topic}"
    async with running(World(tmp_path, redis_cluster, find_free_ports(2), await plain_log(url, LANES), url)) as made:
        yield made


@asynccontextmanager
async def running(world: World) -> AsyncIterator[World]:
    yield world
    for archiver in world.archivers:
        archiver.kill()
    print(world.said(), world.said(1), sep="\n----\n")
    await world.log.close()
    await world.redis.aclose()


@pytest.fixture
def growing(world: World) -> Iterator[Callable[[], None]]:
    """Starts a log that grows constantly; call the result to stop it."""
    stopped = asyncio.Event()

    async def grow() -> None:
        while not stopped.is_set():
            try:
                await world.append(50)
            except LogUnavailable:
                world.appended = sum(bounds.end for bounds in (await _bounds(world)).values())
            await asyncio.sleep(0.02)

    task = asyncio.ensure_future(grow())
    yield stopped.set
    task.cancel()


async def _bounds(world: World) -> Any:
    while True:
        try:
            return await world.log.bounds(range(LANES))
        except LogUnavailable:
            await asyncio.sleep(0.1)


by_the_lease = pytest.mark.parametrize("log", ["redis"], indirect=True)
"""The lease is in Redis, wherever the log is."""


async def test_what_is_held_is_sealed_when_it_is_told_to_stop(world: World) -> None:
    world.flags["archive_seal_s"] = 1_000
    archiver = Service("archiver", world.flags | {"archiver_metrics_port": world.ports[0]}, world.folder / "0.log")
    await world.append(1_000)
    archiver.start()
    try:
        await until(lambda: metric(world, "held_bytes") > 0, "it has read")
        assert not world.files().lanes()
        archiver.signal(signal.SIGTERM)
        await until(lambda: not archiver.is_alive, "it ends")
    finally:
        archiver.kill()
    await world.is_the_log_once()
    assert sum((await archived(world.redis, await world.log.identity())).values()) == 1_000


async def test_kill_9_at_any_time_loses_nothing_and_doubles_nothing(
    world: World, growing: Callable[[], None], kill_seed: int
) -> None:
    chance = random.Random(kill_seed)
    (archiver, _) = world.archivers
    for _ in range(3):
        archiver.start()
        await asyncio.sleep(chance.uniform(0.5, 2.0))
        archiver.kill()
    growing()
    archiver.start()
    await asyncio.sleep(0.1)
    await world.until_all_is_sealed()
    await world.is_the_log_once()
    assert world.appended > 1_000


@by_the_lease
async def test_a_second_one_stands_by_and_takes_over(world: World, growing: Callable[[], None]) -> None:
    first, second = world.archivers
    first.start()
    await until(lambda: metric(world, "records_total") > 0, "the first archives")
    second.start()
    await until(lambda: "standing by" in world.said(1), "the second stands by")
    first.kill()
    await until(lambda: metric(world, "records_total", 1) > 0, "the second archives")
    growing()
    await asyncio.sleep(0.1)
    await world.until_all_is_sealed()
    await world.is_the_log_once()


@by_the_lease
async def test_one_that_was_paused_while_another_worked_does_not_write_over_it(
    world: World, growing: Callable[[], None]
) -> None:
    first, second = world.archivers
    first.start()
    await until(lambda: metric(world, "records_total") > 0, "the first archives")
    second.start()
    first.signal(signal.SIGSTOP)
    await until(lambda: metric(world, "records_total", 1) > 0, "the second archives")
    first.signal(signal.SIGCONT)
    await until(lambda: not first.is_alive, "the first sees that it lost the lease, and ends")
    growing()
    await asyncio.sleep(0.1)
    await world.until_all_is_sealed()
    await world.is_the_log_once()


async def test_a_server_that_is_away_is_waited_for(world: World, growing: Callable[[], None]) -> None:
    (archiver, _) = world.archivers
    archiver.start()
    await until(lambda: metric(world, "records_total") > 0, "it archives")
    world.server.kill()
    await until(lambda: "waiting" in world.said(), "it waits")
    world.server.start()
    await until(lambda: "going on" in world.said(), "it goes on")
    growing()
    await asyncio.sleep(0.1)
    await world.until_all_is_sealed()
    await world.is_the_log_once()
    assert archiver.is_alive
    assert archiver.starts == 1


@pytest.mark.parametrize(
    "log", ["kafka"], indirect=True
)  # Redis Streams would go back with it: then nothing is written
@pytest.mark.parametrize("how", ["it goes on", "another takes over"])
async def test_redis_from_an_older_backup_leaves_the_history_as_it_is(world: World, how: str) -> None:
    """The tree says where it stands, so nothing is missing and nothing twice; what Redis says is set right again."""
    first, second = world.archivers
    await world.append(1_000)
    first.start()
    await world.until_all_is_sealed()
    await world.until_that_is_published()
    files, backup = world.server.folder, world.folder / "backup"
    world.server.kill()
    shutil.copytree(files, backup)
    world.server.start()
    await world.append(1_000)
    await world.until_all_is_sealed()
    await world.until_that_is_published()
    world.server.kill()
    shutil.rmtree(files)
    shutil.copytree(backup, files)
    if how == "another takes over":
        first.kill()
        second.start()
    world.server.start()
    await world.append(100, lanes=3)
    await world.until_all_is_sealed()
    await world.until_that_is_published()
    await world.is_the_log_once()


async def test_kafka_and_a_cluster_are_archived_alike(large_world: World) -> None:
    world = large_world
    (archiver, _) = world.archivers
    await world.append(4_000)
    archiver.start()
    await world.until_all_is_sealed()
    await world.is_the_log_once()
    await world.until_that_is_published()
    ends = await archived(world.redis, await world.log.identity())
    archiver.kill()
    # Kafka drops records by itself, whether they were archived or not
    await world.append(1_600)
    await world.log.trim(3, upto=ends[3] + 60)
    archiver.start()
    await until(lambda: metric(world, "gap_records_total") == 60, "it says what is missing")
    await world.until_all_is_sealed()
    assert "lane 3: 60 records are missing in the history" in world.said()
    history = world.files()
    assert history.gaps(3) == [Bounds(ends[3], ends[3] + 60)]
    assert history.read(3, ends[3] + 60, 1_000) == await world.truth(3)


async def test_a_history_of_another_log_is_named_and_nothing_is_written(world: World) -> None:
    (archiver, _) = world.archivers
    root = world.folder / "data" / "archive"
    root.mkdir(parents=True)
    (root / "log.json").write_text('{"identity":"another"}')
    await world.append(100)
    archiver.start()
    await until(lambda: "is of the log another" in world.said(), "it says so")
    assert archiver.is_alive
    assert metric(world, "stuck") == 1
    assert not world.files().lanes()
    (root / "log.json").unlink()
    await world.until_all_is_sealed()
    await world.is_the_log_once()


def metric(world: World, name: str, which: int = 0) -> float:
    """0 while it does not answer."""
    return value_or_0(scraped(world.ports[which]), f"wakeline_archiver_{name}")
