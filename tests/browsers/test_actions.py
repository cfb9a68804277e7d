"""The full script: what visitors do is told by itself."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.browser import CHROMIUM, FIREFOX, WEBKIT
from tests.browsers.site import FULL_SCRIPT, Page
from tests.browsers.stage import Stage
from wakeline.record import encode_record

# 204: the browser stays where it is.
STAYS = Page(scripts=0, status=204)
FORM = """<form id="login" method="post" action="/account">
<input name="person" value="Ada Example"><input name="code" type="password" value="open-sesame">
<button id="go">Go</button></form>"""
MARKED = """
<button id="plain">plain</button>
<button id="buy" data-wakeline-event="add_to_cart" data-wakeline-prop-product="trail-runner"
  data-wakeline-prop-price="129.9"><b>Buy</b></button>
<p id="read" data-wakeline-interest="shoes">All about shoes</p>"""
EDITED = """wakeline("beforeSend", (event) => {
  if (event.type == "noise") return;
  if (event.type == "signal") event.props = {...event.props, edited: true};
  return event;
})"""


def page(body: str = "", *, tag: str = "defer") -> Page:
    return Page(script=FULL_SCRIPT, body=body, tag=tag)


@pytest.mark.parametrize("button", ["left", "middle"])
async def test_outbound(stage: Stage, button: str) -> None:
    """An outbound link, without what its query may say; a link within the site is none"""
    stage.site.pages |= {"/there": STAYS, "/here": STAYS}
    links = f'<a id="out" href="{stage.site.other}/there?person=42">out</a> <a id="in" href="/here">in</a>'
    tab = await stage.open("/shoes", page(links))
    await stage.seen("page_view /shoes")
    await tab.click("#in", button=button)
    await tab.click("#out", button=button)
    await stage.tells(
        "page_view /shoes", "outbound_link /shoes", refuted=["outbound_link /shoes", "download /shoes", "leave /shoes"]
    )
    (out,) = await stage.told("outbound_link")
    assert out.props == {"url": f"{stage.site.other}/there"}


@pytest.mark.parametrize("button", ["left", "middle"])
async def test_download(stage: Stage, button: str) -> None:
    """A download, by its ending or by its attribute"""
    stage.site.pages |= {"/prices.pdf": STAYS, "/export": STAYS}
    links = '<a id="file" href="/prices.pdf">prices</a> <a id="named" href="/export" download>export</a>'
    tab = await stage.open("/shoes", page(links))
    await stage.seen("page_view /shoes")
    await tab.click("#file", button=button)
    await tab.click("#named", button=button)
    await stage.tells(
        *("page_view /shoes", "download /shoes", "download /shoes"), refuted=["outbound_link /shoes", "download /shoes"]
    )
    paths = {urlsplit(download.props["url"]).path for download in await stage.told("download")}
    assert paths == {"/prices.pdf", "/export"}


@pytest.mark.quick
async def test_form(stage: Stage) -> None:
    """A form that is sent tells its fields' names and no value, and is sent"""
    tab = await stage.open("/shoes", page(FORM))
    await stage.seen("page_view /shoes")
    await tab.click("#go")
    events = await stage.tells(
        *("page_view /shoes", "form_submit /shoes", "leave /shoes", "page_view /account"),
        refuted=["form_submit /shoes"],
    )
    (sent,) = await stage.told("form_submit")
    assert sent.props == {"form": "login", "fields": ["person", "code"]}
    assert stage.site.posted == ["person=Ada+Example&code=open-sesame"]
    assert not [event for event in events if b"Ada" in encode_record(event) or b"sesame" in encode_record(event)]


async def test_search(stage: Stage) -> None:
    """A search by the parameter that the site names, once"""
    tab = await stage.open("/search?q=trail+shoes", page(tag='defer data-search="q"'))
    await stage.seen("page_view /search")
    await tab.hide()
    await stage.tells(
        *("page_view /search", "search /search", "leave /search"), refuted=["search /search", "not_found /search"]
    )
    (search,) = await stage.told("search")
    assert search.props == {"term": "trail shoes"}


