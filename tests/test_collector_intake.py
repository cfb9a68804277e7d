"""`POST /v1/events`: what it accepts, and what it rejects, with status, reason and count, and without writing."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from benchmarks.waiting import until
from tests.collector_stand import DAY, NOON, ORIGIN, PAGE, SECRET, VISITOR, Stand, envelope, event, full, stand
from wakeline.commerce import signed_text
from wakeline.event import MAX_AGE_MS, MAX_BODY_BYTES, STATUS, Refusal
from wakeline.identity import customer_id, identified, signature
from wakeline.labels import cut
from wakeline.paths import shortened
from wakeline.settings import Site

WIRE = Path(__file__).parent / "wire"
GOLDEN = [pytest.param(path.read_bytes(), id=path.stem) for path in sorted(WIRE.glob("*.json"))]
GOLDEN_REFUSED = [pytest.param(path.read_bytes(), id=path.stem) for path in sorted(WIRE.glob("refused/*.json"))]
GOOD = json.dumps(envelope()).encode()


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made


async def assert_refused(
    collector: Stand, status: int, reason: str, body: bytes | dict[str, Any], **headers: str | None
) -> None:
    """Refused as a whole, counted by its reason, and nothing is in the log."""
    before = sum(collector.rejected().values())
    found, answer, _ = await collector.post(body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert (found, answer["reason"], answer["accepted"]) == (status, reason, 0)
    assert await collector.records() == []
    assert collector.rejected() == {reason: sum(collector.rejected().values())}
    assert sum(collector.rejected().values()) > before
    metrics = collector.metrics()
    assert metrics[f'rejected_total{{reason="{reason}"}}'] > 0
    assert metrics["ledger_difference"] == 0


# ---- the whole request -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "body", "headers"),
    [
        pytest.param(400, "malformed", b"", {}, id="empty"),
        pytest.param(400, "malformed", b"{", {}, id="cut JSON"),
        pytest.param(400, "malformed", b"\xff\xfe{}", {}, id="not UTF-8"),
        pytest.param(400, "malformed", b"[" * 60_000, {}, id="nested 60,000 deep"),
        pytest.param(400, "malformed", GOOD[:-2] + b',{"a":' * 9_000, {}, id="objects nested in an event"),
        pytest.param(401, "unknown_site", GOOD.replace(b'"demo"', b'"\\ud800"'), {}, id="lone surrogate in the site"),
        pytest.param(400, "malformed", GOOD.replace(str(NOON).encode(), b"NaN"), {}, id="NaN"),
        pytest.param(400, "malformed", GOOD.replace(str(NOON).encode(), b"1" * 60_000), {}, id="60,000 digits"),
        pytest.param(400, "malformed", envelope(sent="now"), {}, id="mistyped"),
        pytest.param(400, "malformed", envelope(consent="maybe"), {}, id="unknown consent level"),
        pytest.param(400, "malformed", {**envelope(), "events": []}, {}, id="no events"),
        pytest.param(401, "unknown_site", envelope(site="other"), {}, id="unknown site"),
        pytest.param(403, "foreign_origin", GOOD, {"Origin": "https://evil.example"}, id="foreign origin"),
        pytest.param(403, "foreign_origin", GOOD, {"Origin": "null"}, id="origin of a sandboxed frame"),
        pytest.param(403, "foreign_origin", GOOD, {"Origin": "http://shop.example"}, id="http instead of https"),
        pytest.param(403, "foreign_origin", GOOD, {"Origin": ORIGIN + ".evil.example"}, id="origin that begins alike"),
        pytest.param(403, "foreign_origin", GOOD, {"Origin": ORIGIN + "/path"}, id="origin as no browser spells it"),
        pytest.param(
            403, "foreign_origin", GOOD, {"Origin": None, "Sec-Fetch-Site": "cross-site"}, id="browser without origin"
        ),
        pytest.param(413, "too_many_events", envelope(*[event(n=n) for n in range(51)]), {}, id="51 events"),
        pytest.param(413, "too_large", b" " * (MAX_BODY_BYTES + 1), {}, id="too large"),
        pytest.param(415, "wrong_content_type", GOOD, {"Content-Type": None}, id="no content type"),
        pytest.param(
            415, "wrong_content_type", GOOD, {"Content-Type": "application/x-www-form-urlencoded"}, id="a form"
        ),
        pytest.param(400, "bad_encoding", GOOD, {"Content-Encoding": "br"}, id="unknown encoding"),
        pytest.param(400, "bad_encoding", GOOD, {"Content-Encoding": "gzip"}, id="no gzip at all"),
        pytest.param(
            400, "bad_encoding", gzip.compress(GOOD)[:-5], {"Content-Encoding": "gzip"}, id="gzip, trailer cut"
        ),
        pytest.param(400, "bad_encoding", gzip.compress(GOOD)[:40], {"Content-Encoding": "gzip"}, id="gzip, cut"),
        pytest.param(400, "bad_encoding", gzip.compress(GOOD) * 2, {"Content-Encoding": "gzip"}, id="gzip, twice"),
        pytest.param(400, "bad_encoding", zlib.compress(GOOD)[:-3], {"Content-Encoding": "deflate"}, id="deflate, cut"),
        pytest.param(
            413, "too_large", gzip.compress(b" " * 50_000_000), {"Content-Encoding": "gzip"}, id="bomb of 50 MB"
        ),
    ],
)
async def test_a_bad_request_is_refused_as_a_whole(
    collector: Stand, status: int, reason: str, body: Any, headers: dict[str, str | None]
) -> None:
    assert status == STATUS[Refusal(reason)]
    await assert_refused(collector, status, reason, body, **headers)


@pytest.mark.parametrize("file", GOLDEN_REFUSED)
async def test_a_golden_refusal_is_refused_with_its_reason(collector: Stand, file: bytes) -> None:
    golden = json.loads(file)
    body = golden["text"].encode() if "text" in golden else golden["body"]
    await assert_refused(collector, STATUS.get(Refusal(golden["reason"]), 400), golden["reason"], body)


@pytest.mark.parametrize("file", GOLDEN)
async def test_a_golden_envelope_is_accepted_whole(tmp_path: Path, file: bytes) -> None:
    """Signatures are made for the secret of the test's site."""
    body = json.loads(file)
    for each in body["events"]:
        if each["type"] in ("identify", "forget"):
            text = identified(str(each["id"]), each.get("expires"))
            each["signature"] = signature(SECRET, f"forget\n{text}" if each["type"] == "forget" else text)
        if "signature" in (props := each.get("props", {})):
            text = signed_text(props["transaction_id"], props["value"], props["currency"])
            props["signature"] = signature(SECRET, text)
    async with stand(tmp_path) as collector:
        collector.clock.now = body["sent"]
        status, answer, _ = await collector.post(body)
        assert (status, answer) == (202, {"accepted": len(body["events"]), "rejected": [], "reason": None})
        assert sum(len(entries) for entries in (await collector.entries()).values()) == len(body["events"])


