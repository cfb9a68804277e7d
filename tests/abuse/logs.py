"""Non-HTTP, broken-off and unexpected requests on every port: no log contains their sender or content."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

from tests.abuse.stage import SERVICES, STRANGER, TOKEN, Stage
from tests.abuse.wire import envelope, request, said
from tests.faults.outcome import Outcome

MARK = "mark-of-a-stranger"
NO_HTTP: tuple[bytes, ...] = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + MARK.encode(),  # TLS
    MARK.encode() + b"\r\n\r\n",
    f"GET /{MARK} HTTP/9.9\r\n\r\n".encode(),
    f"GET /{MARK} HTTP/1.1\r\nHost: x\r\nContent-Length: {MARK}\r\n\r\n".encode(),
    f"GET /{MARK} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {MARK}\r\n\r\n".encode(),
    f"GET /{MARK} HTTP/1.1\r\nHost: x\r\n{MARK}: {'x' * 100_000}\r\n\r\n".encode(),
    f"{MARK} / HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
)
UNEXPECTED: tuple[bytes, ...] = tuple(
    f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
    + b"X: \xe9\r\n\r\n"
    for path in (
        f"/{MARK}",
        f"/v1/profiles/shop/{MARK}%FF%00",
        f"/v1/profiles/shop/customers/{MARK}%ED%A0%80",
        f"/v1/profiles/shop/{MARK}?interests=%FF",
        f"/panel/profile/{MARK}%FF",
        f"/site/%00{MARK}",
        f"/metrics?{MARK}=%FF&name[]={MARK}",
    )
)


async def nameless(stage: Stage, outcome: Outcome) -> None:
    """From an address that appears nowhere else."""
    stage.with_demo()
    await stage.start(*SERVICES)
    stage.services["demo"].start()
    ports = (stage.port, stage.api_port, *stage.metrics_ports.values())
    for port in ports:
        await asyncio.gather(*(said(port, raw, local=STRANGER, within=3) for raw in (*NO_HTTP, *UNEXPECTED)))
        for raw in (
            b"",
            f"GET /{MARK}".encode(),
            b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            request(envelope())[:-9],
        ):
            await asyncio.to_thread(_break_off, port, raw)
    alive = sum(stage.services[name].is_alive for name in SERVICES)
    outcome.shows("connections", len(ports) * (len(NO_HTTP) + len(UNEXPECTED) + 4))
    outcome.is_exactly("processes that live", alive, len(SERVICES))
    found = [
        f"{name}: {line.strip()[:150]}"
        for name, words in stage.logs().items()
        for line in words.splitlines()
        if STRANGER in line or MARK in line or "Traceback" in line
    ]
    outcome.is_exactly("lines that name a sender or what it sent", len(found), 0)
    for line in found[:8]:
        outcome.note(line)


def _break_off(port: int, raw: bytes) -> None:
    """Resets a connection, so that reading from it and answering fails."""
    with socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(STRANGER, 0)) as sender:
        sender.sendall(raw)
        time.sleep(0.05)  # it is being read by then: nothing tells
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
