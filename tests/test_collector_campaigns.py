"""`/v1/server/campaigns`: campaigns that are planned over HTTP, beside those of the file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector import plans
from crm.sites import SiteFacts
from processor.definitions import Definitions
from tests.collector_stand import LANES, NOON, SITE, Stand
from tests.server_stand import KEY, NAME, STORED, server_stand
from wakeline import applied, keys
from wakeline.api_keys import new_key
from wakeline.lanes import open_deployment
from wakeline.planned import MOST_BYTES, PATH, name_of
from wakeline.record import Definition
from wakeline.redis.connect import connect
from wakeline.settings import CampaignRule, Settings

PLANNER_NAME, PLANNER, PLANNER_STORED = new_key("demo", "mailer", ["campaigns"], now=NOON)
KEYS = {NAME: STORED, PLANNER_NAME: PLANNER_STORED}
OF_FILE = CampaignRule(id="of-file", type="letter", starts=date(2026, 12, 1), ends=date(2026, 12, 5))
SHOP = replace(SITE, currency="EUR", campaigns=(OF_FILE,))
PLAN: dict[str, Any] = {"type": "newsletter", "starts": "2026-12-01", "ends": "2026-12-24", "send_cost": 0.02}


@asynccontextmanager
async def collecting(server: Any, folder: Path, site: Any = SHOP, **more: Any) -> AsyncIterator[Stand]:
    async with connect(server.url) as redis:
        await open_deployment(redis, Settings(lanes=LANES, redis=server.url))
    settings = {"redis": server.url, "lanes": LANES, **more}
    async with server_stand(folder, site, keys=KEYS, settings=settings) as made:
        yield made


@pytest.fixture
async def collector(redis_server: Any, tmp_path: Path) -> AsyncIterator[Stand]:
    async with collecting(redis_server, tmp_path) as made:
        yield made


async def ask(
    collector: Stand, method: str, id: str = "", body: Any = None, *, key: str = PLANNER, **headers: str
) -> tuple[int, Any]:
    sent = {"Authorization": f"Bearer {key}"} if key else {}
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    if data is not None:
        sent["Content-Type"] = "application/json"
    url = f"{collector.url}{PATH}/{id}" if id else collector.url + PATH
    async with collector.http.request(method, url, data=data, headers=sent | headers) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
        text = await answer.text()
        return answer.status, json.loads(text) if text[:1] == "{" else text


async def put(collector: Stand, id: str = "winter", /, **fields: Any) -> tuple[int, Any]:
    return await ask(collector, "PUT", id, PLAN | fields)


async def records(collector: Stand) -> dict[int, list[tuple[int, Any]]]:
    """Lane -> version and body of each definition of `winter`."""
    return {
        lane: [
            (one.version, json.loads(bytes(one.body)))
            for one in entries
            if isinstance(one, Definition) and one.name == name_of("winter")
        ]
        for lane, entries in (await collector.entries()).items()
    }


async def test_a_campaign_is_planned_changed_and_deleted(collector: Stand) -> None:
    status, answer = await put(collector)
    assert (status, answer["by"], answer["campaign"]["send_cost"]) == (201, "api", 0.02)
    assert (await put(collector, goal="sell"))[0] == 200
    assert (await ask(collector, "GET", "winter"))[1]["campaign"]["goal"] == "sell"
    listed = (await ask(collector, "GET"))[1]["campaigns"]
    assert [(one["by"], one["campaign"]["id"]) for one in listed] == [("file", "of-file"), ("api", "winter")]
    for _ in range(2):  # a retry
        assert await ask(collector, "DELETE", "winter") == (204, "")
    assert (await ask(collector, "GET", "winter"))[0] == 404
    told = await records(collector)
    assert len(told) == LANES
    for entries in told.values():
        assert [version for version, _ in entries] == [1, 2, 3]
        assert [body and body["goal"] for _, body in entries] == ["", "sell", None]


async def test_what_is_answered_can_be_sent_again(collector: Stand) -> None:
    await put(collector, costs=[{"first": "2026-12-01", "last": "2026-12-02", "cost": 5}], elements=["a, b"])
    planned = (await ask(collector, "GET", "winter"))[1]["campaign"]
    for _ in range(2):
        assert (await ask(collector, "PUT", "winter", planned))[0] == 200
    assert {len(entries) for entries in (await records(collector)).values()} == {1}


async def test_an_id_of_the_file_is_its_own(collector: Stand) -> None:
    for method, body in (("PUT", PLAN), ("DELETE", None)):
        status, answer = await ask(collector, method, "of-file", body)
        assert (status, answer["reason"]) == (409, "of_file")
        assert "wakeline.toml" in answer["message"]
    assert (await ask(collector, "GET", "of-file"))[1]["by"] == "file"


async def test_what_was_applied_is_the_file(collector: Stand, redis_server: Any) -> None:
    """The collector needs no restart to know it."""
    body = msgspec.json.encode([replace(OF_FILE, id="winter")])
    await put(collector)
    async with connect(redis_server.url) as redis:
        await applied.register(redis, ("demo", "campaigns"), None, 1, body)
    assert (await put(collector))[0] == 409
    assert (await put(collector, "of-file"))[0] == 201
    listed = (await ask(collector, "GET"))[1]["campaigns"]
    assert [(one["by"], one["campaign"]["id"]) for one in listed] == [("api", "of-file"), ("file", "winter")]


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a field that there is not": ({"strats": 1}, "strats", "did you mean starts?"),
    "no day": ({"starts": "tomorrow"}, "starts", "must be a day like 2026-12-01"),
    "a text for a number": ({"cost": "3"}, "cost", "must be a number"),
    "an end before the start": ({"ends": "2026-11-01"}, "ends", "before it starts on 2026-12-01"),
    "a cost below 0": ({"cost": -1}, "cost", "costs -1"),
    "a cost of other days": (
        {"costs": [{"first": "2026-01-01", "last": "2026-12-02", "cost": 1}]},
        "costs[0]",
        "it runs from 2026-12-01",
    ),
    "two costs for a day": (
        {"costs": [{"first": "2026-12-02", "last": "2026-12-03", "cost": 1}] * 2},
        "costs[1].first",
        "two costs",
    ),
    "another id": ({"id": "summer"}, "id", "another one"),
    "no type": ({"type": ""}, "type", "1 to 50 characters"),
    "a field too many in a list": ({"costs": [{"frist": 1}]}, "costs[0].frist", "did you mean first?"),
    "an element that is none": ({"elements": ["a", 3]}, "elements[1]", "must be a text"),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_is_wrong_is_said_with_its_field(collector: Stand, case: str) -> None:
    fields, field, words = BAD[case]
    status, answer = await put(collector, **fields)
    assert (status, answer["reason"], answer["field"]) == (400, "bad_campaign", field)
    assert words in answer["message"]
    assert not any((await records(collector)).values())


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[]", 400), (b"{", 400), (b'{"type":"\\ud800"}', 400), (b"x" * (MOST_BYTES + 1), 413)],
)
async def test_other_bodies_are_refused(collector: Stand, body: bytes, status: int) -> None:
    assert (await ask(collector, "PUT", "winter", body))[0] == status


async def test_a_field_that_is_missing(collector: Stand) -> None:
    status, answer = await ask(collector, "PUT", "winter", {"type": "x", "starts": "2026-12-01"})
    assert (status, answer["field"], answer["message"]) == (400, "ends", "is missing")


async def test_a_cost_needs_the_currency(redis_server: Any, tmp_path: Path) -> None:
    async with collecting(redis_server, tmp_path, SITE) as collector:
        status, answer = await put(collector)
        assert (status, answer["field"]) == (400, "send_cost")
        assert "currency" in answer["message"]


@pytest.mark.parametrize(
    ("key", "status"), [("", 401), ("wk_none", 401), (KEY, 403)], ids=["none", "unknown", "another scope"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_who_may_not(collector: Stand, method: str, key: str, status: int) -> None:
    assert (await ask(collector, method, "winter", PLAN if method == "PUT" else None, key=key))[0] == status
    assert (await ask(collector, "GET", key=key))[0] == status


async def test_ids_of_any_letters(collector: Stand) -> None:
    for sent in ("50%25%20off", "a%2Fb", "%C3%A4?x=1"):
        assert (await put(collector, sent))[0] == 201
    listed = (await ask(collector, "GET"))[1]["campaigns"]
    assert {one["campaign"]["id"] for one in listed} == {"of-file", "50% off", "a/b", "ä"}
    assert (await put(collector, "x" * 101))[0] == 404
    assert (await put(collector, "%20x"))[0] == 400
    assert (await put(collector, "%ff"))[0] == 404, "else %fe would be the same one"


async def test_a_site_has_room_for_so_many(collector: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MOST_TOLD", 2)
    assert [(await put(collector, id))[0] for id in ("a", "b")] == [201, 201]
    await ask(collector, "DELETE", "a")
    assert (await put(collector, "c"))[1]["reason"] == "too_many_campaigns", "deleted ones are known for ever"
    assert (await put(collector, "a"))[0] == 201
    monkeypatch.setattr(plans, "MOST_BYTES_OF_SITE", 400)
    assert (await put(collector, "b", goal="x" * 300))[0] == 409


async def test_all_who_plan_one_at_once_are_told_apart(collector: Stand) -> None:
    answers = await asyncio.gather(*(put(collector, goal=str(number)) for number in range(4)))
    assert {status for status, _ in answers} <= {200, 201}
    holds = (await ask(collector, "GET", "winter"))[1]["campaign"]["goal"]
    for entries in (await records(collector)).values():
        versions = dict(entries)
        assert sorted(versions) == [1, 2, 3, 4]
        assert versions[4]["goal"] == holds


async def test_one_that_was_cut_before_the_log_is_appended_by_the_retry(collector: Stand) -> None:
    collector.log.is_away = True
    assert (await put(collector))[0] == 503
    collector.log.is_away = False
    for _ in range(100):
        if collector.parts.writer.log_and_lanes[0] is not None:
            break
        await asyncio.sleep(0.05)
    assert (await put(collector))[0] == 200
    assert {tuple(version for version, _ in one) for one in (await records(collector)).values()} == {(1,)}


async def test_an_apply_that_ends_it_meanwhile_does_no_harm(
    collector: Stand, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`wakeline apply` sees that it was said, and not yet appended, and appends it too."""

    async def twice(*told: Any) -> None:
        await applied.append(*told)
        await applied.append(*told)

    monkeypatch.setattr(plans, "append", twice)
    assert (await put(collector))[0] == 201
    monkeypatch.undo()
    assert (await put(collector))[0] == 200
    assert {tuple(version for version, _ in one) for one in (await records(collector)).values()} == {(1, 1)}
    async with connect(redis_server.url) as redis:
        assert all(one.is_everywhere for one in (await applied.applied(redis)).values())