async def test_not_found(stage: Stage) -> None:
    """A page that was answered 404, and not where it goes from there"""
    tag = 'defer data-status="404"' if stage.browser.engine == WEBKIT else "defer"  # which keeps the status to itself
    tab = await stage.open("/lost", Page(script=FULL_SCRIPT, status=404, tag=tag))
    await stage.seen("not_found /lost")
    await tab.do("history.pushState({}, '', '/found')")
    await stage.tells(
        *("page_view /lost", "not_found /lost", "leave /lost", "page_view /found"),
        refuted=["not_found /lost", "not_found /found"],
    )


async def test_declared(stage: Stage) -> None:
    """Elements that are marked: event, properties, interest"""
    tab = await stage.open("/shoes", page(MARKED))
    await stage.seen("page_view /shoes")
    for selector in ("#plain", "#buy b", "#read"):
        await tab.click(selector)
    await stage.tells(
        "page_view /shoes", "add_to_cart /shoes", "interest /shoes", refuted=["add_to_cart /shoes", "interest /shoes"]
    )
    ((added,), (interest,)) = await stage.told("add_to_cart"), await stage.told("interest")
    assert added.props == {"product": "trail-runner", "price": "129.9"}
    assert interest.props == {"category": "shoes"}


async def test_before_send(stage: Stage) -> None:
    """beforeSend edits events, or drops them"""
    stage.keeps_all = False
    tab = await stage.open("/shoes", page())
    await stage.seen("page_view /shoes")
    await tab.do(EDITED, "wakeline('event', 'noise')", "wakeline('event', 'signal', {strength: 3})")
    await stage.tells("page_view /shoes", "signal /shoes", refuted=["noise /shoes", "signal /shoes"])
    (signal,) = await stage.told("signal")
    assert signal.props == {"strength": 3, "edited": True}


async def test_verbs(stage: Stage) -> None:
    """A verb of a shop is an event of that name"""
    tab = await stage.open("/shoes", page())
    await tab.do("wakeline('purchase', {order: 'A-1001', items: [{product: 'trail-runner'}], currency: 'EUR'})")
    await stage.tells("page_view /shoes", "purchase /shoes", refuted=["purchase /shoes"])
    (purchase,) = await stage.told("purchase")
    assert purchase.props == {"order": "A-1001", "items": [{"product": "trail-runner"}], "currency": "EUR"}


async def test_core_tells_no_actions(stage: Stage) -> None:
    """The core script tells none of these"""
    stage.site.pages["/prices.pdf"] = STAYS
    tab = await stage.open("/shoes", Page(body='<a id="file" href="/prices.pdf">prices</a>' + MARKED))
    await stage.seen("page_view /shoes")
    for selector in ("#file", "#buy b", "#read"):
        await tab.click(selector)
    await stage.tells("page_view /shoes", refuted=["download /shoes", "add_to_cart /shoes", "interest /shoes"])


# What an engine measures besides FCP, TTFB and the server's share, on a page that shifts nothing.
VITALS = {CHROMIUM: {"lcp", "inp", "cls"}, FIREFOX: {"lcp", "inp"}, WEBKIT: set()}
VITALS_SCRIPT = '<script defer src="{collector}/wakeline.vitals.js"></script>'


async def test_vitals(stage: Stage) -> None:
    """The vitals script tells what its engine measures, with the path of the page, once it is hidden"""
    tab = await stage.open("/shoes", Page(head=VITALS_SCRIPT, body="<button>Buy</button>"))
    await stage.seen("page_view /shoes")
    await tab.click("button")
    await tab.hide()
    (event,) = await stage.seen("web_vitals /shoes")
    assert event.props["path"] == "/shoes"
    metrics = VITALS[stage.browser.engine] | {"fcp", "ttfb"}
    ratings = {f"{metric}_rating" for metric in metrics}
    assert {name for name in event.props if name.endswith("_rating")} == ratings
    assert event.props["server_ms"] <= event.props["ttfb_ms"] <= event.props["fcp_ms"]
    await tab.show()
    await tab.hide()
    await stage.tells(
        "page_view /shoes",
        "leave /shoes",
        "web_vitals /shoes",
        "ping /shoes",
        "leave /shoes",
        refuted=["web_vitals /shoes"],
    )
