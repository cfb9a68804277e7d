"""The demo's departments tell over the server API where it is heard, with a key made once, also by a button."""

from __future__ import annotations

import asyncio
import json
import os
import random
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from benchmarks.machine import free_port
from demo.app import create_app
from demo.catalogue import SITE
from demo.departments import DEPARTMENTS, TILL
from demo.key import FILE, Key
from demo.server_events import PATH, ServerEvents
from tests.collector_stand import CHROME
from wakeline.config import load
from wakeline.settings import Config

NOW = 1_790_000_000_000
WHO = "C-1042"
OURS = {"Host": "127.0.0.1:8710", "Wakeline-Demo": "1", "Sec-Fetch-Site": "same-origin"}


# ---- how it arrives


@dataclass
class Collector:
    """Answers the server API with `statuses` in turn, repeating the last."""

    statuses: list[int]
    reason: str = ""
    keys: list[str] = field(default_factory=list)
    told: list[list[str]] = field(default_factory=list)  # ids of each request

    async def handle(self, request: web.Request) -> web.Response:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        self.keys.append(request.headers["Authorization"])
        events = (await request.json())["events"]
        self.told.append([event["id"] for event in events])
        if status not in (202, 400):
            return web.json_response({"reason": "no"}, status=status)
        said = {"status": "accepted"}
        if self.reason:
            said = {"status": "rejected", "reason": self.reason, "field": "value"}
        return web.json_response({"results": [{"id": event["id"], **said} for event in events]}, status=status)

    async def describe(self, request: web.Request) -> web.Response:
        return web.json_response({})

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post(PATH, self.handle)
        if self.statuses != [404]:
            app.router.add_get("/v1/openapi.json", self.describe)
        return app


class Given(Key):
    """Keys that the test gives, one after the other; None: none can be made."""

    def __init__(self, *texts: str | None) -> None:
        self.texts = list(texts)

    async def text(self) -> str | None:
        return self.texts[0]

    def forget(self, text: str) -> None:
        assert text == self.texts.pop(0)


@asynccontextmanager
async def client(collector: Collector, key: Key) -> AsyncIterator[ServerEvents]:
    async with TestServer(collector.app()) as server, ServerEvents(server.make_url(PATH), key) as made:
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.server_events.LEAST_WAIT_S", 0.01)
    monkeypatch.setattr("demo.server_events.CHECK_S", 0.01)
    monkeypatch.setattr("demo.server_events.CHECKS", 3)


def sold() -> list[dict[str, Any]]:
    return [said.event for said in DEPARTMENTS[TILL](WHO, random.Random(1), NOW)][:2]


@pytest.mark.parametrize("statuses", [[202], [503, 429, 202], [401, 403, 202]], ids=["at once", "away", "a new key"])
async def test_a_retry_has_the_same_ids(statuses: list[int]) -> None:
    collector = Collector(list(statuses))
    async with client(collector, Given("wk_a_b")) as departments:
        results = await departments.tell(sold())
    assert [result.status for result in results] == ["accepted", "accepted"]
    assert collector.told == [[event["id"] for event in sold()]] * len(statuses)
    assert set(collector.keys) == {"Bearer wk_a_b"}
    assert departments.accepted == 2


