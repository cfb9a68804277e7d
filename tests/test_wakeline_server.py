"""`wakeline.server`: what is told is told once, what is not is said. Against the contract, and the real collector."""

from __future__ import annotations

import asyncio
import inspect
import logging
import ssl
import threading
import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from email.utils import formatdate
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import trustme

from benchmarks.waiting import wait_until
from tests.telling import WRONG_KEY, Lines, Listener, listening
from wakeline.server import AsyncServer, BadEvent, QueueFull, Refused, Result, Server, Unsent, retries
from wakeline.server.answers import MAX_BODY_BYTES, MAX_EVENTS, PATH
from wakeline.server.client import Options
from wakeline.server.events import prepare

PAID = {"type": "order_state", "transaction_id": "A-1", "state": "paid"}
LOST = {"type": "order_state", "transaction_id": "A-1", "state": "lost"}


def paid(id: str) -> dict[str, Any]:
    return {**PAID, "id": id}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(retries, "LONGEST_PAUSE_S", 0.1)


# ---- against both ----------------------------------------------------------------------------------------


def test_events_sent_have_their_results_in_order(listener: Listener) -> None:
    with Server(listener.url, listener.key, site="shop") as server:
        results = server.send([paid("p1"), {**LOST, "id": "p2"}, {"type": "contact", "contact_id": "9", "id": "p3"}])
    assert [(result.id, result.status, result.field) for result in results] == [
        ("p1", "accepted", ""),
        ("p2", "rejected", "state"),
        ("p3", "rejected", "channel"),
    ]
    assert all(result.reason and result.message for result in results[1:])


def test_all_rejected_is_an_answer_too(listener: Listener) -> None:
    with Server(listener.url, listener.key) as server:
        (result,) = server.send([{**LOST, "id": "x" * 300}])
    assert (result.id, result.is_accepted) == ("x" * 300, False)


def test_what_is_queued_arrives_and_what_is_rejected_is_said(listener: Listener) -> None:
    said: list[tuple[Result, dict[str, Any]]] = []
    with Server(listener.url, listener.key, flush_s=60, on_rejected=lambda *what: said.append(what)) as server:
        server.event("purchase", id="q1", customer=1042, transaction_id="A-1", value=Decimal("154.80"), currency="EUR")
        server.event("order_state", id="q2", transaction_id="A-1", state="lost")
        assert server.queued == 2
        assert server.flush(30)
        assert server.queued == 0
    ((result, event),) = said
    assert (result.id, result.field, event["state"]) == ("q2", "state", "lost")


@pytest.mark.parametrize("key", [WRONG_KEY])
def test_a_wrong_key_is_refused_in_words_without_it(listener: Listener, key: str) -> None:
    with Server(listener.url, key) as server, pytest.raises(Refused, match=r"answers 40[13]") as refused:
        server.send([paid("w1")])
    assert refused.value.status in (401, 403)
    assert [event["id"] for event in refused.value.events] == ["w1"]
    assert key not in str(refused.value) + repr(server)


async def test_asyncio_says_the_same(listener: Listener) -> None:
    async with AsyncServer(listener.url, listener.key) as server:
        first, second = await asyncio.gather(server.send([paid("a1")]), server.send([{**LOST, "id": "a2"}]))
        id = await server.event("order_state", transaction_id="A-1", state="shipped")
        assert await server.flush()
        assert (server.queued, server.trouble) == (0, "")
    assert (first[0].status, second[0].status, UUID(id).version) == ("accepted", "rejected", 4)


def test_the_limits_are_those_of_the_collector() -> None:
    theirs = pytest.importorskip("wakeline.server_events", reason="the endpoint is not there yet")
    assert (theirs.PATH, theirs.MAX_EVENTS) == (PATH, MAX_EVENTS)
    assert theirs.MAX_BODY_BYTES >= MAX_BODY_BYTES


