"""Privacy: each consent level sends and stores only what it allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.browser import FIREFOX, Browser, running_browser
from tests.browsers.site import Page
from tests.browsers.stage import Stage, line, staged
from wakeline.record import Event

GPC = "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"

MORE_THAN_A_PAGE_HAS = 2_100  # events
NOTED = "{const real = console.log; window.said = []; console.log = (what) => (said.push(what), real(what))}"


def with_gpc(data: bytes) -> bytes:
    """A request as browsers with Global Privacy Control make it."""
    first, end, rest = data.partition(b"\r\n")
    return first + end + b"Sec-GPC: 1" + end + rest if first.endswith(b" HTTP/1.1") else data


def page(consent: str) -> Page:
    return Page(tag=f'defer data-consent="{consent}"')


@asynccontextmanager
async def stage_with_gpc(engine: str, browser: Browser, folder: Path) -> AsyncIterator[Stage]:
    """In Firefox by its own preference, header and all; the others do not have it: a script says what it would."""
    if engine == FIREFOX:
        prefs = {"privacy.globalprivacycontrol.enabled": True}
        async with running_browser(engine, prefs=prefs) as own, staged(own, folder) as stage:
            yield stage
    else:
        async with staged(browser, folder) as stage:
            yield stage


@pytest.mark.quick
async def test_gpc(engine: str, browser: Browser, tmp_path: Path) -> None:
    """Global Privacy Control allows no more than anonymous"""
    async with stage_with_gpc(engine, browser, tmp_path) as stage:
        first = "" if engine == FIREFOX else GPC
        tab = await stage.open("/shoes", Page(tag='defer data-consent="full"', first=first))
        assert await tab.run("navigator.globalPrivacyControl") is True
        await tab.do("wakeline('consent', 'full')", "wakeline('identify', 'customer-1042', {signature: '3f'})")
        (view,) = await stage.tells(
            "page_view /shoes", refuted=["page_view /shoes", "consent /shoes", "identify /shoes"]
        )
        assert view.is_anonymous
        assert await tab.stored() == {"wakeline.consent": "full"}


@pytest.mark.quick
async def test_off(stage: Stage) -> None:
    """With data-consent="off" nothing is sent; once it is given what follows is, not what came before"""
    tab = await stage.open("/shoes", page("off"))
    await tab.do("wakeline('event', 'held')", "history.pushState({}, '', '/cart')")
    await stage.quiet()
    await tab.do("wakeline('event', 'held')")
    await stage.quiet()
    assert (await stage.log(), await tab.stored()) == ([], {})
    await tab.do("wakeline('consent', 'full')", "wakeline('event', 'free')")
    (view, free) = await stage.tells(
        "page_view /cart", "free /cart", refuted=["held /cart", "held /shoes", "page_view /shoes", "consent /cart"]
    )
    assert not view.is_anonymous
    assert not view.continued
    assert view.visitor == free.visitor == (await tab.stored())["wakeline.id"]


@pytest.mark.quick
async def test_given(stage: Stage) -> None:
    """Consent given after anonymous: the page goes on as another visitor, and is no second visit"""
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await tab.do("wakeline('consent', 'full')")
    await stage.tells(
        *("page_view /shoes", "leave /shoes", "consent /shoes", "page_view /shoes"),
        refuted=["ping /shoes", "consent /shoes"],
    )
    first, second = sorted(await stage.told("page_view"), key=lambda event: event.continued)
    assert (first.is_anonymous, first.continued) == (True, False)
    assert (second.is_anonymous, second.continued) == (False, True)
    assert first.page != second.page


@pytest.mark.quick
async def test_withdrawn(stage: Stage) -> None:
    """Consent withdrawn is told under the old id, then nothing more, in no tab and on no later page"""
    stage.keeps_all = False
    stage.site.page = page("full")
    other = await stage.onto(await stage.browser.window(), "/cart")
    tab = await stage.onto(await stage.browser.window(), "/shoes")
    (view,) = await stage.seen("page_view /shoes")
    await stage.seen("page_view /cart")
    await tab.do("wakeline('consent', 'off')")
    (withdrawal,) = await stage.seen("consent /shoes")
    assert (withdrawal.visitor, withdrawal.level) == (view.visitor, "off")
    await stage.quiet()
    stored = len(await stage.events())
    for one in (tab, other):
        await one.do("wakeline('event', 'click')", "history.pushState({}, '', '/order')")
    await stage.quiet()
    await tab.goto(stage.site.url + "/later")
    expected = ["page_view /cart", "page_view /shoes", "leave /shoes", "consent /shoes"]
    assert stored == len(expected)
    await stage.tells(*expected, refuted=["click /shoes", "click /cart", "page_view /order", "page_view /later"])
    assert await tab.stored() == {"wakeline.consent": "off"}


@pytest.mark.quick
async def test_withdrawn_from_a_long_page(stage: Stage) -> None:
    """Also on a page that has told all that a page can; what comes beyond is refused"""
    stage.keeps_all = False
    tab = await stage.open("/shoes", Page(tag='defer data-consent="full"', first=NOTED))
    (view,) = await stage.seen("page_view /shoes")
    await tab.do(f"(() => {{ for (let i = 0; i < {MORE_THAN_A_PAGE_HAS}; i++) wakeline('event', 'click') }})()")
    await stage.quiet()
    await tab.do("wakeline('debug')", "wakeline('event', 'late')")
    assert {"refused": "late"} in await tab.run("said")
    await tab.do("wakeline('consent', 'off')")
    (withdrawal,) = await stage.seen("consent /shoes")
    assert (withdrawal.visitor, withdrawal.level, withdrawal.n) == (view.visitor, "off", 2_047)
    stored = Counter(map(line, await stage.events()))
    assert stored.keys() == {"page_view /shoes", "click /shoes", "consent /shoes"}
    await stage.tells(*stored.elements(), refuted=["late /shoes", "leave /shoes", "consent /shoes"])
    assert await tab.stored() == {"wakeline.consent": "off"}


# The next page as it was not allowed to be before, whether servers are told too, and the level that holds there.
LOWERED = {
    "GPC": (Page(tag='defer data-consent="full"', first=GPC), False, "anonymous"),
    "GPC, with its header": (Page(tag='defer data-consent="full"', first=GPC), True, "anonymous"),
    "anonymous by default": (page("anonymous"), False, "anonymous"),
    "off by default": (page("off"), False, "off"),
}


async def viewed_under_full(stage: Stage) -> Event:
    """The view of a page that the same browser saw before, while full was allowed."""
    stage.keeps_all = False  # the withdrawal is told of no page
    tab = await stage.open("/shoes", page("full"))
    (view,) = await stage.seen("page_view /shoes")
    await tab.hide()
    await stage.seen("leave /shoes")
    await stage.close(tab)
    return view


@pytest.mark.parametrize(
    ("after", "header", "level"),
    [
        pytest.param(*lowered, id=name, marks=[pytest.mark.quick] * (name == "GPC, with its header"))
        for name, lowered in LOWERED.items()
    ],
)
async def test_lowered(stage: Stage, after: Page, header: bool, level: str) -> None:
    """Full that no longer holds is withdrawn by the next page, once, under the old id"""
    view = await viewed_under_full(stage)
    stage.site.page = after
    if header:
        stage.link.alter_request = with_gpc
    tab = await stage.open("/cart")
    (withdrawal,) = await stage.seen("consent /cart")
    assert (withdrawal.visitor, withdrawal.level) == (view.visitor, level)
    await stage.quiet()
    await tab.goto(stage.site.url + "/order")
    later = [] if level == "off" else ["page_view /cart", "leave /cart", "page_view /order"]
    events = await stage.tells(
        *("page_view /shoes", "leave /shoes", "consent /cart", *later),
        refuted=["consent /cart", "consent /order", "page_view /cart", "page_view /order"],
    )
    assert all(event.is_anonymous for event in events if line(event) in later)
    assert await tab.stored() == {}


async def test_lowered_in_the_background(stage: Stage) -> None:
    """Also by a page that is hidden at first, once it is shown"""
    view = await viewed_under_full(stage)
    tab = await stage.open("/cart", Page(tag='defer data-consent="full"', first=GPC), hidden=True)
    await stage.quiet()
    assert await stage.told("consent") == []
    await tab.show()
    await stage.tells(
        *("page_view /shoes", "leave /shoes", "consent /cart", "page_view /cart"),
        refuted=["consent /cart", "page_view /cart", "leave /cart"],
    )
    (withdrawal,) = await stage.told("consent")
    assert (withdrawal.visitor, withdrawal.level) == (view.visitor, "anonymous")
    assert await tab.stored() == {}


@pytest.mark.parametrize(
    ("chosen", "later"),
    [
        pytest.param("off", [], id="off"),
        pytest.param("anonymous", ["page_view /cart", "leave /cart", "page_view /shoes"], id="anonymous"),
    ],
)
async def test_withdrawn_behind(stage: Stage, chosen: str, later: list[str]) -> None:
    """A page from the back/forward cache withdraws nothing again, and goes on as what was chosen meanwhile"""
    stage.site.page = page("full")
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await tab.do("location = '/cart'")
    await stage.seen("page_view /cart")
    await tab.do(f"wakeline('consent', '{chosen}')")
    await stage.seen("consent /cart")
    await stage.quiet()
    await tab.back()
    await stage.until(lambda: stage.site.restored, "the page comes from the cache")
    events = await stage.tells(
        *("page_view /shoes", "leave /shoes", "page_view /cart", "leave /cart", "consent /cart", *later),
        refuted=["consent /shoes", "consent /cart", "page_view /shoes", "leave /shoes"],
    )
    assert sum(event.is_anonymous for event in events) == len(later)
    assert await tab.stored() == {"wakeline.consent": chosen}


async def test_lowered_beside(stage: Stage) -> None:
    """Also with two windows: one of them tells it, both go on as anonymous once there is something to tell"""
    stage.keeps_all = False
    stage.site.page = page("full")
    one = await stage.onto(await stage.browser.window(), "/shoes")
    (view,) = await stage.seen("page_view /shoes")
    await stage.quiet()
    stage.site.page = Page(tag='defer data-consent="full"', first=GPC)
    await one.do(GPC)
    two = await stage.onto(await stage.browser.window(), "/cart")
    (withdrawal,) = await stage.seen("consent /cart")
    assert (withdrawal.visitor, withdrawal.level) == (view.visitor, "anonymous")
    await one.do("wakeline('event', 'click')")
    events = await stage.tells(
        *("page_view /shoes", "consent /cart", "page_view /cart", "page_view /shoes", "click /shoes"),
        refuted=["consent /shoes", "consent /cart", "page_view /shoes", "page_view /cart"],
    )
    assert [event.type for event in events if not event.is_anonymous] == ["page_view", "consent"]
    assert (await one.stored(), await two.stored()) == ({}, {})
