"""Whether the embedded server has enough memory for its data; without a client library, as in `readiness`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import ceil

from wakeline.memory import COUNT_ONLY, MEGABYTE, REFUSE, SLACK, share_of

ANSWER_S = 2.0


async def shortage(port: int) -> str:
    """A warning about the newly started server on `port`: the restriction and what to set. "" if memory suffices."""
    try:
        async with asyncio.timeout(ANSWER_S):
            info = await _memory(port)
    except (OSError, EOFError, ValueError):  # TimeoutError is an OSError
        return ""
    share = share_of(info)
    if share is None or share < COUNT_ONLY:
        return ""
    most = int(info["maxmemory"]) / MEGABYTE
    enough = ceil(share * most / (COUNT_ONLY - SLACK))
    what = "events are answered 503" if share >= REFUSE else "new visitors are only counted, without profiles"
    return (
        f"holds {share * most:,.0f} MB of the {most:,.0f} MB of memory that it may use: {what}. Set "
        f"embedded_memory_mb = {enough} or more if the machine has it, or lower log_max_records or log_max_age_days"
    )


async def _memory(port: int) -> dict[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"INFO memory\r\n")
        size = int((await reader.readline()).removeprefix(b"$"))
        lines = (await reader.readexactly(size)).decode().splitlines()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return dict(line.split(":", 1) for line in lines if ":" in line)
