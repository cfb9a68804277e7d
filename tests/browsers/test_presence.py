"""Presence: pages that are shown, hidden, restored or closed."""

from __future__ import annotations

import time

import pytest

from tests.browsers.site import Page
from tests.browsers.stage import Stage

LINK = '<a id="next" href="/cart">next</a>'
CLOSED = 6
PRERENDER = (
    """<script type="speculationrules">{"prerender": [{"urls": ["/cart"], "eagerness": "immediate"}]}</script>"""
)


@pytest.mark.quick
async def test_background(stage: Stage) -> None:
    """A tab that is covered is left; shown again it gives a sign of life, and no view"""
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await tab.hide()
    await stage.seen("leave /shoes")
    await stage.quiet()
    await tab.show()
    events = await stage.tells("page_view /shoes", "leave /shoes", "ping /shoes", refuted=["page_view /shoes"])
    assert len({event.page for event in events}) == 1


async def test_routed_in_the_background(stage: Stage) -> None:
    """A route that changes while the tab is covered is viewed once it is shown"""
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await tab.hide()
    await stage.seen("leave /shoes")
    await tab.do("history.pushState({}, '', '/cart')")
    await stage.quiet()
    assert await stage.told("page_view /cart") == []
    await tab.show()
    await stage.tells("page_view /shoes", "leave /shoes", "page_view /cart", refuted=["ping /shoes", "page_view /cart"])


@pytest.mark.quick
async def test_restored(stage: Stage) -> None:
    """A page from the back/forward cache is a new page view"""
    tab = await stage.open("/shoes", Page(body=LINK))
    await stage.seen("page_view /shoes")
    await tab.click("#next")
    await stage.seen("page_view /cart")
    await tab.back()
    events = await stage.tells(
        *("page_view /shoes", "leave /shoes", "page_view /cart", "leave /cart", "page_view /shoes"),
        refuted=["ping /shoes", "leave /shoes", "page_view /cart"],
    )
    assert len({event.page for event in events}) == 3
    assert stage.site.restored == ["/shoes"]
    assert stage.site.served == ["/shoes", "/cart"]


@pytest.mark.needs("prerender")
@pytest.mark.quick
async def test_prerendered(stage: Stage) -> None:
    """A prerendered page is nothing before it is shown, then one view"""
    tab = await stage.open("/shoes", Page(head=PRERENDER, body=LINK))
    await stage.until(lambda: "/cart" in stage.site.served, "the next page is prerendered")
    await stage.quiet()
    assert await stage.told("page_view /cart") == []
    await tab.click("#next")
    await stage.tells(
        "page_view /shoes", "leave /shoes", "page_view /cart", refuted=["page_view /cart", "leave /cart", "ping /cart"]
    )
    assert stage.site.served == ["/shoes", "/cart"]
    assert await tab.ask("performance.getEntriesByType('navigation')[0].activationStart") > 0


async def test_closed(stage: Stage) -> None:
    """Tabs that are closed say goodbye"""
    for number in range(CLOSED):
        tab = await stage.open(f"/shoes{number}")
        await stage.seen(f"page_view /shoes{number}")
        await stage.close(tab)
    views = [f"page_view /shoes{number}" for number in range(CLOSED)]
    leaves = [f"leave /shoes{number}" for number in range(CLOSED)]
    await stage.tells(*views, *leaves, refuted=[*leaves, "ping /shoes0"])


async def test_closed_with_consent(stage: Stage) -> None:
    """And where the visitor allows it to be stored no more is said"""
    stage.site.page = Page(tag='defer data-consent="full"')
    expected = []
    for number in range(CLOSED):
        tab = await stage.open(f"/shoes{number}")
        await stage.seen(f"page_view /shoes{number}")
        await stage.close(tab)
        expected += [f"page_view /shoes{number}", f"leave /shoes{number}"]
    await stage.open("/cart")
    await stage.tells(*expected, "page_view /cart", refuted=[*expected, "ping /shoes0"])


@pytest.mark.needs("freeze")
async def test_frozen(stage: Stage) -> None:
    """A frozen page was left before, and lives on when it is thawed"""
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await tab.hide()
    await stage.seen("leave /shoes")
    await stage.quiet()
    await tab.freeze()
    await stage.tells("page_view /shoes", "leave /shoes", refuted=["ping /shoes", "leave /shoes"])
    await tab.show()
    await stage.tells("page_view /shoes", "leave /shoes", "ping /shoes", refuted=["page_view /shoes"])


async def test_engaged_time(stage: Stage) -> None:
    """Engaged time stands still while the tab is covered"""
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await tab.run("new Promise((done) => setTimeout(done, 500))")
    await tab.hide()
    await stage.seen("leave /shoes")
    hidden = time.monotonic()
    await stage.quiet()
    hidden_ms = (time.monotonic() - hidden) * 1_000
    await tab.show()
    await stage.seen("ping /shoes")
    await tab.hide()
    expected = ["page_view /shoes", "leave /shoes", "ping /shoes", "leave /shoes"]
    await stage.tells(*expected, refuted=["page_view /shoes", "engaged /shoes"])
    first, second = await stage.told("leave /shoes")
    assert first.engaged_ms >= 500
    assert second.engaged_ms < hidden_ms