@pytest.mark.parametrize("status", [404, 405])
async def test_where_there_is_no_such_api_they_are_silent(status: int, caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector([status])
    async with client(collector, Given("wk_a_b")) as departments:
        assert await departments.look() is (status == 405)
        for _ in range(3):
            assert await departments.tell(sold()) == []
    assert len(collector.told) == 1
    assert not departments.is_there
    assert caplog.messages == []


async def test_without_a_key_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector([202])
    async with client(collector, Given(None)) as departments:
        assert not await departments.look()
        assert await departments.tell(sold()) == []
    assert (collector.told, caplog.messages) == ([], [])


async def test_a_key_that_is_refused_is_made_anew_once() -> None:
    collector = Collector([401] * 3 + [202])
    async with client(collector, Given("old", "new")) as departments:
        assert await departments.look()
        assert len(await departments.tell(sold())) == 2
    assert collector.keys == ["Bearer old"] * 3 + ["Bearer new"]


async def test_a_key_that_stays_refused_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector([403])
    async with client(collector, Given("old", "new")) as departments:
        assert await departments.tell(sold()) == []
        assert await departments.tell(sold()) == []
    assert collector.keys == ["Bearer old"] * 3 + ["Bearer new"] * 3
    assert len(caplog.messages) == 1


async def test_a_rejection_is_said_once_with_its_field(caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector([400], reason="bad_amount")
    async with client(collector, Given("wk_a_b")) as departments:
        for _ in range(2):
            assert [result.reason for result in await departments.tell(sold())] == ["bad_amount"] * 2
    (line,) = caplog.messages
    assert "bad_amount value" in line
    assert WHO not in line


async def test_a_collector_that_is_away_is_waited_for() -> None:
    url = URL.build(scheme="http", host="127.0.0.1", port=free_port(), path=PATH)
    async with ServerEvents(url, Given("k")) as away:
        assert not await away.look()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(away.tell(sold()), 0.1)


# ---- the key


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(SITE.parent / "wakeline.toml", {"data": str(tmp_path)}, {})


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What keys were asked for; `wakeline.api_keys` is replaced."""
    made: list[dict[str, Any]] = []

    def new_key(site: str, label: str, scopes: Any, *, now: int) -> tuple[str, str, dict[str, Any]]:
        number = len(made) + 1
        made.append({"site": site, "scopes": scopes})
        return f"name{number}", f"wk_{number}", made[-1]

    async def add(redis: Any, name: str, key: Any) -> None:
        await asyncio.sleep(0.01)

    module = ModuleType("wakeline.api_keys")
    module.new_key, module.add = new_key, add  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wakeline.api_keys", module)
    return made


async def test_a_key_is_made_once_for_both_processes(config: Config, tmp_path: Path, keys: list[Any]) -> None:
    shop, simulator = Key(config, "demo"), Key(config, "demo")
    found = await asyncio.gather(shop.text(), simulator.text())
    assert len(set(found)) == 1
    assert await shop.text() == await simulator.text() == found[0]
    assert keys[0]["site"] == "demo"
    assert tuple(keys[0]["scopes"]) == ("events",)
    assert os.listdir(tmp_path) == [FILE]
    assert stat.S_IMODE(os.stat(tmp_path / FILE).st_mode) == 0o600


async def test_a_forgotten_key_is_made_anew_unless_another_was_made(config: Config, keys: list[Any]) -> None:
    key = Key(config, "demo")
    first = await key.text()
    assert first
    key.forget("another")
    assert await key.text() == first
    key.forget(first)
    assert await key.text() == "wk_2"


async def test_a_version_without_keys_has_none(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wakeline.api_keys", None)
    assert await Key(config, "demo").text() is None


# ---- the buttons of the panel


@asynccontextmanager
async def shop_beside(collector: Collector, folder: Path, **flags: str) -> AsyncIterator[TestClient]:
    async with TestServer(collector.app()) as server:
        flags |= {"data": str(folder), "host": "127.0.0.1", "port": str(server.port)}
        app = create_app(load(SITE.parent / "wakeline.toml", flags, {}), 8710)
        async with TestClient(TestServer(app)) as client:
            yield client


@pytest.mark.parametrize("name", DEPARTMENTS)
async def test_a_button_lets_a_department_tell(tmp_path: Path, keys: list[Any], name: str) -> None:
    collector = Collector([202])
    async with shop_beside(collector, tmp_path) as shop:
        answer = await shop.post(f"/panel/tell/{name}", json={"id": WHO}, headers=OURS)
        body = await answer.json()
    assert (answer.status, body["said"]) == (200, "accepted")
    assert len(body["steps"]) >= len(collector.told[0]) > 0
    assert body["steps"][0]["in"] == 0
    assert WHO not in json.dumps(body["steps"][1:])


@pytest.mark.parametrize(("status", "said"), [(404, "no answer"), (400, "bad_amount value")])
async def test_what_is_not_taken_is_said(tmp_path: Path, keys: list[Any], status: int, said: str) -> None:
    async with shop_beside(Collector([status], reason="bad_amount"), tmp_path) as shop:
        answer = await shop.post("/panel/tell/till", json={"id": WHO}, headers=OURS)
        assert await answer.json() == {"said": said, "steps": []}


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        pytest.param("till", {"Sec-Fetch-Site": "cross-site"}, {"id": WHO}, 403, id="another site"),
        pytest.param("cellar", {}, {"id": WHO}, 404, id="no such department"),
        pytest.param("till", {}, {}, 400, id="nobody"),
        pytest.param("till", {}, {"id": "a b"}, 400, id="no customer number"),
    ],
)
async def test_only_a_page_of_the_shop_may_press_it(
    tmp_path: Path, keys: list[Any], path: str, headers: dict[str, str], body: dict[str, str], status: int
) -> None:
    collector = Collector([202])
    async with shop_beside(collector, tmp_path) as shop:
        answer = await shop.post(f"/panel/tell/{path}", json=body, headers=OURS | headers)
        assert answer.status == status
    assert collector.told == []


@pytest.mark.parametrize("statuses", [[202], [404]], ids=["heard", "not heard"])
async def test_the_panel_offers_them_where_they_are_heard(tmp_path: Path, keys: list[Any], statuses: list[int]) -> None:
    collector = Collector(statuses)
    read_side = web.Application()

    async def profile(request: web.Request) -> web.Response:
        return web.Response(status=404, body=b'{"reason":"unknown_profile"}')

    read_side.router.add_get("/v1/profiles/demo/{id}", profile)
    async with TestServer(read_side) as server, shop_beside(collector, tmp_path, api_port=str(server.port)) as shop:
        answer = await shop.get(f"/panel/profile/{'v' * 22}", headers=OURS | {"User-Agent": CHROME})
        body = await answer.json()
    assert body.get("departments", False) is (statuses == [202])
