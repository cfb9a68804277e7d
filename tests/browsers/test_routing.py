"""Client-side navigation."""

from __future__ import annotations

import pytest

from tests.browsers.site import Page
from tests.browsers.stage import Stage

TALL = '<p style="height: 4000px">'


def push(to: str) -> str:
    return f"history.pushState({{}}, '', '{to}')"


def replace(to: str) -> str:
    return f"history.replaceState({{}}, '', '{to}')"


@pytest.mark.quick
async def test_history(stage: Stage) -> None:
    """pushState, back and replaceState to another path are page views"""
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await tab.do(push("/cart"))
    await stage.seen("page_view /cart")
    await tab.do(replace("/order"))
    await stage.seen("page_view /order")
    await tab.back()
    events = await stage.tells(
        *("page_view /shoes", "leave /shoes", "page_view /cart", "leave /cart", "page_view /order", "leave /order"),
        "page_view /shoes",
        refuted=["page_view /cart", "page_view /order", "leave /shoes", "ping /shoes"],
    )
    assert len({event.page for event in events}) == 4
    assert stage.site.served == ["/shoes"]


async def test_replaced_by_itself(stage: Stage) -> None:
    """replaceState to the same path is no navigation, a fragment neither"""
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await tab.do(replace("/shoes"), replace("/shoes?q=red"), replace("/shoes?q=blue#top"), push("#reviews"))
    await stage.tells("page_view /shoes", refuted=["page_view /shoes", "leave /shoes"])


@pytest.mark.quick
async def test_storm(stage: Stage) -> None:
    """A storm of 50 replaceStates is one view: where it settles"""
    tab = await stage.open("/step0")
    await stage.seen("page_view /step0")
    await tab.do("(() => { for (let i = 1; i <= 50; i++) history.replaceState({}, '', `/step${i}`) })()")
    refuted = [f"page_view /step{number}" for number in range(51)]
    await stage.tells("page_view /step0", "leave /step0", "page_view /step50", refuted=refuted)


@pytest.mark.parametrize("attribute", ["data-hash", 'data-hash="true"', 'data-hash="1"'])
async def test_hash(stage: Stage, attribute: str) -> None:
    """With data-hash the fragment is a route"""
    tab = await stage.open("/app#/", Page(tag=f"defer {attribute}"))
    await stage.seen("page_view /app#/")
    await tab.do("location.hash = '/true/1'")
    await stage.seen("page_view /app#/true/1")
    await tab.back()
    await stage.tells(
        *("page_view /app#/", "leave /app#/", "page_view /app#/true/1", "leave /app#/true/1", "page_view /app#/"),
        refuted=["page_view /app", "page_view /app#/true/1", "page_view /app#//1", "page_view /app#/true/"],
    )


@pytest.mark.parametrize("attribute", ["", 'data-hash="false"'], ids=["without it", "false"])
async def test_no_hash(stage: Stage, attribute: str) -> None:
    """Without data-hash it is not, and never leaves the browser"""
    tab = await stage.open("/app#/", Page(tag=f"defer {attribute}"))
    await stage.seen("page_view /app")
    await tab.do("location.hash = '/shoes/42'")
    await tab.hide()
    await stage.tells("page_view /app", "leave /app", refuted=["page_view /app#/shoes/42", "page_view /app"])


@pytest.mark.needs("Navigation API")
async def test_navigation_api(stage: Stage) -> None:
    """A navigation that the page intercepts is a page view"""
    intercept = """navigation.addEventListener("navigate", (event) => event.intercept({
      handler: async () => document.title = "Now " + new URL(event.destination.url).pathname}))"""
    tab = await stage.open("/shoes", Page(first=intercept))
    await stage.seen("page_view /shoes")
    await tab.do("navigation.navigate('/cart')")
    (view,) = await stage.seen("page_view /cart")
    assert view.title == "Now /cart"
    await tab.do("navigation.back()")
    await stage.tells(
        *("page_view /shoes", "leave /shoes", "page_view /cart", "leave /cart", "page_view /shoes"),
        refuted=["page_view /cart", "leave /cart"],
    )
    assert stage.site.served == ["/shoes"]


async def test_title(stage: Stage) -> None:
    """The title is read once the navigation has settled"""
    tab = await stage.open("/shoes", Page(title="Shoes"))
    await stage.seen("page_view /shoes")
    await tab.do(f"({push('/cart')}, setTimeout(() => document.title = 'Cart', 20))")
    _, _, view = sorted(
        await stage.tells("page_view /shoes", "leave /shoes", "page_view /cart", refuted=["page_view /cart"]),
        key=lambda event: event.path != "/shoes",
    )
    assert view.title == "Cart"


@pytest.mark.quick
async def test_engagement_of_a_route(stage: Stage) -> None:
    """Engaged time and scroll depth start over with each route"""
    tab = await stage.open("/shoes", Page(body=TALL))
    await stage.seen("page_view /shoes")
    await tab.run("new Promise((done) => (addEventListener('scroll', () => done(), {once: true}), scrollTo(0, 1e6)))")
    await tab.run("new Promise((done) => setTimeout(done, 1000))")
    await tab.do(f"(scrollTo(0, 0), {push('/cart')})")
    await stage.seen("page_view /cart")
    await tab.hide()
    await stage.tells(
        *("page_view /shoes", "leave /shoes", "page_view /cart", "leave /cart"), refuted=["engaged /shoes"]
    )
    ((shoes,), (cart,)) = await stage.told("leave /shoes"), await stage.told("leave /cart")
    assert shoes.scroll == 100
    assert cart.scroll < 50
    assert shoes.engaged_ms >= 1_000
    assert 0 < cart.engaged_ms < shoes.engaged_ms
