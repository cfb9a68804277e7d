"""GET /healthz: the process is alive. GET /readyz: it can read from Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from api.numbers import AWAY

BUDGET_S = 2.0


def routes(check: Callable[[], Awaitable[object]]) -> list[web.RouteDef]:
    """`check` raises one of AWAY while Redis is away or empty."""

    async def readyz(_: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BUDGET_S):
                await check()
        except AWAY as error:
            return web.Response(status=503, text=f"{str(error) or 'Redis does not answer'}\n")
        return web.Response(text="ok\n")

    return [web.get("/healthz", healthz), web.get("/readyz", readyz)]


async def healthz(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")
