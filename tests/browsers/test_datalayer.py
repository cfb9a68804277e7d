"""Data layers: the events that shops already push for Google Analytics."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.children import ROOT
from tests.browsers.site import Page
from tests.browsers.stage import Stage
from tests.browsers.test_pages import PROTOTYPE
from tests.browsers.test_routers import until
from wakeline.commerce import AMOUNTS, QUANTITY
from wakeline.record import Event

SCRIPT = '<script defer src="{collector}/wakeline.datalayer.js"></script>'
GTAG = "window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments) }"
QUICK = "woocommerce_gtm4wp"
SHAPES = [
    pytest.param(path.read_text(), id=path.stem, marks=[pytest.mark.quick] if path.stem == QUICK else [])
    for path in sorted((ROOT / "snippet/test/shapes").glob("*.json"))
]
MAX_MS = 1_000


def code(said: dict[str, Any]) -> str:
    """The push, as a page writes it."""
    if "gtag" in said:
        return f"gtag({', '.join(map(json.dumps, said['gtag']))});"
    return f"dataLayer.push({json.dumps(said['push'])});"


def purchase(id: str) -> str:
    order = {"transaction_id": id, "value": "129.90", "currency": "EUR"}
    return code({"push": {"event": "purchase", "ecommerce": order}})


def as_stored(props: dict[str, Any]) -> dict[str, Any]:
    """With amounts and quantities as numbers, as the collector makes them of what a page says."""
    stored: dict[str, Any] = {}
    for name, value in props.items():
        if isinstance(value, list):
            stored[name] = [as_stored(item) for item in value]
        else:
            stored[name] = float(value) if name in AMOUNTS | {QUANTITY} else value
    return stored


def orders(events: list[Event]) -> list[object]:
    return [(event.props or {}).get("transaction_id") for event in events]


@pytest.mark.parametrize("shape", SHAPES)
async def test_shop(stage: Stage, shape: str) -> None:
    """What a plug-in pushes is told as it is, once, and nothing personal leaves the page"""
    sent: list[bytes] = []

    def noted(data: bytes) -> bytes:
        sent.append(data)
        return data

    stage.link.alter_request = noted
    said = json.loads(shape)
    pushes = [code(each) for each in said["pushes"]]
    half = len(pushes) // 2
    tab = await stage.open("/shoes", Page(first=GTAG + "".join(pushes[:half]), head=SCRIPT))
    await until(tab, "Object.hasOwn(dataLayer, 'push')")
    await tab.do(*(each.rstrip(";") for each in pushes[half:]))
    expected = [f"{type} /shoes" for type, _ in said["told"]]
    await stage.tells("page_view /shoes", *expected, refuted=["purchase /shoes", "login /shoes", "add_to_cart /shoes"])
    told = [event for event in await stage.events() if event.type != "page_view"]
    assert [(event.type, event.props) for event in sorted(told, key=lambda event: event.n)] == [
        (type, as_stored(props)) for type, props in said["told"]
    ]
    assert b"/shoes" in b"".join(sent)
    assert b"personal" not in b"".join(sent)


# Tag managers replace `push` by one that calls the former, and keep 300 entries.
MANAGER = """
{ const former = dataLayer.push;
  dataLayer.push = function (...entries) {
    const result = former.apply(dataLayer, entries);
    while (dataLayer.length > 300) dataLayer.shift();
    return result;
  }; }
