"""The demo shop on a phone: overlays do not hide its pages, in a real Chromium."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.catalogue import SITE
from demo.pages import html, page_at
from tests.browser import running_browser

WIDTH, HEIGHT = 390, 844
MOST = 0.3  # of the screen
FRAME = f"""<iframe style="width: {WIDTH}px; height: {HEIGHT}px; border: 0" src="/"></iframe>"""
MEASURED = """
(() => {
  const inside = document.querySelector("iframe").contentDocument
  const box = (selector) => inside.querySelector(selector).getBoundingClientRect()
  const [consent, panel] = [box("#consent"), box("#panel")]
  const buttons = [...inside.querySelectorAll("#consent button")].map((each) => each.getBoundingClientRect())
  return JSON.stringify({
    top: consent.top, bottom: consent.bottom, panel: panel.top, ends: panel.bottom,
    low: Math.min(...buttons.map((each) => each.height)),
    spilt: [...inside.querySelectorAll("#consent button")].some((each) => each.scrollWidth > each.clientWidth),
  })
})()
"""


@pytest.mark.browser
async def test_the_question_and_the_panel_leave_the_shop_in_sight() -> None:
    page = page_at("/", {})
    assert page is not None
    app = web.Application()
    shop, frame = (web.Response(text=text, content_type="text/html") for text in (html(page, "/", ""), FRAME))

    async def answer(request: web.Request) -> web.Response:
        return {"/": shop, "/phone": frame}.get(request.path) or web.Response(status=404)

    app.router.add_static("/site", SITE)
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server, running_browser() as browser:
        tab = await browser.tab()
        await tab.goto(str(server.make_url("/phone")))
        found = json.loads(await tab.ask(MEASURED))
    assert found["ends"] == HEIGHT
    assert found["bottom"] <= found["panel"], "the question lies over the panel's handle"
    assert (HEIGHT - found["top"]) / HEIGHT <= MOST
    assert found["low"] >= 44, "a button is too low for a finger"
    assert not found["spilt"]
