"""What annoys visitors: clicks again and again, clicks without effect, forms that are left, errors of scripts."""

from __future__ import annotations

import asyncio

import pytest

from tests.browsers.site import Page
from tests.browsers.stage import Stage

SCRIPT = '<script defer src="{collector}/wakeline.usability.js"></script>'
DEAD_S = 2.0  # until a click counts as dead
BUTTONS = """
<button id="dead" type="button">Nothing</button>
<button id="alive" type="button" onclick="this.textContent = 'Done'">Something</button>
<button id="more" type="button" data-wakeline-calm>+</button>
<a id="empty" href="#">Nowhere</a>
<span id="text">Text</span>
"""
FORM = """
<form id="checkout" action="/thanks">
  <input name="email"><input id="phone"><input type="checkbox" name="news"><button>Send</button>
</form>
"""


async def test_rage(stage: Stage) -> None:
    """Three clicks at one place within a second are told once, without what is there"""
    tab = await stage.open("/cart", Page(head=SCRIPT, body=BUTTONS))
    await stage.seen("page_view /cart")
    for _ in range(5):
        await tab.click("#alive")
    for _ in range(4):
        await tab.click("#more")
    (event,) = await stage.seen("rage_click /cart")
    assert event.props == {"element": "button#alive"}
    await stage.tells("page_view /cart", "rage_click /cart", refuted=["rage_click /cart", "dead_click /cart"])


async def test_dead(stage: Stage) -> None:
    """A click on a button or an empty link after which nothing changes, and not one after which something does"""
    tab = await stage.open("/cart", Page(head=SCRIPT, body=BUTTONS))
    await stage.seen("page_view /cart")
    for id in ("dead", "alive", "text", "more"):
        await tab.click(f"#{id}")
        await asyncio.sleep(DEAD_S + 0.3)
    (event,) = await stage.seen("dead_click /cart")
    assert event.props == {"element": "button#dead"}
    await stage.tells("page_view /cart", "dead_click /cart", refuted=["dead_click /cart", "rage_click /cart"])


@pytest.mark.parametrize("sends", [pytest.param(False, id="is left"), pytest.param(True, id="is sent")])
async def test_form(stage: Stage, sends: bool) -> None:
    """A form that was begun: its fields are named, the last one last, and nothing that was typed is told; it"""
    sent: list[bytes] = []

    def noted(data: bytes) -> bytes:
        sent.append(data)
        return data

    stage.link.alter_request = noted
    stage.site.pages["/thanks"] = Page()
    tab = await stage.open("/cart", Page(head=SCRIPT, body=FORM))
    await stage.seen("page_view /cart")
    for index in (1, 0):
        await tab.do(
            f"document.querySelectorAll('input')[{index}].value = 'hidden-from-us'",
            f"document.querySelectorAll('input')[{index}].dispatchEvent(new Event('input', {{bubbles: true}}))",
        )
    await (tab.click("form button") if sends else tab.goto(f"{stage.site.url}/thanks"))
    told = ["page_view /cart", "leave /cart", "page_view /thanks"]
    if not sends:
        (event,) = await stage.seen("form_abandoned /cart")
        assert event.props == {"form": "checkout", "fields": ["phone", "email"]}
        told.append("form_abandoned /cart")
    await stage.tells(*told, refuted=["form_abandoned /cart", "form_abandoned /thanks"])
    if not sends:  # otherwise it is in the address of the next page, as the form wants it
        assert b"hidden-from-us" not in b"".join(sent)


async def test_errors(stage: Stage) -> None:
    """Errors of scripts by their class, without what they say; ten of a page at most, and none of a missing picture"""
    tab = await stage.open("/cart", Page(head=SCRIPT, body='<img src="/missing.png" alt="">'))
    await stage.seen("page_view /cart")
    await tab.do("setTimeout(() => { throw new RangeError('secret') })", "void Promise.reject(new TypeError('secret'))")
    events = await stage.seen("js_error /cart", 2)
    assert {(event.props or {})["error"] for event in events} == {"RangeError", "TypeError"}
    assert "secret" not in repr(events)
    for _ in range(12):
        await tab.do("setTimeout(() => { throw 1 })")
    await stage.seen("js_error /cart", 10)
    stage.site.harm.clear()  # which the row itself makes
    await stage.tells("page_view /cart", *["js_error /cart"] * 10, refuted=["js_error /cart"])
    stage.site.harm.clear()


async def test_twice(stage: Stage) -> None:
    """Loaded twice, it tells once"""
    tab = await stage.open("/cart", Page(head=SCRIPT * 2, body=BUTTONS))
    await stage.seen("page_view /cart")
    for _ in range(3):
        await tab.click("#text")
    await stage.tells("page_view /cart", "rage_click /cart", refuted=["rage_click /cart"])


async def test_consent(stage: Stage) -> None:
    """Under off nothing is told"""
    tab = await stage.open("/cart", Page(tag='defer data-consent="off"', head=SCRIPT, body=BUTTONS))
    for _ in range(3):
        await tab.click("#text")
    await tab.do("wakeline('consent', 'anonymous')")
    await stage.tells("page_view /cart", refuted=["rage_click /cart"])