# ---- retries ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [408, 429, 500, 502, 503, "reset", "cut"])
def test_a_retry_repeats_the_event_and_counts_once(lines: Lines, fault: int | str) -> None:
    lines.next.extend([fault, fault])
    with Server(lines.url, lines.key) as server:
        (result,) = server.send([PAID])
    assert result.is_accepted
    assert len(lines.requests) >= (1 if fault == "reset" else 3)
    assert len(set(lines.bodies)) == 1, "the id and the time were made once"
    assert list(lines.told) == [result.id]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_time_that_the_server_asks_for_is_waited(lines: Lines, form: str) -> None:
    lines.next.append(503)
    lines.retry_after = "1" if form == "seconds" else formatdate(time.time() + 3, usegmt=True)
    with Server(lines.url, lines.key) as server:
        before = time.monotonic()
        server.send([PAID])
        assert time.monotonic() - before >= 1


def test_who_asks_for_more_time_than_there_is_is_not_waited_for(lines: Lines) -> None:
    lines.next.append(429)
    lines.retry_after = "40"
    with Server(lines.url, lines.key) as server, pytest.raises(Unsent, match="429") as unsent:
        server.send([paid("r1")], timeout_s=20)
    assert not isinstance(unsent.value, Refused)
    with Server(lines.url, lines.key) as server:
        (result,) = server.send(unsent.value.events)
    assert (result.id, len(set(lines.bodies))) == ("r1", 1), "sent again as it was"


def test_nobody_there_is_said_with_what_is_left(lines: Lines) -> None:
    with listening(Lines()) as gone:
        url = gone.url
    with Server(url, lines.key) as server, pytest.raises(Unsent, match=r"does not answer: .*refused") as unsent:
        server.send([paid("n1"), paid("n2")], timeout_s=0.2)
    assert [event["id"] for event in unsent.value.events] == ["n1", "n2"]


def test_silence_ends_by_a_timeout(lines: Lines) -> None:
    lines.next.append("hang")
    with Server(lines.url, lines.key, timeout_s=0.3) as server:
        (result,) = server.send([PAID])
        assert result.is_accepted
        assert len(lines.requests) == 2
    lines.next.extend(["well", "hang"])
    with Server(lines.url, lines.key, timeout_s=30) as server:
        server.send([PAID])
        with pytest.raises(Unsent, match="timed out"):
            server.send([PAID], timeout_s=0.3)


def test_of_many_batches_the_answered_ones_keep_their_results(lines: Lines) -> None:
    lines.next.extend(["well", 403])
    events = [paid(f"m{number}") for number in range(MAX_EVENTS + 5)]
    with Server(lines.url, lines.key) as server, pytest.raises(Refused) as refused:
        server.send(events)
    assert [len(request) for request in lines.requests] == [MAX_EVENTS, 5]
    assert [result.id for result in refused.value.results] == [event["id"] for event in events[:MAX_EVENTS]]
    assert [event["id"] for event in refused.value.events] == [event["id"] for event in events[MAX_EVENTS:]]


def test_another_page_is_not_taken_for_wakeline(lines: Lines) -> None:
    with (
        Server(f"{lines.url}/shop", lines.key) as server,
        pytest.raises(Refused, match="collector's address") as refused,
    ):
        server.send([PAID])
    assert refused.value.status == 404
    lines.next.append("closed for repairs")
    with Server(lines.url, lines.key) as server, pytest.raises(Refused, match="answers 200"):
        server.send([PAID])
    assert lines.told == {}


def test_a_202_that_does_not_answer_for_each_event_is_none(lines: Lines) -> None:
    lines.next.extend([202, "few"])
    with Server(lines.url, lines.key) as server:
        results = server.send([PAID, PAID])
    assert [result.status for result in results] == ["accepted", "accepted"]
    assert len(lines.requests) == 3


def test_one_event_that_breaks_a_request_is_found(lines: Lines) -> None:
    events = [paid(f"b{number}") for number in range(20)]
    events[13] = {"type": "breaks", "id": "b13"}
    with Server(lines.url, lines.key) as server:
        results = server.send(events)
    assert [(result.id, result.reason) for result in results if not result.is_accepted] == [("b13", "malformed")]
    assert [result.id for result in results] == [event["id"] for event in events]


def test_a_smaller_limit_of_a_proxy_is_kept_by_dividing(lines: Lines) -> None:
    lines.most_bytes = 2_000
    with Server(lines.url, lines.key) as server:
        results = server.send([*(paid(f"d{number}") for number in range(50)), {**paid("large"), "at": "9" * 2_000}])
    assert [result.id for result in results if not result.is_accepted] == ["large"]
    assert results[-1].reason == "too_large"


