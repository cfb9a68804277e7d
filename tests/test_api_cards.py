"""Reading by API keys: profiles and cards, each by its scope, against a real server."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api.access import Access
from api.cards import MOST_BYTES, CardHandlers
from api.metrics import REGISTRY
from api.profiles import ProfileHandlers
from crm.state import CustomerState, encode_customer
from tests.cards import EMAIL, LANES, NAME, PHONE, Desk, card, desk_on
from wakeline import card_keys, keys
from wakeline.api_keys import add, last_used, new_key, revoke
from wakeline.identity import customer_id
from wakeline.lanes import lane_of
from wakeline.profiles import AsyncProfiles
from wakeline.redis.connect import connect
from wakeline.settings import Config, Settings, Site

SITES = {"shop": Site(key="shop", secret="s3cret"), "blog": Site(key="blog", secret="other"), "bare": Site(key="bare")}
TOKEN, VISITOR, OWN = "t0ken-of-this-test", "q7QmVnZ3bGkd0yHkXo1F2w", "customer-1042"
JO = customer_id("s3cret", OWN)
READER_NAME, READER, READER_STORED = new_key("shop", "desk", ["profiles", "cards"], now=1)
KEYS = {
    name: new_key(site, name, scopes, now=1)
    for name, site, scopes in (
        ("of another site", "blog", ["profiles", "cards"]),
        ("of a site that is gone", "gone", ["profiles", "cards"]),
        ("without a scope", "shop", []),
        ("with scopes to tell", "shop", ["events", "erase", "read"]),
        ("revoked", "shop", ["profiles", "cards"]),
        ("for profiles", "shop", ["profiles"]),
        ("for cards", "shop", ["cards"]),
        ("of a site without a secret", "bare", ["profiles", "cards"]),
    )
}
REFUSED = ("of another site", "of a site that is gone", "without a scope", "with scopes to tell", "revoked")

Client = TestClient[web.Request, web.Application]


async def serving(url: str, file: Path) -> Client:
    config = Config(Settings(api_token=TOKEN, redis=url, card_key=file), SITES)
    redis, profiles, app = connect(url), AsyncProfiles(url), web.Application()
    access = Access(config, redis)
    cards = CardHandlers(config, access, redis)
    app.add_routes([*ProfileHandlers(config, profiles, access).routes(), *cards.routes()])

    async def close(_: web.Application) -> None:
        await cards.close()
        await profiles.close()
        await redis.aclose()

    app.on_cleanup.append(close)
    server = TestServer(app)
    await server.start_server(access_log=None, auto_decompress=False)  # as `internal_port.serve` does
    client = TestClient(server)
    await client.start_server()
    return client


@pytest.fixture
async def desk(redis: Any, redis_server: Any, tmp_path: Path) -> AsyncIterator[Desk]:
    made = await desk_on(redis, redis_server.url, tmp_path)
    for name, _, stored in (*KEYS.values(), (READER_NAME, "", READER_STORED)):
        await add(redis, name, stored)
    await revoke(redis, KEYS["revoked"][0], now=2)
    for id in (VISITOR, JO):
        fields = {"first_seen": 1_000, "page_views": 5}
        await redis.hset(keys.Keys().profile(lane_of("shop", id, LANES), "shop", id), mapping=fields)
    await made.write(card(JO), card(customer_id("other", OWN), site="blog", name="Blog Reader"))
    yield made
    await made.reader.close()


@pytest.fixture
async def api(desk: Desk, redis_server: Any, tmp_path: Path) -> AsyncIterator[Client]:
    async with await serving(redis_server.url, tmp_path / "wakeline.key") as client:
        yield client


async def ask(client: Client, path: str, key: str | None = READER, search: Any = None) -> tuple[int, Any]:
    """(status, answer); `search`: the body of a POST."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    data = search if isinstance(search, bytes | None) else json.dumps(search).encode()
    async with client.request("GET" if search is None else "POST", f"/v1{path}", headers=headers, data=data) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.content_type == "application/json"
        assert ("Retry-After" in answer.headers) == (answer.status == 503)
        return answer.status, json.loads(await answer.text())


PROFILES = (f"/profiles/shop/{VISITOR}", f"/profiles/shop/customers/{OWN}", f"/profiles/shop/{JO}")
CARDS = (f"/cards/shop/{JO}", f"/cards/shop/customers/{OWN}")
SEARCH = "/cards/shop/search"


@pytest.mark.parametrize("path", [*PROFILES, *CARDS])
async def test_a_key_reads_by_its_scope(api: Client, path: str) -> None:
    both = {name: (await ask(api, path, KEYS[name][1]))[0] for name in ("for profiles", "for cards")}
    assert both == {"for profiles": 200 if path in PROFILES else 403, "for cards": 200 if path in CARDS else 403}
    assert (await ask(api, path))[0] == 200


