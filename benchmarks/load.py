"""Load on an HTTP server: N keep-alive connections that each send one event per request, as fast as answers come.

    python -m benchmarks.load --port 8700 --pid 4711 --connections 64 --seconds 5

prints one JSON object: requests, seconds, per_second, statuses, p50_ms, p99_ms, and with --pid cpu_seconds of
that process and requests per_cpu_second. With --key it sends what servers send, many events a request. A raw protocol
on uvloop, so that one core of it outruns the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from binascii import crc32
from collections import Counter
from pathlib import Path
from typing import Any, cast

import uvloop

from benchmarks.server_requests import server_requests

SITE, ORIGIN = "bench", "https://shop.example"
REQUESTS = 4_096  # created in advance and sent in turn
PAGES, VISITORS = 500, 1_000
USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
)
REFERRERS = ("https://www.google.com/", "https://news.example/today/lamps?from=feed", "")
CATEGORIES = ("lamps", "ceramics", "plants", "textiles")


def requests(count: int = REQUESTS, *, seed: int = 1) -> list[bytes]:
    """`count` different requests with one page view each, as sent by a browser under `full` consent."""
    chance = random.Random(seed)
    sent = time.time_ns() // 1_000_000
    return [request(_page_view(chance, sent), sent) for _ in range(count)]


def _page_view(chance: random.Random, sent: int) -> dict[str, Any]:
    product = chance.randrange(PAGES)
    category = CATEGORIES[product % len(CATEGORIES)]
    return {
        "type": "page_view",
        "page": f"{chance.getrandbits(96):024x}",
        "n": 0,
        "time": sent - chance.randrange(2_000),
        "url": f"{ORIGIN}/{category}/product-{product}?utm_source=newsletter&utm_medium=email",
        "visitor": f"visitor-{chance.randrange(VISITORS):014d}",
        "title": f"Product {product} in {category} | Shop",
        "referrer": chance.choice(REFERRERS),
    }


def request(event: dict[str, Any], sent: int) -> bytes:
    """One request with this event, from its visitor's browser; `sent`: ms."""
    agent = USER_AGENTS[crc32(event["visitor"].encode()) % len(USER_AGENTS)]
    body = json.dumps(
        {"site": SITE, "consent": "full", "sent": sent, "events": [event]}, separators=(",", ":")
    ).encode()
    head = (
        "POST /v1/events HTTP/1.1\r\n"
        "Host: stats.shop.example\r\n"
        f"Origin: {ORIGIN}\r\n"
        f"Referer: {ORIGIN}/\r\n"
        f"User-Agent: {agent}\r\n"
        "Accept: */*\r\nAccept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
        "Content-Type: text/plain;charset=UTF-8\r\n"
        "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Load:
    """State shared by all connections."""

    def __init__(self, requests: list[bytes]) -> None:
        self.requests = requests
        self.next = 0
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.is_over = False


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self._load = load
        self._buffer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        end = end_of_answer(buffer)
        if not end:
            self._buffer = buffer
            return
        self._buffer = b""
        load = self._load
        load.latencies.append(time.perf_counter() - self._sent_at)
        load.statuses[buffer[9:12].decode()] += 1
        if load.is_over:
            self._transport.close()
        else:
            self._send()

    def _send(self) -> None:
        load = self._load
        load.next = (load.next + 1) % len(load.requests)
        self._sent_at = time.perf_counter()
        self._transport.write(load.requests[load.next])


def end_of_answer(buffer: bytes) -> int:
    """Length of the answer at the start of `buffer`, 0 while incomplete."""
    head = buffer.find(b"\r\n\r\n")
    if head < 0:
        return 0
    at = buffer.find(b"Content-Length: ", 0, head)
    length = int(buffer[at + 16 : buffer.index(b"\r", at)]) if at >= 0 else 0
    return head + 4 + length if len(buffer) >= head + 4 + length else 0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def run(
    port: int, *, connections: int, seconds: float, pid: int | None = None, key: str = ""
) -> dict[str, object]:
    """The measurement as `python -m benchmarks.load` prints it, after a warm-up of a tenth of `seconds`."""
    load = _Load(server_requests(key) if key else requests())
    loop = asyncio.get_running_loop()
    transports = []
    for _ in range(connections):
        transport, _ = await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port)
        transports.append(transport)
    await asyncio.sleep(seconds / 10)
    load.statuses.clear()
    load.latencies.clear()
    began, cpu = time.perf_counter(), cpu_seconds(pid) if pid else 0.0
    await asyncio.sleep(seconds)
    while not load.latencies:  # noqa: ASYNC110  a machine that is busy with something else
        await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    latencies, statuses = sorted(load.latencies), dict(load.statuses)
    found: dict[str, object] = {
        "requests": len(latencies),
        "seconds": round(took, 3),
        "per_second": round(len(latencies) / took),
        "statuses": statuses,
        "p50_ms": round(1000 * latencies[len(latencies) // 2], 2),
        "p99_ms": round(1000 * latencies[len(latencies) * 99 // 100], 2),
    }
    if pid:
        spent = cpu_seconds(pid) - cpu
        found |= {"cpu_seconds": round(spent, 3), "per_cpu_second": round(len(latencies) / spent)}
    load.is_over = True
    await asyncio.sleep(0.2)
    for transport in transports:
        transport.abort()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid", type=int, help="process whose CPU time is measured")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--key", default="", help="API key: send what servers send, see server_requests")
    asked = parser.parse_args()
    found = uvloop.run(
        run(asked.port, connections=asked.connections, seconds=asked.seconds, pid=asked.pid, key=asked.key)
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