async def test_a_body_that_stalls_is_a_timeout(collector: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.body.BODY_TIME_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\nContent-Type: text/plain\r\nContent-Length: 99"
    writer.write(f"{head}\r\n\r\n".encode() + b"{")
    answer = (await asyncio.wait_for(reader.read(), 10)).decode()
    assert answer.startswith("HTTP/1.1 408 ")
    assert "Retry-After: " in answer
    assert f"Access-Control-Allow-Origin: {ORIGIN}" in answer
    assert "Connection: close" in answer
    assert collector.rejected() == {"timeout": 1}
    assert collector.metrics()["ledger_difference"] == 0
    writer.close()


async def test_a_body_without_an_announced_length_ends_at_the_limit(collector: Stand) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 10_000

    async with collector.http.post(
        f"{collector.url}/v1/events", data=endless(), headers={"Content-Type": "text/plain", "Origin": ORIGIN}
    ) as answer:
        assert answer.status == 413
    assert collector.rejected() == {"too_large": 1}


async def test_a_sender_that_breaks_off_counts_as_nothing(collector: Stand) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    writer.write(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\n{")
    await writer.drain()
    writer.close()
    assert (await collector.post(envelope()))[0] == 202
    assert collector.metrics()["received_total"] == 1


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("deflate", zlib.compress, id="deflate, as the standard has it"),
        pytest.param("deflate", lambda body: zlib.compress(body, wbits=-15), id="deflate, raw"),
        pytest.param("identity", lambda body: body, id="identity"),
    ],
)
async def test_a_compressed_body_is_read(collector: Stand, encoding: str, encode: Any) -> None:
    status, _, _ = await collector.post(encode(GOOD), headers={"Content-Encoding": encoding})
    assert status == 202


@pytest.mark.parametrize("content_type", ["text/plain", "TEXT/Plain; charset=utf-8", "application/json"])
async def test_text_and_json_are_accepted(collector: Stand, content_type: str) -> None:
    assert (await collector.post(GOOD, headers={"Content-Type": content_type}))[0] == 202


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param(ORIGIN, id="as configured"),
        pytest.param("http://localhost:8710", id="the site's other origin"),
        pytest.param(None, id="none: a server, not a browser"),
    ],
)
async def test_an_origin_of_the_site_may_send(collector: Stand, origin: str | None) -> None:
    assert (await collector.post(envelope(), headers={"Origin": origin}))[0] == 202