async def test_only_a_key_of_the_site_with_the_scope_reads(api: Client) -> None:
    """All others hear one thing, whether there is anything or not."""
    unknown = [f"wk_{'a' * 12}_{'b' * 43}", f"{READER[:-1]}{'a' if READER[-1] != 'a' else 'b'}"]
    heard = set()
    for key in (*(KEYS[name][1] for name in REFUSED), *unknown, "x", f"{READER}x", None):
        for path in (*CARDS, "/cards/shop/customers/nobody", "/cards/shop/@", "/cards/none/@", SEARCH):
            search = {"text": EMAIL} if path == SEARCH else None
            heard.add(json.dumps(await ask(api, path, key, search)))
        if key is not None and key.startswith("wk_") and len(key) == len(READER):
            heard |= {json.dumps(await ask(api, path, key)) for path in (*PROFILES, "/profiles/none/x")}
    assert heard == {f'[{status}, {{"reason": "unauthorized"}}]' for status in (401, 403)}


async def test_the_token_reads_profiles_of_all_sites_and_no_card(api: Client) -> None:
    assert [(await ask(api, path, TOKEN))[0] for path in PROFILES] == [200] * 3
    assert [(await ask(api, path, TOKEN))[0] for path in CARDS] == [401] * 2
    assert (await ask(api, SEARCH, TOKEN, {"text": EMAIL}))[0] == 401


async def test_a_revoked_key_is_refused_at_once(api: Client, desk: Desk) -> None:
    assert (await ask(api, CARDS[0]))[0] == 200
    await revoke(desk.redis, READER_NAME, now=5)
    assert [await ask(api, path) for path in (CARDS[0], PROFILES[0])] == [(401, {"reason": "unauthorized"})] * 2


async def test_a_card_has_its_values_with_their_times(api: Client) -> None:
    status, found = await ask(api, CARDS[1])
    assert (status, found["site"], found["customer"], found["aliases"], found["unreadable"]) == (
        200,
        "shop",
        JO,
        [],
        [],
    )
    assert {name: value["text"] for name, value in found["values"].items()} == {
        "email": EMAIL, "name": NAME, "phone": PHONE,
    }  # fmt: skip
    assert all(value["time"].endswith("Z") for value in found["values"].values())


@pytest.mark.parametrize(
    ("search", "is_found"),
    [
        pytest.param({"text": EMAIL.upper()}, True, id="e-mail address in any case"),
        pytest.param({"text": EMAIL, "by": "email"}, True, id="by its field"),
        pytest.param({"text": EMAIL, "by": "name"}, False, id="by another field"),
        pytest.param({"text": "døe jo", "by": "name"}, True, id="words of the name"),
        pytest.param({"text": "jo smith"}, False, id="not all words"),
        pytest.param({"text": "Blog Reader"}, False, id="of another site"),
        pytest.param({"text": "🦊"}, False, id="emoji"),
    ],
)
async def test_who_has_a_value_is_found(api: Client, search: Any, is_found: bool) -> None:
    assert await ask(api, SEARCH, search=search) == (200, {"customers": [JO] if is_found else []})


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b"[" * 8_000, b'{"text": ""}', b'{"text": 1}', b'{"by": "email"}',
     b'{"text": "a", "by": "address"}', b'{"text": "a", "more": 1}', b'{"text": "\\ud800"}', b" " * (MOST_BYTES + 1),
     json.dumps({"text": "a" * 1_001}).encode()],
)  # fmt: skip
async def test_what_is_no_search_is_refused(api: Client, body: bytes) -> None:
    assert await ask(api, SEARCH, search=body) == (400, {"reason": "bad_search"})


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
async def test_a_body_is_not_inflated(api: Client, coding: str) -> None:
    headers = {"Authorization": f"Bearer {READER}", "Content-Encoding": coding}
    body = gzip.compress(json.dumps({"text": EMAIL}).encode())
    async with api.post(f"/v1{SEARCH}", headers=headers, data=body) as answer:
        assert (answer.status, await answer.json()) == (400, {"reason": "bad_search"})


@pytest.mark.parametrize("state", [b"\x82\xa1v", b"{", b"\xff" * 50])
async def test_a_state_that_is_broken_is_an_internal_error(api: Client, desk: Desk, state: bytes) -> None:
    await desk.redis.set(keys.Keys().state(lane_of("shop", JO, LANES), "shop", JO), state)
    for path in (f"/profiles/shop/{JO}", f"/cards/shop/{JO}"):
        assert await ask(api, path) == (500, {"reason": "internal"})


