"""The first page view of a document: sent after a second, or earlier if the visitor clicks or leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.browser import Tab
from tests.browsers.counted import visits
from tests.browsers.site import STAYS, Page, full_page
from tests.browsers.stage import Stage

FIRST_VIEW_MS = 1_000
# The pause before the first view lasts half a minute, all shorter ones are as ever.
PATIENT = f"""{{const real = setTimeout;
setTimeout = (run, ms, ...rest) => real(run, ms >= {FIRST_VIEW_MS} ? ms * 30 : ms, ...rest)}}"""
BUY = """<button onclick="history.pushState({}, '', '/cart')">Buy</button>"""
LINK = '<a id="next" href="/cart">next</a>'


def routed(*moves: str, after: int = 0) -> str:
    """A router that starts when the page is there, and sets the title with its last move."""
    steps = [f"setTimeout(() => {{ {move} }}, {after + 20 * number})" for number, move in enumerate(moves)]
    title = f"setTimeout(() => document.title = 'Settled', {after + 20 * len(moves)})"
    return f"addEventListener('DOMContentLoaded', () => {{ {'; '.join([*steps, title])} }});"


def replace(to: str) -> str:
    return f"history.replaceState({{}}, '', '{to}')"


REDIRECTS = {
    "hash mode": ("/app", routed("location.replace('#/')"), "/app#/"),
    "hash mode by a push": ("/app", routed("location.hash = '/'"), "/app#/"),
    "to home": ("/", routed(replace("/home")), "/home"),
    "a locale": ("/shoes", routed(replace("/en/shoes")), "/en/shoes"),
    "a slash": ("/shoes", routed(replace("/shoes/")), "/shoes/"),
    "a guard of 250 ms": ("/account", routed(replace("/login"), after=250), "/login"),
    "a push without input": ("/", routed("history.pushState({}, '', '/home')"), "/home"),
    "one after the other": ("/", routed(replace("/home"), replace("/en/home"), replace("/en/home/")), "/en/home/"),
}


@pytest.mark.parametrize(
    ("path", "router", "to"),
    [
        pytest.param(*redirect, id=name, marks=[pytest.mark.quick] * (name == "a guard of 250 ms"))
        for name, redirect in REDIRECTS.items()
    ],
)
async def test_redirected(stage: Stage, redis_server: Any, path: str, router: str, to: str) -> None:
    """Redirected at load, a page is one view of where it ends, and a bounce"""
    tab = await stage.open(path, Page(first=router, tag="defer data-hash", title="Before"))
    await stage.seen("page_view")
    await tab.hide()
    (view, left) = await stage.tells(
        f"page_view {to}", f"leave {to}", refuted=[f"page_view {path}", f"leave {path}", f"page_view {to}"]
    )
    assert (view.n, view.title, view.referrer) == (0, "Settled", "")
    assert left.engaged_ms >= FIRST_VIEW_MS  # from the start on
    assert await visits(stage, redis_server) == (1, 1)


async def test_call_before(stage: Stage) -> None:
    """Calls made before it belong to the page that is viewed, in their order"""
    router = routed("wakeline('event', 'configured')", replace("/home"), "wakeline('event', 'click')")
    await stage.open("/", Page(first=router))
    events = await stage.tells(
        *("page_view /home", "configured /home", "click /home"),
        refuted=["page_view /", "configured /", "click /", "leave /", "page_view /home", "configured /home"],
    )
    assert [event.type for event in sorted(events, key=lambda event: event.n)] == ["page_view", "configured", "click"]


async def test_consent_before(stage: Stage) -> None:
    """Consent given before it holds for it: one view, under the id that stays"""
    tab = await stage.open("/shoes", Page(first=routed("wakeline('consent', 'full')")))
    (view,) = await stage.tells("page_view /shoes", refuted=["page_view /shoes", "leave /shoes", "consent /shoes"])
    assert view.visitor == (await tab.stored())["wakeline.id"]


async def by_click(tab: Tab) -> None:
    await tab.click("button")


async def by_key(tab: Tab) -> None:
    await tab.do("document.querySelector('button').focus()")
    await tab.press("Enter")


@pytest.mark.parametrize("act", [by_click, by_key], ids=["click", "key"])
async def test_click(stage: Stage, redis_server: Any, act: Callable[[Tab], Awaitable[None]]) -> None:
    """What a click leads to is another view, however soon it comes"""
    tab = await stage.open("/shoes", Page(first=PATIENT, body=BUY))
    await act(tab)
    await stage.tells(
        "page_view /shoes", "leave /shoes", "page_view /cart", refuted=["page_view /cart", "page_view /shoes"]
    )
    assert await visits(stage, redis_server) == (1, 0)


async def test_stopped(stage: Stage) -> None:
    """Also what a click leads to that the page keeps to itself"""
    body = BUY.replace("history", "event.stopImmediatePropagation(); history")
    tab = await stage.open("/shoes", Page(first=PATIENT, body=body))
    await tab.click("button")
    await stage.tells(
        *("page_view /shoes", "leave /shoes", "page_view /cart"), refuted=["page_view /shoes", "page_view /cart"]
    )


async def test_click_before(stage: Stage) -> None:
    """A click before it follows the calls that wait, a filter among them"""
    stage.site.page = STAYS
    mask = """<script>wakeline("beforeSend", (event) => {
      event.url = event.url.replace("person-42", "*");
      return event;
    })</script>"""
    page = full_page(f'{mask}<a href="{{other}}/there">there</a>', first=PATIENT)
    tab = await stage.open("/person-42", page)
    await tab.click("a")
    await stage.tells(
        *("page_view /*", "outbound_link /*"),
        refuted=["page_view /person-42", "outbound_link /person-42", "page_view /*", "outbound_link /*"],
    )


async def test_shown(stage: Stage) -> None:
    """A page that was hidden at first is viewed as soon as it is shown"""
    tab = await stage.open("/shoes", Page(first=PATIENT), hidden=True)
    await stage.quiet()
    await tab.show()
    await tab.do("history.pushState({}, '', '/cart')")
    await stage.tells(
        "page_view /shoes", "leave /shoes", "page_view /cart", refuted=["page_view /cart", "page_view /shoes"]
    )


async def test_left_by_script(stage: Stage) -> None:
    """A page that a script leaves at once is viewed and left, once"""
    click = "addEventListener('load', () => setTimeout(() => document.querySelector('#next').click(), 50))"
    await stage.open("/shoes", Page(first=PATIENT + click, body=LINK))
    await stage.tells(
        "page_view /shoes", "leave /shoes", "page_view /cart", refuted=["page_view /shoes", "leave /shoes"]
    )


async def test_hidden_at_once(stage: Stage) -> None:
    """A page that is covered at once too; shown again it is not viewed a second time"""
    tab = await stage.open("/shoes", Page(first=PATIENT))
    await tab.hide()
    await stage.seen("leave /shoes")
    await tab.show()
    await stage.tells("page_view /shoes", "leave /shoes", "ping /shoes", refuted=["page_view /shoes", "leave /shoes"])


async def test_closed_at_once(stage: Stage) -> None:
    """A tab that is closed at once too; what its browser drops the next page tells"""
    await stage.close(await stage.open("/shoes", Page(first=PATIENT, tag='defer data-consent="full"')))
    await stage.open("/cart", Page(tag='defer data-consent="full"'))
    await stage.tells(
        *("page_view /shoes", "leave /shoes", "page_view /cart"),
        refuted=["page_view /shoes", "leave /shoes", "ping /shoes"],
    )
