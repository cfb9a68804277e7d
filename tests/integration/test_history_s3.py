"""The history on S3: archived, replayed, queried, merged, expired; an interrupted put seals nothing."""

from __future__ import annotations

import datetime
import json
import secrets
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from archiver.housekeeping import tidy
from benchmarks.machine import free_port
from benchmarks.waiting import until
from tests.archive_stand import DAY_MS, LANES, Stand
from tests.integration.kill.services import Command, Service
from tests.s3 import S3Server, wired
from tests.timeline import DAY, START, Timeline, event
from wakeline.history import History, HistoryUnavailable
from wakeline.history.folder import Disk
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import Tick, encode_record
from wakeline.redis.connect import connect
from wakeline.settings import Site

VIEWS = 40
LANES_OF_LOG = 4


@pytest.fixture
def url(s3: S3Server) -> str:
    """For a history of this test alone."""
    return f"s3://{s3.bucket}/{secrets.token_hex(6)}/archive"


# ---- by the processes of a deployment ----------------------------------------------------------------


class Shop:
    """A log in which some page views were applied, an archiver that is not started yet, and its history."""

    def __init__(self, folder: Path, server: Any, port: int, url: str) -> None:
        self.config = folder / "wakeline.toml"
        self.config.write_text('[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\n')
        self.flags = {"config": self.config, "redis": server.url, "archive": url}
        more = {"data": folder / "data", "lanes": LANES_OF_LOG, "archive_seal_s": 1, "archiver_metrics_port": port}
        self.archiver = Service("archiver", self.flags | more, folder / "archiver.log")
        self.history = History(url)
        self.log = RedisStreamsLog(server.url, LANES_OF_LOG)

    def names(self) -> list[str]:
        """Of sealed files."""
        return [name for name in self.history.store.names() if name.endswith(".jsonl.gz")]

    def is_sealed(self) -> bool:
        self.history.refresh()
        return sum(self.history.bounds(lane).end for lane in self.history.lanes()) == VIEWS

    async def is_the_log_once(self) -> None:
        self.history.refresh()
        assert self.history.left_over() == []
        for lane in range(LANES_OF_LOG):
            entries = [entry for segment in self.history.segments(lane) for entry in _entries(self.history, segment)]
            assert entries == (await self.log.read({lane: 0}, limit=1_000, wait_ms=0)).get(lane, [])

    async def command(self, environ: dict[str, str], *words: str, **flags: Any) -> str:
        """What `wakeline` printed; it must end well."""
        return await Command({"config": self.config, "archive": self.flags["archive"]} | flags, environ)(*words)


def _entries(history: History, segment: Any) -> list[Any]:
    return [entry for found in history.entries(segment) for entry in found]


@pytest.fixture
async def shop(tmp_path: Path, redis_server: Any, url: str) -> AsyncIterator[Shop]:
    made = Timeline(redis_server.url, lanes=LANES_OF_LOG)
    shop = Shop(tmp_path, redis_server, free_port(), url)
    made.log = shop.log  # type: ignore[assignment]
    await made.redis.hset(DEPLOYMENT, mapping={"lanes": LANES_OF_LOG, "decay_zero": START, "half_life": 7 * DAY})
    await made.start()
    await made.append(*(event(f"visitor-{n}", f"page-{n}", 0, n, path="/shoes/red") for n in range(VIEWS)))
    await made.run()
    yield shop
    shop.archiver.kill()
    print(shop.archiver.said())
    await shop.log.close()
    await made.close()


async def test_it_is_archived_replayed_and_asked(shop: Shop, s3: S3Server, redis_server: Any) -> None:
    """Where the log holds nothing any more. Where S3 is and who asks is told as fsspec and Amazon's tools name it."""
    shop.archiver.environ = s3.environ
    shop.archiver.start()
    await until(shop.is_sealed, "all is sealed")
    await shop.is_the_log_once()
    shop.archiver.signal(signal.SIGTERM)
    await until(lambda: not shop.archiver.is_alive, "it ends")
    for lane, bounds in (await shop.log.bounds(range(LANES_OF_LOG))).items():
        await shop.log.trim(lane, upto=bounds.end)
    await shop.command(s3.environ, "replay", "--from", "start", redis=redis_server.url)
    async with connect(redis_server.url) as redis:
        found = [await redis.hget(Keys(2).totals(lane, "shop"), "page_views") for lane in range(LANES_OF_LOG)]
        assert sum(int(count or 0) for count in found) == VIEWS
    question = "select count(*) as views, count(distinct visitor) as visitors from events"
    assert json.loads(await shop.command(s3.environ, "query", question, "--json")) == {
        "views": VIEWS,
        "visitors": VIEWS,
    }


async def test_a_put_that_is_cut_half_way_has_sealed_nothing(shop: Shop, s3: S3Server) -> None:
    """By the network, and by kill -9 of the archiver, which reads it again: then every record is there, once."""
    async with wired(s3) as wire:
        shop.archiver.environ = wire.environ
        wire.holds, wire.cuts_left = True, 1
        shop.archiver.start()
        await until(lambda: wire.cuts == 1, "a put is cut")
        shop.archiver.kill()
        wire.holds, wire.cuts_left = False, 3
        assert shop.names() == []
        shop.archiver.start()
        await until(lambda: wire.cuts >= 2, "another one is cut")
        assert len(shop.names()) < LANES_OF_LOG
        await until(shop.is_sealed, "all is sealed")
        assert wire.cuts == 4
    await shop.is_the_log_once()
    assert shop.archiver.is_alive


# ---- what is done once a day ------------------------------------------------------------------------


class RemoteStand(Stand):
    """Its history lies at `url`."""

    url = ""

    def history(self, disk: Disk | None = None) -> History:
        return History(self.url)


async def test_days_are_merged_and_expire(tmp_path: Path, redis_server: Any, url: str) -> None:
    async with connect(redis_server.url) as redis:
        stand = RemoteStand(tmp_path, redis)
        stand.url = url
        archiver = await stand.archiver()
        for _ in range(3):
            for site in (b"shop", b"blog"):
                for lane in range(LANES):
                    await stand.append(lane, b'{"kind":"event","site":"%b","n":1}' % site)
                await stand.read_on(archiver)
                await archiver.seal_all()
            stand.now += DAY_MS
    sites = {"shop": Site(key="shop", archive_days=100), "blog": Site(key="blog", archive_days=1)}
    history = stand.history()
    tidy(history, sites, lanes=LANES_OF_LOG, today=datetime.date(2026, 3, 4), go_on=lambda: True)
    assert [(file.date, file.first, file.end) for file in stand.files() if file.lane == 0] == [
        ("2026-03-01", 0, 2),
        ("2026-03-02", 2, 4),
        ("2026-03-03", 4, 6),
    ]
    ticks = [entry.offset for entry in stand.archived(0) if entry.value == encode_record(Tick())]
    assert ticks == [1, 3]
    history.refresh()
    assert history.read(0, 0, 99) == stand.archived(0)
    tidy(history, {"blog": sites["blog"]}, lanes=LANES_OF_LOG, today=datetime.date(2027, 12, 31), go_on=lambda: True)
    assert [(file.date, file.first, file.end) for file in stand.files() if file.lane == 0] == [("2026-03-03", 4, 6)]


def test_a_bucket_that_is_not_there_is_said_and_not_made(s3: S3Server) -> None:
    """A name that was misspelt would be another history."""
    history = History("s3://no-such-bucket/archive")
    assert history.lanes() == []
    with pytest.raises(HistoryUnavailable, match="there is no no-such-bucket; make it first"):
        history.store.write("log.json", b"{}")
    assert history.lanes() == []
