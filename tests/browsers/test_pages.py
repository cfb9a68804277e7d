"""The script works on any page, whatever markup and scripts it contains."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browsers.site import FULL_SCRIPT, OWN_ENDPOINT, STAYS, Page
from tests.browsers.stage import Stage

PROTOTYPE = (Path(__file__).parent / "prototype_1_6.js").read_text()
PROMPT_MS = 10_000
NOWHERE = "http://127.0.0.1:9/elsewhere/"
INTERESTS = '<meta name="wakeline:interest" content="running, shoes">'

# Markup as a visitor may leave it in a comment: names and ids become properties of the document and of the window.
READ = (
    *("referrer", "documentElement", "querySelector", "querySelectorAll", "hasFocus", "visibilityState", "location"),
    *("body", "head", "URL", "baseURI", "scripts", "addEventListener", "defaultView", "cookie", "scrollingElement"),
)
CLOBBERED = {
    "currentScript": '<img name="currentScript" data-site="evil" data-consent="full" data-endpoint="{site}/evil">',
    "currentScript, twice": '<img name="currentScript" data-site="evil" data-endpoint="{site}/evil">' * 2,
    "hidden": '<form name="hidden"></form>',
    "title": '<img name="title">',
    "what else is read": "".join(f'<img name="{name}">' for name in READ),
    "wakeline": '<a id="wakeline"></a>',
    "wakeline, with parts": '<form id="wakeline"><input name="live"><input name="q"></form>',
    "the window's own": '<a id="navigation"></a><a id="performance"></a><a id="localStorage"></a><a id="history"></a>',
}


@pytest.mark.parametrize(
    "markup",
    [
        pytest.param(markup, id=name, marks=[pytest.mark.quick] * (name in ("currentScript", "what else is read")))
        for name, markup in CLOBBERED.items()
    ],
)
async def test_clobbered(stage: Stage, markup: str) -> None:
    """Markup that clobbers the document changes nothing, and nothing goes where it says"""
    page = Page(script=FULL_SCRIPT, head=INTERESTS + markup, title="Shoes")
    tab = await stage.open("/shoes", page)
    await stage.seen("page_view /shoes")
    await tab.do("wakeline('event', 'click')", "history.pushState({}, '', '/cart')")
    await stage.seen("page_view /cart")
    await tab.hide()
    events = await stage.tells(
        *("page_view /shoes", "click /shoes", "leave /shoes", "page_view /cart", "leave /cart"),
        refuted=["page_view /shoes", "click /shoes", "leave /shoes", "page_view /cart", "leave /cart"],
    )
    (view, _) = await stage.told("page_view")
    assert (view.title, view.referrer, view.interests) == ("Shoes", "", ["running", "shoes"])
    assert all(event.engaged_ms > 0 and event.scroll > 0 for event in events if event.leave)
    assert all(event.is_anonymous for event in events)
    assert stage.site.posted == []


OWN_GLOBALS = {
    "const navigation": "const navigation = document.querySelector('nav')",
    "Date.now that gives a date": "Date.now = () => new Date()",
}


@pytest.mark.parametrize("script", [pytest.param(script, id=name) for name, script in OWN_GLOBALS.items()])
async def test_own_globals(stage: Stage, script: str) -> None:
    """A page whose own scripts take names of the browser's is told as ever"""
    tab = await stage.open("/shoes", Page(script=FULL_SCRIPT, head=f"<script>{script}</script>"))
    await stage.seen("page_view /shoes")
    await tab.do("wakeline('event', 'click')", "history.pushState({}, '', '/cart')")
    await stage.seen("page_view /cart")
    await tab.hide()
    events = await stage.tells(
        *("page_view /shoes", "click /shoes", "leave /shoes", "page_view /cart", "leave /cart"),
        refuted=["page_view /shoes", "click /shoes", "leave /shoes", "page_view /cart"],
    )
    assert all(0 <= event.received - event.time < PROMPT_MS for event in events)


@pytest.mark.parametrize("element", ["template", "input", "a"])
async def test_named_like_interests(stage: Stage, element: str) -> None:
    """Where the interests' name is another element's the page has none, and is viewed"""
    await stage.open("/shoes", Page(head=f'<{element} name="wakeline:interest">running</{element}>'))
    (view,) = await stage.tells("page_view /shoes", refuted=["page_view /shoes"])
    assert view.interests == []


async def test_base(stage: Stage) -> None:
    """A base tag changes neither the page's address nor where events go"""
    tag = f'defer data-endpoint="{stage.site.url}{OWN_ENDPOINT}"'
    tab = await stage.open("/shoes", Page(head=f'<base href="{NOWHERE}">', tag=tag))
    (view,) = await stage.seen("page_view /shoes")
    await tab.hide()
    await stage.tells("page_view /shoes", "leave /shoes", refuted=["page_view /elsewhere/", "page_view /shoes"])
    assert view.host == urlsplit(stage.site.url).hostname


