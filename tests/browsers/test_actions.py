"""The full script: additional events of a page view, and calls of a site; and the vitals script."""

from __future__ import annotations

import pytest

from tests.browser import CHROMIUM, FIREFOX, WEBKIT
from tests.browsers.site import FULL_SCRIPT, Page, full_page
from tests.browsers.stage import Stage

EDITED = """wakeline("beforeSend", (event) => {
  if (event.type == "noise") return;
  if (event.type == "signal") event.props = {...event.props, edited: true};
  return event;
})"""


async def test_search(stage: Stage) -> None:
    """A search by the parameter that the site names, once"""
    tab = await stage.open("/search?q=trail+shoes", full_page(tag='defer data-search="q"'))
    await stage.seen("page_view /search")
    await tab.hide()
    await stage.tells(
        *("page_view /search", "search /search", "leave /search"), refuted=["search /search", "not_found /search"]
    )
    (search,) = await stage.told("search")
    assert search.props == {"search_term": "trail shoes"}


async def test_search_by_any_name(stage: Stage) -> None:
    """A search by a parameter of any name, by the first of it that there is"""
    tag = 'defer data-search="suche[wörter]+1"'
    name = "suche%5Bw%C3%B6rter%5D%2B1"
    await stage.open(f"/search?{name}=trail+shoes&q=socks&{name}=hats", full_page(tag=tag))
    await stage.tells("page_view /search", "search /search", refuted=["search /search"])
    (search,) = await stage.told("search")
    assert search.props == {"search_term": "trail shoes"}


@pytest.mark.parametrize("tag", [pytest.param("defer", id="none"), pytest.param('defer data-search="q"', id="q")])
async def test_no_search(stage: Stage, tag: str) -> None:
    """No search where that parameter is empty or the site names none, whatever else there is; it names"""
    await stage.open("/shoes?undefined=1&null=1&=1&true=1&q=", full_page(tag=tag))
    await stage.tells("page_view /shoes", refuted=["search /shoes"])


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


async def test_before_send(stage: Stage) -> None:
    """beforeSend edits events, or drops them"""
    stage.keeps_all = False
    tab = await stage.open("/shoes", full_page())
    await stage.seen("page_view /shoes")
    await tab.do(EDITED, "wakeline('event', 'noise')", "wakeline('event', 'signal', {strength: 3})")
    await stage.tells("page_view /shoes", "signal /shoes", refuted=["noise /shoes", "signal /shoes"])
    (signal,) = await stage.told("signal")
    assert signal.props == {"strength": 3, "edited": True}


async def test_relative_url(stage: Stage) -> None:
    """An address that beforeSend makes a relative one is within the page's host, whatever its base is"""
    body = """<script>wakeline("beforeSend", (event) => {
      event.url = event.type == "signal" ? "signal?person=42" : "/masked";
      return event;
    })</script>"""
    page = full_page(body, tag='defer data-search="q"', head='<base href="{other}/base/">')
    tab = await stage.open("/shop/shoes", page)
    await tab.do("wakeline('event', 'signal')")
    await stage.tells("page_view /masked", "signal /signal", refuted=["page_view /shop/shoes", "signal /base/signal"])


# What the console is told stays in `said`.
HEARD = "window.said = []; console.log = (...what) => said.push(...what)"


async def test_before_send_throws(stage: Stage) -> None:
    """A beforeSend that throws drops events, refused in debug; nothing reaches the page, and a better one tells all"""
    stage.keeps_all = False
    body = """<script>wakeline("debug");
    wakeline("beforeSend", (event) => { throw new Error("no such order") })</script>"""
    tab = await stage.open("/shoes", full_page(body, first=HEARD))
    await tab.do("wakeline('event', 'noise')")
    told = "said.filter((what) => what?.refused).length > 1"  # the view and the noise
    await tab.run(f"new Promise((done) => setInterval(() => {told} && done(), 20))")
    await tab.do("wakeline('beforeSend', (event) => event)", "wakeline('event', 'signal')")
    await stage.tells("signal /shoes", refuted=["page_view /shoes", "noise /shoes"])


NO_EVENT = {"bad_event": 1}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("Promise.resolve(event)", id="a promise"),
        pytest.param("JSON.stringify(event)", id="a text"),
        pytest.param("true", id="true"),
        pytest.param("{}", id="an empty object"),
    ],
)
async def test_before_send_returns_no_event(stage: Stage, answer: str) -> None:
    """A beforeSend that returns something else loses that event, on the page or at the collector, and no other"""
    stage.keeps_all = False
    tab = await stage.open("/shoes", full_page())
    await stage.seen("page_view /shoes")
    await tab.do(
        f"wakeline('beforeSend', (event) => event.type == 'noise' ? {answer} : event)",
        "(wakeline('event', 'before'), wakeline('event', 'noise'), wakeline('event', 'after'))",
    )
    told = ["page_view /shoes", "before /shoes", "after /shoes"]
    await stage.tells(*told, refuted=["noise /shoes"])
    stage.refusals = NO_EVENT if stage.collector.rejected() else {}


async def test_before_send_deletes(stage: Stage) -> None:
    """A beforeSend that deletes properties tells the rest; without an address the event is lost, and no other"""
    stage.keeps_all = False
    tab = await stage.open("/shoes", full_page())
    await stage.seen("page_view /shoes")
    await tab.do(
        """wakeline('beforeSend', (event) => {
          if (event.type == 'noise') delete event.url;
          delete event.props;
          return event;
        })""",
        "(wakeline('event', 'noise', {strength: 3}), wakeline('event', 'signal', {strength: 3}))",
    )
    (_, signal) = await stage.tells(
        "page_view /shoes", "signal /shoes", refuted=["noise /undefined", "noise /shoes", "noise /"]
    )
    assert signal.props == {}
    stage.refusals = NO_EVENT if stage.collector.rejected() else {}


async def test_verbs(stage: Stage) -> None:
    """A verb of a shop is an event of that name"""
    tab = await stage.open("/shoes", full_page())
    await tab.do(
        "wakeline('purchase', {transaction_id: 'A-1001', items: [{item_id: 'trail-runner'}], currency: 'EUR'})"
    )
    await stage.tells("page_view /shoes", "purchase /shoes", refuted=["purchase /shoes"])
    (purchase,) = await stage.told("purchase")
    assert purchase.props == {"transaction_id": "A-1001", "items": [{"item_id": "trail-runner"}], "currency": "EUR"}


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
