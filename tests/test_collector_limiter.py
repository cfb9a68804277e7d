"""The collector limits requests per address, and the memory for addresses is bounded."""

from __future__ import annotations

import time
from ipaddress import ip_network
from pathlib import Path

import pytest

from collector import limiter as module
from collector.addresses import sender
from collector.limiter import BURST_S, REQUEST_BYTES, KeySlots, Limiter
from tests.collector_stand import ORIGIN, envelope, event, stand
from wakeline.record import encode_record

PER_S = 5
BURST = BURST_S * PER_S
ONE, ANOTHER = "198.51.100.7", "198.51.100.8"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> Limiter:
    return Limiter(PER_S, clock=clock)


def allowed(limiter: Limiter, address: str, requests: int) -> int:
    return sum(limiter.allows(address) for _ in range(requests))


def test_ten_seconds_worth_may_come_at_once_and_then_so_many_a_second(limiter: Limiter, clock: Clock) -> None:
    assert allowed(limiter, ONE, 1_000) == BURST
    for _ in range(20):
        clock.now += 1
        assert allowed(limiter, ONE, 1_000) == PER_S
    clock.now += 3_600  # however long it is quiet
    assert allowed(limiter, ONE, 1_000) == BURST


def test_what_is_refused_does_not_count(limiter: Limiter, clock: Clock) -> None:
    """A sender at ten times the rate gets the allowed rate, and is not locked out."""
    allowed(limiter, ONE, BURST)
    found = 0
    for _ in range(10 * PER_S * 60):
        clock.now += 1 / (10 * PER_S)
        found += limiter.allows(ONE)
    assert found == pytest.approx(PER_S * 60, abs=1)


def test_a_flood_of_one_costs_another_nothing(limiter: Limiter) -> None:
    allowed(limiter, ONE, 1_000)
    assert allowed(limiter, ANOTHER, BURST) == BURST


SENDERS = {
    "one address": (ONE, ONE, True),
    "two addresses": (ONE, ANOTHER, False),
    "one /64": ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
    "two /64": ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
    "in another spelling": ("2001:db8::1", "2001:0DB8:0:0:0::1", True),
    "an IPv4 address as a dual socket shows it": (ONE, f"::ffff:{ONE}", True),
    "an IPv4 address behind NAT64": (ONE, f"64:ff9b::{ONE}", True),
    "two IPv4 addresses behind NAT64": (f"64:ff9b::{ONE}", f"64:ff9b::{ANOTHER}", False),
    "an IPv6 address whose number is that of an IPv4 one": ("0.0.0.1", "0:0:0:1::", False),
}


@pytest.mark.parametrize("name", SENDERS)
def test_who_counts_as_the_same(name: str) -> None:
    one, another, is_same = SENDERS[name]
    assert sender(one) is not None
    assert (sender(one) == sender(another)) is is_same


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fd00::1", "fe80::1%eth0", "", "x"])
def test_a_proxy_that_nobody_named_is_not_limited(limiter: Limiter, address: str) -> None:
    """Behind an address that is not public are all visitors."""
    assert allowed(limiter, address, 1_000) == 1_000
    assert not len(limiter)


def test_no_limit_remembers_nothing(clock: Clock) -> None:
    limiter = Limiter(0, clock=clock)
    assert allowed(limiter, ONE, 10_000) == 10_000
    assert not len(limiter)


