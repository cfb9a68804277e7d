"""Delivery: nothing lost, nothing counted twice."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.browser import CHROMIUM, FIREFOX, WEBKIT, Tab, running_browser
from tests.browsers.counted import counted
from tests.browsers.link import State
from tests.browsers.site import OWN_SCRIPT, STAYS, Page
from tests.browsers.stage import Stage, staged

FULL = Page(tag='defer data-consent="full"')
OWN = Page(script=OWN_SCRIPT, tag='defer data-consent="full" data-endpoint="{collector}/v1/events"')
BACKOFF_S = 40.0  # the collector asks for 2 to 8 s, and senders add up to as much again
NOTED = """const real = fetch, answers = [], waits = [];
fetch = async (...call) => {
  const asked = performance.now(), answer = await real(...call);
  answers.push([asked, answer.status, answer.headers.get("retry-after")]);
  return answer;
};
const timer = setTimeout;
setTimeout = (run, ms, ...rest) => (waits.push(ms || 0), timer(run, ms, ...rest));"""
YEAR_S = 31_536_000
HOUR_MS = 3_600_000
BOTH = "/first[^]*second/.test(localStorage['wakeline.queue'])"
WRONG = "wrong" * 13  # a longer name than an event may have
NO_STORAGE: dict[str, tuple[tuple[str, ...], dict[str, bool]]] = {
    CHROMIUM: (("--disable-local-storage",), {}),
    FIREFOX: ((), {"dom.storage.enabled": False}),
    WEBKIT: (("--enable-html5-local-storage=false",), {}),
}


async def offline(tab: Tab, is_offline: bool) -> None:
    """What WebKit cannot be told it finds out by itself: the link is cut besides."""
    if tab.browser.engine != WEBKIT:
        await tab.offline(is_offline)


@pytest.mark.parametrize("lost", [State.LOSES_REQUESTS, State.LOSES_ANSWERS], ids=["no request", "no answer"])
async def test_killed(own_stage: Stage, redis_server: Any, lost: State) -> None:
    """Killed while it sends; the next page sends that again, and it counts once"""
    stage = own_stage
    tab = await stage.open("/shoes", FULL)
    await stage.seen("page_view /shoes")
    await stage.quiet()
    stage.link.set(lost)
    await tab.do("wakeline('event', 'add_to_cart', {items: [{item_id: 'trail-runner'}]})")
    await stage.until(lambda: stage.link.lost, "the event is on its way")
    await tab.crash()
    stage.link.set(State.WHOLE)
    await stage.open("/cart", FULL)
    events = await stage.tells(
        "page_view /shoes", "add_to_cart /shoes", "page_view /cart", refuted=["add_to_cart /shoes", "page_view /shoes"]
    )
    assert len({event.visitor for event in events}) == 1
    ledger = await counted(stage, redis_server)
    assert ledger["applied"] == 3
    assert bool(ledger["duplicate"]) is (lost is State.LOSES_ANSWERS)


@pytest.mark.quick
async def test_offline(stage: Stage, redis_server: Any) -> None:
    """Offline, closed, opened again, online: each event is counted once"""
    stage.site.page = OWN
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await stage.quiet()
    stage.link.set(State.CUT)
    await offline(tab, True)
    await tab.do("wakeline('event', 'add_to_cart')")
    await stage.quiet()
    await stage.close(tab)
    tab = await stage.open("/cart")
    await offline(tab, True)
    await stage.quiet()
    assert len(await stage.log()) == 1
    stage.link.set(State.WHOLE)
    await offline(tab, False)
    await stage.seen("add_to_cart /shoes", within=BACKOFF_S)
    await stage.tells(
        *("page_view /shoes", "add_to_cart /shoes", "leave /shoes", "page_view /cart"),
        refuted=["page_view /shoes", "add_to_cart /shoes", "leave /shoes", "page_view /cart"],
    )
    ledger = await counted(stage, redis_server)
    assert ledger["applied"] == 4
    assert "wakeline.queue" not in await tab.stored()


@pytest.mark.quick
async def test_two_tabs(stage: Stage, redis_server: Any) -> None:
    """Two tabs with one queue: each event is counted once"""
    stage.site.page = OWN
    one = await stage.onto(await stage.browser.window(), "/shoes")
    await stage.seen("page_view /shoes")
    await stage.quiet()
    stage.link.set(State.CUT)
    await one.do("wakeline('event', 'first')")
    two = await stage.onto(await stage.browser.window(), "/cart")
    await two.do("wakeline('event', 'second')")
    await two.run(f"new Promise((done) => {{ const look = () => {BOTH} ? done() : setTimeout(look, 20); look() }})")
    await stage.quiet()
    stage.link.set(State.WHOLE)
    for tab in (one, two):
        assert await tab.run("document.hidden") is False
        await tab.do("dispatchEvent(new Event('online'))")
    await stage.tells(
        *("page_view /shoes", "first /shoes", "page_view /cart", "second /cart"),
        refuted=["first /shoes", "second /cart"],
    )
    assert (await counted(stage, redis_server))["applied"] == 4


async def test_file_meanwhile(stage: Stage) -> None:
    """A link to a file, followed while an event is on its way, holds up nothing that comes after"""
    stage.site.pages["/prices.pdf"] = STAYS
    tab = await stage.open("/shoes", replace(FULL, body='<a href="/prices.pdf">prices</a>'))
    await stage.seen("page_view /shoes")
    await stage.quiet()
    stage.link.set(State.LOSES_REQUESTS)
    await tab.do("wakeline('event', 'before')")
    await stage.until(lambda: stage.link.lost, "the event is on its way")
    await tab.click("a")
    await stage.until(lambda: "/prices.pdf" in stage.site.served, "the link is followed")
    stage.link.set(State.WHOLE)
    await tab.do("wakeline('event', 'after')")
    await stage.seen("after /shoes", within=BACKOFF_S)
    signs = ["ping /shoes"] * len(await stage.told("ping /shoes"))
    await stage.tells(
        "page_view /shoes", "before /shoes", "after /shoes", *signs, refuted=["page_view /shoes", "before /shoes"]
    )


WORKER = """addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => event.respondWith(fetch(event.request).catch(() => Response.error())));"""
CONTROLLED = """new Promise((done) => {
  navigator.serviceWorker.oncontrollerchange = done;
  navigator.serviceWorker.register("/worker.js");
})"""


async def test_service_worker(stage: Stage) -> None:
    """Through the site's own service worker, over an outage"""
    stage.site.scripts["/worker.js"] = WORKER
    tab = await stage.open("/shoes", FULL)
    await tab.do(f"await {CONTROLLED}")
    await stage.seen("page_view /shoes")
    stage.link.set(State.CUT)
    await tab.do("wakeline('event', 'before')")
    await stage.quiet()
    stage.link.set(State.WHOLE)
    await tab.do("wakeline('event', 'after')")
    await stage.tells(
        *("page_view /shoes", "before /shoes", "after /shoes"), refuted=["page_view /shoes", "before /shoes"]
    )


