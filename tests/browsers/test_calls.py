"""Calls that a site makes."""

from __future__ import annotations

import json

import pytest

from tests.browsers.site import Page
from tests.browsers.stage import Stage
from tests.collector_stand import SECRET
from wakeline.identity import customer_id, signature

FULL = Page(tag='defer data-consent="full"')
CUSTOMER = "customer-1042"


def identify(id: str, signed: str) -> str:
    return f"wakeline('identify', '{id}', {{signature: '{signed}'}})"


@pytest.mark.quick
async def test_event(stage: Stage) -> None:
    """A custom event keeps its properties; those that follow one another share a request"""
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes")
    await stage.quiet()
    before = stage.collector.parts.metrics.requests[202]
    items = [{"item_id": "trail-runner", "item_category": "shoes", "quantity": 1}]
    props = {"transaction_id": "A-1001", "value": 129.9, "items": items, "gift": None}
    await tab.do(f"(wakeline('event', 'purchase', {json.dumps(props)}), wakeline('event', 'thanked'))")
    await stage.tells(
        "page_view /shoes", "purchase /shoes", "thanked /shoes", refuted=["purchase /shoes", "leave /shoes"]
    )
    ((purchase,), (thanked,)) = await stage.told("purchase"), await stage.told("thanked")
    assert (purchase.props, thanked.props) == (props, {})
    assert stage.collector.parts.metrics.requests[202] == before + 1


async def test_identify(stage: Stage) -> None:
    """Identify with the site's signature names the customer by a keyed hash"""
    tab = await stage.open("/shoes", FULL)
    await tab.do(identify(CUSTOMER, signature(SECRET, CUSTOMER)))
    await stage.tells("page_view /shoes", "identify /shoes", refuted=["identify /shoes"])
    (identified,) = await stage.told("identify")
    assert identified.customer == customer_id(SECRET, CUSTOMER)


async def test_identify_traits(stage: Stage) -> None:
    """What else is said of a customer, as other tools ask for it, stays on the page"""
    asked: list[bytes] = []

    def noted(data: bytes) -> bytes:
        asked.append(data)
        return data

    stage.link.alter_request = noted
    tab = await stage.open("/shoes", FULL)
    traits = {"email": "ada@example.com", "id": 7, "type": "admin", "signature": signature(SECRET, CUSTOMER)}
    await tab.do(f"wakeline('identify', '{CUSTOMER}', {json.dumps(traits)})")
    await stage.tells("page_view /shoes", "identify /shoes", refuted=["identify /shoes", "admin /shoes"])
    (identified,) = await stage.told("identify")
    assert identified.customer == customer_id(SECRET, CUSTOMER)
    sent = b"".join(asked)
    assert CUSTOMER.encode() in sent
    assert b"ada@example.com" not in sent


async def test_identify_forged(stage: Stage) -> None:
    """Identify with another signature names nobody"""
    stage.keeps_all = False
    stage.refusals = {"bad_signature": 1}
    tab = await stage.open("/shoes", FULL)
    await stage.seen("page_view /shoes")
    await tab.do(identify(CUSTOMER, signature("another secret", CUSTOMER)))
    await stage.until(stage.collector.rejected, "the collector refuses it")
    await stage.tells("page_view /shoes", refuted=["identify /shoes"])


async def test_identify_anonymous(stage: Stage) -> None:
    """Identify under anonymous is not sent"""
    tab = await stage.open("/shoes")
    await tab.do(identify(CUSTOMER, signature(SECRET, CUSTOMER)))
    await stage.tells("page_view /shoes", refuted=["identify /shoes"])


async def test_reset(stage: Stage) -> None:
    """Reset at logout: whoever comes next is another visitor"""
    tab = await stage.open("/shoes", FULL)
    await stage.seen("page_view /shoes")
    first = (await tab.stored())["wakeline.id"]
    await tab.do(identify(CUSTOMER, signature(SECRET, CUSTOMER)), "wakeline('reset')", "wakeline('event', 'click')")
    events = await stage.tells(
        *("page_view /shoes", "identify /shoes", "leave /shoes", "page_view /shoes", "click /shoes"),
        refuted=["ping /shoes", "consent /shoes"],
    )
    second = (await tab.stored())["wakeline.id"]
    assert first != second
    by = {first: ["identify", "leave", "page_view"], second: ["click", "page_view"]}
    for visitor, types in by.items():
        mine = [event for event in events if event.visitor == visitor]
        assert sorted("leave" if event.leave else event.type for event in mine) == types


async def test_webdriver(stage: Stage) -> None:
    """A driven browser says so, and is stored as the bot it is"""
    await stage.open("/shoes")
    (view,) = await stage.tells("page_view /shoes", refuted=["ping /shoes"])
    assert view.bot
    assert view.browser.split()[0] in ("Chrome", "HeadlessChrome", "Firefox", "Safari", "Epiphany", "WebKit")


@pytest.mark.quick
async def test_signs_of_life(stage: Stage) -> None:
    """A visible page gives a sign of life every 25 seconds (here thirty times as often), a hidden one none"""
    # not as fast as to tick while the first view is on its way
    hurried = "{const real = setInterval; setInterval = (run, ms) => real(run, ms / 30)}"
    tab = await stage.open("/shoes", Page(first=hurried))
    pings = await stage.seen("ping /shoes", count=3)
    assert [ping.n for ping in pings[:3]] == [1, 2, 3]
    await tab.hide()
    await stage.seen("leave /shoes")
    await stage.quiet()
    count = len(await stage.told("ping /shoes"))
    await stage.quiet()
    await stage.tells("page_view /shoes", *["ping /shoes"] * count, "leave /shoes", refuted=["ping /shoes"])