def test_what_is_remembered_is_bounded(limiter: Limiter, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes from ever new addresses makes the quiet ones be forgotten, not those that are busy."""
    monkeypatch.setattr(module, "MOST_ADDRESSES", 100)
    allowed(limiter, ONE, BURST)
    for number in range(10_000):
        clock.now += 0.001
        limiter.allows(f"2001:db8:{number:x}::1")
        if number % 50 == 0:
            allowed(limiter, ONE, 10)
    assert len(limiter) == 100
    assert allowed(limiter, ONE, 1_000) <= PER_S


async def test_beyond_the_limit_the_answer_is_429_and_says_when(tmp_path: Path) -> None:
    """Nothing of it is written; the page may read the answer, and the books balance."""
    settings = {"rate_limit": 0.3, "trusted_proxies": (ip_network("127.0.0.0/8"),)}  # three at once
    async with stand(tmp_path, settings=settings) as collector:
        headers = {"X-Forwarded-For": ONE}
        answers = [await collector.post(envelope(), headers=headers) for _ in range(5)]
        assert [answer[0] for answer in answers] == [202, 202, 202, 429, 429]
        _, body, found = answers[-1]
        assert body["reason"] == "rate_limited"
        assert 1 <= int(found["Retry-After"]) <= 60
        assert found["Access-Control-Allow-Origin"]
        assert (await collector.post(envelope(), headers={"X-Forwarded-For": ANOTHER}))[0] == 202
        assert len(await collector.records()) == 4
        shown = collector.metrics()
        assert shown['rejected_total{reason="rate_limited"}'] == 2
        assert shown["ledger_difference"] == 0
        assert shown["limited_addresses"] == 2


ASKED = {
    "the script": ("GET", "/wakeline.js", 200),
    "what is not there": ("GET", "/wp-login.php", 404),
    "a preflight": ("OPTIONS", "/v1/events", 204),
    "a wrong method": ("DELETE", "/v1/events", 405),
    "health": ("GET", "/healthz", 200),
}


@pytest.mark.parametrize("name", ASKED)
async def test_whatever_is_asked_for_counts(tmp_path: Path, name: str) -> None:
    """Of one address, and together; a health check from a private address is not limited."""
    method, path, status = ASKED[name]
    settings = {"rate_limit": 0.3, "trusted_proxies": (ip_network("127.0.0.0/8"),)}  # three at once
    async with stand(tmp_path, settings=settings) as collector:

        async def asked(address: str) -> tuple[int, str]:
            headers = {"X-Forwarded-For": address}
            async with collector.http.request(method, f"{collector.url}{path}", headers=headers) as answer:
                return answer.status, answer.headers.get("Retry-After", "")

        assert [(await asked(ONE))[0] for _ in range(3)] == [status] * 3
        refused, seconds = await asked(ONE)
        assert refused == 429
        assert int(seconds) >= 1
        assert (await collector.post(envelope(), headers={"X-Forwarded-For": ONE}))[0] == 429
        assert [(await asked("10.0.0.1"))[0] for _ in range(20)] == [status] * 20
        assert collector.metrics()["ledger_difference"] == 0
        assert collector.metrics()['rejected_total{reason="rate_limited"}'] == 1  # events alone are in the ledger


def test_a_large_request_counts_as_several(limiter: Limiter, clock: Clock) -> None:
    for _ in range(5):
        assert limiter.allows(ONE)
        assert limiter.allows_more(ONE, BURST // 5 - 1)
    assert not limiter.allows(ONE)
    clock.now += BURST_S
    assert allowed(limiter, ONE, 1_000) == BURST


def test_one_that_is_larger_than_all_that_may_come_at_once_is_not_refused_for_ever(
    limiter: Limiter, clock: Clock
) -> None:
    assert limiter.allows(ONE)
    assert limiter.allows_more(ONE, 10 * BURST)
    assert not limiter.allows(ONE)
    clock.now += BURST_S
    assert limiter.allows(ONE)


def test_a_large_one_that_is_refused_costs_nothing(limiter: Limiter, clock: Clock) -> None:
    """Else who tries at ten times the rate would never have enough for one."""
    allowed(limiter, ONE, BURST)
    found = 0
    for _ in range(10 * PER_S * 60):
        clock.now += 1 / (10 * PER_S)
        if limiter.allows(ONE):
            found += limiter.allows_more(ONE, 9)
    assert found == pytest.approx(PER_S * 60 / 10, abs=1)


async def test_what_an_address_leaves_in_the_log_is_bounded(tmp_path: Path) -> None:
    """By bytes of its records, however many small events or few large ones they are."""
    settings = {"rate_limit": 10.0, "trusted_proxies": (ip_network("127.0.0.0/8"),), "new_profiles_a_day": 0}
    titles = [event(title="x" * 300, url=f"{ORIGIN}/{'y' * 700}", n=n) for n in range(50)]
    for events in (titles, [event(n=n) for n in range(50)]):
        async with stand(tmp_path, settings=settings) as collector:
            began = time.monotonic()
            answers = [await collector.post(envelope(*events), headers={"X-Forwarded-For": ONE}) for _ in range(40)]
            requests = 10 * (BURST_S + time.monotonic() - began)
            size = sum(len(encode_record(record)) for record in await collector.records())
            assert size <= requests * REQUEST_BYTES
            assert size >= 80 * REQUEST_BYTES
            assert {answer[0] for answer in answers} == {202, 429}
            refused = next(answer for answer in answers if answer[0] == 429)
            assert refused[1]["reason"] == "rate_limited"
            assert refused[2]["Retry-After"]
            shown = collector.metrics()
            assert shown["ledger_difference"] == 0
            assert shown["accepted_total"] == len(await collector.records())


def test_a_key_may_hold_as_many_slots_as_it_leaves_to_others() -> None:
    slots = KeySlots(8)
    assert [sum(slots.take(key) for _ in range(9)) for key in ("a", "b", "c", "d", "e")] == [4, 2, 1, 1, 0]
    assert [slots.holds(key) for key in ("d", "e")] == [True, False]
    slots.give_back("c")
    assert not slots.holds("c")
    assert slots.take("e")
    assert not slots.take("a")
