"""The queue of `wakeline.server`: what waits is told once, however long it takes, or handed back."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from benchmarks.waiting import wait_until
from tests.listeners import PAID, WRONG_KEY, Lines, paid
from wakeline.server import AsyncServer, QueueFull, Server, Unsent, retries
from wakeline.server_events import MAX_BODY_BYTES, MAX_EVENTS


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(retries, "LONGEST_PAUSE_S", 0.1)


def test_what_waits_is_sent_in_batches_within_a_second(lines: Lines) -> None:
    with Server(lines.url, lines.key, flush_s=1) as server:
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
    said = [record.levelname for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == ["ERROR"]
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
