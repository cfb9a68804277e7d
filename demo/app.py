"""Wires the demo shop: pages, panel, sign-in. A separate process, for local use."""

from __future__ import annotations

import asyncio
import logging
import re

import msgspec
import uvloop
from aiohttp import web

from demo.catalogue import SITE
from demo.guard import guard, is_own_page
from demo.pages import html, missing, page_at
from demo.panel import Panel
from wakeline.identity import signature
from wakeline.internal_port import alive, serve
from wakeline.settings import Config
from wakeline.stopping import told_to_stop
from wakeline.tag import script_tag

KEY = "demo"  # of the shop in the settings
CUSTOMER = re.compile(r"[A-Za-z0-9-]{1,32}")

log = logging.getLogger("wakeline.demo")


def main(config: Config, port: int = 8710) -> None:
    """Runs until SIGTERM or SIGINT. Raises CannotListen. `config` must have the site `demo`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(run(config, port)))


async def run(config: Config, port: int) -> int:
    """Run the shop; returns its exit code."""
    stop = told_to_stop()
    host = config.settings.internal_host
    runner = await serve(create_app(config, port), host, port, stop_s=1.0)
    log.info("the shop is open on http://%s:%d", host, port)
    await stop.wait()
    await runner.cleanup()
    return 0


def create_app(config: Config, port: int) -> web.Application:
    """The shop for the site `demo` of `config`."""
    site, settings = config.sites[KEY], config.settings
    snippet = script_tag(site, settings)
    panel = Panel(settings, KEY)

    async def page(request: web.Request) -> web.Response:
        found = page_at(request.path, request.query)
        text = html(found or missing(), request.path, snippet)
        return web.Response(text=text, status=200 if found else 404, content_type="text/html")

    async def profile(request: web.Request) -> web.Response:
        return await panel.handle(request) if is_own_page(request) else web.Response(status=403)

    async def sign_in(request: web.Request) -> web.Response:
        """Signs the customer's id for its page, as a real shop does after it has checked a password."""
        if not is_own_page(request):
            return web.Response(status=403)
        try:
            asked = msgspec.json.decode(await request.read(), type=dict[str, str])
        except msgspec.DecodeError:
            return web.Response(status=400)
        id = asked.get("id", "")
        if not CUSTOMER.fullmatch(id):
            return web.Response(status=400)
        return web.json_response({"id": id, "signature": signature(site.secret, id)})

    async def close(app: web.Application) -> None:
        await panel.close()

    app = web.Application(middlewares=[guard(site, settings, port)], client_max_size=4_096)
    app.add_routes([alive()])
    app.router.add_get("/panel/profile/{visitor}", profile)
    app.router.add_post("/account/sign-in", sign_in)
    app.router.add_static("/site/", SITE)
    app.router.add_get("/{path:.*}", page)
    app.on_cleanup.append(close)
    return app
