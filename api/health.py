"""Whether the process can read from Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from api.numbers import AWAY
from wakeline.ports import READY

BUDGET_S = 2.0


def ready(check: Callable[[], Awaitable[object]]) -> web.RouteDef:
    """GET /readyz. `check` raises one of AWAY while Redis is down or empty."""

    async def answer(_: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BUDGET_S):
                await check()
        except AWAY as error:
            return web.Response(status=503, text=f"{str(error) or 'Redis does not answer'}\n")
        return web.Response(text="ok\n")

    return web.get(READY, answer)