LONG = 10_500
QUERIES = {
    "one long value": f"q={'x' * LONG}&utm_source=mail",
    "one of 20,000": f"q={'x' * 20_000}&utm_source=mail",
    "escaped": f"q={'%C3%BC' * (LONG // 6)}&utm_source=mail",
    "many short ones": "q=xx&utm_source=mail" + "".join(f"&state{number}=abcdef" for number in range(LONG // 14)),
}


@pytest.mark.parametrize(
    "query",
    [pytest.param(query, id=name, marks=[pytest.mark.quick] * (name == "escaped")) for name, query in QUERIES.items()],
)
async def test_long_query(stage: Stage, query: str) -> None:
    """A query that is too long is cut, and says all the same where the visitor came from"""
    assert len(query) >= LONG
    tab = await stage.open(f"/shoes?{query}")
    await stage.seen("page_view /shoes")
    await tab.do("wakeline('event', 'click')")
    events = await stage.tells("page_view /shoes", "click /shoes", refuted=["page_view /shoes", "click /shoes"])
    for event in events:
        assert event.query["utm_source"] == "mail"
        assert event.query["q"].startswith(("xx", "üü"))


async def test_long_texts(stage: Stage) -> None:
    """A title and interests longer than an event may be are cut"""
    head = f'<meta name="wakeline:interest" content="running, {"x" * 20_000}">'
    await stage.open("/shoes", Page(title="Shoes " * 4_000, head=head))
    (view,) = await stage.tells("page_view /shoes", refuted=["page_view /shoes"])
    assert view.title.startswith("Shoes Shoes ")
    assert view.interests[0] == "running"


@pytest.mark.quick
async def test_prototype(stage: Stage) -> None:
    """Beside Prototype.js 1.6, whose arrays become texts, events arrive as ever"""
    form = """<a id="file" href="/prices.pdf">prices</a><form id="login" action="/account" onsubmit="return false">
      <input name="person"><button id="go">Go</button></form>"""
    stage.site.pages["/prices.pdf"] = STAYS
    tab = await stage.open("/shoes", Page(script=FULL_SCRIPT, first=PROTOTYPE, head=INTERESTS, body=form))
    assert await tab.run("JSON.stringify({list: [1]})") == '{"list":"[1]"}'
    (view,) = await stage.seen("page_view /shoes")
    await tab.do("wakeline('purchase', {transaction_id: 'A-1', items: [{item_id: 'p', price: 1}, {item_id: 'q'}]})")
    await tab.click("#file")
    await tab.click("#go")
    await stage.seen("form_submit /shoes")
    await tab.do("history.pushState({}, '', '/cart')")
    await stage.seen("page_view /cart")
    await tab.hide()
    await stage.tells(
        *("page_view /shoes", "purchase /shoes", "download /shoes", "form_submit /shoes", "leave /shoes"),
        *("page_view /cart", "leave /cart"),
        refuted=["page_view /shoes", "purchase /shoes", "leave /shoes"],
    )
    assert view.interests == ["running", "shoes"]
    ((purchase,), (sent,)) = await stage.told("purchase"), await stage.told("form_submit")
    assert purchase.props == {"transaction_id": "A-1", "items": [{"item_id": "p", "price": 1}, {"item_id": "q"}]}
    assert sent.props == {"form": "login", "fields": ["person"]}


async def test_sandboxed_frame(stage: Stage) -> None:
    """A sandboxed frame tells of itself, from the origin null"""
    stage.site.pages["/framed"] = Page(title="Framed")
    body = '<iframe sandbox="allow-scripts" src="/framed"></iframe>'
    await stage.open("/around", Page(body=body))
    await stage.tells(
        "page_view /around", "page_view /framed", refuted=["page_view /around", "page_view /framed", "leave /framed"]
    )


async def test_srcdoc(stage: Stage) -> None:
    """A frame of srcdoc has no address, so nothing of it is stored"""
    stage.refusals = {"bad_url": 2}  # its view, its leave
    body = """<iframe srcdoc="<script src='{collector}/wakeline.js' data-site='demo'></script>"></iframe>"""
    tab = await stage.open("/around", Page(body=body))
    await stage.seen("page_view /around")
    await stage.until(stage.collector.rejected, "the collector refuses what has no address")
    await tab.hide()
    await stage.tells("page_view /around", "leave /around", refuted=["page_view /around", "leave /around"])
