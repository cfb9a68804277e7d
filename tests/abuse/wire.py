"""Hostile requests as bytes, and sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

SITE, OTHER_SITE = "shop", "other"
SECRET, OTHER_SECRET = "secret of the shop", "secret of the other site"
ORIGIN = "https://shop.example"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
HEADERS = {"Host": "127.0.0.1", "Origin": ORIGIN, "Content-Type": "text/plain", "User-Agent": CHROME}
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
AT_ONCE = 20  # requests on their way on one connection: few enough that their answers fit where they wait

_numbers = itertools.count()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def event(**fields: Any) -> dict[str, Any]:
    """A page view with a unique page id, unless `fields` override it."""
    base = {"type": "page_view", "page": f"page-{next(_numbers):010d}", "n": 0, "time": now_ms(), "url": f"{ORIGIN}/"}
    return base | fields


def envelope(*events: Mapping[str, Any], **fields: Any) -> bytes:
    """Under `anonymous`, unless an event has a visitor; with one event by default."""
    made = events or (event(),)
    consent = "full" if any("visitor" in each for each in made) else "anonymous"
    return json.dumps({"site": SITE, "consent": consent, "sent": now_ms(), "events": made, **fields}).encode()


def request(body: bytes, *, target: str = "/v1/events", **headers: str) -> bytes:
    """A POST as sent by a browser; `_` in a header's name for "-"."""
    named = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"POST {target} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def connected(port: int, *, local: str = "127.0.0.1") -> AsyncIterator[tuple[asyncio.StreamReader, Any]]:
    """A connection from the address `local`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(local, 0), limit=1 << 22)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def said(port: int, raw: bytes, *, local: str = "127.0.0.1", within: float = 20.0) -> tuple[bytes, bool]:
    """The answer to `raw`, and whether the server then closed the connection within this many seconds."""
    async with connected(port, local=local) as (reader, writer):
        writer.write(raw)
        answer = b""
        try:
            async with asyncio.timeout(within):
                while more := await reader.read(1 << 16):
                    answer += more
        except TimeoutError:
            return answer, False
        except ConnectionError:
            pass
        return answer, True


def statuses(answer: bytes) -> list[int]:
    return [int(found) for found in STATUS.findall(answer)]


async def post(port: int, raw: bytes, *, local: str = "127.0.0.1") -> int:
    """The status of one request on its own connection; 0 without an answer."""
    close = raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    found = statuses((await said(port, close, local=local))[0])
    return found[0] if found else 0


async def flood(
    port: int, requests: Sequence[bytes], *, connections: int = 8, local: str = "127.0.0.1"
) -> Counter[int]:
    """Send requests as fast as they are answered, over this many connections; returns answers by status."""
    found: Counter[int] = Counter()

    async def sender(mine: Sequence[bytes]) -> None:
        async with connected(port, local=local) as (reader, writer):
            for start in range(0, len(mine), AT_ONCE):
                some = mine[start : start + AT_ONCE]
                writer.write(b"".join(some))
                answers = b""
                while len(known := statuses(answers)) < len(some) or not _is_whole(answers):
                    more = await reader.read(1 << 16)
                    if not more:
                        found.update(known)
                        return
                    answers += more
                found.update(known)

    await asyncio.gather(*(sender(requests[n::connections]) for n in range(connections)))
    return found


def _is_whole(answers: bytes) -> bool:
    """Answers to events are JSON: an object ends them."""
    return answers.endswith(b"}")


async def seconds_open(port: int, first: bytes, drip: bytes, *, every: float = 0.2, most: float = 90.0) -> float:
    """How long the server keeps a connection that sends `first` and then `drip`, byte by byte, repeatedly."""
    began = time.monotonic()
    async with connected(port) as (reader, writer):

        async def dripping() -> None:
            for place in itertools.count():
                if drip:
                    writer.write(drip[place % len(drip) :][:1])
                await asyncio.sleep(every)

        task = asyncio.create_task(dripping())
        try:
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(most):
                    if first:
                        writer.write(first)
                    while await reader.read(1 << 16):
                        pass
        finally:
            task.cancel()
    return time.monotonic() - began