RELATIVE = ("/orders/*", "orders?ref=1", "?ref=q", "#/route", "", "/reset/s3cret")


@pytest.mark.parametrize(("origin", "host"), [(ORIGIN, "shop.example"), ("http://localhost:8710", "localhost")])
async def test_a_relative_url_is_of_the_host_that_it_came_from(collector: Stand, origin: str, host: str) -> None:
    """What it links to, too, and beside it an absolute one is what it is."""
    views = [event(n=n, url=url) for n, url in enumerate(RELATIVE)]
    link = {"type": "quiz", "url": "/reset/s3cret/x", "props": {"url": "s3cret"}}
    body = envelope(*views, event(n=6, **link), event(n=7))
    assert (await collector.post(body, headers={"Origin": origin}))[1]["accepted"] == 8
    *views, linked, absolute = sorted(await collector.records(), key=lambda record: record.n)
    assert [(record.host, record.path, record.query) for record in views] == [
        (host, "/orders/*", {}),
        (host, "/orders", {"ref": "1"}),
        (host, "/", {"ref": "q"}),
        (host, "/#/route", {}),
        (host, "/", {}),
        (host, "/reset/*", {}),
    ]
    assert linked.props == {"url": "/reset/*"}
    assert (absolute.host, absolute.path) == ("shop.example", "/shoes")


@pytest.mark.parametrize("origin", [None, "null"])
async def test_without_an_origin_a_relative_url_is_refused(tmp_path: Path, origin: str | None) -> None:
    async with stand(tmp_path, Site(key="demo", origins=(ORIGIN, "null"))) as collector:
        sent = envelope(*(event(n=n, url=url) for n, url in enumerate(RELATIVE)), event(n=9))
        _, answer, _ = await collector.post(sent, headers={"Origin": origin})
        assert [refusal["reason"] for refusal in answer["rejected"]] == ["bad_url"] * len(RELATIVE)
        assert [record.n for record in await collector.records()] == [9]


async def test_a_site_without_origins_accepts_no_page(tmp_path: Path) -> None:
    async with stand(tmp_path, Site(key="demo")) as collector:
        await assert_refused(collector, 403, "foreign_origin", GOOD)


# ---- one event ---------------------------------------------------------------------------------------


async def test_a_name_of_an_event_is_cleaned(collector: Stand) -> None:
    await collector.post(envelope(event(type="paid by 4111 1111 1111 1111")))
    assert [record.type for record in await collector.records()] == ["paid by (redacted)"]


@pytest.mark.parametrize("type", ["Ajouté au panier", "購入", "Click (CTA)", "🛒", "x" * 64, "Page_View", "2 for 1"])
async def test_any_text_that_can_be_read_is_a_name(collector: Stand, type: str) -> None:
    await collector.post(envelope(event(type=type, props={"a": 1})))
    assert [(record.type, record.props) for record in await collector.records()] == [(type, {"a": 1})]


async def test_what_cannot_be_kept_of_props_is_left_out_and_counted(collector: Stand) -> None:
    """A purchase is worth more than a list of sizes in one of its items."""
    items = [{"item_id": f"shoe-{n}", "price": 9.5, "sizes": [41, 42]} for n in range(200)]
    bought = {"transaction_id": "A-1", "value": 1_900.0, "items": items, "address": {"city": "Kiel"}, "seen": 10**400}
    status, answer, _ = await collector.post(envelope(event(type="purchase", props=bought)))
    assert (status, answer["accepted"]) == (202, 1)
    (record,) = await collector.records()
    kept = [{"item_id": f"shoe-{n}", "price": 9.5} for n in range(200)]
    assert record.props == {"transaction_id": "A-1", "value": 1_900.0, "items": kept}
    metrics = collector.metrics()
    assert metrics['props_dropped_total{reason="nested"}'] == 201
    assert metrics['props_dropped_total{reason="bad_number"}'] == 1
    assert metrics["ledger_difference"] == 0