def test_a_connection_is_used_again_and_replaced_once_it_was_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 60)  # a failure would not be outlasted
    lines = Lines()
    with listening(lines):
        server = Server(lines.url, lines.key)
        for number in range(5):
            server.send([paid(f"k{number}")])
        assert len(lines.connections) == 1
    with listening(lines, int(lines.url.rpartition(":")[2])):
        server.send([PAID])
        server.close()
    assert len(lines.connections) == 2


def test_a_certificate_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 60)  # the first failure is the last
    authority, theirs = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    with listening(Lines(), ssl_context=theirs) as lines:
        with Server(lines.url, lines.key, context=ours) as server:
            results = [*server.send([PAID]), *server.send([PAID])]
        assert [result.status for result in results] == ["accepted", "accepted"]
        assert len(lines.connections) == 1
        with Server(lines.url, lines.key) as server, pytest.raises(Unsent, match="certificate verify failed"):
            server.send([PAID])
    assert len(lines.requests) == 2


# ---- the queue -------------------------------------------------------------------------------------------


def test_what_waits_is_sent_in_batches_within_a_second(lines: Lines) -> None:
    with Server(lines.url, lines.key, flush_s=0.5) as server:
        for number in range(3):
            server.event("order_state", id=f"s{number}", transaction_id="A-1", state="paid")
        assert server.queued == 3
        wait_until(lambda: len(lines.told) == 3, "they are told")
        assert lines.requests == [["s0", "s1", "s2"]]
    with Server(lines.url, lines.key, flush_s=600) as server:
        for number in range(MAX_EVENTS):
            server.event("order_state", id=f"t{number}", transaction_id="A-1", state="paid")
        wait_until(lambda: len(lines.told) == 3 + MAX_EVENTS, "a full request does not wait")


