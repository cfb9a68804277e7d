"""A deployment on real servers, fed by a log of before, an import and requests, whose processor may be killed."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from redis import Redis
from redis.exceptions import ResponseError

from benchmarks.machine import find_free_ports, free_port
from benchmarks.waiting import until
from collector.facts import Facts
from collector.policy import Policy
from collector.steps import cleaned
from collector.told import convert_told
from tests.integration.kill.books import LANES, Books
from tests.integration.kill.services import Deployment, Service
from tests.integration.kill.tail import StreamsTail
from tests.server import RedisServer
from tests.shop_history import arrived
from tests.shop_years.pages import BROWSER, MARGINS, ORIGIN, SETTINGS, SITE, Visit
from tests.shop_years.telling import Event
from wakeline import keys
from wakeline.api_keys import add, new_key
from wakeline.config import load
from wakeline.event import ConsentLevel, decode_event
from wakeline.history import History
from wakeline.lanes import lane_of, open_deployment
from wakeline.record import Event as PageEvent
from wakeline.record import encode_record
from wakeline.redis.connect import connect
from wakeline.server_events import PATH
from wakeline.settings import Settings
from wakeline.vocabulary.types import By

SEAL_S = 2
LOOKS_S = 0.1
AT_ONCE = 200  # events of one request
PENDING = 2_000  # records of one write to the log
WITHIN_S = 1_800.0
KILLED_AFTER_S = ((0.0, 0.1), (0.1, 3.0))  # since it was seen at work
Progress = Callable[[int], None]


class Ends(StreamsTail):
    """A log of which what is old is trimmed."""

    def length(self, lane: int) -> int:
        """Number of records that were ever appended."""
        with suppress(ResponseError):  # nothing was yet
            return int(self._redis.xinfo_stream(keys.log_lane(lane))["last-generated-id"].split(b"-")[1])
        return 0


class Stage(Deployment):
    """Its server runs; `folder` holds all of its files. `settings`: more of the site, TOML."""

    def __init__(self, folder: Path, settings: str) -> None:
        ports = find_free_ports(5)
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, RedisServer(free_port(), folder / "redis"), ports, "")
        config = self.processor.flags["config"]
        config.write_text(SETTINGS + settings + MARGINS)
        self.site = load(config, {}, {}).sites[SITE]
        flags = {name: self.processor.flags[name] for name in ("config", "redis", "data")}
        self.archiver = Service(
            "archiver", flags | {"archiver_metrics_port": ports[4], "archive_seal_s": SEAL_S}, folder / "archiver.log"
        )
        self.services = (*self.services, self.archiver)
        self.folder = folder
        self.kills = 0
        self._key = ""
        super().close()
        self.tail = Ends(self.server.url)
        self.books = Books(self.server.url, self.tail)

    # ---- a log of before

    async def append(self, told: Sequence[tuple[int, Event | Visit]], progress: Progress) -> int:
        """Append what arrived at these times (ms), cleaned as the collector does; returns how many records these are.

        Nothing may run yet: appends of today would come before those of then.
        """
        facts, policy = Facts(self.site, By.SERVER), Policy(self.site)
        name, self._key, stored = new_key(SITE, "shop", ["events", "erase"], now=time.time_ns() // 1_000_000)
        async with connect(self.server.url) as redis:
            await open_deployment(redis, Settings(redis=self.server.url, lanes=LANES))
            await add(redis, name, stored)
        count = 0
        with Redis.from_url(self.server.url) as client:
            for first in range(0, len(told), PENDING):
                group = told[first : first + PENDING]
                pipe = client.pipeline(transaction=False)
                for at, said in group:
                    for home, record in _cleaned(said, at, facts, policy):
                        fields: Any = {"t": at, "v": record}
                        pipe.xadd(keys.log_lane(lane_of(SITE, home, LANES)), fields, id="0-*")
                        count += 1
                pipe.set(keys.LOG_TIME, group[-1][0])
                pipe.execute()
                progress(len(group))
        return count

    # ---- requests

    async def request(self, told: Sequence[Event | Visit], progress: Progress) -> None:
        """Tell it to the collector, in this order; all of it must be accepted."""
        headers = {"Authorization": f"Bearer {self._key}"}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{self.port}") as http:
            waiting: list[Event] = []
            for said in told:
                if isinstance(said, Visit):
                    await self._post(http, said)
                    progress(1)
                else:
                    waiting.append(said)
                if len(waiting) >= AT_ONCE:
                    await self._tell(http, waiting, headers)
                    progress(len(waiting))
                    waiting = []
            await self._tell(http, waiting, headers)
            progress(len(waiting))

    async def _tell(self, http: aiohttp.ClientSession, events: list[Event], headers: dict[str, str]) -> None:
        while events:
            async with http.post(PATH, json={"events": events}, headers=headers) as answer:
                said = await answer.json()
                if answer.status == 202:
                    assert said["accepted"] == len(events), said
                    return
                assert answer.status in (429, 503), said
            await asyncio.sleep(1)

    async def _post(self, http: aiohttp.ClientSession, visit: Visit) -> None:
        headers = {"Origin": ORIGIN, "Content-Type": "text/plain", "User-Agent": BROWSER}
        body = {"site": SITE, "consent": visit.consent, "events": visit.events}
        while True:
            now = {"sent": time.time_ns() // 1_000_000}
            async with http.post(
                "/v1/events", json=body | now, headers=headers | {"X-Forwarded-For": visit.address}
            ) as answer:
                said = await answer.json()
                if answer.status == 202:
                    assert said["accepted"] == len(visit.events), said
                    return
                assert answer.status in (429, 503), said
            await asyncio.sleep(1)

    # ---- its end

    @asynccontextmanager
    async def killing(self, rng: random.Random) -> AsyncIterator[None]:
        """Kill the processor as it catches up, or a while later, and start it again."""

        async def kill() -> None:
            while True:
                before = self.books.moved()
                while self.books.moved() == before:  # noqa: ASYNC110  nothing says when it works
                    await asyncio.sleep(0.01)
                await asyncio.sleep(rng.uniform(*rng.choice(KILLED_AFTER_S)))
                self.processor.kill()
                self.kills += 1
                self.books.free_the_lease()
                self.processor.start()

        killing = asyncio.create_task(kill())
        try:
            yield
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)

    async def settle(self, books: Books | None = None) -> None:
        """Wait until all of the log is applied, and none of it was set aside."""
        books = books or self.books

        async def is_settled() -> bool:
            await asyncio.sleep(LOOKS_S)
            self.processor.revive()
            return books.are_settled()

        await until(is_settled, "all is applied", within=WITHIN_S)
        letters = books.dead_letters()
        assert not letters, letters[:3]

    async def history(self) -> History:
        """The history, once all of the log is in it."""
        archive = self.archiver.flags["data"] / "archive"
        ends = [self.tail.length(lane) for lane in range(LANES)]

        async def is_sealed() -> bool:
            await asyncio.sleep(SEAL_S / 2)
            self.archiver.revive()
            found = History(str(archive))
            return all(found.bounds(lane).end >= end for lane, end in enumerate(ends))

        await until(is_sealed, "all is in the history", within=WITHIN_S)
        return History(str(archive))


def _cleaned(said: Event | Visit, at: int, facts: Facts, policy: Policy) -> list[tuple[str, bytes]]:
    """The records of an event of a server, or of a visit, which arrived `at` (ms), with the ids of their lanes."""
    if not isinstance(said, Visit):
        made = facts.made(convert_told(said, By.SERVER), [], now=at)
        return [(made.home, encode_record(made.record))]
    request = arrived(policy, ConsentLevel(said.consent), at=at, address=said.address, user_agent=BROWSER)
    found = []
    for event in said.events:
        record = cleaned(decode_event(json.dumps(event).encode()), request)
        assert isinstance(record, PageEvent), (record, event)
        found.append((record.visitor, encode_record(record)))
    return found


@asynccontextmanager
async def staged(folder: Path, settings: str) -> AsyncIterator[Stage]:
    """Its server runs. Ends all of its processes; if something was raised, with what they said last."""
    stage = Stage(folder, settings)
    try:
        stage.server.start()
        yield stage
    except (Exception, asyncio.CancelledError) as error:
        for service in stage.services:
            if service.starts:
                error.add_note(service.last_words())
        raise
    finally:
        for service in stage.services:
            service.kill()
        await asyncio.to_thread(stage.close)
        stage.server.kill()
        for left in ("redis", "data"):
            shutil.rmtree(folder / left, ignore_errors=True)
