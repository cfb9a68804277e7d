"""A server's requests: who may send, how much, in which form; and every event in the books."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector import body as body_module
from collector import server_intake
from collector.memory import Step
from collector.server_answers import NO_KEY
from collector.told import decode_told
from tests.collector_stand import NOON, SITE, Stand, envelope
from tests.server_stand import ERASER, KEY, KEYS, NAME, STORED, purchase, said, server_stand, tell, told
from wakeline.api_keys import new_key
from wakeline.event import MAX_BODY_BYTES as MAX_PAGE_BODY_BYTES
from wakeline.server_events import DESCRIPTION, MAX_BODY_BYTES, PATH
from wakeline.stopping import cancelled

REVOKED_NAME, REVOKED, REVOKED_STORED = new_key("demo", "old", ["events"], now=NOON)
SCOPELESS_NAME, SCOPELESS, SCOPELESS_STORED = new_key("demo", "reader", ["read"], now=NOON)
FOREIGN_NAME, FOREIGN, FOREIGN_STORED = new_key("gone", "of another site", ["events"], now=NOON)
ALL = {
    **KEYS,
    REVOKED_NAME: msgspec.structs.replace(REVOKED_STORED, revoked=NOON),
    SCOPELESS_NAME: SCOPELESS_STORED,
    FOREIGN_NAME: FOREIGN_STORED,
}


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Stand]:
    async with server_stand(tmp_path, keys=ALL) as made:
        yield made


# ---- who may -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "key", "fields"),
    [
        pytest.param(401, None, {}, id="no key"),
        pytest.param(401, "", {}, id="an empty key"),
        pytest.param(401, "secret", {}, id="no key's form"),
        pytest.param(401, f"wk_{NAME}_{'x' * 43}", {}, id="another secret"),
        pytest.param(401, f"wk_{'x' * 12}_{KEY[-43:]}", {}, id="another name"),
        pytest.param(401, KEY + "x", {}, id="a longer one"),
        pytest.param(401, KEY.upper(), {}, id="in capitals"),
        pytest.param(401, f"wk_{'x' * 12}_", {}, id="no secret"),
        pytest.param(401, REVOKED, {}, id="revoked"),
        pytest.param(403, SCOPELESS, {}, id="another scope"),
        pytest.param(403, FOREIGN, {}, id="of a site that is not here"),
        pytest.param(403, KEY, {"site": "gone"}, id="of another site than said"),
    ],
)
async def test_who_may_not_hears_one_thing(collector: Stand, status: int, key: str | None, fields: Any) -> None:
    headers = {} if key else {"Authorization": f"Bearer {key}"} if key is not None else {}
    found = await tell(collector, purchase(), key=key, headers=headers, **fields)
    lacks = "this key may not: it takes one of this site with the scope `events` or `erase`; see"
    message = NO_KEY if status == 401 else f"{lacks} `wakeline key make --help`"
    assert found == (status, {"reason": "unauthorized", "message": message})
    assert collector.rejected() == {"unauthorized": 1}
    assert await told(collector) == []


@pytest.mark.parametrize(
    "header", ["Basic {}", "{}", "Bearer", "Bearer  ", "bearer {}", "BEARER   {}", "Bearer\xff {}"]
)
async def test_the_key_is_a_bearer_token(collector: Stand, header: str) -> None:
    header = header.format(KEY)
    status, _ = await tell(collector, purchase(), key=None, headers={"Authorization": header})
    assert status == (202 if header.lower().startswith("bearer ") and header.strip().endswith(KEY) else 401)


async def test_a_collector_that_knows_no_keys_yet_asks_to_come_again(tmp_path: Path) -> None:
    """A key may be valid as long as neither Redis nor the file of an earlier run was read."""
    async with server_stand(tmp_path, keys=None) as collector:
        assert (await tell(collector, purchase()))[0] == 503
        assert (await tell(collector, purchase(), key=None))[0] == 401
        assert collector.rejected() == {"unauthorized": 1}
        collector.parts.keyring.is_ready = True
        assert (await tell(collector, purchase()))[0] == 401


async def test_a_hash_is_no_key(collector: Stand) -> None:
    """Whoever reads the file or Redis cannot send."""
    assert STORED.hash == hashlib.sha256(KEY[-43:].encode()).hexdigest()
    assert (await tell(collector, purchase(), key=f"wk_{NAME}_{STORED.hash[:43]}"))[0] == 401


async def test_failed_attempts_count_for_the_address_and_valid_keys_do_not(tmp_path: Path) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9"}
    more = {"rate_limit": 1.0, "trusted_proxies": (ip_network("127.0.0.0/8"),)}
    async with server_stand(tmp_path, settings=more) as collector:
        for _ in range(30):
            assert (await tell(collector, purchase(), headers=headers))[0] == 202
        found = [await tell(collector, purchase(), key="x", headers=headers) for _ in range(12)]
        assert [status for status, _ in found] == [401] * 10 + [429] * 2
        assert (await tell(collector, purchase(), headers=headers))[0] == 202


async def test_a_site_without_a_secret_is_told_what_to_do(tmp_path: Path) -> None:
    async with server_stand(tmp_path, replace(SITE, secret="")) as collector:
        status, answer = await tell(collector, purchase())
    assert (status, answer["reason"]) == (400, "no_secret")
    assert "add secret below its [[site]]" in answer["message"]


# ---- how much ----------------------------------------------------------------------------------------


async def test_a_key_has_a_rate_of_its_own(tmp_path: Path) -> None:
    async with server_stand(tmp_path, settings={"server_rate_limit": 10.0}) as collector:
        many = [purchase(id=str(n)) for n in range(120)]
        assert (await tell(collector, *many))[0] == 202  # how many a request has is known once it was read
        status, answer = await tell(collector, purchase())
        assert (status, answer["reason"]) == (429, "rate_limited")
        assert "server_rate_limit" in answer["message"]
        assert (await tell(collector, purchase(), key=ERASER))[0] == 202


async def test_five_hundred_events_are_enough(collector: Stand) -> None:
    many = [purchase(id=str(n), items=None) for n in range(500)]
    status, answer = await tell(collector, *many)
    assert (status, answer["accepted"]) == (202, 500)
    assert [result["id"] for result in answer["results"]] == [str(n) for n in range(500)]
    status, answer = await tell(collector, *many, purchase())
    assert (status, answer["reason"]) == (413, "too_many_events")
    assert collector.rejected() == {"too_many_events": 501}


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
async def test_a_megabyte_is_enough_compressed_or_not(collector: Stand, encoding: str) -> None:
    pack = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    headers = {"Content-Encoding": encoding} if encoding else {}
    filled = json.dumps({"events": [purchase()]}).encode()
    filled += b" " * (MAX_BODY_BYTES - len(filled))
    assert (await tell(collector, body=pack(filled), headers=headers))[0] == 202
    status, answer = await tell(collector, body=pack(filled + b" "), headers=headers)
    assert (status, answer["reason"]) == (413, "too_large")


async def test_many_orders_with_every_line_fit_by_hundreds(collector: Stand) -> None:
    line = {"item_id": "a", "price": 1}
    many = [purchase(id=str(n), transaction_id=str(n), items=[line] * 200) for n in range(150)]
    status, answer = await tell(collector, *many)
    assert (status, answer["accepted"]) == (202, 150)


async def test_pages_are_answered_between_the_events_of_a_large_request(
    collector: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more is handled at a stretch than a page may send."""
    slices = [0]

    def measured(raw: Any) -> Any:
        slices[-1] += len(bytes(raw))
        return decode_told(raw)

    async def others() -> None:
        while True:
            await asyncio.sleep(0)
            if slices[-1]:
                slices.append(0)

    monkeypatch.setattr(server_intake, "decode_told", measured)
    running = asyncio.create_task(others())
    line = {"item_id": "a", "price": 1}
    many = [purchase(id=str(n), transaction_id=str(n), items=[line] * 200) for n in range(150)]
    status, answer = await tell(collector, *many)
    await cancelled([running])
    assert (status, answer["accepted"]) == (202, 150)
    assert sum(slices) > 10 * MAX_PAGE_BODY_BYTES
    assert max(slices) <= MAX_PAGE_BODY_BYTES + 10_000


