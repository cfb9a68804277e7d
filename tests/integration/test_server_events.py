"""Events of servers that were answered 202 are in the log, each in its lane: after kills, and with the log away.

API keys work meanwhile, also for a collector that starts without Redis.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis

from benchmarks.exposition import scrape, value
from benchmarks.machine import find_free_ports
from benchmarks.waiting import until, wait_until
from tests.cards import holds
from tests.integration.kill.services import Deployment, deployment
from tests.integration.kill.traffic import SECRET, SITE
from wakeline import card_keys, keys
from wakeline.api_keys import add, new_key, revoke
from wakeline.cards import AsyncCards, read_ring
from wakeline.identity import customer_id
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.record import Erase, Fact, decode_record
from wakeline.redis.connect import connect
from wakeline.server_events import PATH
from wakeline.vocabulary.things import ORDER, event_id, thing_id

LANES = 16
NAME, KEY, STORED = new_key(SITE, "till", ["events", "erase"], now=1)


@pytest.fixture
def made(tmp_path: Path, own_server: Any) -> Iterator[Deployment]:
    with deployment(tmp_path, own_server, find_free_ports(4)) as made:
        yield made


class Server:
    """Sends events one request after the other, each until it is answered for good."""

    def __init__(self, port: int, http: aiohttp.ClientSession) -> None:
        self._url = f"http://127.0.0.1:{port}{PATH}"
        self._http = http
        self._next = itertools.count()
        self.answered: set[str] = set()  # ids of events that were answered 202
        self.statuses: list[int] = []

    async def tell(self, count: int = 20) -> int:
        """The status of one request; 0 if there was no answer."""
        now = time.time_ns() // 1_000_000
        numbers = [next(self._next) for _ in range(count)]
        events = [purchase(number, now) if number % 3 else login(number, now) for number in numbers]
        try:
            async with self._http.post(
                self._url, json={"events": events}, headers={"Authorization": f"Bearer {KEY}"}
            ) as answer:
                if answer.status == 202:
                    assert (await answer.json())["accepted"] == count
                    self.answered |= {event["id"] for event in events}
                self.statuses.append(answer.status)
                return answer.status
        except (aiohttp.ClientError, OSError):
            return 0

    async def until(self, status: int) -> None:
        while await self.tell() != status:  # noqa: ASYNC110  nothing says when the collector has read the keys
            await asyncio.sleep(0.1)

    async def go_on(self) -> None:
        while True:
            if await self.tell() != 202:
                await asyncio.sleep(0.01)


def session() -> aiohttp.ClientSession:
    """Without connections that a killed collector leaves behind."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))


def purchase(number: int, now: int) -> dict[str, Any]:
    return {
        "id": f"event-{number}", "type": "purchase", "time": now, "transaction_id": f"A-{number}", "value": 12.5,
        "currency": "EUR", "customer": f"customer-{number % 50}",
    }  # fmt: skip


def login(number: int, now: int) -> dict[str, Any]:
    return {"id": f"event-{number}", "type": "login", "time": now, "customer": f"customer-{number % 50}"}


def in_the_log(made: Deployment) -> dict[str, int]:
    """Id -> lane of each fact in the log."""
    found = {}
    with redis.Redis.from_url(made.server.url) as client:
        for lane in range(LANES):
            for _, fields in client.xrange(keys.log_lane(lane)):
                record = decode_record(fields[b"v"])
                if isinstance(record, Fact):
                    assert lane == lane_of(record.site, record.home, LANES)
                    found[record.id] = lane
    return found


def lost(made: Deployment, sent: Server) -> set[str]:
    return {event_id(SECRET, id) for id in sent.answered} - in_the_log(made).keys()


def with_key(made: Deployment) -> None:
    async def store() -> None:
        async with connect(made.server.url) as client:
            await add(client, NAME, STORED)

    asyncio.run(store())


@pytest.fixture
def keyed(made: Deployment) -> Deployment:
    """With a key that its collector, which runs, knows."""
    with_key(made)
    made.start_collector()
    wait_until(lambda: number(made, "api_keys") == 1 and number(made, "log_open") == 1, "the key is known")
    return made


def number(made: Deployment, name: str) -> float:
    return value(scrape(made.collector.flags["metrics_port"]), f"wakeline_collector_{name}")


@pytest.mark.kill
async def test_what_a_killed_collector_answered_is_in_the_log(keyed: Deployment, kill_seed: int) -> None:
    rng = random.Random(kill_seed)
    async with session() as http:
        sent = Server(keyed.port, http)
        sending = asyncio.create_task(sent.go_on())
        for _ in range(4):
            before = len(sent.answered)
            await until(lambda before=before: len(sent.answered) > before, "events are answered")
            await asyncio.sleep(rng.uniform(0, 0.3))
            keyed.collector.kill()
            assert not lost(keyed, sent)
            keyed.start_collector()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    assert sent.answered
    assert not lost(keyed, sent)