def test_an_outage_is_outlasted_and_said_once(lines: Lines, caplog: pytest.LogCaptureFixture) -> None:
    lines.next.extend([503] * 5)
    caplog.set_level(logging.INFO, "wakeline.server")
    with Server(lines.url, lines.key, flush_s=0) as server:
        server.event("order_state", id="o1", transaction_id="A-1", state="paid")
        wait_until(lambda: "503" in server.trouble, "the reason is there")
        assert server.flush(30)
        assert server.trouble == ""
    assert lines.times_told == {"o1": 1}
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_refused_key_keeps_what_waits_until_it_is_good(lines: Lines, caplog: pytest.LogCaptureFixture) -> None:
    right, lines.key = lines.key, WRONG_KEY
    with Server(lines.url, right, flush_s=0) as server:
        server.event("order_state", id="g1", transaction_id="A-1", state="paid")
        wait_until(lambda: len(lines.requests) > 2, "it is tried again")
        assert "401" in server.trouble
        lines.key = right
        assert server.flush(30)
    assert list(lines.told) == ["g1"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert right not in caplog.text


def test_a_full_queue_waits_and_then_raises_and_loses_nothing(lines: Lines) -> None:
    lines.next.extend([503] * 10_000)
    with Server(lines.url, lines.key, flush_s=0, max_queued=3, full_wait_s=0.2) as server:
        kept = [server.event("order_state", transaction_id="A-1", state="paid") for _ in range(3)]
        wait_until(lambda: server.trouble, "it is away")
        before = time.monotonic()
        with pytest.raises(QueueFull, match=r"3 events wait already: .*503"):
            server.event("order_state", transaction_id="A-1", state="paid")
        assert time.monotonic() - before >= 0.2
        server.full_wait_s = None
        threading.Timer(0.2, lines.next.clear).start()
        kept.append(server.event("order_state", transaction_id="A-1", state="paid"))
    assert list(lines.told) == kept


async def test_a_full_queue_does_not_hold_up_the_loop(lines: Lines) -> None:
    lines.next.extend([503] * 10_000)
    async with AsyncServer(lines.url, lines.key, flush_s=0, max_queued=1, full_wait_s=20) as server:
        await server.event("order_state", id="1", transaction_id="A-1", state="paid")
        waiting = asyncio.create_task(server.event("order_state", id="2", transaction_id="A-1", state="paid"))
        before = time.monotonic()
        await asyncio.sleep(0.2)
        assert time.monotonic() - before < 10
        assert not waiting.done()
        lines.next.clear()
        assert await waiting == "2"
    assert list(lines.told) == ["1", "2"]


def test_large_events_are_divided_by_bytes(lines: Lines) -> None:
    with Server(lines.url, lines.key, flush_s=60) as server:
        for number in range(5):
            server.event("note", id=f"l{number}", customer=1, text="x" * 3_000, at="9" * 300_000)
        server.flush()
    assert max(map(len, lines.bodies)) <= MAX_BODY_BYTES
    assert [len(request) for request in lines.requests] == [3, 2]


def test_what_cannot_be_sent_at_the_close_is_raised(lines: Lines) -> None:
    lines.next.extend([503] * 10_000)
    server = Server(lines.url, lines.key, flush_s=60)
    id = server.event("order_state", transaction_id="A-1", state="paid")
    before = time.monotonic()
    with pytest.raises(Unsent, match=r"1 events are not confirmed: .*503") as unsent:
        server.close(0.5)
    assert time.monotonic() - before < 5
    assert [event["id"] for event in unsent.value.events] == [id]
    with pytest.raises(RuntimeError, match="closed"):
        server.event("order_state", transaction_id="A-1", state="paid")
    with pytest.raises(RuntimeError, match="closed"):
        server.send([PAID])
    server.close()


def test_a_close_ends_the_pauses_of_others(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 60)
    lines.next.extend([503, 503])
    server, raised = Server(lines.url, lines.key, flush_s=0), list[Exception]()

    def send() -> None:
        try:
            server.send([paid("e1")], timeout_s=300)
        except Unsent as unsent:
            raised.append(unsent)

    sending = threading.Thread(target=send)
    sending.start()
    server.event("order_state", id="e2", transaction_id="A-1", state="paid")
    wait_until(lambda: len(lines.requests) == 2, "both are pausing")
    server.close()
    sending.join(10)
    assert (len(raised), list(lines.told)) == (1, ["e2"])


def test_a_callback_that_fails_stops_nothing(lines: Lines, caplog: pytest.LogCaptureFixture) -> None:
    def fails(*_: object) -> None:
        raise KeyError

    with Server(lines.url, lines.key, on_rejected=fails) as server:
        server.event("order_state", transaction_id="A-1", state="lost")
        server.event("order_state", id="after", transaction_id="A-1", state="paid")
    assert list(lines.told) == ["after"]
    assert "on_rejected failed" in caplog.text


def test_without_a_callback_what_is_rejected_is_logged_without_values(
    lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    with Server(lines.url, lines.key) as server:
        server.event("customer", id="mia@example.org", customer="mia@example.org", email="m" * 400)
    (record,) = caplog.records
    assert record.getMessage() == "'customer' was rejected for good (bad_event): `email` is not as it should be"


def test_threads_share_a_server(lines: Lines) -> None:
    with Server(lines.url, lines.key, flush_s=0.01) as server:

        def tell(first: int) -> None:
            for number in range(first, first + 200):
                server.event("order_state", id=str(number), transaction_id="A-1", state="paid")
            server.send([paid(f"sent {first}")])

        threads = [threading.Thread(target=tell, args=(first,)) for first in range(0, 1_600, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert lines.times_told == {str(number): 1 for number in range(1_600)} | {
        f"sent {n}": 1 for n in range(0, 1_600, 200)
    }
    assert len(lines.connections) <= 9


# ---- what is said ----------------------------------------------------------------------------------------


class Channel(StrEnum):
    MAIL = "mail"


def body(**fields: object) -> Any:
    return msgspec.json.decode(prepare({"type": "t", "id": "i", "time": 1_796_574_600_000, **fields}).body)


def test_an_event_says_what_was_meant() -> None:
    berlin = timezone(timedelta(hours=1))
    said = body(
        value=Decimal("154.80"),
        tiny=Decimal("1E-7"),
        at=datetime(2026, 12, 6, 17, 30, 0, 999_999, tzinfo=berlin),
        channel=Channel.MAIL,
        order=UUID(int=7),
        topic=None,
        traits={"plan": None, "age": 7, "new": True},
        items=[{"item_id": "x", "price": Decimal("0.10"), "coupon": None}],
    )
    assert said == {
        "id": "i",
        "type": "t",
        "time": 1_796_574_600_000,
        "value": "154.80",
        "tiny": "0.0000001",
        "at": 1_796_574_600_999,
        "channel": "mail",
        "order": str(UUID(int=7)),
        "traits": {"plan": None, "age": 7, "new": True},
        "items": [{"item_id": "x", "price": "0.10"}],
    }
    assert body(time=datetime(2026, 12, 6, 16, 30, tzinfo=UTC))["time"] == 1_796_574_600_000
    assert body(time="2026-12-06T17:30:00+01:00")["time"] == "2026-12-06T17:30:00+01:00"
    assert abs(body(time=None)["time"] - time.time() * 1_000) < 10_000
    assert [body(id=id)["id"] for id in (7, UUID(int=7))] == ["7", str(UUID(int=7))]
    assert body(id=None)["id"] != body(id=None)["id"]


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"time": datetime(2026, 12, 6)}, r"`time` has no time zone.*ZoneInfo"),
        ({"items": [{"at": datetime(2026, 12, 6)}]}, r"`items\[0\].at` has no time zone"),
        ({"time": date(2026, 12, 6)}, "`time` is a day without time"),
        ({"start": date(2026, 12, 6)}, "`start` is a day without time"),
        ({"time": 1_796_574_600}, "`time` seems to be in seconds"),
        ({"time": 1_796_574_600_000.0}, "`time` seems to be in seconds"),
        ({"time": [1]}, "`time` has to be"),
        ({"value": float("nan")}, "`value` is not a finite number"),
        ({"value": Decimal("Infinity")}, "`value` is not a finite number"),
        ({"traits": {"of": {1, 2}}}, "`traits.of` is a set"),
        ({"traits": {1: 2}}, "`traits` has a key that is not a text"),
        ({"text": b"secret words"}, "`text` is a bytes"),
        ({"text": "secret words \ud83d"}, "half a character"),
        ({"props": {"deep": CYCLE}}, "nested too deeply"),
        ({"text": "secret words" * 100_000}, r"1,200,\d+ bytes is too large"),
        ({"id": ""}, "`id` has to be"),
        ({"id": True}, "`id` has to be"),
        ({"type": None}, "needs a `type`"),
        ({"type": 7}, "needs a `type`"),
    ],
)
def test_what_is_ambiguous_is_an_error_where_it_is_said(lines: Lines, fields: dict[str, Any], words: str) -> None:
    with Server(lines.url, lines.key) as server:
        with pytest.raises(BadEvent, match=words) as bad:
            server.send([PAID, {**PAID, **fields}])
        assert "secret" not in str(bad.value)
        if "type" not in fields:
            with pytest.raises(BadEvent, match=words):
                server.event("t", **fields)
    assert lines.requests == [], "nothing is sent"


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("stats.shop.example", WRONG_KEY, "`url` has to be"),
        ("ftp://stats.shop.example", WRONG_KEY, "`url` has to be"),
        ("https://", WRONG_KEY, "`url` has to be"),
        ("https://stats.shop.example?x=1", WRONG_KEY, "`url` has to be"),
        ("https://me:secret@stats.shop.example", WRONG_KEY, "has a user in it"),
        ("https://stats.shop.example:port", WRONG_KEY, "[Pp]ort"),
        ("https://stats.shop.example", "wk_secret", "not a whole key"),
        ("https://stats.shop.example", WRONG_KEY + "\nsecret", "not a whole key"),
    ],
)
def test_a_wrong_address_or_key_is_said_at_once(url: str, key: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        Server(url, key)
    assert "secret" not in str(error.value)


def test_the_options_of_asyncio_are_those_of_the_server() -> None:
    assert list(Options.__annotations__) == list(inspect.signature(Server).parameters)[2:]


def test_ids_are_new_each_time() -> None:
    assert len({prepare(PAID).id for _ in range(100)}) == 100
    assert UUID(prepare(PAID).id).version == uuid4().version
