"""The public port: CORS on every answer, caching of the snippet, health, and invalid HTTP."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import brotli
import pytest
from aiohttp.test_utils import make_mocked_request

from benchmarks.waiting import until
from collector import server as server_module
from collector.responses import MAX_ASKED, SENDERS_HEADERS, preflight
from collector.script import SCRIPT, Script, script_routes
from tests.collector_stand import ORIGIN, Stand, envelope, event, stand

FOREIGN = "https://evil.example"


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made


async def raw(collector: Stand, request: bytes) -> bytes:
    """All that the server says to `request` until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


# ---- CORS --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "origin"),
    [
        pytest.param(202, "POST", "/v1/events", envelope(), ORIGIN, id="accepted"),
        pytest.param(202, "POST", "/v1/events", envelope(event(), {}), ORIGIN, id="accepted in part"),
        pytest.param(400, "POST", "/v1/events", [], ORIGIN, id="malformed"),
        pytest.param(401, "POST", "/v1/events", envelope(site="x"), ORIGIN, id="unknown site"),
        pytest.param(403, "POST", "/v1/events", envelope(), FOREIGN, id="foreign origin"),
        pytest.param(413, "POST", "/v1/events", {"a": "a" * 70_000}, ORIGIN, id="too large"),
        pytest.param(405, "PUT", "/v1/events", {}, ORIGIN, id="wrong method"),
        pytest.param(404, "POST", "/v2/events", {}, ORIGIN, id="unknown path"),
        pytest.param(404, "POST", "/v1/events/", {}, ORIGIN, id="path with a slash too many"),
        pytest.param(204, "OPTIONS", "/v1/events", None, ORIGIN, id="preflight"),
        pytest.param(200, "GET", "/healthz", None, ORIGIN, id="health"),
    ],
)
async def test_every_answer_lets_its_page_read_it(
    collector: Stand, status: int, method: str, path: str, body: object, origin: str
) -> None:
    """Without CORS a page cannot tell a refusal from a dead network, and would send for ever."""
    async with collector.http.request(
        method, collector.url + path, json=body, headers={"Origin": origin, "Content-Type": "text/plain"}
    ) as answer:
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
        assert answer.headers["Vary"] == "Origin"


async def test_503_lets_its_page_read_it_too_and_says_when_to_come_back(collector: Stand) -> None:
    collector.log.is_away = True
    await collector.post(envelope())
    status, answer, headers = await collector.post(envelope(event(), event(url="x:")))
    assert (status, answer["reason"]) == (503, "unavailable")
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert 1 <= int(headers["Retry-After"]) <= 10


async def test_an_answer_to_nobody_in_particular_allows_no_origin(collector: Stand) -> None:
    _, _, headers = await collector.post(envelope(), headers={"Origin": None})
    assert "Access-Control-Allow-Origin" not in headers


async def test_a_preflight_allows_what_senders_of_json_ask_for(collector: Stand) -> None:
    async with collector.http.options(f"{collector.url}/v1/events", headers={"Origin": ORIGIN}) as answer:
        assert answer.headers["Access-Control-Allow-Methods"] == "POST"
        assert answer.headers["Access-Control-Allow-Headers"] == SENDERS_HEADERS
        assert answer.headers["Access-Control-Max-Age"] == "86400"


ASKED = {
    "as browsers ask": "baggage,sentry-trace,x-request-id",
    "with blanks": "Baggage, X-B3-TraceId",
    "one": "traceparent",
    "every character of a name": "!#$%&'+.^_`|~-09azAZ",
    "as long as may be": "x" * MAX_ASKED,
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_preflight_allows_what_is_asked_for(asked: str) -> None:
    assert preflight(ORIGIN, asked).headers["Access-Control-Allow-Headers"] == asked


NOT_ASKED = {
    "nothing": "",
    "all": "*",
    "all, among others": "x-a,*",
    "a star in a name": "x-*",
    "too long": "x" * (MAX_ASKED + 1),
    "another header": "x-a\r\nSet-Cookie: a=b",
    "a line break at the end": "x-a\n",
    "two in one": "x-a x-b",
    "no name": "x-a,,x-b",
    "a comma at the end": "x-a,",
    "a value": "x-a: 1",
    "a quote": '"x-a"',
    "letters of another script": "x-\u00e4",
    "bytes that are no text": "x-\udce4",
    "digits of another script": "x-\u0664",
}


@pytest.mark.parametrize("asked", NOT_ASKED.values(), ids=NOT_ASKED)
def test_a_preflight_allows_nothing_but_names(asked: str) -> None:
    assert preflight(ORIGIN, asked).headers["Access-Control-Allow-Headers"] == SENDERS_HEADERS


async def test_a_page_that_adds_headers_to_whatever_it_fetches_is_counted(collector: Stand) -> None:
    """The browser asks first, for all of them at once, and sends no event if one is missing in the answer."""
    added = {"baggage": "a=b", "sentry-trace": "0-0-1", "x-requested-with": "shop"}
    asking = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": ",".join(added),
    }
    async with collector.http.options(f"{collector.url}/v1/events", headers=asking) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Allow-Methods"] == "POST"
        assert answer.headers["Access-Control-Allow-Headers"].split(",") == list(added)
    assert (await collector.post(envelope(), headers=added))[0] == 202