@pytest.mark.quick
async def test_503(stage: Stage) -> None:
    """503 with Retry-After, then 202: sent again, not before"""
    stage.collector.log.is_away = True
    tab = await stage.open("/shoes", Page(first=NOTED + "Math.random = () => 0;"))
    await stage.until(lambda: stage.collector.parts.metrics.requests[503], "the collector answers 503")
    stage.collector.log.is_away = False
    await stage.seen("page_view /shoes", within=BACKOFF_S)
    await stage.tells("page_view /shoes", refuted=["page_view /shoes"])
    (first, status, seconds), (second, then, _) = await tab.run("answers")
    assert (status, then) == (503, 202)
    assert second - first >= int(seconds) * 1_000


async def test_retry_after_too_long(stage: Stage) -> None:
    """A Retry-After of a year means two hours at most, which the network's coming back ends"""
    stage.collector.log.is_away = True
    stage.link.alter_answer = lambda data: re.sub(rb"(?i)(retry-after:) *\d+", rb"\1 " + str(YEAR_S).encode(), data)
    tab = await stage.open("/shoes", Page(first=NOTED))
    await stage.until(lambda: stage.collector.parts.metrics.requests[503], "the collector answers 503")
    stage.collector.log.is_away = False
    await stage.quiet()
    assert await stage.log() == []
    assert 10_000 < await tab.run("Math.max(...waits)") <= 2 * HOUR_MS
    await tab.do("dispatchEvent(new Event('online'))")
    await stage.tells("page_view /shoes", refuted=["page_view /shoes"])