"""


async def test_once(stage: Stage) -> None:
    """Two tag managers on the layer, one before and one after the script, which is loaded twice: told once"""
    tab = await stage.open("/shoes", Page(first=GTAG + purchase("early") + MANAGER, head=SCRIPT * 2))
    await stage.seen("purchase /shoes")
    await tab.do(f"(() => {{{MANAGER}}})()", purchase("late").rstrip(";"))
    await stage.tells("page_view /shoes", *["purchase /shoes"] * 2, refuted=["purchase /shoes"])
    assert sorted(map(str, orders(await stage.told("purchase")))) == ["early", "late"]


async def test_replaced(stage: Stage) -> None:
    """A script that makes a new layer, or replaces push without calling the former, loses nothing"""
    tab = await stage.open("/shoes", Page(first=GTAG + purchase("early"), head=SCRIPT))
    await stage.seen("purchase /shoes")
    await tab.do("window.dataLayer = dataLayer.slice()", purchase("new layer").rstrip(";"))
    await stage.seen("purchase /shoes", 2)
    await tab.do("dataLayer.push = Array.prototype.push", purchase("new push").rstrip(";"))
    await stage.tells("page_view /shoes", *["purchase /shoes"] * 3, refuted=["purchase /shoes"])


async def test_leaving(stage: Stage) -> None:
    """What is pushed as the page is left arrives, even past our push"""
    stage.site.pages["/thanks"] = Page(scripts=0)
    tab = await stage.open("/shoes", Page(first=GTAG, head=SCRIPT))
    await stage.seen("page_view /shoes")
    await tab.do(
        f"(() => {{{purchase('heard')} dataLayer.push = Array.prototype.push; {purchase('late')}"
        " location.href = '/thanks'; })()"
    )
    await stage.tells(
        *("page_view /shoes", "leave /shoes", "purchase /shoes", "purchase /shoes"), refuted=["purchase /shoes"]
    )


async def test_consent(stage: Stage) -> None:
    """Under off nothing is told, nor later; from the consent on everything"""
    page = Page(tag='defer data-consent="off"', first=GTAG + purchase("early"), head=SCRIPT, body="<main>Shoes</main>")
    tab = await stage.open("/shoes", page)
    await until(tab, "wakeline.q === 0 && Object.hasOwn(dataLayer, 'push')")
    await tab.click("main")  # ends the wait for the first view
    await tab.do(purchase("refused").rstrip(";"), "wakeline('consent', 'anonymous')", purchase("told").rstrip(";"))
    await stage.tells("page_view /shoes", "purchase /shoes", refuted=["purchase /shoes"])
    assert orders(await stage.told("purchase")) == ["told"]


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param(
            '<script async src="{collector}/wakeline.datalayer.js" data-layer="shopLayer"></script>', id="async"
        ),
        pytest.param(
            '<script type="module" src="{collector}/wakeline.datalayer.js" data-layer="shopLayer"></script>',
            id="module",
        ),
        pytest.param('<script src="{collector}/wakeline.datalayer.js?layer=shopLayer"></script>', id="by its URL"),
    ],
)
async def test_layer(stage: Stage, tag: str) -> None:
    """Another layer, named by the tag, under a strict policy"""
    policy = "script-src 'nonce-abc'; connect-src {collector} {site}"
    page = Page(
        first="window.shopLayer = []; window.dataLayer = [{event: 'login'}];" + purchase("A-1").replace("data", "shop"),
        head=tag.replace("<script", '<script nonce="abc"'),
        nonce="abc",
        headers={"Content-Security-Policy": policy},
    )
    await stage.open("/shoes", page)
    await stage.tells("page_view /shoes", "purchase /shoes", refuted=["login /shoes", "purchase /shoes"])


HOSTILE = """
const theirs = () => { throw new Error("theirs") };
const trap = new Proxy({}, {get: theirs, has: theirs, ownKeys: theirs});
dataLayer.push(null, undefined, 7, "purchase", 7n, Symbol(), theirs, [], document, window, trap);
dataLayer.push(Object.defineProperty({}, "event", {get: theirs}), {event: {toString: theirs}});
dataLayer.push(Object.freeze({event: "x"}));
dataLayer.push({event: "purchase", ecommerce: Object.defineProperty({}, "value", {get: theirs, enumerable: true})});
gtag("event", "purchase", trap); gtag("event"); gtag(trap); gtag();
"""


async def test_hostile(stage: Stage) -> None:
    """Pushes that throw, freeze or are no events, and elements of the layer's name, do no harm"""
    elements = '<form id="wakelineDataLayer"></form><img name="currentScript" data-layer="theirs" alt="">'
    tab = await stage.open("/shoes", Page(first=GTAG + HOSTILE, head=SCRIPT, body=elements))
    await until(tab, "Object.hasOwn(dataLayer, 'push')")
    await tab.do(f"(() => {{{HOSTILE}}})()", f"(() => {{{purchase('A-1001')}}})()")
    await stage.tells("page_view /shoes", "purchase /shoes", refuted=["x /shoes", "purchase /shoes"])


async def test_many(stage: Stage) -> None:
    """Ten thousand pushes, before and after, cost the page less than a second and are queued in order"""
    many = "for (let n = 0; n < 10_000; n++) dataLayer.push({event: 'view_item', ecommerce: {items: [{item_id: n}]}});"
    tab = await stage.open("/shoes", Page(scripts=0, first=GTAG + many, head=SCRIPT))
    await until(tab, "(window.wakeline?.q || []).length == 10_000")
    took = await tab.run(f"(() => {{ const began = performance.now(); {many} return performance.now() - began }})()")
    assert took < MAX_MS
    assert await tab.run("wakeline.q.map(([, , props]) => props.items[0].item_id).join()") == ",".join(
        map(str, [*range(10_000), *range(10_000)])
    )
    await stage.quiet()
    assert await stage.log() == []


async def test_prototype(stage: Stage) -> None:
    """A page with Prototype.js 1.6, which changes lists and how they are written, tells its items"""
    said = code({"push": {"event": "view_item", "ecommerce": {"items": [{"item_id": 42, "price": "129.90"}]}}})
    tab = await stage.open("/shoes", Page(first=PROTOTYPE + GTAG + said, head=SCRIPT))
    await stage.seen("view_item /shoes")
    await tab.do(said.rstrip(";"))
    await stage.tells("page_view /shoes", *["view_item /shoes"] * 2, refuted=["view_item /shoes"])
    told = [event.props for event in await stage.told("view_item")]
    assert told == [{"items": [{"item_id": 42, "price": 129.9}]}] * 2