async def test_a_record_has_a_size(collector: Stand) -> None:
    """The processor takes no larger fact: it would be a dead letter."""
    line = {"item_id": "a", **{f"item_category{n or ''}": "x" * 600 for n in (0, 2, 3, 4)}}
    status, answer = await tell(collector, purchase(id="large", items=[line] * 200), purchase())
    assert (status, answer["accepted"]) == (202, 1)
    assert [result.get("reason") for result in answer["results"]] == ["too_large", None]
    props = {"lines": [{"text": "x" * 900}] * 300, "deep": {"a": 1}}
    status, answer = await tell(collector, said("my own", props=props), purchase())
    assert answer["accepted"] == 1
    assert collector.metrics()['props_dropped_total{reason="nested"}'] == 0  # of accepted events only


# ---- in which form -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="truncated"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="no events"),
        pytest.param(b'{"events": []}', id="an empty list"),
        pytest.param(b'{"events": {}}', id="an object"),
        pytest.param(b'{"events": [{}], "sites": "demo"}', id="an unknown field"),
        pytest.param(b'{"events": [{}], "site": 7}', id="a number as site"),
        pytest.param(b'{"events": [{}], "site": "' + b"x" * 65 + b'"}', id="a long site"),
        pytest.param(b'{"events": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", id="deep"),
        pytest.param(b'{"events": [{"id": NaN}]}', id="NaN"),
    ],
)
async def test_what_is_no_request_is_malformed(collector: Stand, body: bytes) -> None:
    status, answer = await tell(collector, body=body)
    assert (status, answer["reason"]) == (400, "malformed")
    assert collector.rejected() == {"malformed": 1}


