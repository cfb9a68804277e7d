"""The reference: an aiohttp handler that reads the body, answers 202 with one header and does nothing.

python -m benchmarks.empty_handler PORT
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web

HEADERS = {"Access-Control-Allow-Origin": "*"}


async def empty(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202, headers=HEADERS)


async def serve(port: int) -> None:
    app = web.Application(client_max_size=65_536)
    app.router.add_post("/v1/events", empty)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