async def test_what_was_left_out_counts_once_its_events_are_written(collector: Stand) -> None:
    """Events answered 503 will be sent again; permanently rejected ones will not."""
    lists = {"sizes": [[41]]}
    sent = envelope(event(type="quiz", props=lists), event(n=1, type="refund", props={**lists, "value": "much"}))
    collector.log.is_away = True
    for _ in range(3):
        assert (await collector.post(sent))[0] == 503
    assert collector.metrics()['props_dropped_total{reason="nested"}'] == 0
    collector.log.is_away = False
    await until(lambda: collector.parts.writer.is_open, "the log is open")
    assert (await collector.post(sent))[0] == 202
    assert collector.metrics()['props_dropped_total{reason="nested"}'] == 1


async def test_a_purchase_says_how_much_it_was_as_a_number(collector: Stand) -> None:
    """A field whose name is only after cleaning that of an amount is one too."""
    await collector.post(
        envelope(
            event(n=1, type="purchase", props={"transaction_id": "undefined", "val\u200bue": "1\u00a0299,00"}),
            event(n=2, type="refund", props={"val\u200bue": "much"}),
        )
    )
    assert [record.props for record in await collector.records()] == [{"value": 1299}]
    assert collector.rejected() == {"bad_amount": 1}
    assert collector.metrics()['props_dropped_total{reason="no_value"}'] == 1


@pytest.mark.parametrize(
    ("reason", "bad"),
    [
        pytest.param(
            "bad_amount", event(type="refund", props={"transaction_id": "A", "value": "much"}), id="no amount"
        ),
        pytest.param("bad_event", event(n=2_048), id="number beyond the page"),
        pytest.param("bad_event", event(n=-1), id="negative number"),
        pytest.param("bad_event", event(page="x"), id="page id too short"),
        pytest.param("bad_event", event(page=PAGE + "\n"), id="page id with a line break"),
        pytest.param("bad_event", event(page="4111-1111-1111-1111"), id="a card for a page id"),
        pytest.param("bad_event", event(type=""), id="no type"),
        pytest.param("bad_event", event(url=None), id="no url"),
        pytest.param("bad_event", event(title=5), id="mistyped title"),
        pytest.param("bad_event", event(type="\u202e\u3164 "), id="a name that nobody sees"),
        pytest.param("bad_event", event(type="page_view\u200b"), id="a name that looks like ours"),
        pytest.param("bad_event", event(type="x" * 65), id="a name of 65 characters"),
        pytest.param("bad_event", event(visitor="~0123456789"), id="id of another kind"),
        pytest.param("bad_event", event(type="consent"), id="consent without level"),
        pytest.param("bad_url", event(url="javascript:alert(1)"), id="no web address"),
        pytest.param("bad_url", event(url="//evil.example/shoes"), id="page of another site without its scheme"),
        pytest.param("bad_url", event(url="https://"), id="no host"),
        pytest.param("bad_url", event(url="https://[::1/"), id="broken host"),
        pytest.param("bad_url", event(url="https://evil.example/shoes"), id="page of another site"),
        pytest.param("bad_url", event(url="https://shop.example@evil.example/"), id="host hidden behind a user"),
        pytest.param("too_old", event(time=NOON - MAX_AGE_MS - 1), id="older than 7 days"),
        pytest.param("too_old", event(time=NOON - 2 * DAY), id="anonymous, older than the salts"),
        pytest.param("no_consent", event(visitor=VISITOR), id="visitor under anonymous"),
        pytest.param("no_consent", event(type="identify", id="7", signature="0" * 64), id="identify under anonymous"),
    ],
)
async def test_one_bad_event_is_refused_alone(collector: Stand, reason: str, bad: dict[str, Any]) -> None:
    status, answer, _ = await collector.post(envelope(event(n=1), bad, event(n=2)))
    assert status == 202
    assert answer["accepted"] == 2
    assert [refusal["reason"] for refusal in answer["rejected"]] == [reason]
    assert answer["rejected"][0]["id"] in ("#1", f"{bad['page']}.0")
    assert sorted(record.n for record in await collector.records()) == [1, 2]
    assert collector.rejected() == {reason: 1}
    assert collector.metrics()["ledger_difference"] == 0


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b'{"title":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"n":' + b"1" * 50_000 + b"}", id="50,000 digits"),
        pytest.param(b'{"n":1e999}', id="beyond any number"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'"purchase"', id="a text"),
        pytest.param(b"7", id="a number"),
        pytest.param(b"true", id="true"),
    ],
)
async def test_an_event_that_is_none_is_refused_alone(collector: Stand, bad: bytes) -> None:
    body = json.dumps(envelope(event(n=1), event(n=2))).encode()
    cut = body.index(b"}, {") + 3
    status, answer, _ = await collector.post(body[:cut] + bad + b", " + body[cut:])
    assert status == 202
    assert answer == {"accepted": 2, "rejected": [{"id": "#1", "reason": "bad_event"}], "reason": None}


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        pytest.param(rb"Shoes \ud83d", "Shoes \ufffd", id="half an emoji, escaped"),
        pytest.param(b"Shoes \xed\xa0\xbd", "Shoes \ufffd", id="half an emoji, in bytes"),
        pytest.param(rb"\ud83d\udc5f \ud83d", "\U0001f45f \ufffd", id="beside a whole one"),
        pytest.param(rb"\\ud83d \ud83d", r"\ud83d " + "\ufffd", id="beside a text that reads like one"),
    ],
)
async def test_what_is_cut_inside_an_emoji_is_taken(collector: Stand, title: bytes, kept: str) -> None:
    """With all that came along."""
    body = json.dumps(envelope(event(title="TITLE"), event(n=1, type="quiz", props={"answer": "TITLE"}))).encode()
    status, answer, _ = await collector.post(body.replace(b"TITLE", title))
    assert (status, answer["accepted"]) == (202, 2)
    view, quiz = sorted(await collector.records(), key=lambda record: record.n)
    assert (view.title, quiz.props) == (kept, {"answer": kept})


