"""Requests that are more than they say: bombs, one within another, too many."""

from __future__ import annotations

import asyncio
import gzip
import re
import time
import zlib
from collections.abc import Callable

from tests.abuse.port import HEAD, Sender, envelope, event, memory_mb, running, said
from tests.faults import exposition
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage
from tests.integration.kill.traffic import ORIGIN

BOMBS = 200
BOMB_MB = 40  # of zeros: 40 KB on the wire, below what a body may have
MEMORY_MB = 20.0


async def bombs(stage: Stage, outcome: Outcome) -> None:
    """Each compressed body that grows beyond 64 KB is refused as soon as it does, twice compressed ones unread."""
    raw = gzip.compress(b"\0" * (BOMB_MB << 20), 9)
    kinds = {
        "gzip": (raw, "gzip"),
        "deflate": (zlib.compress(b"\0" * (BOMB_MB << 20), 9), "deflate"),
        "gzip in gzip": (gzip.compress(raw), "gzip, gzip"),
        "two members": (gzip.compress(envelope()) + raw, "gzip"),
        "cut": (gzip.compress(envelope())[:-4], "gzip"),
    }
    async with running(stage) as sender:
        before, _ = memory_mb(stage.collector)
        answers = await asyncio.gather(
            *(
                sender.post(body, Content_Encoding=encoding)
                for _ in range(BOMBS // len(kinds))
                for body, encoding in kinds.values()
            )
        )
        _, most = memory_mb(stage.collector)
        whole = await sender.post(gzip.compress(envelope()), Content_Encoding="gzip")
    outcome.is_exactly("bombs", len(answers), BOMBS)
    outcome.is_exactly("refused", sum(answer.status in (400, 413) for answer in answers), BOMBS)
    outcome.is_exactly("accepted of them", sum(answer.body["accepted"] for answer in answers), 0)
    outcome.at_most("memory MB more", most - before, MEMORY_MB)
    outcome.is_exactly("a normal one", whole.status, 202)


# ---- smuggling ------------------------------------------------------------------------------------

HIDDEN = (
    b"POST /v1/events HTTP/1.1\r\nHost: shop.example\r\nContent-Type: text/plain\r\nOrigin: %s\r\n" % ORIGIN.encode()
)


def smuggled() -> dict[str, bytes]:
    """Requests of which one part of the way sees one, and another two."""
    inner = envelope(event(title="smuggled"))
    hidden = HIDDEN + b"Content-Length: %d\r\n\r\n%s" % (len(inner), inner)
    return {
        # the front counts the length, the back reads chunks: what follows the last chunk is a request of its own
        "both lengths": HEAD
        + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s" % (len(hidden) + 5, hidden),
        # the front reads chunks, the back a short length: the rest of the chunk is a request of its own
        "chunked and a short length": HEAD
        + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden),
        # one of the two does not know the header in this spelling
        "chunked in another spelling": HEAD
        + b"Content-Length: %d\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n%s" % (len(hidden) + 5, hidden),
        "two codings": HEAD
        + b"Content-Length: %d\r\nTransfer-Encoding: identity, xchunked\r\n\r\n0\r\n\r\n%s" % (len(hidden) + 5, hidden),
        "two lengths": HEAD + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s" % (len(hidden), hidden),
        "a length that is none": HEAD + b"Content-Length: +0\r\n\r\n%s" % hidden,
        "a line that ends early": HEAD + b"X: a\nContent-Length: 0\r\n\r\n%s" % hidden,
        "a chunk size with a sign": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n%s" % hidden,
    }


async def smuggling(stage: Stage, outcome: Outcome) -> None:
    """What could be read in two ways is refused and its connection closed: the request within is never served."""
    async with running(stage):
        answers = {name: await said(stage.port, request) for name, request in smuggled().items()}
        plain = await said(stage.port, HIDDEN + b"Content-Length: 0\r\n\r\n", within_s=1.0)
        received = exposition.value(stage.collected(), "wakeline_collector_accepted_total")
    outcome.is_exactly("shapes", len(answers), len(smuggled()))
    outcome.is_exactly("answered more than once", sum(answer.count(b"HTTP/1.") > 1 for answer in answers.values()), 0)
    outcome.is_exactly("smuggled events", received, 0)
    outcome.is_exactly("a normal one is answered", plain.count(b"HTTP/1."), 1)
    for name, answer in answers.items():
        if not re.match(rb"HTTP/1\.[01] 400 ", answer):
            outcome.note(f"{name}: answered {answer[:40]!r}")


# ---- floods ---------------------------------------------------------------------------------------

FLOOD = 5_000
LIMIT = 100  # requests a second, the default; ten seconds' worth at once
NETWORKS = 20_000
LIMITER_MB = 30.0


async def flood(stage: Stage, outcome: Outcome) -> None:
    """One address sends as fast as it can, one IPv6 /64 with an address for each request, then ever new networks."""
    async with running(stage) as sender:
        began = time.monotonic()
        one = await _flood(sender, lambda number: "198.51.100.7")
        site = await _flood(sender, lambda number: f"2001:db8:0:7::{number:x}")
        most = LIMIT * (10 + time.monotonic() - began)
        limited = [answer for answer in (*one, *site) if answer[0] == 429]
        other = await sender.post(envelope(), address="198.51.100.8")
        before, _ = memory_mb(stage.collector)
        await _flood(sender, lambda number: f"2001:db8:{number:x}::1", NETWORKS, b"}")  # nothing reaches the log
        after, _ = memory_mb(stage.collector)
        remembered = exposition.value(stage.collected(), "wakeline_collector_limited_addresses")
    outcome.at_most("taken of one address", sum(status == 202 for status, _ in one), most)
    outcome.at_most("taken of one /64", sum(status == 202 for status, _ in site), most)
    outcome.at_least("answered 429", len(limited), 1)
    outcome.is_exactly("of them without Retry-After", sum(not after for _, after in limited), 0)
    outcome.is_exactly("another address", other.status, 202)
    outcome.at_most("addresses remembered", remembered, 65_536)
    outcome.at_least("networks", remembered, NETWORKS)
    outcome.at_most("memory MB more", after - before, LIMITER_MB)


async def _flood(
    sender: Sender, address: Callable[[int], str], count: int = FLOOD, body: bytes = b""
) -> list[tuple[int, str]]:
    """(status, Retry-After) of so many requests, 64 at a time; of an event each where there is no `body`."""
    wanted = iter(range(count))
    found: list[tuple[int, str]] = []

    async def several() -> None:
        for number in wanted:
            answer = await sender.post(body or envelope(), address=address(number))
            found.append((answer.status, answer.headers.get("Retry-After", "")))

    await asyncio.gather(*(several() for _ in range(64)))
    return found
