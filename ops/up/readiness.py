"""Whether a listener answers: HTTP 200, or +PONG of Redis. Without a client library, which would take 10 MB."""

from __future__ import annotations

import asyncio
import contextlib

from ops.up.plan import Listener

ASK_EVERY_S = 0.1
ANSWER_S = 2.0


async def answers(listener: Listener) -> None:
    """Returns once the listener answers."""
    while not await asked(listener):  # noqa: ASYNC110 - the other side is another process
        await asyncio.sleep(ASK_EVERY_S)


async def asked(listener: Listener) -> bool:
    """Ask once."""
    if listener.path:
        question, good = f"GET {listener.path} HTTP/1.0\r\nHost: {listener.asked_at}\r\n\r\n", b" 200 "
    else:
        question, good = "PING\r\n", b"+PONG"
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(listener.asked_at, listener.port)
            try:
                writer.write(question.encode())
                return good in await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, ValueError):  # TimeoutError is an OSError; ValueError: a line without an end
        return False