async def test_half_an_emoji_excuses_nothing_else(collector: Stand) -> None:
    body = json.dumps(envelope(event(title="\ud83d"))).encode()
    await assert_refused(collector, 400, "malformed", body[:-1])


async def test_half_an_emoji_in_an_id_is_refused_alone(collector: Stand) -> None:
    body = envelope(event(page="p4m8c1x7\ud83d"), event(n=1, title="\ud83d"))
    status, answer, _ = await collector.post(body)
    assert (status, answer["rejected"]) == (202, [{"id": "#0", "reason": "bad_event"}])


async def test_where_all_events_are_refused_the_first_reason_counts(collector: Stand) -> None:
    status, answer, _ = await collector.post(envelope(event(url="x:"), event(n=1, visitor=VISITOR)))
    assert (status, answer["reason"]) == (400, "bad_url")
    assert [refusal["reason"] for refusal in answer["rejected"]] == ["bad_url", "no_consent"]
    assert await collector.records() == []


@pytest.mark.parametrize(
    ("reason", "bad"),
    [
        pytest.param("missing_visitor", event(visitor=None), id="full without a visitor"),
        pytest.param("bad_signature", event(type="identify", id="7"), id="identify without signature"),
        pytest.param("bad_signature", event(type="identify", id="7", signature=signature("x", "7")), id="forged"),
        pytest.param(
            "bad_signature", event(type="identify", id="8", signature=signature(SECRET, "7")), id="of another"
        ),
        pytest.param("bad_event", event(type="identify", signature="0" * 64), id="identify without id"),
    ],
)
async def test_full_consent_asks_for_a_visitor_and_a_proof(collector: Stand, reason: str, bad: dict[str, Any]) -> None:
    body = envelope({"visitor": VISITOR, **bad} if reason != "missing_visitor" else bad, consent="full")
    await assert_refused(collector, 400, reason, body)


async def test_a_site_without_a_secret_identifies_nobody(tmp_path: Path) -> None:
    async with stand(tmp_path, Site(key="demo", origins=(ORIGIN,))) as collector:
        body = full(event(type="identify", id="7", signature=signature("", "7")))
        await assert_refused(collector, 400, "bad_signature", body)