async def test_a_log_that_is_away_is_noticed_by_nobody(keyed: Deployment) -> None:
    """Also not by a server that tells a collector which starts meanwhile: it knows the key from its file."""
    keyed.collector.kill()
    keyed.collector.flags["spool_mb"] = 64
    keyed.start_collector()
    await until(lambda: number(keyed, "log_open") == 1, "the log is open")
    async with session() as http:
        sent = Server(keyed.port, http)
        assert await sent.tell() == 202
        keyed.server.kill()
        for _ in range(5):
            assert await sent.tell() == 202
        keyed.collector.kill()
        keyed.start_collector()
        for _ in range(5):
            assert await sent.tell() == 202
        now = time.time_ns() // 1_000_000
        async with http.post(
            f"http://127.0.0.1:{keyed.port}{PATH}",
            json={"events": [{"id": "f", "type": "forget", "time": now, "customer": "customer-7"}]},
            headers={"Authorization": f"Bearer {KEY}"},
        ) as answer:
            assert answer.status == 202
        keyed.server.start()
        await until(lambda: number(keyed, "spool_records") == 0 and number(keyed, "log_open") == 1, "it is drained")
    assert set(sent.statuses) == {202}
    assert not lost(keyed, sent)
    person = customer_id(SECRET, "customer-7")
    with redis.Redis.from_url(keyed.server.url) as client:
        entries = client.xrange(keys.log_lane(lane_of(SITE, person, LANES)))
    erased = [record for _, fields in entries if isinstance(record := decode_record(fields[b"v"]), Erase)]
    assert [record.id for record in erased] == [person]


async def test_a_revoked_key_stops_and_a_new_one_works_within_five_seconds(keyed: Deployment) -> None:
    async with session() as http, connect(keyed.server.url) as client:
        sent = Server(keyed.port, http)
        assert await sent.tell() == 202
        await revoke(client, NAME, now=2)
        async with asyncio.timeout(5):
            await sent.until(401)
        await add(client, NAME, STORED)
        async with asyncio.timeout(5):
            await sent.until(202)


ANN = {"email": "ann@mail.example", "name": "Ann Other", "phone": "+49 30 1234567"}
ANN_ID = "customer-ann"


async def test_personal_values_live_on_the_card_until_their_customer_is_erased(
    keyed: Deployment, tmp_path: Path
) -> None:
    """They are nowhere else meanwhile: not in the log, the data on disk, or what processes say."""
    keyed.processor.start()
    who, order = customer_id(SECRET, ANN_ID), thing_id(SECRET, ORDER, "A-1")
    lane, home = lane_of(SITE, who, LANES), lane_of(SITE, order, LANES)
    now = time.time_ns() // 1_000_000
    customer = {"id": "c", "type": "customer", "time": now, "customer": ANN_ID, "traits": {"plan": "gold"}, **ANN}
    bought = purchase(1, now) | {"id": "p", "transaction_id": "A-1", "customer": ANN_ID}
    async with session() as http, connect(keyed.server.url) as client:

        async def told(*events: dict[str, Any]) -> None:
            async with http.post(
                f"http://127.0.0.1:{keyed.port}{PATH}",
                json={"events": events},
                headers={"Authorization": f"Bearer {KEY}"},
            ) as answer:
                assert (answer.status, (await answer.json())["accepted"]) == (202, len(events))

        async def named() -> bool:
            return who.encode() in (await client.get(Keys().thing(home, SITE, order)) or b"")

        await told(customer, bought)
        async with AsyncCards(keyed.server.url, read_ring(tmp_path / "wakeline.key")) as cards:
            card = await cards.read(SITE, who)
        assert card is not None
        assert {name: value.text for name, value in card.values.items()} == ANN
        await until(named, "the order names its customer")
        rows: Any = await client.xrange(keys.log_lane(lane))
        records = [decode_record(fields[b"v"]) for _, fields in rows]
        found = [(one.told, one.body) for one in records if isinstance(one, Fact) and one.type == "customer"]
        assert [(sorted(names), body) for names, body in found] == [(sorted(ANN), {"traits": {"plan": "gold"}})]
        assert not holds(tmp_path, *ANN.values())
        await told({"id": "f", "type": "forget", "time": time.time_ns() // 1_000_000, "customer": ANN_ID})

        async def is_gone() -> bool:
            return not await client.exists(card_keys.card(lane, SITE, who)) and not await named()

        await until(is_gone, "the card is gone, and the order names nobody")
        assert await client.exists(Keys().thing(home, SITE, order))
        assert not await client.exists(Keys().profile(lane, SITE, who))
        assert not await client.zcard(card_keys.index(lane, SITE))
    words = keyed.collector.said() + keyed.processor.said()
    assert not [value for value in ANN.values() if value in words]