async def test_text_that_is_no_utf8_is_refused_alone(collector: Stand) -> None:
    events = [json.dumps(event).encode() for event in (purchase(id="?"), purchase())]
    body = b'{"events": [%s]}' % b", ".join(events).replace(b"?", b"\xff")
    status, answer = await tell(collector, body=body)
    assert (status, answer["accepted"], answer["results"][0]["id"]) == (202, 1, None)


@pytest.mark.parametrize("nest", ["[", '{"a":'])
async def test_a_deep_event_is_refused_alone(collector: Stand, nest: str) -> None:
    deep = nest * 700 + ("1" if nest[0] == "{" else "") + {"[": "]", "{": "}"}[nest[0]] * 700
    event = json.dumps(said("my own", props={"a": "?"})).replace('"?"', deep)
    status, answer = await tell(collector, body=f'{{"events": [{event}, {json.dumps(purchase())}]}}'.encode())
    assert status in (202, 400)
    assert status == 400 or answer["accepted"] >= 1
    assert "internal" not in collector.rejected()


async def test_a_number_of_a_million_digits_is_refused_with_its_field(collector: Stand) -> None:
    event = json.dumps(purchase(tax="?")).replace('"?"', "9" * 1_000_000)
    status, answer = await tell(collector, body=f'{{"events": [{event}]}}'.encode())
    (result,) = answer["results"]
    assert (status, result["field"], result["message"]) == (400, "tax", "is too large a number")


async def test_the_same_event_twice_in_a_request_is_in_the_log_twice(collector: Stand) -> None:
    """Whether it is the same is found by the state of what it is about."""
    status, answer = await tell(collector, purchase(), purchase())
    assert (status, answer["accepted"]) == (202, 2)
    (_, one), (_, other) = await told(collector)
    assert one == other


@pytest.mark.parametrize(
    "type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ""]
)
async def test_only_json_is_taken(collector: Stand, type: str | None) -> None:
    """A page can send none of it without asking first."""
    headers = {"Authorization": f"Bearer {KEY}", **({"Content-Type": type} if type is not None else {})}
    async with collector.http.post(
        collector.url + PATH, data=b"{}", headers=headers, skip_auto_headers=["Content-Type"]
    ) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (415, "wrong_content_type")


@pytest.mark.parametrize("type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_have_parameters(collector: Stand, type: str) -> None:
    assert (await tell(collector, purchase(), headers={"Content-Type": type}))[0] == 202


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("br", b"x", id="unknown"),
        pytest.param("gzip", b"x", id="not gzip"),
        pytest.param("gzip", gzip.compress(b"x" * 99)[:-1], id="gzip, cut"),
    ],
)
async def test_a_bad_encoding_is_refused(collector: Stand, encoding: str, body: bytes) -> None:
    status, answer = await tell(collector, body=body, headers={"Content-Encoding": encoding})
    assert (status, answer["reason"]) == (400, "bad_encoding")


async def test_a_bomb_does_no_harm(collector: Stand) -> None:
    status, answer = await tell(collector, body=gzip.compress(b"0" * 100_000_000), headers={"Content-Encoding": "gzip"})
    assert (status, answer["reason"]) == (413, "too_large")


