"""Floods from one sender, and senders with forged addresses."""

from __future__ import annotations

import time
from ipaddress import IPv6Address

from tests.abuse.stage import STRANGER, Stage
from tests.abuse.wire import envelope, flood, request, said, statuses
from tests.faults.outcome import Outcome

BURST_S = 10  # that may come at once, see collector/limiter.py
PER_S = 20.0  # requests; a fifth of the default, so that a slow machine is fast enough to exceed it
REQUESTS = 1_000
MOST_REMEMBERED = 65_536
ADDRESSES = 80_000
MOST_GROWTH_MB = 24.0
ONE, ANOTHER, ASKER = "198.51.100.7", "203.0.113.9", "203.0.113.77"
HOME = int(IPv6Address("2001:db8:1:2::"))


async def one_address(stage: Stage, outcome: Outcome) -> None:
    """429 beyond the address's rate, whatever it claims; clients from other addresses are served meanwhile."""
    stage.services["collector"].flags["rate_limit"] = PER_S
    await stage.start()
    for name, forwarded in (
        ("one address", [ONE] * REQUESTS),
        ("one /64", [str(IPv6Address(HOME + n * 0x1_0001)) for n in range(REQUESTS)]),
        ("behind made-up hops", [f"192.0.2.{n % 250}, 10.0.0.{n % 250}, {ANOTHER}" for n in range(REQUESTS)]),
    ):
        began = time.monotonic()
        found = await flood(stage.port, [request(envelope(), X_Forwarded_For=each) for each in forwarded])
        allowed = PER_S * (BURST_S + time.monotonic() - began) + 1
        outcome.at_most(f"{name}: taken, of its rate", found[202] / allowed, 1)
        outcome.is_exactly(f"{name}: neither 202 nor 429", REQUESTS - found[202] - found[429], 0)
    begun, asked = time.monotonic(), 0
    for target, method in (("/wakeline.js", "HEAD"), ("/nothing", "GET"), ("/v1/events", "OPTIONS")):
        one = f"{method} {target} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {ASKER}\r\n\r\n".encode()
        last = one.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        for _ in range(10):
            found_here = statuses((await said(stage.port, one * 29 + last))[0])
            asked += len(found_here) - found_here.count(429)
    allowed = PER_S * (BURST_S + time.monotonic() - begun) + 1
    outcome.at_most("whatever else is asked for: answered, of its rate", asked / allowed, 1)
    outcome.at_least("whatever else: answered at least", asked, PER_S * BURST_S)
    others = await flood(stage.port, [request(envelope(), X_Forwarded_For=f"192.0.2.{n}") for n in range(200)])
    outcome.is_exactly("others refused meanwhile", 200 - others[202], 0)
    again = request(envelope(), X_Forwarded_For=ONE)
    await flood(stage.port, [again] * REQUESTS)
    answer, _ = await said(stage.port, again * 50 + again.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
    head = answer.partition(b" 429 ")[2].partition(b"\r\n\r\n")[0].lower()
    outcome.is_exactly("429 says when", b"\r\nretry-after: " in head, True)
    outcome.is_exactly("429 may be read by the page", b"\r\naccess-control-allow-origin: " in head, True)
    taken = stage.collected("accepted_total")
    outcome.is_exactly("counted and not refused", stage.collected("received_total") - taken - _refused(stage), 0)
    outcome.is_exactly("in the log and not taken", stage.appended() - taken, 0)


async def many_addresses(stage: Stage, outcome: Outcome) -> None:
    """The number of remembered addresses is limited, and so is their memory."""
    await stage.start()
    await flood(stage.port, [request(envelope(), X_Forwarded_For="192.0.2.1")] * 500)
    before = stage.megabytes("collector")
    refused = 0
    for start in range(0, ADDRESSES, 10_000):
        sent = [
            request(b"{}", X_Forwarded_For=str(IPv6Address((0x20010DB8 << 96) + (n << 64) + 1)))
            for n in range(start, start + 10_000)
        ]
        refused += (await flood(stage.port, sent))[429]
    outcome.shows("addresses", ADDRESSES)
    outcome.is_exactly("refused for their number", refused, 0)
    outcome.at_most("remembered", stage.collected("limited_addresses"), MOST_REMEMBERED)
    outcome.at_least("remembered at least", stage.collected("limited_addresses"), MOST_REMEMBERED / 2)
    outcome.at_most("memory, MB more", stage.megabytes("collector") - before, MOST_GROWTH_MB)


async def made_up_addresses(stage: Stage, outcome: Outcome) -> None:
    """Visitors are distinguished by a configured proxy's header, not by anybody else's."""
    await stage.start()
    for local, forwarded, what, visitors in (
        (STRANGER, "198.51.100.{}", "from no proxy: visitors", 1),
        ("127.0.0.1", "198.51.100.{}, 203.0.113.9", "behind the true hop: visitors", 1),
        ("127.0.0.1", "198.51.100.{}", "from the proxy itself: visitors", 50),
    ):
        before = set(stage.records())
        sent = [request(envelope(), X_Forwarded_For=forwarded.format(n)) for n in range(50)]
        assert (await flood(stage.port, sent, local=local))[202] == 50
        found = {record.partition(b'"visitor":"')[2].partition(b'"')[0] for record in set(stage.records()) - before}
        outcome.is_exactly(what, len(found), visitors)


def _refused(stage: Stage) -> float:
    return stage.collected("rejected_total", reason="rate_limited")