async def test_a_signed_identify_leaves_only_the_pseudonym(collector: Stand) -> None:
    """The site's own id is in no record; upper case digits of the signature do."""
    proof = signature(SECRET, "customer-4711").upper()
    assert (await collector.post(full(event(type="identify", id="customer-4711", signature=proof))))[0] == 202
    (record,) = await collector.records()
    assert record.customer == customer_id(SECRET, "customer-4711")
    assert b"4711" not in json.dumps(record.customer).encode()
    assert "customer-4711" not in repr(record)


@pytest.mark.parametrize("id", [1042, 0, -1])
async def test_a_number_is_a_customer_by_its_text(collector: Stand, id: int) -> None:
    told = full(event(type="identify", id=id, signature=signature(SECRET, str(id))))
    assert (await collector.post(told))[0] == 202
    (record,) = await collector.records()
    assert record.customer == customer_id(SECRET, str(id))


STRANGE = {
    "of a shop's customer": b'"email":"who@mail.example","name":"Ada","cart":[{"sku":1}],"consent":"off","site":"x"',
    "of other types": b'"level":"off","title":"t","referrer":"r","props":{"price":1},"engaged_ms":9,"leave":true',
    "mistyped": b'"browser":{},"host":[],"received":"now","customer":null,"counted_only":true,"bot":"x"',
    "beyond any number": b'"points":1e999,"more":-1e999,"digits":' + b"9" * 5_000,
    "nested": b'"tree":' + b'{"a":[' * 100 + b"]}" * 100,
    "half an emoji": rb'"name":"\ud83d","\udc5f":1',
    "names of Python and JavaScript": b'"__proto__":{"type":"x"},"__class__":1,"":2',
}


@pytest.mark.parametrize("more", STRANGE.values(), ids=STRANGE)
async def test_what_comes_along_with_a_proof_is_ignored(collector: Stand, more: bytes) -> None:
    """A site may hand over all that it knows of its customer: nothing of it is kept, and the rest stays the same."""
    sent = event(n=0, type="identify", id="customer-4711", signature=signature(SECRET, "customer-4711"))
    body = json.dumps(full(sent, {**sent, "n": 1})).encode()
    last = body.rindex(b"}]")
    assert (await collector.post(body[:last] + b"," + more + body[last:]))[1]["accepted"] == 2
    alone, along = sorted(await collector.records(), key=lambda record: record.n)
    assert replace(along, n=0) == alone
    assert collector.metrics()['rejected_total{reason="internal"}'] == 0


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        pytest.param({"type": "page_view"}, None, id="a page view"),
        pytest.param({"type": "customer"}, None, id="an event of its own"),
        pytest.param({"type": "consent", "level": "off"}, None, id="a withdrawal"),
        pytest.param({"type": "consent"}, "bad_event", id="a withdrawal to nothing"),
        pytest.param({"type": {"name": "customer"}}, "bad_event", id="a type that is none"),
        pytest.param({"page": 7}, "bad_event", id="a page that is none"),
        pytest.param({"page": "4111111111111111"}, "bad_event", id="a card for a page"),
        pytest.param({"visitor": "7"}, "bad_event", id="a visitor that is none"),
        pytest.param({"visitor": "~" + "0" * 32}, "bad_event", id="the id of an anonymous visitor"),
        pytest.param({"visitor": "@customer"}, "bad_event", id="the pseudonym of a customer"),
        pytest.param({"time": "now"}, "bad_event", id="a time that is none"),
        pytest.param({"time": NOON - MAX_AGE_MS - 1}, "too_old", id="a time of long ago"),
        pytest.param({"url": "https://evil.example/"}, "bad_url", id="a page of others"),
        pytest.param({"url": "/customers/7"}, None, id="a page of the site"),
        pytest.param({"id": "8"}, "bad_signature", id="another customer"),
    ],
)
async def test_a_proof_can_say_nothing_that_an_event_could_not(
    collector: Stand, more: dict[str, Any], reason: str | None
) -> None:
    """The snippet spreads it over the event, so it is as if the page had sent just that."""
    told = {"type": "identify", "id": "7", "signature": signature(SECRET, "7"), **more}
    said = told if told["type"] == "identify" else more
    _, answer, _ = await collector.post(full(event(n=0, **told), event(n=1, **said), event(n=2)))
    assert [refusal["reason"] for refusal in answer["rejected"]] == ([reason] * 2 if reason else [])
    *found, after = sorted(await collector.records(), key=lambda record: record.n)
    assert (after.type, after.path) == ("page_view", "/shoes")
    assert not found or replace(found[1], n=0) == found[0]


