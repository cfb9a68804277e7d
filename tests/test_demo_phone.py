"""The demo shop on a phone: overlays do not hide its pages, in a real Chromium."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.catalogue import SITE
from demo.pages import html, page_at
from tests.browser import running_browser

WIDTH, HEIGHT = 390, 844
MOST = 0.3  # of the screen
FRAME = """<iframe style="width: {}px; height: {}px; border: 0" src="{}"></iframe>"""
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


PLACEHOLDERS = """
(() => {
  const frame = document.querySelector("iframe"), pen = document.createElement("canvas").getContext("2d")
  return JSON.stringify([...frame.contentDocument.querySelectorAll("input[placeholder]")].map((field) => {
    const style = frame.contentWindow.getComputedStyle(field)
    pen.font = style.font
    const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
    return [field.id, room - pen.measureText(field.placeholder).width]
  }))
})()
"""


async def measured(path: str, expression: str, *, width: int = WIDTH) -> Any:
    """The value of `expression` beside a phone that shows the page at `path`."""
    page = page_at(path, {})
    assert page is not None
    app = web.Application()
    text = {path: html(page, path, ""), "/phone": FRAME.format(width, HEIGHT, path)}

    async def answer(request: web.Request) -> web.Response:
        if request.path not in text:
            return web.Response(status=404)
        return web.Response(text=text[request.path], content_type="text/html")

    app.router.add_static("/site", SITE)
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server, running_browser() as browser:
        tab = await browser.tab()
        await tab.goto(str(server.make_url("/phone")))
        return json.loads(await tab.ask(expression))


@pytest.mark.browser
@pytest.mark.parametrize(("path", "fields"), [("/search", {"q", "words"}), ("/newsletter", {"q", "mail"})])
@pytest.mark.parametrize("width", [360, WIDTH])
async def test_what_a_field_is_for_is_not_cut(path: str, fields: set[str], width: int) -> None:
    """With some room left, as fonts differ."""
    found = dict(await measured(path, PLACEHOLDERS, width=width))
    assert found.keys() == fields
    assert min(found.values()) >= 6, found


@pytest.mark.browser
async def test_the_question_and_the_panel_leave_the_shop_in_sight() -> None:
    found = await measured("/", MEASURED)
    assert found["ends"] == HEIGHT
    assert found["bottom"] <= found["panel"], "the question lies over the panel's handle"
    assert (HEIGHT - found["top"]) / HEIGHT <= MOST
    assert found["low"] >= 44, "a button is too low for a finger"
    assert not found["spilt"]