# Every field that Google Analytics 4 has for an item, though not each item has all of them.
ITEM = {"item_id": "SKU-10425-44", "item_name": "Trail Runner GTX", "item_brand": "Alpina", "item_variant": "blue"}
ITEM |= {"item_category": "Shoes", "index": 1, "price": 129.9, "quantity": 1}
ITEMS = [
    ITEM | {"item_category2": "Trail", "item_category3": "Men", "item_category4": "GTX", "item_category5": "Sale"},
    ITEM | {"item_list_id": "sale", "item_list_name": "Sale", "affiliation": "Web", "coupon": "MAY", "discount": 12.5},
    ITEM | {"location_id": "ChIJIQBpAG2ahYAR_6128GcTUEo", "coupon": "MAY", "discount": 12.5},
]
ORDER = {"transaction_id": "A-1001", "value": 25_980.0, "currency": "EUR", "items": [*ITEMS * 67][:200]}
PURCHASE = f"wakeline('event', 'purchase', {json.dumps(ORDER)})"


@pytest.mark.quick
async def test_large(stage: Stage) -> None:
    """A purchase of 200 items arrives whole"""
    tab = await stage.open("/order")
    await stage.seen("page_view /order")
    await tab.do(PURCHASE, "wakeline('event', 'thanked')")
    await stage.tells("page_view /order", "purchase /order", "thanked /order", refuted=["purchase /order"])
    (purchase,) = await stage.told("purchase")
    assert purchase.props == ORDER


async def test_large_and_closed(stage: Stage) -> None:
    """Also when the tab is closed at once; a goodbye that Firefox cuts off twice the next page sends"""
    consent = "full" if stage.browser.engine == FIREFOX else "anonymous"
    stage.site.page = Page(tag=f'defer data-consent="{consent}"')
    tab = await stage.open("/order")
    await stage.seen("page_view /order")
    await tab.do(PURCHASE)
    await stage.close(tab)
    await stage.open("/shoes")
    await stage.tells(
        *("page_view /order", "purchase /order", "leave /order", "page_view /shoes"),
        refuted=["purchase /order", "leave /order"],
    )
    (purchase,) = await stage.told("purchase")
    assert purchase.props == ORDER


async def test_large_after_an_outage(stage: Stage) -> None:
    """Also after an outage, from the page that told it: above 10,000 characters nothing is stored"""
    stage.site.page = OWN
    tab = await stage.open("/order")
    await stage.seen("page_view /order")
    await stage.quiet()
    stage.link.set(State.CUT)
    await tab.do(PURCHASE)
    await stage.quiet()
    stage.link.set(State.WHOLE)
    await stage.seen("purchase /order", within=BACKOFF_S)
    await stage.tells("page_view /order", "purchase /order", refuted=["purchase /order", "leave /order"])
    (purchase,) = await stage.told("purchase")
    assert purchase.props == ORDER


async def test_400(stage: Stage) -> None:
    """A 400 is final, and does not hold up what follows"""
    stage.keeps_all = False
    stage.refusals = {"bad_event": 1}
    stage.site.page = FULL
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await stage.quiet()
    await tab.do(f"wakeline('event', '{WRONG}')")
    await stage.until(lambda: stage.collector.parts.metrics.requests[400], "the collector answers 400")
    await tab.do("wakeline('event', 'right')")
    await stage.seen("right /shoes")
    await tab.goto(stage.site.url + "/cart")
    await stage.tells(
        "page_view /shoes",
        "right /shoes",
        "leave /shoes",
        "page_view /cart",
        refuted=[f"{WRONG} /shoes", "right /shoes"],
    )
    assert stage.collector.parts.metrics.requests[400] == 1


