"""GET /v1/profiles: answers and refusals, against a real server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
import redis
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api.access import Access
from api.answers import STATUS, Refusal
from api.profiles import ProfileHandlers
from wakeline import keys
from wakeline.identity import customer_id
from wakeline.lanes import lane_of
from wakeline.profile_fields import Source
from wakeline.profiles import AsyncProfiles
from wakeline.redis.connect import connect
from wakeline.settings import Config, Settings, Site

TOKEN = "t0ken-of-this-test"
VISITOR = "q7QmVnZ3bGkd0yHkXo1F2w"
CUSTOMER = "@jo+a/b@shop.example"
SITES = {"shop": Site(key="shop", secret="s3cret"), "blog": Site(key="blog")}

Client = TestClient[web.Request, web.Application]


async def serving(url: str, token: str) -> Client:
    profiles, keys = AsyncProfiles(url), connect(url)
    app, config = web.Application(), Config(Settings(api_token=token), SITES)
    app.add_routes(ProfileHandlers(config, profiles, Access(config, keys)).routes())

    async def close(_: web.Application) -> None:
        await profiles.close()
        await keys.aclose()

    app.on_cleanup.append(close)
    client = TestClient(TestServer(app))
    await client.start_server()
    return client


@pytest.fixture
async def api(redis_server: Any) -> AsyncIterator[Client]:
    with redis.Redis(port=redis_server.port) as client:
        client.hset(keys.DEPLOYMENT, mapping={"lanes": 16, "decay_zero": 0, "half_life": 1 << 40})
        for id, page_views in ((VISITOR, 5), (customer_id("s3cret", CUSTOMER), 12)):
            lane = lane_of("shop", id, 16)
            client.hset(keys.Keys().profile(lane, "shop", id), mapping={"first_seen": 1_000, "page_views": page_views})
            client.zadd(keys.Keys().interests(lane, "shop", id), {"lamps": 3.0, "chairs": 1.0})
    async with await serving(redis_server.url, TOKEN) as client:
        yield client


async def get(client: Client, path: str, authorization: str | None = f"Bearer {TOKEN}") -> tuple[int, Any]:
    answer = await client.get(path, headers={} if authorization is None else {"Authorization": authorization})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content_type == "application/json"
    return answer.status, json.loads(await answer.text())


async def test_a_visitors_profile_is_typed_json(api: Client) -> None:
    status, profile = await get(api, f"/v1/profiles/shop/{VISITOR}")
    assert status == 200
    assert (profile["site"], profile["id"], profile["page_views"]) == ("shop", VISITOR, 5)
    assert (profile["first_seen"], profile["session"], profile["visitors"]) == ("1970-01-01T00:00:01Z", None, [])
    assert profile["first_source"] == dict.fromkeys(Source.__struct_fields__, "")
    assert [interest["name"] for interest in profile["interests"]] == ["lamps", "chairs"]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(f"customers/{quote(CUSTOMER, safe='')}", id="by the site's own id"),
        pytest.param(customer_id("s3cret", CUSTOMER), id="by its pseudonym"),
        pytest.param(quote(customer_id("s3cret", CUSTOMER), safe=""), id="by its pseudonym, percent-encoded"),
    ],
)
async def test_a_customers_profile(api: Client, path: str) -> None:
    status, profile = await get(api, f"/v1/profiles/shop/{path}")
    assert (status, profile["page_views"]) == (200, 12)
    assert CUSTOMER not in json.dumps(profile)


@pytest.mark.parametrize(
    ("authorization", "allowed"),
    [
        pytest.param(f"bearer {TOKEN}", True, id="the scheme in any case"),
        pytest.param(None, False, id="no header"),
        pytest.param("", False, id="empty header"),
        pytest.param("Bearer ", False, id="empty token"),
        pytest.param(f"Bearer {TOKEN}x", False, id="a longer token"),
        pytest.param(f"Bearer {TOKEN[:-1]}", False, id="a shorter token"),
        pytest.param(TOKEN, False, id="no scheme"),
        pytest.param(f"Basic {TOKEN}", False, id="another scheme"),
        pytest.param("Bearer töken", False, id="not ASCII"),
    ],
)
async def test_only_the_token_opens(api: Client, authorization: str | None, allowed: bool) -> None:
    status, body = await get(api, f"/v1/profiles/shop/{VISITOR}", authorization)
    assert status == (200 if allowed else 401)
    assert allowed or body == {"reason": "unauthorized"}


async def test_who_has_no_token_learns_nothing_about_sites_and_profiles(api: Client) -> None:
    paths = [f"/v1/profiles/{site}/{id}" for site in ("shop", "none") for id in (VISITOR, "x" * 22, "customers/a")]
    assert {json.dumps(await get(api, path, None)) for path in paths} == {'[401, {"reason": "unauthorized"}]'}


async def test_without_a_token_in_the_settings_nobody_reads(redis_server: Any) -> None:
    async with await serving(redis_server.url, "") as client:
        for authorization in (None, "Bearer", "Bearer ", f"Bearer {TOKEN}"):
            found = await get(client, f"/v1/profiles/shop/{VISITOR}", authorization)
            assert found == (403, {"reason": "no_token_set"})


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param(f"/v1/profiles/none/{VISITOR}", Refusal.UNKNOWN_SITE, id="another site"),
        pytest.param("/v1/profiles/shop/never-seen-visitor-01", Refusal.UNKNOWN_PROFILE, id="unknown visitor"),
        pytest.param(f"/v1/profiles/blog/{VISITOR}", Refusal.UNKNOWN_PROFILE, id="known on another site"),
        pytest.param("/v1/profiles/shop/~0123456789", Refusal.UNKNOWN_PROFILE, id="anonymous ids have no profile"),
        pytest.param("/v1/profiles/shop/%0d%0aDEL%20x", Refusal.UNKNOWN_PROFILE, id="not an id at all"),
        pytest.param("/v1/profiles/shop/customers/nobody", Refusal.UNKNOWN_PROFILE, id="unknown customer"),
        pytest.param("/v1/profiles/shop/customers/caf%E9", Refusal.UNKNOWN_PROFILE, id="a customer who is no UTF-8"),
        pytest.param("/v1/profiles/shop/caf%E9", Refusal.UNKNOWN_PROFILE, id="a visitor who is no UTF-8"),
        pytest.param("/v1/profiles/shop/%40alice", Refusal.UNKNOWN_PROFILE, id="an own id that begins with @"),
        pytest.param("/v1/profiles/blog/customers/nobody", Refusal.NO_SITE_SECRET, id="a site without a secret"),
        pytest.param(f"/v1/profiles/shop/{VISITOR}?interests=101", Refusal.BAD_INTERESTS, id="too many interests"),
        pytest.param(f"/v1/profiles/shop/{VISITOR}?interests=-1", Refusal.BAD_INTERESTS, id="fewer than none"),
        pytest.param(f"/v1/profiles/shop/{VISITOR}?interests=²", Refusal.BAD_INTERESTS, id="not a number"),
        pytest.param(f"/v1/profiles/shop/{VISITOR}?interests={'9' * 5_000}", Refusal.BAD_INTERESTS, id="5,000 digits"),
    ],
)
async def test_refusals(api: Client, path: str, reason: Refusal) -> None:
    assert await get(api, path) == (STATUS[reason], {"reason": reason.value})


async def test_as_many_interests_as_asked_for(api: Client) -> None:
    _, profile = await get(api, f"/v1/profiles/shop/{VISITOR}?interests=1")
    assert [interest["name"] for interest in profile["interests"]] == ["lamps"]


async def test_redis_away_is_503_and_may_be_retried(own_server: Any) -> None:
    async with await serving(own_server.url, TOKEN) as client:
        own_server.kill()
        answer = await client.get(f"/v1/profiles/shop/{VISITOR}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status, await answer.json()) == (503, {"reason": "unavailable"})
        assert answer.headers["Retry-After"] == "1"


def test_every_refusal_has_a_status() -> None:
    assert set(STATUS) == set(Refusal)