async def test_a_preflight_for_nonsense_is_answered(collector: Stand) -> None:
    head = b"OPTIONS /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccess-Control-Request-Headers: "
    for asked in (b"x-a\xff", b"*", b"x-" + b"a" * 10_000):
        answer = await raw(collector, head + asked + b"\r\n\r\n")
        assert answer[9:12] == b"204"
        assert f"Access-Control-Allow-Headers: {SENDERS_HEADERS}\r\n".encode() in answer


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("connection", ["close", "keep-alive"])
async def test_any_http_client_gets_a_whole_answer(collector: Stand, version: str, connection: str) -> None:
    """The answer made ahead is for HTTP/1.1 that stays open; all others get one that says what happens next."""
    body = b'{"site":"demo","consent":"anonymous","sent":1,"events":[{}]}'
    head = f"POST /v1/events HTTP/{version}\r\nHost: x\r\nConnection: {connection}\r\nContent-Type: text/plain\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    last = request.replace(b"keep-alive", b"close")
    answer = await raw(collector, request + last if connection == "keep-alive" else request)
    assert answer.count(b"HTTP/1.") == (2 if connection == "keep-alive" else 1)
    assert answer.count(b'"reason":"bad_event"}') >= 1


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_an_accepted_event_is_answered_in_the_clients_own_http(collector: Stand, version: str) -> None:
    body = json.dumps(envelope()).encode()
    head = f"POST /v1/events HTTP/{version}\r\nHost: x\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    answer = await raw(collector, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert answer.startswith(f"HTTP/{version} 202 Accepted\r\n".encode())
    assert answer.endswith(b'{"accepted":1,"rejected":[],"reason":null}')


