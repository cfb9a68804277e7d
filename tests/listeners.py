"""Who servers tell: a small server that speaks the contract and fails as a test wants, and the real collector."""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest
from aiohttp import web

from benchmarks.children import child_environ
from benchmarks.machine import find_free_ports
from benchmarks.waiting import wait_until
from tests.server import RedisServer
from wakeline.server_events import MAX_EVENTS, PATH
from wakeline.vocabulary.fields import FIELDS, Custom

NEW_KEY = ["key", "make", "--site", "shop", "--label", "test"]
WRONG_KEY = f"wk_{'0' * 12}_{'0' * 43}"
PAID = {"type": "order_state", "transaction_id": "A-1", "state": "paid"}
LOST = {"type": "order_state", "transaction_id": "A-1", "state": "lost"}  # no state of an order
SITE = '[[site]]\nkey = "shop"\nsecret = "secret of the shop"\norigins = ["https://shop.example"]\n'


def paid(id: str) -> dict[str, Any]:
    return {**PAID, "id": id}


class Listener(Protocol):
    """Who is told."""

    url: str
    key: str


class Lines:
    """The server of the contract. It answers as `next` says, one request each, and as it should once that is empty.

    A status is answered with its reason, and `retry_after` if that is not ""; "cut" takes the events and cuts the
    connection; "reset" cuts it at once; "hang" answers nothing; "well" is as it should be, "few" without the last
    event; other texts are answered 200, as HTML.
    """

    def __init__(self) -> None:
        self.url, self.key = "", f"wk_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
        self.next: deque[int | str] = deque()
        self.retry_after = "0"
        self.most_bytes = 1_048_576
        self.times_told: dict[str, int] = {}  # by id, of those accepted
        self.told: dict[str, dict[str, Any]] = {}
        self.requests: list[list[str]] = []  # the ids of each, whatever it was answered
        self.bodies: list[bytes] = []
        self.connections: set[int] = set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername")[1])
        if request.path != PATH:
            return web.Response(status=404, text="<p>no such page</p>", content_type="text/html")
        said = self.next.popleft() if self.next else None
        if said == "reset":
            request.transport.abort()
            return web.Response()
        body = await request.read()
        self.bodies.append(body)
        events = msgspec.json.decode(body)["events"]
        self.requests.append([event.get("id") for event in events])
        if said == "hang":
            await asyncio.sleep(60)
        if isinstance(said, int):
            return refused(said, "as_the_test_wants", self.retry_after)
        if said not in (None, "cut", "well", "few"):
            return web.Response(text=f"<p>{said}</p>", content_type="text/html")
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return refused(401, "unauthorized")
        if len(body) > self.most_bytes or len(events) > MAX_EVENTS:
            return refused(413, "too_large")
        if any(event["type"] == "breaks" for event in events):
            return refused(400, "malformed")
        results = [self._result(event) for event in events]
        if said == "few":
            results.pop()
        if said == "cut":
            request.transport.abort()
        accepted = sum(result["status"] == "accepted" for result in results)
        return web.json_response({"accepted": accepted, "results": results}, status=202 if accepted else 400)

    def _result(self, event: dict[str, Any]) -> dict[str, Any]:
        id = event["id"]
        try:
            msgspec.convert(event, FIELDS.get(event["type"], Custom))
        except msgspec.ValidationError as error:
            field = (re.findall(r"\$\.([^`]*)`|field `(.*)`", str(error)) or [("", "")])[0]
            wrong = {"reason": "bad_event", "field": field[0] or field[1], "message": "is not as it should be"}
            return {"id": id if len(id) <= 256 else None, "status": "rejected", **wrong}
        self.told[id] = event
        self.times_told[id] = self.times_told.get(id, 0) + 1
        return {"id": id, "status": "accepted"}


def refused(status: int, reason: str, retry_after: str = "") -> web.Response:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return web.json_response({"reason": reason}, status=status, headers=headers)


@contextmanager
def listening(lines: Lines, port: int = 0, *, ssl_context: ssl.SSLContext | None = None) -> Iterator[Lines]:
    """It serves in a thread; closed, it drops all connections."""
    loop = asyncio.new_event_loop()

    async def start() -> web.ServerRunner:
        runner = web.ServerRunner(web.Server(lines.answer), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=ssl_context)
        await site.start()
        lines.url = f"{site.name.partition(':')[0]}://127.0.0.1:{site.port}"
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield lines
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def takes(port: int, key: str) -> bool:
    """Whether a collector there takes events: it hears of a new key within five seconds."""
    event = {"id": "first", "type": "product", "time": time.time_ns() // 1_000_000, "item_id": "first"}
    body = msgspec.json.encode({"events": [event]})
    asked = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        asked.request("POST", PATH, body, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
        return asked.getresponse().status == 202
    except OSError:
        return False
    finally:
        asked.close()


class Collector:
    """The real one, with a key that `wakeline key make` printed."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key


@contextmanager
def real_collector(redis: RedisServer, folder: Path) -> Iterator[Collector]:
    """It runs in `folder`, with its log in `redis`."""
    port, metrics_port = find_free_ports(2)
    settings = f'redis = "{redis.url}"\nport = {port}\nmetrics_port = {metrics_port}\ndata = "data"\n'
    (folder / "wakeline.toml").write_text(settings + SITE)
    command, environ = [sys.executable, "-m", "wakeline"], child_environ()
    made = subprocess.run([*command, *NEW_KEY], cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    (key,) = re.findall(r"wk_\w{12}_[\w-]{43}", made.stdout) or pytest.fail(made.stdout + made.stderr)
    with open(folder / "collector.txt", "w") as output:
        process = subprocess.Popen([*command, "collector"], cwd=folder, env=environ, stdout=output, stderr=output)
    try:
        wait_until(lambda: takes(port, key), f"the collector takes events: {folder / 'collector.txt'}")
        yield Collector(f"http://127.0.0.1:{port}", key)
    finally:
        process.terminate()
        process.wait(30)
