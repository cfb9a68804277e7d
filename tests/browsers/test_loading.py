"""Loading."""

from __future__ import annotations

import pytest

from tests.browsers.site import Page
from tests.browsers.stage import Stage

LATE = """addEventListener("load", () => setTimeout(() => {
  wakeline("event", "early");
  const tag = document.createElement("script");
  Object.assign(tag, {src: "{collector}/wakeline.js"}).dataset.site = "demo";
  document.head.append(tag);
}, 50));"""
STRICT = "default-src 'none'; script-src 'nonce-abc'; connect-src {collector} {site}/harm"


@pytest.mark.quick
async def test_load(stage: Stage) -> None:
    """A load is one page view, with its title, and leaves nothing in the browser."""
    interests = '<meta name="wakeline:interest" content="running, shoes">'
    tab = await stage.open("/shoes?q=trail&person=42#reviews", Page(head=interests, title="Trail shoes"))
    (view,) = await stage.tells("page_view /shoes", refuted=["page_view /shoes", "ping /shoes", "engaged /shoes"])
    assert (view.n, view.title, view.query, view.interests) == (0, "Trail shoes", {"q": "trail"}, ["running", "shoes"])
    assert view.is_anonymous
    assert await tab.stored() == {}


@pytest.mark.quick
async def test_hidden(stage: Stage) -> None:
    """A tab opened in the background is viewed once it is shown"""
    tab = await stage.open("/shoes", hidden=True)
    await tab.do("wakeline('event', 'early')")
    await stage.quiet()
    assert await stage.log() == []
    await tab.show()
    await stage.tells("page_view /shoes", "early /shoes", refuted=["page_view /shoes", "ping /shoes", "leave /shoes"])


async def test_no_preflight(stage: Stage) -> None:
    """No request is preflighted, whether page view, call or goodbye"""
    tab = await stage.open("/shoes", Page(tag='data-consent="full"'))
    await stage.seen("page_view /shoes")
    await tab.do("wakeline('event', 'click', {price: 9.5})")
    await stage.seen("click /shoes")
    await tab.hide()
    await stage.tells("page_view /shoes", "click /shoes", "leave /shoes", refuted=["leave /shoes"])
    assert stage.collector.parts.metrics.requests.keys() == {200, 202}  # the script, then events; 204 answers OPTIONS


@pytest.mark.parametrize("tag", ["", "defer", "async", 'type="module"'], ids=["plain", "defer", "async", "module"])
async def test_tag(stage: Stage, tag: str) -> None:
    """However the tag loads it"""
    await stage.open("/shoes", Page(tag=tag))
    await stage.tells("page_view /shoes", refuted=["page_view /shoes"])


async def test_twice(stage: Stage) -> None:
    """Loaded twice, it counts once"""
    tab = await stage.open("/shoes", Page(scripts=2))
    await tab.do("wakeline('event', 'click')")
    await tab.do("history.pushState({}, '', '/cart')")
    await stage.tells(
        "page_view /shoes",
        "click /shoes",
        "leave /shoes",
        "page_view /cart",
        refuted=["page_view /shoes", "click /shoes", "leave /shoes", "page_view /cart"],
    )


async def test_late(stage: Stage) -> None:
    """Loaded after the page, it takes up the calls made before"""
    await stage.open("/shoes", Page(scripts=0, head=f"<script>{LATE}</script>"))
    await stage.tells("page_view /shoes", "early /shoes", refuted=["page_view /shoes"])


async def test_iframe(stage: Stage) -> None:
    """In a frame it tells of the frame, not of the page around it"""
    stage.site.pages["/framed"] = Page(title="Framed")
    tab = await stage.open("/around", Page(scripts=0, body='<iframe src="/framed"></iframe>'))
    await tab.hide()
    (view, _) = await stage.tells("page_view /framed", "leave /framed", refuted=["page_view /around"])
    assert view.title == "Framed"


@pytest.mark.quick
async def test_strict_policy(stage: Stage) -> None:
    """Under a strict Content-Security-Policy with a nonce nothing is blocked"""
    page = Page(tag="defer data-consent='full'", nonce="abc", headers={"Content-Security-Policy": STRICT})
    tab = await stage.open("/shoes", page)
    await stage.seen("page_view /shoes")
    await tab.hide()
    await stage.tells("page_view /shoes", "leave /shoes", refuted=["page_view /shoes"])
