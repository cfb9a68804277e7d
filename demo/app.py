"""Wires the demo shop: pages, panel, sign-in. A separate process, for local use."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
import uvloop
from aiohttp import web

from demo.catalogue import SITE
from demo.departments import DEPARTMENTS, Said
from demo.guard import Handler, guard, is_own_page
from demo.key import Key
from demo.known import PeopleAway, people_of
from demo.letters import Letters
from demo.opening import begun_in, tell_once
from demo.orders import Orders, OrdersAway, asked
from demo.pages import html, missing, page_at
from demo.panel import NUMBER, VISITOR, Panel, answered
from demo.server_events import ACCEPTED, PATH, ServerEvents, as_steps, endpoint
from wakeline.clock import now_ms
from wakeline.durations import DAY_MS
from wakeline.identity import forgotten, identified, signature
from wakeline.internal_port import alive, serve
from wakeline.scripts import Kind
from wakeline.settings import Config
from wakeline.stopping import cancelled, told_to_stop
from wakeline.tag import script_tag

KEY = "demo"  # of the shop in the settings
SIGNED_MS = DAY_MS  # how long a sign-in lasts
FORGET_MS = 10 * 60_000  # and the word that somebody is to be forgotten
PLATFORM_PATH = "/privacy"  # the page that also hears a consent platform
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
    opening = asyncio.create_task(tell_once(config, KEY))
    await stop.wait()
    await cancelled([opening])
    await runner.cleanup()
    return 0


def create_app(config: Config, port: int) -> web.Application:
    """The shop for the site `demo` of `config`."""
    site, settings = config.sites[KEY], config.settings
    snippet = "\n".join(script_tag(site, settings, kind) for kind in (Kind.CORE, Kind.VITALS, Kind.USABILITY))
    consent = script_tag(site, settings, Kind.CONSENT, platform="gcm")
    heard = ServerEvents(endpoint(settings, PATH), Key(config, KEY))
    orders = Orders(settings, site)
    chance, stories = random.Random(), set[asyncio.Task[None]]()

    async def page(request: web.Request) -> web.Response:
        found = page_at(request.path, request.query)
        tags = f"{snippet}\n{consent}" if request.path == PLATFORM_PATH else snippet
        text = html(found or missing(), request.path, tags)
        return web.Response(text=text, status=200 if found else 404, content_type="text/html")

    async def profile(request: web.Request) -> web.Response:
        return await panel.handle(request) if is_own_page(request) else web.Response(status=403)

    def signs(text: Callable[[str, int], str], lasts: int) -> Handler:
        """Signs a customer's id for its page, as a real shop does after it has checked a password."""

        async def sign(request: web.Request) -> web.StreamResponse:
            id = await customer_of(request)
            if isinstance(id, web.Response):
                return id
            expires = now_ms() + lasts
            signed = signature(site.secret, text(id, expires))
            return web.json_response({"id": id, "signature": signed, "expires": expires})

        return sign

    async def people(request: web.Request) -> web.Response:
        """See `demo.known`: {"people": the household, "is_told": whether all of its story is, "best": customers}."""
        if not is_own_page(request):
            return web.Response(status=403)
        try:
            is_told = begun_in(settings.data).is_told
            return answered({**await people_of(settings, site), "is_told": is_told})
        except PeopleAway:
            return answered({"reason": "unavailable"}, 503)

    async def tell(request: web.Request) -> web.Response:
        """Lets a department tell of the customer: {"said": accepted or why not, "steps": what happens when}."""
        department = DEPARTMENTS.get(request.match_info["department"])
        if department is None:
            return web.Response(status=404)
        id = await customer_of(request)
        if isinstance(id, web.Response):
            return id
        return await told(department(id, chance, now_ms()))

    async def warehouse(request: web.Request) -> web.Response:
        """Lets it tell of a visitor's own order, as above: {"visitor": id, "order": number} in the body."""
        of = await asked_of(request)
        if isinstance(of, web.Response):
            return of
        visitor, number = of.get("visitor", ""), of.get("order", "")
        if not (VISITOR.fullmatch(visitor) and NUMBER.fullmatch(number)):
            return web.Response(status=400)
        try:
            order = await orders.of(visitor, number)
        except OrdersAway:
            return answered({"reason": "unavailable"}, 503)
        story = asked(request.match_info["what"], number, order, chance, now_ms()) if order else None
        return web.Response(status=404) if story is None else await told(story)

    async def told(story: Sequence[Said]) -> web.Response:
        if not story:
            return web.json_response({"said": "nothing to do", "steps": []})
        due = [said for said in story if said.event["time"] == story[0].event["time"]]
        steps = as_steps(story)
        said = await heard.answer([one.event for one in due])
        if said == ACCEPTED:
            task = asyncio.create_task(heard.play(story[len(due) :]))
            stories.add(task)
            task.add_done_callback(stories.discard)
        return web.json_response({"said": said, "steps": steps if said == ACCEPTED else []})

    letters = Letters(settings, site, customer_of=customer_of, told=told)
    panel = Panel(settings, site, orders, heard, letters)

    async def open_(app: web.Application) -> AsyncIterator[None]:
        async with heard:
            await letters.open()
            yield
            await cancelled(stories)
            await letters.close()
            await panel.close()
            await orders.close()

    app = web.Application(middlewares=[guard(site, settings, port)], client_max_size=4_096)
    app.add_routes([alive()])
    app.router.add_get("/panel/profile/{visitor}", profile)
    app.router.add_get("/panel/people", people)
    app.router.add_post("/account/sign-in", signs(identified, SIGNED_MS))
    app.router.add_post("/account/forget", signs(forgotten, FORGET_MS))
    app.router.add_post("/panel/tell/{department}", tell)
    app.router.add_post("/panel/order/{what}", warehouse)
    app.add_routes(letters.routes())
    app.router.add_static("/site/", SITE)
    app.router.add_get("/{path:.*}", page)
    app.cleanup_ctx.append(open_)
    return app


async def customer_of(request: web.Request) -> str | web.Response:
    """The customer's id in the body of a request by a page of the shop; for other requests the answer: 400, 403."""
    of = await asked_of(request)
    if isinstance(of, web.Response):
        return of
    id = of.get("id", "")
    return id if CUSTOMER.fullmatch(id) else web.Response(status=400)


async def asked_of(request: web.Request) -> dict[str, str] | web.Response:
    """The body of such a request, or the answer to another one."""
    if not is_own_page(request):
        return web.Response(status=403)
    try:
        return msgspec.json.decode(await request.read(), type=dict[str, str])
    except msgspec.DecodeError:
        return web.Response(status=400)