# ---- what is not HTTP --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS on the plain port"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", id="endless header"),
        pytest.param(b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", id="endless address"),
        pytest.param(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", id="length in letters"),
    ],
)
async def test_what_is_not_http_is_told_so_and_its_address_is_not_logged(
    collector: Stand, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await raw(collector, request_)
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert b"Access-Control-Allow-Origin: *" in answer
    assert "127.0.0.1" not in caplog.text


@pytest.mark.parametrize(
    ("pause_s", "status"),
    [
        pytest.param(0, b"400", id="with the headers"),
        pytest.param(0.05, b"408", id="later: aiohttp does not tell the reader, so its time runs out"),
    ],
)
async def test_broken_chunks_are_refused(
    monkeypatch: pytest.MonkeyPatch, collector: Stand, pause_s: float, status: bytes
) -> None:
    monkeypatch.setattr("collector.body.BODY_TIME_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    writer.write(
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    await asyncio.sleep(pause_s)
    writer.write(b"zz\r\n{}\r\n0\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer[9:12] == status
    assert collector.metrics()["ledger_difference"] == 0


async def test_a_body_that_does_not_come_is_not_waited_for_twice(
    monkeypatch: pytest.MonkeyPatch, collector: Stand
) -> None:
    """Its sender is answered and disconnected at once: lingering is for senders that are still sending."""
    monkeypatch.setattr("collector.body.BODY_TIME_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    writer.write(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n{")
    answer = await asyncio.wait_for(reader.read(), 0.2 + server_module.LINGER_S / 2)
    writer.close()
    assert answer[9:12] == b"408"


async def test_a_site_with_many_cookies_loses_no_event(collector: Stand) -> None:
    """Its other parts may have set more than the 8 KB that aiohttp takes by itself."""
    status, _, _ = await collector.post(envelope(), headers={"Cookie": "a=" + "b" * 12_000})
    assert status == 202


async def test_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch, collector: Stand) -> None:
    monkeypatch.setattr(server_module, "FIRST_REQUEST_S", 0.05)
    assert await raw(collector, b"") == b""
    assert await raw(collector, b"POST /v1/events HTTP/1.1\r\nHost: slow") == b""


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param("after the first bytes of its body", id="closed"),
        pytest.param("with a reset", id="reset"),
        pytest.param("once it was told to go on", id="told to go on"),
    ],
)
async def test_a_sender_that_goes_away_is_no_line_in_the_log(
    collector: Stand, caplog: pytest.LogCaptureFixture, ends: str
) -> None:
    """Phones do it all day, and attackers could fill the disk with log messages."""
    expects = b"Expect: 100-continue\r\n" if "told" in ends else b""
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n" + expects
    writer.write(head + b"\r\n" + (b"" if expects else b"{}"))
    if expects:
        assert b"100" in await asyncio.wait_for(reader.readline(), 10)
    await until(lambda: len(collector.parts.server.connections) == 1)
    if "reset" in ends:
        writer.transport.abort()
    else:
        writer.close()
    await until(lambda: not collector.parts.server.connections)
    assert len(collector.parts.server.held) == 0
    assert [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


async def test_a_bug_in_a_handler_is_logged_and_answered(
    monkeypatch: pytest.MonkeyPatch, collector: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the request's content, which may be in the message of the error, of its cause or in a note."""

    words = "from 127.0.0.1"

    def broken(*_: object, **__: object) -> None:
        try:
            raise ValueError(words)
        except ValueError as cause:
            error = ZeroDivisionError(words)
            error.add_note(words)
            raise error from cause

    monkeypatch.setattr("collector.script.matches", broken)
    async with collector.http.get(f"{collector.url}/wakeline.js", headers={"Origin": ORIGIN}) as answer:
        assert answer.status == 500
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "ZeroDivisionError" in caplog.text
    assert "ValueError" in caplog.text
    assert "in broken" in caplog.text
    assert words not in caplog.text


# ---- Expect: 100-continue ------------------------------------------------------------------------------

GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


async def expecting(
    collector: Stand, headers: bytes, *, path: bytes = b"/v1/events", version: bytes = b"1.1"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A sender that has sent its headers and waits for a word before its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    writer.write(
        b"POST " + path + b" HTTP/" + version + b"\r\nHost: x\r\nContent-Type: text/plain\r\n" + headers + b"\r\n\r\n"
    )
    return reader, writer


@pytest.mark.parametrize("word", [b"100-continue", b"100-Continue"])
async def test_a_sender_that_waits_for_the_word_is_told_to_go_on(collector: Stand, word: bytes) -> None:
    body = json.dumps(envelope()).encode()
    reader, writer = await expecting(collector, b"Expect: " + word + b"\r\nContent-Length: %d" % len(body))
    assert await asyncio.wait_for(reader.readexactly(len(GO_ON)), 2) == GO_ON
    writer.write(body)
    assert (await asyncio.wait_for(reader.readline(), 2))[9:12] == b"202"
    writer.close()
    assert len(await collector.records()) == 1


async def test_a_body_that_comes_with_its_headers_needs_no_word(collector: Stand) -> None:
    body = json.dumps(envelope()).encode()
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n"
    answer = await raw(collector, head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert answer[9:12] == b"202"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(b"Expect: 100-continue\r\nContent-Length: 65537", b"413", id="announced too large"),
        pytest.param(b"Expect: 100-continue\r\nContent-Type: a/b\r\nContent-Length: 9", b"415", id="wrong type"),
        pytest.param(b"Expect: 200-ok\r\nContent-Length: 9", b"417", id="something else is expected"),
        pytest.param(b"Expect: caf\xe9\r\nContent-Length: 9", b"417", id="nonsense is expected"),
    ],
)
async def test_a_body_that_nobody_wants_is_not_asked_for(collector: Stand, headers: bytes, status: bytes) -> None:
    """And the connection ends: whether the body comes all the same cannot be known."""
    is_other_type = b"a/b" in headers
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    start = b"POST /v1/events HTTP/1.1\r\nHost: x\r\n"
    writer.write(start + (b"" if is_other_type else b"Content-Type: text/plain\r\n") + headers + b"\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer[9:12] == status
    assert b"Connection: close" in answer


async def test_http_1_0_knows_no_expectations(collector: Stand) -> None:
    body = json.dumps(envelope()).encode()
    reader, writer = await expecting(collector, b"Expect: anything\r\nContent-Length: %d" % len(body), version=b"1.0")
    writer.write(body)
    assert (await asyncio.wait_for(reader.readline(), 2))[9:12] == b"202"
    writer.close()


# ---- the snippet -------------------------------------------------------------------------------------


def test_the_compressed_snippet_is_the_snippet() -> None:
    plain = SCRIPT.read_bytes()
    assert brotli.decompress(SCRIPT.with_name("wakeline.js.br").read_bytes()) == plain
    assert gzip.decompress(SCRIPT.with_name("wakeline.js.gz").read_bytes()) == plain


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        pytest.param("gzip, deflate, br, zstd", "br", id="browser"),
        pytest.param("gzip", "gzip", id="gzip only"),
        pytest.param("br;q=0, gzip;q=0.5", "gzip", id="brotli refused"),
        pytest.param("BR", "br", id="any case"),
        pytest.param("identity", None, id="none of ours"),
        pytest.param("gzip;q=0.000", None, id="refused exactly"),
        pytest.param("gzip;q=x,,;", "gzip", id="nonsense"),
        pytest.param("", None, id="empty"),
    ],
)
async def test_the_snippet_comes_as_the_browser_takes_it(collector: Stand, accept: str, coding: str | None) -> None:
    async with collector.http.get(f"{collector.url}/wakeline.js", headers={"Accept-Encoding": accept}) as answer:
        assert answer.headers.get("Content-Encoding") == coding
        assert await answer.read() == SCRIPT.read_bytes()  # the client decodes it
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=3600, stale-while-revalidate=86400"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


async def test_what_a_browser_has_it_need_not_load_again(collector: Stand) -> None:
    url = f"{collector.url}/wakeline.js?cache=buster"
    async with collector.http.get(url, headers={"Accept-Encoding": "br"}) as answer:
        tag = answer.headers["ETag"]
    for known, status in ((tag, 304), (f'"other", W/{tag}', 304), ("*", 304), ('"other"', 200), (tag[:-4] + '"', 200)):
        async with collector.http.get(url, headers={"Accept-Encoding": "br", "If-None-Match": known}) as answer:
            assert answer.status == status
            assert answer.headers["ETag"] == tag
            assert "Cache-Control" in answer.headers


async def test_each_form_of_the_snippet_has_a_tag_of_its_own(collector: Stand) -> None:
    """A strong tag names bytes: a cache must not patch a gzip form with parts of another."""
    tags = set()
    for accept in ("br", "gzip", "identity"):
        async with collector.http.get(f"{collector.url}/wakeline.js", headers={"Accept-Encoding": accept}) as answer:
            tags.add(answer.headers["ETag"])
    assert len(tags) == 3
    assert all(tag.startswith('"') for tag in tags)


def test_the_tag_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "wakeline.js"
    path.write_bytes(b"1")
    before = Script(path)._tags
    path.write_bytes(b"2")
    assert Script(path)._tags[""] != before[""]
    assert hashlib.sha256(b"1").hexdigest()[:20] in before[""]


async def test_head_says_the_same_without_the_snippet(collector: Stand) -> None:
    async with collector.http.head(f"{collector.url}/wakeline.js", headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == SCRIPT.stat().st_size


async def test_a_script_with_its_version_in_its_name_is_kept_for_ever(tmp_path: Path) -> None:
    for name in ("wakeline.js", "wakeline.1.2.3.js", "wakeline.datalayer.1.2.3.js"):
        (tmp_path / name).write_bytes(name.encode())
    routes = script_routes("/s.js", tmp_path)
    kept = {}
    for path, methods in routes.items():
        answer = await methods["GET"](make_mocked_request("GET", path))
        kept[path] = "immutable" in answer.headers["Cache-Control"]
    assert kept == {
        "/wakeline.js": False,
        "/wakeline.1.2.3.js": True,
        "/wakeline.datalayer.1.2.3.js": True,
        "/s.js": False,
        "/s.1.2.3.js": True,
        "/s.datalayer.1.2.3.js": True,
    }


async def test_paths_of_ones_own_are_served_beside_the_usual_ones(tmp_path: Path) -> None:
    """A page whose tag is older than the settings is still counted."""
    paths = {"script_path": "/assets/s.js", "endpoint_path": "/assets/e"}
    async with stand(tmp_path, settings=paths) as collector:
        for path in ("/wakeline.js", "/assets/s.js"):
            async with collector.http.get(collector.url + path) as answer:
                assert await answer.read() == SCRIPT.read_bytes(), path
        for path in ("/v1/events", "/assets/e"):
            async with collector.http.post(collector.url + path, json=envelope(), headers={"Origin": ORIGIN}) as answer:
                assert answer.status == 202, path


# ---- health ------------------------------------------------------------------------------------------


async def test_alive_while_the_log_is_away_but_not_ready(monkeypatch: pytest.MonkeyPatch, collector: Stand) -> None:
    monkeypatch.setattr("collector.health.KEPT_S", 0.0)

    async def status(path: str) -> int:
        async with collector.http.get(collector.url + path) as answer:
            return answer.status

    assert (await status("/healthz"), await status("/readyz")) == (200, 200)
    collector.log.is_away = True
    assert (await status("/healthz"), await status("/readyz")) == (200, 503)
    collector.log.is_away = False
    assert (await status("/healthz"), await status("/readyz")) == (200, 200)