async def test_a_body_that_stalls_is_answered_in_time(collector: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "BODY_TIME_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Retry-After: " in answer
    assert collector.rejected() == {"timeout": 1}


async def slow(collector: Stand, key: str) -> asyncio.StreamReader:
    """A body that does not come to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    collector.held.append(writer)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 1000000\r\n\r\n{{".encode())
    return reader


async def test_bodies_that_one_key_sends_slowly_keep_no_other_sender_waiting(collector: Stand) -> None:
    """Each may be a megabyte: of those that are read at once a key may have as many as it leaves to others."""
    readers = [await slow(collector, KEY) for _ in range(server_intake.MOST_READ)]
    answers = [asyncio.create_task(reader.readline()) for reader in readers]
    found = [await first for first in islice(asyncio.as_completed(answers), server_intake.MOST_READ // 2)]
    assert set(found) == {b"HTTP/1.1 429 Too Many Requests\r\n"}
    status, answer = await tell(collector, purchase())
    assert (status, answer["reason"]) == (429, "rate_limited")
    assert "at once" in answer["message"]
    async with asyncio.timeout(body_module.BODY_TIME_S / 2):
        assert (await tell(collector, purchase(id="of another key"), key=ERASER))[0] == 202
        assert (await collector.post(envelope()))[0] == 202
    assert sum(task.done() for task in answers) == server_intake.MOST_READ // 2
    for writer in collector.held:
        writer.close()
    while (await tell(collector, purchase()))[0] == 429:
        pass
    await asyncio.gather(*answers)


async def test_a_sender_without_a_key_sends_no_body(collector: Stand) -> None:
    """It is refused by its headers alone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n".encode())
    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 401 ")
    writer.close()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_are_refused_and_no_page_is_allowed_to_ask(collector: Stand, method: str) -> None:
    headers = {"Origin": SITE.origins[0], "Access-Control-Request-Headers": "authorization"}
    async with collector.http.request(method, collector.url + PATH, headers=headers) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert not any(name.startswith("Access-Control") for name in answer.headers)


async def test_the_description_is_for_everybody_but_pages(collector: Stand) -> None:
    async with collector.http.get(collector.url + DESCRIPTION, headers={"Origin": SITE.origins[0]}) as answer:
        assert answer.status == 200
        assert not any(name.startswith("Access-Control") for name in answer.headers)
        assert (await answer.json())["openapi"].startswith("3.1")


# ---- the books ---------------------------------------------------------------------------------------


async def test_every_event_is_in_the_books(collector: Stand) -> None:
    await collector.post(envelope())
    await tell(collector, purchase(), purchase(value=-1), said("login", customer=None))
    await tell(collector, purchase(), key="x")
    await tell(collector, body=b"{")
    metrics = collector.metrics()
    assert metrics["received_total"] == 6
    assert metrics["accepted_total"] == 2
    assert metrics["server_events_total"] == 5
    assert {name: value for name, value in metrics.items() if name.startswith("server_rejected") and value} == {
        f'server_rejected_total{{reason="{reason}"}}': 1
        for reason in ("bad_amount", "bad_event", "unauthorized", "malformed")
    }
    assert metrics["ledger_difference"] == 0
    assert metrics["server_request_seconds_count"] == 1
    assert metrics["api_keys"] == 4


async def test_full_memory_refuses_servers_too(collector: Stand) -> None:
    collector.parts.memory.step = Step.REFUSE
    status, answer = await tell(collector, purchase(), purchase())
    assert (status, answer["reason"]) == (503, "unavailable")
    metrics = collector.metrics()
    assert (metrics["unavailable_total"], metrics["memory_refused_total"]) == (2, 2)


async def test_a_log_that_is_away_is_503_without_a_spool(collector: Stand) -> None:
    collector.log.is_away = True
    for _ in range(2):
        assert (await tell(collector, purchase(), purchase(value=-1)))[0] == 503
    collector.log.is_away = False
    metrics = collector.metrics()
    assert (metrics["unavailable_total"], metrics['rejected_total{reason="bad_amount"}']) == (2, 2)


PERSON = "ann@shop.example"
PARTS = {
    "collector.keyring.Keyring.verified": 1,
    "collector.server_intake.read_body": 1,
    "collector.server_intake.decode_request": 1,
    "collector.server_intake.decode_told": 2,
    "collector.facts.event_id": 2,
    "collector.server_intake.encode_record": 2,
    "collector.server_intake.ServerIntake._made": 2,
}


@pytest.mark.parametrize("part", PARTS)
async def test_a_fault_of_ours_is_counted_and_says_no_value(
    collector: Stand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise ZeroDivisionError(PERSON)

    monkeypatch.setattr(part, broken)
    status, answer = await tell(collector, purchase(), purchase())
    assert status == 400
    assert "internal" in json.dumps(answer)
    assert collector.rejected() == {"internal": PARTS[part]}
    assert "ZeroDivisionError" in caplog.text
    assert PERSON not in caplog.text + json.dumps(answer)


async def test_no_answer_repeats_a_value(collector: Stand) -> None:
    """Neither of a known field nor of an enumeration: it may be a person's."""
    bad = [
        purchase(id=str(number), **{name: "ann@shop.example"})
        for number, name in enumerate(("value", "currency", "time", "visitor", "items", "tax"))
    ]
    bad += [
        said("consent", level="ann@shop.example"),
        said("order_state", transaction_id="1", state="ann@shop.example"),
    ]
    bad += [
        purchase(**{"ann@shop.example": 1}),
        said("campaign_sent", sent_id="1", campaign="c", element={"ann@a.de": "x"}),
    ]
    status, answer = await tell(collector, *bad)
    assert (status, answer["accepted"]) == (400, 0)
    assert "ann@" not in json.dumps(answer)
