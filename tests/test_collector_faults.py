"""A failing request is rejected alone and counted, and the ledger still balances."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.collector_stand import CHROME, NOON, ORIGIN, PAGE, Stand, envelope, event, full, stand
from tests.thorough import cases

CAFE = b"caf\xe9"  # no UTF-8
ADDRESS = "127.0.0.1"  # of whoever sends here


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as running:
        yield running


def answered(answer: bytes) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a raw answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head[9:12]), json.loads(body) if b"application/json" in head else {}


async def sent(port: int, headers: dict[bytes, bytes], body: bytes, *, path: bytes = b"/v1/events") -> bytes:
    """The answer to a POST whose headers may hold any bytes."""
    usual = {
        b"Host": b"stats.shop.example",
        b"Origin": ORIGIN.encode(),
        b"Content-Type": b"text/plain",
        b"User-Agent": CHROME.encode(),
    }
    lines = b"".join(b"%s: %s\r\n" % pair for pair in (usual | headers).items())
    length = b"Connection: close\r\nContent-Length: %d" % len(body)
    reader, writer = await asyncio.open_connection(ADDRESS, port)
    writer.write(b"POST " + path + b" HTTP/1.1\r\n" + lines + length + b"\r\n\r\n" + body)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return answer


# ---- bytes that are no text --------------------------------------------------------------------------


@pytest.mark.parametrize("consent", ["anonymous", "full"])
async def test_a_user_agent_that_is_no_utf8_is_one_all_the_same(collector: Stand, consent: str) -> None:
    body = json.dumps(envelope() if consent == "anonymous" else full()).encode()
    for _ in range(2):
        assert answered(await sent(collector.port, {b"User-Agent": CAFE}, body))[0] == 202
    records = await collector.records()
    assert len({record.visitor for record in records}) == 1
    assert [record.device for record in records] == ["other", "other"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Origin", 403),
        (b"X-Forwarded-For", 202),
        (b"Cookie", 202),
        (b"Content-Type", 415),
        (b"Content-Encoding", 400),
        (b"Sec-GPC", 202),
        (b"Sec-Fetch-Site", 202),
        (b"Accept-Encoding", 202),
        (b"Expect", 417),
        (b"X-Other", 202),
    ],
)
async def test_no_header_that_is_no_utf8_is_a_fault(collector: Stand, header: bytes, status: int) -> None:
    answer = await sent(collector.port, {header: CAFE}, json.dumps(envelope()).encode())
    assert answered(answer)[0] == status
    assert "internal" not in collector.rejected()


@pytest.mark.parametrize("path", [b"/caf\xe9", b"/v1/events?caf\xe9", b"/%ff%fe", b"//[", b"http://[/", b"*"])
async def test_no_path_is_a_fault(collector: Stand, path: bytes) -> None:
    for origin in (CAFE, ORIGIN.encode()):
        answer = await sent(collector.port, {b"Origin": origin}, json.dumps(envelope()).encode(), path=path)
        assert answer[9:12] in (b"202", b"400", b"403", b"404")


# ---- numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        pytest.param("9007199254740993", 9007199254740993, id="a whole number beyond a page's own"),
        pytest.param("9223372036854775807", 9223372036854775807, id="the largest that SQL holds"),
        pytest.param("9223372036854775808", 9223372036854775808.0, id="one more"),
        pytest.param("-9223372036854775809", -9223372036854775808.0, id="one less than the least"),
        pytest.param("100000000000000000000", 1e20, id="as a page writes 1e20"),
        pytest.param("1" + "0" * 308, 1e308, id="309 digits that a double holds"),
        pytest.param("-1e308", -1e308, id="a double"),
        pytest.param("1e-400", 0.0, id="nearly nothing"),
    ],
)
async def test_a_number_is_kept_as_a_page_has_it(collector: Stand, number: str, kept: float) -> None:
    body = json.dumps(envelope(event(type="buy", props={"price": "?"}))).replace('"?"', number).encode()
    assert (await collector.post(body))[0] == 202
    (record,) = await collector.records()
    assert record.props == {"price": kept}
    assert type(record.props["price"]) is type(kept)


@pytest.mark.parametrize(
    ("number", "is_refused"),
    [
        pytest.param("9" * 309, False, id="309 digits"),
        pytest.param("-" + "9" * 309, False, id="309 digits below nothing"),
        pytest.param("1" + "0" * 4_000, False, id="4,001 digits"),
        pytest.param("1" * 5_000, True, id="5,000 digits"),
        pytest.param("1e309", True, id="an exponent beyond"),
    ],
)
@pytest.mark.parametrize("props", ['{"price": ?}', '{"a": [?]}', '{"items": [{"price": ?}]}'])
async def test_a_number_that_is_none_to_any_program_costs_no_other_event(
    collector: Stand, number: str, is_refused: bool, props: str
) -> None:
    """It is left out and counted; where not even its digits can be read, its event is refused alone."""
    bad = json.dumps(event(type="buy", n=1, props="?")).replace('"?"', props.replace("?", number))
    body = json.dumps(envelope(event(), {"bad": 1}, event(n=2))).replace('{"bad": 1}', bad).encode()
    status, answer, _ = await collector.post(body)
    assert (status, answer["accepted"]) == (202, 3 - is_refused)
    assert collector.rejected() == ({"bad_event": 1} if is_refused else {})
    assert collector.metrics()['props_dropped_total{reason="bad_number"}'] == 1 - is_refused


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
async def test_what_is_no_json_number_is_no_json(collector: Stand, word: str) -> None:
    body = json.dumps(envelope(event(type="buy", props={"price": "?"}))).replace('"?"', word).encode()
    status, answer, _ = await collector.post(body)
    assert (status, answer["reason"]) == (400, "malformed")


# ---- a fault of ours ---------------------------------------------------------------------------------


def broken(*_: object, **__: object) -> Any:
    raise ZeroDivisionError(f"met {ADDRESS}")


UNCOUNTED = (  # where it fails nobody knows yet how many events there are
    "collector.limiter.Limiter.allows",
    "collector.addresses.Addresses.client",
    "collector.intake.is_accepted_type",
    "collector.intake.read_body",
    "collector.intake.decode_envelope",
)
COUNTED = (
    "collector.policy.Policy.accepts",
    "collector.policy.Policy.is_own",
    "collector.intake.legible",
    "collector.intake.agent_of",
    "collector.intake.decode_event",
    "collector.salts.Salts.oldest",
    "collector.salts.Salts.salt",
    "collector.steps.is_card_id",
    "collector.steps.anonymous_id",
    "collector.intake.lane_of",
    "collector.intake.encode_record",
)


@pytest.mark.parametrize("part", [*UNCOUNTED, *COUNTED])
async def test_a_fault_of_ours_is_a_refusal_that_is_counted_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, collector: Stand, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    """400 with `internal`: the snippet keeps and repeats what is answered 5xx. The log says where, and no address."""
    monkeypatch.setattr(part, broken)
    status, answer, headers = await collector.post(envelope(event(), event(n=1)))
    assert (status, answer["accepted"], answer["reason"]) == (400, 0, "internal")
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert collector.rejected() == {"internal": 1 if part in UNCOUNTED else 2}
    assert collector.metrics()["ledger_difference"] == 0
    assert "ZeroDivisionError" in caplog.text
    assert "in broken" in caplog.text
    assert ADDRESS not in caplog.text


async def test_a_fault_with_what_a_large_request_may_leave_is_in_the_books(
    monkeypatch: pytest.MonkeyPatch, collector: Stand
) -> None:
    monkeypatch.setattr("collector.limiter.Limiter.owes", broken)
    large = {f"p{number}": "x" * 900 for number in range(10)}
    status, answer, _ = await collector.post(envelope(event(type="buy", props=large), event(url="x:", n=1)))
    assert (status, answer["reason"]) == (400, "internal")
    assert collector.rejected() == {"internal": 2}
    assert collector.metrics()["ledger_difference"] == 0


async def test_a_fault_with_one_event_refuses_it_alone(monkeypatch: pytest.MonkeyPatch, collector: Stand) -> None:
    real = __import__("collector.intake", fromlist=["encode_record"]).encode_record
    monkeypatch.setattr("collector.intake.encode_record", lambda record: broken() if record.n == 1 else real(record))
    status, answer, _ = await collector.post(envelope(event(), event(n=1), event(n=2)))
    assert (status, answer["accepted"]) == (202, 2)
    assert answer["rejected"] == [{"id": "#1", "reason": "internal"}]
    assert sorted(record.n for record in await collector.records()) == [0, 2]


async def test_an_answer_that_fails_leaves_what_is_on_disk(monkeypatch: pytest.MonkeyPatch, collector: Stand) -> None:
    monkeypatch.setattr("collector.responses.accepted", broken)
    assert (await collector.post(envelope()))[0] == 400
    assert len(await collector.records()) == 1
    assert collector.metrics()["accepted_total"] == 1


async def test_a_refusal_that_fails_is_in_the_books(monkeypatch: pytest.MonkeyPatch, collector: Stand) -> None:
    monkeypatch.setattr("collector.responses.refused", broken)
    async with collector.http.post(f"{collector.url}/v1/events", data=b"{", headers={"Origin": ORIGIN}) as answer:
        assert answer.status == 500
    assert collector.metrics()["ledger_difference"] == 0


async def test_a_fault_that_goes_on_is_said_now_and_then(
    monkeypatch: pytest.MonkeyPatch, collector: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("collector.intake.encode_record", broken)
    for _ in range(3):
        await collector.post(envelope(*[event(n=n) for n in range(50)]))
    assert caplog.text.count("internal error;") == 1
    assert collector.rejected() == {"internal": 150}


# ---- anything at all ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Stand]]:
    """A collector in a loop of its own: each example is one request to it."""
    with asyncio.Runner() as runner:
        opened = stand(tmp_path_factory.mktemp("salts"), settings={"rate_limit": 0})
        yield runner, runner.run(opened.__aenter__())
        runner.run(opened.__aexit__(None, None, None))


HEADERS = (
    b"User-Agent", b"Origin", b"Cookie", b"X-Forwarded-For", b"Content-Type", b"Content-Encoding", b"Sec-GPC",
    b"Sec-Fetch-Site", b"Expect", b"Accept", b"Upgrade", b"Range",
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
HUGE = st.integers(min_value=290, max_value=330).map(lambda digits: 10**digits - 1)
JSON = st.recursive(
    SCALARS | HUGE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
URLS = st.text().map(lambda path: f"{ORIGIN}/{path}") | st.text()
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["page_view", "engagement", "ping", "consent", "identify", "purchase"]) | st.text(),
        "page": st.just(PAGE) | JSON,
        "n": st.integers(-1, 2_048) | JSON,
        "time": st.integers(0, 1 << 53) | JSON,
        "url": URLS | JSON,
        "visitor": st.just("0k3v9q2m1t7b5s8d4f6g2a") | JSON,
        "title": st.text() | JSON,
        "referrer": URLS | JSON,
        "interests": st.lists(st.text()) | JSON,
        "engaged_ms": JSON,
        "level": st.sampled_from(["off", "anonymous", "full"]) | JSON,
        "id": st.text() | JSON,
        "signature": st.text() | JSON,
        "props": st.dictionaries(st.text(), SCALARS | HUGE | st.lists(SCALARS | HUGE, max_size=3), max_size=5) | JSON,
    },
).map(lambda fields: event() | fields)


@settings(max_examples=cases(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    headers=st.dictionaries(
        st.sampled_from(HEADERS), st.binary(max_size=40).map(lambda value: value.translate(None, b"\r\n\0")), max_size=4
    ),
    events=st.lists(EVENTS, min_size=1, max_size=4),
    fields=st.fixed_dictionaries(
        {},
        optional={
            "consent": st.sampled_from(["off", "anonymous", "full"]),
            "sent": st.sampled_from([0, NOON, 1 << 53]) | JSON,
            "webdriver": st.booleans() | JSON,
        },
    ),
)
def test_nothing_that_may_be_sent_is_a_fault(
    running: tuple[asyncio.Runner, Stand], headers: dict[bytes, bytes], events: list[dict[str, Any]], fields: Any
) -> None:
    """Any headers and any events: never 500, never `internal`, and the books balance."""
    runner, collector = running
    body = json.dumps(envelope(*events) | fields).encode()
    answer = runner.run(sent(collector.port, headers, body))
    assert answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")[9:12] in (
        b"202", b"400", b"401", b"403", b"408", b"413", b"415", b"417",
    )  # fmt: skip
    assert "internal" not in collector.rejected()
    assert collector.parts.metrics.ledger_difference == 0
