"""`wakeline.server`: what is told is told once, what is not is said. Against the contract, and the real collector."""

from __future__ import annotations

import asyncio
import ssl
import time
from decimal import Decimal
from email.utils import formatdate
from typing import Any
from uuid import UUID

import pytest
import trustme

from tests.listeners import LOST, PAID, WRONG_KEY, Lines, Listener, listening, paid
from wakeline.server import AsyncServer, Refused, Result, Server, Unsent, retries
from wakeline.server_events import MAX_EVENTS


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
