"""Scroll depth: how far down a page was seen, whichever element scrolls."""

from __future__ import annotations

import pytest

from tests.browser import Tab
from tests.browsers.site import Page
from tests.browsers.stage import Stage

TALL = '<div style="height: 500vh"></div>'  # five windows: one of them is 20 percent
PAGE = Page(head="<style>body {margin: 0}</style>", body=TALL)
MAIN = "<style>html, body {height: 100%; margin: 0; overflow: hidden} main {height: 100%; overflow: auto}</style>"
BODY = "<style>html, body {height: 100%; margin: 0; overflow-x: hidden}</style>"  # then the body scrolls by itself
WITH_MAIN = Page(head=MAIN, body=f"<main>{TALL}</main>")
CAROUSEL = (
    """<div style="position: fixed; inset: 40vh 0; overflow-x: auto"><div style="width: 500vw">shoes</div></div>"""
)

# Ways to scroll `it`.
TWO_DOWN = "it.scrollTo(0, 2 * innerHeight)"
TO_THE_END = "it.scrollTo(0, 9e5)"
BACK = "it.scrollTo(0, 0)"


async def scroll(tab: Tab, it: str, *ways: str) -> None:
    """Scrolls, and waits each time until the page has heard of it."""
    for way in ways:
        await tab.do(f"""await new Promise((done) => {{
          const it = {it};
          addEventListener("scroll", () => setTimeout(done), {{capture: true, once: true}});
          {way};
        }})""")


async def depth(stage: Stage, tab: Tab, path: str = "/shoes") -> int:
    """What the page says as it is left."""
    await tab.hide()
    _, leave = await stage.tells(f"page_view {path}", f"leave {path}", refuted=[f"page_view {path}"])
    return leave.scroll


@pytest.mark.parametrize(
    ("ways", "percent"),
    [
        pytest.param([], 20, id="not scrolled"),
        pytest.param([TWO_DOWN], 60, id="half"),
        pytest.param([TO_THE_END], 100, id="to its end"),
        pytest.param([TWO_DOWN, BACK], 60, id="and back"),
    ],
)
@pytest.mark.parametrize(
    ("page", "it"),
    [
        pytest.param(PAGE, "window", id="the page"),
        pytest.param(WITH_MAIN, "document.querySelector('main')", id="an element"),
        pytest.param(Page(head=BODY, body=TALL), "document.body", id="the body"),
    ],
)
async def test_scroller(stage: Stage, page: Page, it: str, ways: list[str], percent: int) -> None:
    """What scrolls is"""
    tab = await stage.open("/shoes", page)
    await stage.seen("page_view /shoes")
    await scroll(tab, it, *ways)
    assert await depth(stage, tab) == percent


@pytest.mark.parametrize(
    ("page", "percent"),
    [
        pytest.param(Page(body="shoes"), 100, id="a short page"),
        pytest.param(Page(head="<style>html {overflow-y: scroll}</style>", body="shoes"), 100, id="with a scroll bar"),
        pytest.param(Page(body=CAROUSEL), 100, id="with a carousel"),
        pytest.param(Page(head=MAIN, body="<main>shoes</main>"), 100, id="with an element that could scroll"),
        pytest.param(Page(head=PAGE.head, body=TALL + CAROUSEL), 20, id="a long page with a carousel"),
        pytest.param(Page(head=MAIN, body=f"<main>{TALL}{CAROUSEL}</main>"), 20, id="a carousel in what scrolls"),
        pytest.param(Page(doctype="", body="shoes"), 100, id="quirks mode, short"),
        pytest.param(Page(doctype="", head=PAGE.head, body=TALL), 20, id="quirks mode, long"),
        pytest.param(Page(doctype="", head=MAIN, body=WITH_MAIN.body), 20, id="quirks mode, an element scrolls"),
    ],
)
async def test_not_scrolled(stage: Stage, page: Page, percent: int) -> None:
    """Not scrolled"""
    tab = await stage.open("/shoes", page)
    await stage.seen("page_view /shoes")
    assert await depth(stage, tab) == percent


async def test_box_in_a_page(stage: Stage) -> None:
    """In a long page with a small box that scrolls in its middle the page counts"""
    box = '<div id="box" style="position: fixed; inset: 40vh 0; overflow: auto"><p style="height: 90vh">terms</div>'
    tab = await stage.open("/shoes", Page(head=PAGE.head, body=TALL + box))
    await stage.seen("page_view /shoes")
    await scroll(tab, "box", TO_THE_END)
    await scroll(tab, "window", TWO_DOWN)
    assert await depth(stage, tab) == 60


@pytest.mark.parametrize("framed", [pytest.param(False, id="around it"), pytest.param(True, id="in it")])
async def test_frame(stage: Stage, framed: bool) -> None:
    """A frame as large as the window that scrolls; who tells is"""
    around = '<iframe src="/framed" style="position: fixed; width: 100%; height: 100%; border: 0"></iframe>'
    stage.site.pages["/framed"] = Page(scripts=int(framed), head=PAGE.head, body=TALL)
    tab = await stage.open("/shoes", Page(scripts=int(not framed), head=PAGE.head, body=around))
    path, percent = ("/framed", 20) if framed else ("/shoes", 100)
    await stage.seen(f"page_view {path}")
    assert await depth(stage, tab, path) == percent


@pytest.mark.parametrize(
    ("head", "filled"),
    [pytest.param(PAGE.head, TALL, id="the page"), pytest.param(MAIN, WITH_MAIN.body, id="an element")],
)
async def test_filled_later(stage: Stage, head: str, filled: str) -> None:
    """A page that is empty at first is as long as it becomes; what scrolls is"""
    tab = await stage.open("/shoes", Page(head=head))
    await stage.seen("page_view /shoes")
    await tab.do(f"document.body.innerHTML = '{filled}'")
    assert await depth(stage, tab) == 20


@pytest.mark.parametrize(
    ("page", "it"),
    [
        pytest.param(PAGE, "window", id="the page"),
        pytest.param(WITH_MAIN, "document.querySelector('main')", id="an element"),
    ],
)
async def test_grows(stage: Stage, page: Page, it: str) -> None:
    """A list that grows under whoever reached its end was seen as far as that; what scrolls is"""
    tab = await stage.open("/shoes", page)
    await stage.seen("page_view /shoes")
    await scroll(tab, it, TO_THE_END)
    await tab.do("document.querySelector('div').style.height = '1000vh'")
    assert await depth(stage, tab) == 50


@pytest.mark.quick
async def test_routed(stage: Stage) -> None:
    """The next route in the same element starts at the top again"""
    tab = await stage.open("/shoes", WITH_MAIN)
    await stage.seen("page_view /shoes")
    await scroll(tab, "document.querySelector('main')", TO_THE_END)
    await tab.do("history.pushState({}, '', '/cart')", "document.querySelector('main').scrollTo(0, 0)")
    await stage.seen("page_view /cart")
    await tab.hide()
    expected = ["page_view /shoes", "leave /shoes", "page_view /cart", "leave /cart"]
    events = await stage.tells(*expected, refuted=["page_view /shoes", "page_view /cart"])
    assert [event.scroll for event in events if event.leave] == [100, 20]
