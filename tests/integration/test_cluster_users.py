"""All processes with the users of docs/redis.md, on a server and on a cluster behind TLS."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from click.testing import CliRunner
from redis.exceptions import ConnectionError, NoPermissionError

from benchmarks.broker import Broker
from benchmarks.machine import find_free_ports
from benchmarks.waiting import until
from ops.cli import main
from tests.answers import until_status
from tests.balance import assert_balanced
from tests.cards import write_cards
from tests.guarded import Guarded, GuardedCluster, guarded_cluster
from tests.integration.kill.services import Service
from tests.timeline import MINUTE, Timeline, a_week_of_visits
from wakeline.cards import Card, open_ring
from wakeline.identity import customer_id, signature
from wakeline.lanes import Deployment
from wakeline.redis.connect import connect

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PAGE = (Path(__file__).parents[2] / "docs/redis.md").read_text()
ORIGIN, SECRET, TOKEN, VISITOR = "https://shop.example", "0123456789abcdef", "t0ken-of-this-test", "v" * 22


Rules = dict[str, str]  # ACL rules by process


def rules_in(page: str) -> tuple[Rules, Rules]:
    """With the log on Kafka, and with what Redis Streams need besides."""
    base = dict(re.findall(r"^ACL SETUSER (\w+) on >password (.+)$", page, re.M))
    more = dict(re.findall(r"^ACL SETUSER (\w+) (\+.+)$", page, re.M))
    return base, {name: f"{rules} {more[name]}" for name, rules in base.items()}


ON_A_CLUSTER, ON_ONE_SERVER = rules_in(PAGE)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[GuardedCluster]:
    async with guarded_cluster(tmp_path) as made:
        yield made


@pytest.fixture
def server(own_server: Any) -> Iterator[Guarded]:
    made = Guarded([own_server.port])
    yield made
    made.close()


async def test_each_process_needs_no_more_on_a_cluster(
    cluster: GuardedCluster, kafka: Broker, topic: str, tmp_path: Path
) -> None:
    """An event becomes a profile, is shown, archived and erased, and nobody is refused anything."""
    await play(Stand(cluster, tmp_path, find_free_ports(6), log=f"{kafka.url}/{topic}"), ON_A_CLUSTER)


async def test_each_process_needs_no_more_on_one_server(server: Guarded, tmp_path: Path) -> None:
    """The same with the log on Redis Streams."""
    await play(Stand(server, tmp_path, find_free_ports(6)), ON_ONE_SERVER)


async def play(stand: Stand, users: Rules) -> None:
    for name, rules in users.items():
        stand.guarded.add_user(name, rules)
    try:
        await stand.play()
        await asyncio.to_thread(assert_balanced, stand.ports["metrics_port"])
        stand.kill()
        await stand.fold()
    finally:
        stand.kill()
    assert stand.guarded.refused() <= {"tools scan"}  # optional, see docs/redis.md: `check` goes without
    assert set(users) == {"collector", "processor", "archiver", "api", "tools"}
    needless = {command for rules in users.values() for command in given(rules)} - stand.guarded.used() - NOT_PLAYED
    assert needless == set()


NOT_PLAYED = {"xtrim", "cluster|slots", "cluster|info", "cluster|nodes", "command"}


def given(rules: str) -> set[str]:
    return {word[1:] for word in rules.split() if word[0] == "+"}


class Stand:
    """The processes."""

    def __init__(self, guarded: Guarded, folder: Path, ports: list[int], *, log: str = "") -> None:
        self.guarded = guarded
        self.config = folder / "wakeline.toml"
        self.config.write_text(
            f'log = "{log}"\nlanes = 8\narchive_seal_s = 1\napi_token = "{TOKEN}"\n'
            f'[[site]]\nkey = "shop"\nsecret = "{SECRET}"\norigins = ["{ORIGIN}"]\nconsent = "full"\n'
        )
        names = ("port", "metrics_port", "processor_metrics_port", "api_port", "api_metrics_port")
        self.ports = dict(zip((*names, "archiver_metrics_port"), ports, strict=True))
        self.services = {}
        for name in ("collector", "processor", "archiver", "api"):
            flags = {"config": self.config, "redis": guarded.url(name), "data": folder / "data", **self.ports}
            self.services[name] = Service(name, flags, folder / f"{name}.log")

    def kill(self) -> None:
        for service in self.services.values():
            service.kill()
            print(service.last_words())

    async def play(self) -> None:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as self.http:
            self.services["collector"].start()  # the first makes the deployment
            await self._until_answered(f":{self.ports['port']}/readyz", 200)
            self.services["api"].start()
            assert await self._send() == 202
            await self._until_answered(f":{self.ports['api_metrics_port']}/metrics", 200)  # of lanes that are behind
            for name in ("processor", "archiver"):
                self.services[name].start()
            await self._until_answered(f":{self.ports['api_port']}/v1/profiles/shop/{VISITOR}", 200)
            await self._until_answered(f":{self.ports['api_metrics_port']}/metrics", 200)
            await self._fill_card()
            shown = json.loads(await self._command("profile", VISITOR, "--json", "--personal"))
            assert (shown["page_views"], shown["personal"]["values"]["name"]["text"]) == (1, "Jo")
            said = await self._command("check")
            assert "every write is on disk" in said
            assert "version 1 is now in effect" in await self._command("apply")
            await self._tell(await self._command("key", "make", "--label", "till"))
            assert "till" in await self._command("key", "list")
            flags = ("--label", "desk", "--scope", "profiles", "--scope", "cards")
            await self._read(await self._command("key", "make", *flags))
            assert "encrypted with the new key" in await self._command("key", "rotate-cards", "--yes")
            kinds = json.loads(await self._command("retention", "--dry-run", "--json"))
            assert [row["held"] for row in kinds if row["kind"] == "cards"] == [1]
            known = json.loads(await self._command("profile", "export", "jo"))
            assert known["personal_values"]["name"]["value"] == "Jo"
            people = self.config.with_name("people.csv")
            people.write_text("Customer ID,Country\nK1,DE\n")
            assert "imported in" in await self._command("import", str(people), "--data", str(self.config.parent))
            await self._until_answered(f":{self.ports['api_port']}/v1/profiles/shop/customers/K1", 200)
            told = json.loads(await self._command("profile", "K1", "--customer", "--json"))["record"]
            assert told["traits"] == {"country": "DE"}
            await until(lambda: list(self.config.parent.glob("data/archive/*/*/*.gz")), "sealed")
            assert "campaigns brought is stored" in await self._command("campaigns", "publish", user="archiver")
            await self._command("erase", VISITOR, "--yes")
            await self._until_answered(f":{self.ports['api_port']}/v1/profiles/shop/{VISITOR}", 404)
            await until(lambda: not self.guarded.keys("*:card:*"), "the card is erased")

    async def fold(self) -> None:
        """What takes the processor half an hour: sessions that end, dead letters, a restart."""
        self.guarded.flush()
        made = Timeline(self.guarded.url("processor"))
        try:
            await made.start()
            await made.append(*a_week_of_visits(random.Random(5)), b"no JSON")
            await made.run()
            await made.start()
            for _ in range(3):
                await made.pass_time(31 * MINUTE)
        finally:
            await made.close()

    async def _send(self) -> int:
        now = time.time_ns() // 1_000_000
        common = {"page": "p" * 22, "time": now, "url": f"{ORIGIN}/shoes", "visitor": VISITOR}
        events = [
            {"type": "page_view", "n": 0, **common},
            {"type": "identify", "n": 1, "id": "jo", "signature": signature(SECRET, "jo"), **common},
        ]
        body = json.dumps({"site": "shop", "consent": "full", "sent": now, "events": events})
        url, headers = f"http://127.0.0.1:{self.ports['port']}/v1/events", {"Origin": ORIGIN, "User-Agent": BROWSER}
        async with self.http.post(url, data=body, headers=headers | {"Content-Type": "text/plain"}) as answer:
            return answer.status

    async def _fill_card(self) -> None:
        """The customer's card, as the collector writes it."""
        client = connect(self.guarded.url("collector"))
        try:
            ring = await open_ring(self.config.parent / "wakeline.key", client)
            for at, name in enumerate(("Joe", "Jo"), start=1):
                told = Card("shop", customer_id(SECRET, "jo"), at, {"name": name})
                await write_cards(client, ring, Deployment(8, 0, 1), [told])
        finally:
            await client.aclose()

    async def _tell(self, key: str) -> None:
        """Until the collector has heard of the key."""
        event = {"id": "1", "type": "login", "time": time.time_ns() // 1_000_000, "customer": "jo"}
        url = f"http://127.0.0.1:{self.ports['port']}/v1/server/events"
        headers = {"Authorization": f"Bearer {key.split()[-1]}"}

        async def is_told() -> bool:
            async with self.http.post(url, json={"events": [event]}, headers=headers) as answer:
                return answer.status == 202

        async with asyncio.timeout(10):
            while not await is_told():  # noqa: ASYNC110  the collector reads keys every two seconds
                await asyncio.sleep(0.2)

    async def _read(self, key: str) -> None:
        """The profile and the card, by an API key."""
        base = f"http://127.0.0.1:{self.ports['api_port']}/v1"
        headers = {"Authorization": f"Bearer {key.split()[-1]}"}
        async with self.http.get(f"{base}/profiles/shop/{VISITOR}", headers=headers) as answer:
            assert answer.status == 200
        async with self.http.post(f"{base}/cards/shop/search", json={"text": "jo"}, headers=headers) as answer:
            (customer,) = (await answer.json())["customers"]
        async with self.http.get(f"{base}/cards/shop/{customer}", headers=headers) as answer:
            assert (await answer.json())["values"]["name"]["text"] == "Jo"
        assert self.guarded.keys("wl:api_keys:used")

    async def _until_answered(self, where: str, status: int) -> None:
        await until_status(self.http, f"http://127.0.0.1{where}", status)

    async def _command(self, name: str, *words: str, user: str = "tools") -> str:
        """Its output; of errors nothing."""
        flags = ["--config", str(self.config), "--redis", self.guarded.url(user)]
        result = await asyncio.to_thread(CliRunner().invoke, main, [name, *words, *flags])
        assert result.exit_code == 0, result.output
        return str(result.output)


async def test_who_only_reads_cannot_write(cluster: GuardedCluster) -> None:
    cluster.add_user("api", ON_A_CLUSTER["api"])
    client = connect(cluster.url("api"))
    try:
        assert await client.hgetall("wl1:{0}:lane") == {}
        for call in (client.hset("wl1:{0}:lane", "offset", "1"), client.hgetall("another"), client.flushall()):
            with pytest.raises(NoPermissionError):
                await call
    finally:
        await client.aclose()


async def test_a_certificate_of_somebody_else_is_refused(cluster: GuardedCluster, tmp_path: Path) -> None:
    cluster.add_user("api", ON_A_CLUSTER["api"])
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    client = connect(cluster.url("api", authority=other))
    try:
        with pytest.raises(ConnectionError, match="certificate verify failed"):
            await client.hgetall("wl1:{0}:lane")
    finally:
        await client.aclose()
