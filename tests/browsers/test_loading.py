"""Loading: every way to put the script into a page."""

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


ANOTHERS = {
    "another tool's": '<script data-site="theirs" data-endpoint="{site}/theirs">window.theirs = true</script>',
    "an image's in a comment": '<img type="module" data-site="evil" data-endpoint="{site}/evil" src="/favicon.ico">',
}


@pytest.mark.parametrize("another", [pytest.param(markup, id=name) for name, markup in ANOTHERS.items()])
async def test_module_beside_another(stage: Stage, another: str) -> None:
    """As a module it finds its own tag, whatever stands above it with a data-site too"""
    await stage.open("/shoes", Page(tag='type="module" data-consent="full"', head=another))
    (view,) = await stage.tells("page_view /shoes", refuted=["page_view /shoes"])
    assert not view.is_anonymous
    assert stage.site.posted == []


@pytest.mark.parametrize("tag", ["", "defer", "async", 'type="module"'], ids=["plain", "defer", "async", "module"])
async def test_tag(stage: Stage, tag: str) -> None:
    """However the tag loads it"""
    await stage.open("/shoes", Page(tag=tag))
    await stage.tells("page_view /shoes", refuted=["page_view /shoes"])


async def test_twice(stage: Stage) -> None:
    """Loaded twice, it counts once"""
    tab = await stage.open("/shoes", Page(scripts=2))
    await stage.seen("page_view /shoes")
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


def by_tag_manager(src: str) -> str:
    """What Google Tag Manager makes of a tag in its container: a script with an address, and no attribute of ours."""
    return f"""<script>addEventListener("load", () => {{
      const tag = document.createElement("script");
      [tag.type, tag.async, tag.src] = ["text/javascript", true, "{src}"];
      const [first] = document.getElementsByTagName("script");
      first.parentNode.insertBefore(tag, first);
    }})</script>"""


@pytest.mark.quick
async def test_tag_manager(stage: Stage) -> None:
    """By Google Tag Manager, which drops data attributes: the script's query says the same"""
    head = by_tag_manager("{collector}/wakeline.full.js?site=demo&consent=full&hash=&search=q")
    tab = await stage.open("/app?q=trail+shoes#/found", Page(scripts=0, head=head))
    (view, search) = await stage.tells(
        "page_view /app#/found", "search /app#/found", refuted=["page_view /app", "page_view /app#/found"]
    )
    assert view.visitor == (await tab.stored())["wakeline.id"]
    assert search.props == {"search_term": "trail shoes"}


async def test_tag_manager_endpoint(stage: Stage) -> None:
    """Also where events go; and what the tag says by an attribute wins"""
    src = "/wakeline.js?site=demo&consent=full&endpoint={collector}%2Fv1%2Fevents"
    await stage.open("/shoes", Page(script=src, tag='defer data-consent="anonymous"'))
    (view,) = await stage.tells("page_view /shoes", refuted=["page_view /shoes"])
    assert view.is_anonymous


async def test_iframe(stage: Stage) -> None:
    """In a frame it tells of the frame, not of the page around it"""
    stage.site.pages["/framed"] = Page(title="Framed")
    tab = await stage.open("/around", Page(scripts=0, body='<iframe src="/framed"></iframe>'))
    await tab.hide()
    await stage.tells("page_view /framed", "leave /framed", refuted=["page_view /around"])
    (view,) = await stage.told("page_view")
    assert view.title == "Framed"


@pytest.mark.quick
async def test_strict_policy(stage: Stage) -> None:
    """Under a strict Content-Security-Policy with a nonce nothing is blocked"""
    page = Page(tag="defer data-consent='full'", nonce="abc", headers={"Content-Security-Policy": STRICT})
    tab = await stage.open("/shoes", page)
    await stage.seen("page_view /shoes")
    await tab.hide()
    await stage.tells("page_view /shoes", "leave /shoes", refuted=["page_view /shoes"])