async def test_while_redis_is_away(redis_server: Any, tmp_path: Path) -> None:
    async with server_stand(tmp_path, SHOP, keys=KEYS) as collector:
        for status, _ in (await put(collector), await ask(collector, "GET"), await ask(collector, "DELETE", "winter")):
            assert status == 503


async def test_a_version_that_a_lane_met_is_surpassed(collector: Stand, redis_server: Any) -> None:
    """Redis came back from a backup that is older than the log."""
    known = applied.Known([applied.Noted(7, 3, msgspec.Raw(b"null"))])
    async with connect(redis_server.url) as redis:
        name = keys.Keys(1).definitions(2)
        await redis.hset(name, applied.field_of(("demo", name_of("winter"))), applied.encode_known(known))
    await put(collector)
    assert {tuple(version for version, _ in one) for one in (await records(collector)).values()} == {(8,)}


async def test_a_key_may_not_plan_all_the_time(redis_server: Any, tmp_path: Path) -> None:
    async with collecting(redis_server, tmp_path, server_rate_limit=10.0) as collector:
        statuses = [(await put(collector, str(number)))[0] for number in range(4)]
        assert statuses[0] == 201
        assert statuses[-1] == 429


def costs(site: Any, *told: tuple[CampaignRule | None, int]) -> dict[str, int]:
    """What a mail costs where these definitions hold."""
    lane, sites = Definitions(), {site.key: SiteFacts(site)}
    for number, (rule, version) in enumerate(told):
        body = msgspec.Raw(msgspec.json.encode(rule))
        lane.take(Definition(site.key, name_of("winter"), version, body), number, sites)
    return lane.facts(sites)[site.key].send_costs


def test_the_fold_counts_what_its_mails_cost() -> None:
    rule = replace(OF_FILE, id="winter", send_cost=0.5)
    assert costs(SHOP, (rule, 1)) == {"winter": 50}
    assert costs(SHOP, (rule, 1), (None, 2)) == {}
    assert costs(SHOP, (None, 2), (rule, 1)) == {}, "a later version holds, whenever it comes"


def test_of_an_id_of_both_the_files_holds() -> None:
    rule = replace(OF_FILE, id="winter", send_cost=0.5)
    in_file = replace(SHOP, campaigns=(OF_FILE, replace(rule, send_cost=0.7)))
    assert costs(in_file, (rule, 1)) == {"winter": 70}
