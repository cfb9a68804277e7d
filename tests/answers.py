"""The HTTP status of a service that may not have started yet."""

from __future__ import annotations

import aiohttp

from benchmarks.waiting import PATIENCE_S, until


async def status_of(http: aiohttp.ClientSession, url: str) -> int:
    """Status of the answer to a GET; 0 if there is none."""
    try:
        async with http.get(url) as answer:
            await answer.read()
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


async def until_status(http: aiohttp.ClientSession, url: str, status: int, *, within: float = PATIENCE_S) -> None:
    """Ask until the answer has `status`."""

    async def has_status() -> bool:
        return await status_of(http, url) == status

    await until(has_status, f"{url} answers {status}", within=within)