# ---- own traffic -------------------------------------------------------------------------------------


async def test_own_traffic_is_left_out_without_a_fault(collector: Stand) -> None:
    """202 with nothing accepted: the sender did nothing wrong and shall not try again."""
    status, answer, _ = await collector.post(envelope(), headers={"Cookie": "a=1; staff=yes"})
    assert (status, answer["accepted"], answer["reason"]) == (202, 0, None)
    assert answer["rejected"] == [{"id": f"{PAGE}.0", "reason": "own_traffic"}]
    assert await collector.records() == []
    assert collector.rejected() == {"own_traffic": 1}


async def test_a_cookie_of_another_name_is_not_own_traffic(collector: Stand) -> None:
    assert (await collector.post(envelope(), headers={"Cookie": "not-staff=1; staffed=1"}))[1]["accepted"] == 1


# ---- what the log holds ------------------------------------------------------------------------------


async def test_a_record_holds_what_the_page_sent_and_no_more(collector: Stand) -> None:
    body = full(
        event(
            url=f"{ORIGIN}/shoes?utm_source=news&token=secret&ref=a#top",
            title="Shoes\u202e",
            referrer="https://search.example/find?q=private",
            interests=["shoes"],
            engaged_ms=5,
            props={"ignored": 1},
        )
    )
    assert (await collector.post(body))[0] == 202
    (record,) = await collector.records()
    assert record.visitor == VISITOR
    assert (record.host, record.path, record.query) == ("shop.example", "/shoes", {"utm_source": "news", "ref": "a"})
    assert (record.title, record.referrer, record.interests) == ("Shoes", "search.example/find", ["shoes"])
    assert (record.device, record.browser, record.os, record.bot) == ("desktop", "Chrome", "Windows", "")
    assert (record.time, record.received) == (NOON - 1_000, NOON)
    assert (record.engaged_ms, record.props) == (0, {})


async def test_what_an_honest_page_has_too_much_of_is_cut(collector: Stand) -> None:
    """A page left open for days, one that shrinks, and long custom words."""
    body = full(
        event(n=0, title="t" * 5_000, interests=["x" * 80, "", *"abcdefghij"]),
        event(n=1, type="engagement", engaged_ms=3 * DAY, scroll=104),
    )
    assert (await collector.post(body))[1]["accepted"] == 2
    view, engagement = sorted(await collector.records(), key=lambda record: record.n)
    assert view.title == "t" * 300
    assert view.interests == [cut("x" * 80, 64), *"abcdefg"]
    assert (engagement.engaged_ms, engagement.scroll) == (DAY, 100)


async def test_a_browser_that_says_it_is_driven_is_counted_as_a_bot(collector: Stand) -> None:
    assert (await collector.post({**full(event()), "webdriver": True}))[1]["accepted"] == 1
    assert [record.bot for record in await collector.records()] == ["webdriver"]


async def test_each_type_brings_its_own_body(collector: Stand) -> None:
    body = full(
        event(n=1, type="engagement", engaged_ms=1_500, scroll=40, leave=True, title="no"),
        event(n=2, type="ping", props={"no": 1}),
        event(n=3, type="consent", level="anonymous"),
        event(n=4, type="purchase", props={"value": 9.5, "note": "to me@mail.example", "items": [{"item_id": "a"}]}),
    )
    assert (await collector.post(body))[1]["accepted"] == 4
    engagement, ping, consent, purchase = sorted(await collector.records(), key=lambda record: record.n)
    assert (engagement.engaged_ms, engagement.scroll, engagement.leave, engagement.title) == (1_500, 40, True, "")
    assert ping.props == {}
    assert consent.level == "anonymous"
    assert purchase.props == {"value": 9.5, "note": "to (redacted)", "items": [{"item_id": "a"}]}