async def test_what_cannot_be_read_is_logged_without_its_key(
    api: Client, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.redis.set(card_keys.card(lane_of("shop", JO, LANES), "shop", JO), "no hash")
    await desk.redis.set(card_keys.index(0, "shop"), "no sorted set")
    with caplog.at_level(logging.INFO, "wakeline.api"):
        answers = [await ask(api, f"/cards/shop/{JO}"), await ask(api, SEARCH, search={"text": EMAIL})]
    assert {status for status, _ in answers} <= {500, 503}
    assert caplog.text
    assert JO not in caplog.text
    assert "card-index" not in caplog.text


@pytest.mark.parametrize("id", ["x" * 256, "🦊", "@alice", JO.upper(), f"{JO}\n", "~0123456789", "a/b", "café", "\x00"])
async def test_what_is_nobodys_id_is_unknown(api: Client, id: str) -> None:
    for path in (f"/cards/shop/{quote(id, safe='')}", f"/cards/shop/customers/{quote(id, safe='')}"):
        assert await ask(api, path) == (404, {"reason": "unknown_card"})
    assert await ask(api, f"/profiles/shop/customers/{quote(id, safe='')}") == (404, {"reason": "unknown_profile"})


async def test_a_site_without_a_secret_has_no_customers(api: Client) -> None:
    key = KEYS["of a site without a secret"][1]
    assert await ask(api, "/cards/bare/customers/a", key) == (404, {"reason": "no_site_secret"})


async def test_an_alias_reads_as_the_person(api: Client, desk: Desk) -> None:
    other = customer_id("s3cret", "customer-2")
    root, alias = sorted((JO, other))
    for id, state in ((root, CustomerState(aliases=[alias])), (alias, CustomerState(into=root))):
        name = keys.Keys().state(lane_of("shop", id, LANES), "shop", id)
        await desk.redis.set(name, encode_customer(state))
    await desk.write(card(other, email="second@mail.example"))
    found = [await ask(api, f"/cards/shop/{id}") for id in (root, alias)]
    assert found[0] == found[1]
    _, shown = found[0]
    assert shown["customer"] == root
    assert [one["customer"] for one in shown["aliases"]] == [alias]


async def test_who_is_erased_meanwhile_is_whole_or_unknown(api: Client, desk: Desk) -> None:
    reads = [asyncio.create_task(ask(api, CARDS[0])) for _ in range(20)]
    await asyncio.sleep(0)
    await desk.redis.delete(card_keys.card(lane_of("shop", JO, LANES), "shop", JO))
    for status, found in await asyncio.gather(*reads):
        assert (status, found) == (404, {"reason": "unknown_card"}) or len(found["values"]) == 3
    assert (await ask(api, CARDS[0]))[0] == 404


async def test_each_reading_is_logged_without_personal_values(api: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await ask(api, CARDS[1])
        await ask(api, SEARCH, search={"text": EMAIL})
        await ask(api, CARDS[1], KEYS["for profiles"][1])
    said = [record.getMessage() for record in caplog.records if record.name == "wakeline.api"]
    assert said == [
        f"API key {READER_NAME} read the card of {JO} on site shop",
        f"API key {READER_NAME} searched the cards of site shop by any value: 1 found",
    ]
    assert not any(text in caplog.text for text in (EMAIL, NAME, PHONE, OWN, READER))


async def test_answers_are_counted_by_scope(api: Client) -> None:
    def counted(scope: str, reason: str) -> float:
        labels = {"scope": scope, "reason": reason}
        return REGISTRY.get_sample_value("wakeline_key_answers_total", labels) or 0.0

    before = [counted("cards", "ok"), counted("cards", "forbidden"), counted("profiles", "ok")]
    await ask(api, CARDS[0])
    await ask(api, CARDS[0], KEYS["for profiles"][1])
    await ask(api, PROFILES[0])
    after = [counted("cards", "ok"), counted("cards", "forbidden"), counted("profiles", "ok")]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1]


async def test_the_last_use_is_stored(api: Client, desk: Desk) -> None:
    await ask(api, PROFILES[0])
    assert READER_NAME in await last_used(desk.redis)


async def test_without_the_key_of_the_cards_they_are_away(
    api: Client, desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "wakeline.key").unlink()
    for search, path in ((None, CARDS[0]), ({"text": EMAIL}, SEARCH)):
        assert await ask(api, path, search=search) == (503, {"reason": "unavailable"})
    assert caplog.text.count("cards cannot be read") == 1
    await desk.redis.delete(card_keys.FINGERPRINTS)  # as if none had ever been written
    assert await ask(api, CARDS[0]) == (404, {"reason": "unknown_card"})
    assert await ask(api, SEARCH, search={"text": EMAIL}) == (200, {"customers": []})


async def test_redis_away_is_503(own_server: Any, tmp_path: Path) -> None:
    async with await serving(own_server.url, tmp_path / "wakeline.key") as client:
        own_server.kill()
        for path in (CARDS[0], PROFILES[0]):
            assert await ask(client, path) == (503, {"reason": "unavailable"})
