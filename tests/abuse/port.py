"""How a row speaks to the public port: as a browser does, or byte by byte."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from tests.faults.stage import Stage
from tests.integration.kill.services import Service, until
from tests.integration.kill.traffic import CHROME, ORIGIN, SITE, now_ms

Event = dict[str, Any]


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


def event(type: str = "page_view", **fields: Any) -> Event:
    """An event of a page instance of its own, now."""
    made = {"type": type, "page": secrets.token_urlsafe(16), "n": 0, "time": now_ms(), "url": ORIGIN + "/"}
    return made | fields


def envelope(*events: Event, consent: str = "anonymous", **fields: Any) -> bytes:
    made = {"site": SITE, "consent": consent, "sent": now_ms(), "events": list(events) or [event()]}
    return json.dumps(made | fields).encode()


class Sender:
    """A browser's requests. `address` is who it claims to be: the stage believes it, as behind a proxy."""

    def __init__(self, port: int, http: aiohttp.ClientSession) -> None:
        self.url = f"http://127.0.0.1:{port}/v1/events"
        self._http = http

    async def post(self, body: bytes, *, address: str = "10.0.0.1", **headers: str) -> Answer:
        sent = {
            "Origin": ORIGIN,
            "Content-Type": "text/plain;charset=UTF-8",
            "User-Agent": CHROME,
            "X-Forwarded-For": address,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        async with self._http.post(self.url, data=body, headers=sent) as answer:
            return Answer(answer.status, await answer.json(), answer.headers)


@asynccontextmanager
async def running(stage: Stage, *services: Service) -> AsyncIterator[Sender]:
    """The collector and these run, and take events."""
    for service in (stage.collector, *services):
        service.start()
    timeout, connector = aiohttp.ClientTimeout(total=30), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:

        async def until_ready() -> None:
            while True:
                try:
                    async with http.get(f"http://127.0.0.1:{stage.port}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.05)

        await asyncio.wait_for(until_ready(), 30)
        yield Sender(stage.port, http)


async def settled(stage: Stage) -> None:
    """Until all that was accepted is applied."""
    await until(stage.books.are_settled, "all is applied", within=120)


# ---- byte by byte ---------------------------------------------------------------------------------

HEAD = b"POST /v1/events HTTP/1.1\r\nHost: shop.example\r\nContent-Type: text/plain\r\n"


async def closed_after(port: int, *, first: bytes = b"", drip: bytes = b"", every_s: float = 0.5) -> float:
    """Seconds until the port closes a connection that says `first`, then one byte of `drip` after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()

    async def dripping() -> None:
        for number in range(len(drip)):
            writer.write(drip[number : number + 1])
            await asyncio.sleep(every_s)

    writer.write(first)
    dropping = asyncio.create_task(dripping())
    try:
        while await reader.read(65_536):
            pass
    except ConnectionError:
        pass
    finally:
        dropping.cancel()
        writer.close()
    return time.monotonic() - began


async def said(port: int, request: bytes, *, within_s: float = 3.0) -> bytes:
    """All that the port answers to these bytes until it closes the connection, or for so long."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    found = b""
    try:
        async with asyncio.timeout(within_s):
            while piece := await reader.read(65_536):
                found += piece
    except (TimeoutError, ConnectionError):
        pass
    writer.close()
    return found


# ---- processes ------------------------------------------------------------------------------------


def memory_mb(service: Service) -> tuple[float, float]:
    """(resident now, the most it ever was) of a process."""
    lines = Path(f"/proc/{service.pid}/status").read_text().splitlines()
    found = {
        name: float(value.split()[0]) / 1024
        for name, _, value in (line.partition(":\t") for line in lines)
        if value.endswith("kB")
    }
    return found["VmRSS"], found["VmHWM"]