@pytest.mark.parametrize(
    ("sent", "time", "expected"),
    [
        pytest.param(NOON, NOON - 5_000, NOON - 5_000, id="right clock"),
        pytest.param(NOON + DAY, NOON + DAY - 5_000, NOON - 5_000, id="a day ahead"),
        pytest.param(NOON - 9 * DAY, NOON - 9 * DAY - 5_000, NOON - 5_000, id="nine days behind"),
        pytest.param(0, 0, NOON, id="1970"),
        pytest.param(NOON, NOON + 5_000, NOON, id="event later than its sending"),
    ],
)
async def test_a_wrong_clock_does_not_matter(collector: Stand, sent: int, time: int, expected: int) -> None:
    assert (await collector.post(envelope(event(time=time), sent=sent)))[0] == 202
    assert [record.time for record in await collector.records()] == [expected]


async def test_an_event_of_seven_days_is_still_counted_for_a_known_visitor(collector: Stand) -> None:
    assert (await collector.post(full(event(time=NOON - MAX_AGE_MS))))[0] == 202


# ---- the ledger --------------------------------------------------------------------------------------


async def test_the_ledger_balances_after_a_storm_of_everything(collector: Stand) -> None:
    """Good, bad, half bad and unavailable requests, all at once, while the log goes and comes."""
    bodies: list[bytes] = [
        GOOD,
        b"{",
        json.dumps(envelope(site="x")).encode(),
        json.dumps(envelope(event(), event(url="x:"))).encode(),
        json.dumps(envelope(*[event(n=n) for n in range(51)])).encode(),
        json.dumps(envelope(event(type="consent"))).encode(),
    ]

    async def break_the_log() -> None:
        answered = collector.parts.metrics.requests
        for count, is_away in ((50, True), (100, False), (150, True), (200, False)):
            await until(lambda count=count: answered.total() >= count, f"{count} are answered")
            collector.log.is_away = is_away

    breaking = asyncio.create_task(break_the_log())
    answers = await asyncio.gather(*(collector.post(bodies[n % len(bodies)]) for n in range(300)))
    await breaking
    metrics = collector.metrics()
    assert {status for status, _, _ in answers} <= {202, 400, 401, 413, 503}
    assert metrics["received_total"] == 50 * (1 + 1 + 1 + 2 + 51 + 1)
    assert metrics["ledger_difference"] == metrics["queue_events"] == metrics["queue_bytes"] == 0
    assert metrics["accepted_total"] == sum(answer["accepted"] for _, answer, _ in answers)
    assert metrics["accepted_total"] == len(await collector.records())
    assert metrics['requests_total{status="202"}'] == sum(status == 202 for status, _, _ in answers)


LONG = 60_000


@pytest.mark.parametrize(
    ("sent", "field", "kept"),
    [
        pytest.param({"title": "t" * LONG}, "title", "t" * 300, id="title"),
        pytest.param(
            {"referrer": f"https://search.example/find?q={'q' * LONG}"},
            "referrer",
            "search.example/find",
            id="referrer",
        ),
        pytest.param(
            {"url": f"{ORIGIN}/?utm_source=news&state={'x' * LONG}&ref=a"},
            "query",
            {"utm_source": "news", "ref": "a"},
            id="query, parameters at its ends",
        ),
        pytest.param(
            {"url": f"{ORIGIN}/?{'a=1&' * (LONG // 10)}utm_source=news&{'b=1&' * (LONG // 10)}"},
            "query",
            {"utm_source": "news"},
            id="query, a parameter in its middle",
        ),
        pytest.param({"url": f"{ORIGIN}/{'a' * LONG}/../../reset/SECRET"}, "path", "/reset/*", id="mask at the end"),
        pytest.param(
            {"url": f"{ORIGIN}/reset/{'a' * LONG}"}, "path", "/reset/*", id="mask that hides nearly all of it"
        ),
        pytest.param(
            {"url": f"{ORIGIN}/{'a' * LONG}/who@mail.example"},
            "path",
            shortened(f"/{'a' * LONG}/(redacted)"),
            id="path",
        ),
    ],
)
async def test_a_text_may_be_as_long_as_a_body(
    collector: Stand, sent: dict[str, Any], field: str, kept: str | dict[str, str]
) -> None:
    assert (await collector.post(envelope(event(**sent))))[0] == 202
    (record,) = await collector.records()
    assert getattr(record, field) == kept