LARGE = "wakeline('event', 'seen', {items: Array(9).fill({text: 'x'.repeat(1000)})})"
MANY = 220  # of these are more than the browser keeps in its storage


async def test_storage_has_room(stage: Stage) -> None:
    """An outage leaves the site its room in the storage, and what does not lie there arrives too"""
    tab = await stage.open("/shoes", FULL)
    await stage.seen("page_view /shoes")
    await stage.quiet()
    stage.link.set(State.CUT)
    await tab.do(f"(() => {{ for (let i = 0; i < {MANY}; i++) {LARGE} }})()")
    assert await tab.run("localStorage['wakeline.queue'].length") <= 2_000_000
    await tab.do("localStorage.cart = 'x'.repeat(2e6)")
    stage.link.set(State.WHOLE)
    await stage.seen("seen /shoes", MANY, within=BACKOFF_S)
    signs = ["ping /shoes"] * len(await stage.told("ping /shoes"))
    await stage.tells("page_view /shoes", *["seen /shoes"] * MANY, *signs, refuted=["seen /shoes"])


async def test_storage_cleared(stage: Stage) -> None:
    """A logout that clears the storage at once and goes on takes nothing away"""
    stage.site.pages["/bye"] = Page(scripts=0)
    tab = await stage.open("/shoes", FULL)
    await stage.seen("page_view /shoes")
    await tab.do("(wakeline('event', 'logout'), localStorage.clear(), location = '/bye')")
    events = await stage.tells(
        *("page_view /shoes", "logout /shoes", "leave /shoes"), refuted=["logout /shoes", "leave /shoes"]
    )
    assert len({event.visitor for event in events}) == 1


async def test_no_storage(engine: str, tmp_path: Path) -> None:
    """Without localStorage all is as ever, for as long as the page lives"""
    flags, prefs = NO_STORAGE[engine]
    async with running_browser(engine, *flags, prefs=prefs) as browser, staged(browser, tmp_path) as stage:
        tab = await stage.open("/shoes", FULL)
        assert await tab.run("localStorage") is None
        await stage.seen("page_view /shoes")
        await tab.do("wakeline('event', 'click')")
        await stage.seen("click /shoes")
        await tab.do("history.pushState({}, '', '/cart')")
        events = await stage.tells(
            *("page_view /shoes", "click /shoes", "leave /shoes", "page_view /cart"), refuted=["page_view /shoes"]
        )
        assert len({event.visitor for event in events}) == 1


@pytest.mark.quick
async def test_forbidden_storage(stage: Stage) -> None:
    """Where localStorage throws, the same, and what failed is sent again"""
    page = Page(tag='defer data-consent="full"', headers={"Content-Security-Policy": "sandbox allow-scripts"})
    tab = await stage.open("/shoes", page)
    assert await tab.run("(() => { try { return !localStorage } catch { return 'throws' } })()") == "throws"
    await stage.seen("page_view /shoes")
    await stage.quiet()
    stage.link.set(State.CUT)
    await tab.do("wakeline('event', 'click')")
    await stage.quiet()
    assert await stage.told("click /shoes") == []
    stage.link.set(State.WHOLE)
    events = await stage.tells("page_view /shoes", "click /shoes", refuted=["page_view /shoes", "click /shoes"])
    assert len({event.visitor for event in events}) == 1


async def test_forbidden_storage_in_the_background(stage: Stage) -> None:
    """There too a page that was covered goes on under its id, and is not viewed again"""
    page = Page(tag='defer data-consent="full"', headers={"Content-Security-Policy": "sandbox allow-scripts"})
    tab = await stage.open("/shoes", page)
    await stage.seen("page_view /shoes")
    await tab.hide()
    await stage.seen("leave /shoes")
    await tab.show()
    events = await stage.tells(
        *("page_view /shoes", "leave /shoes", "ping /shoes"), refuted=["page_view /shoes", "leave /shoes"]
    )
    assert len({event.visitor for event in events}) == 1
