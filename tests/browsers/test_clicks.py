"""The full script: clicks on links and elements, wherever they are."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tests.browser import Tab
from tests.browsers.site import STAYS, Page, full_page
from tests.browsers.stage import Stage

MARKED = """
<button id="plain">plain</button>
<button id="buy" data-wakeline-event="add_to_cart" data-wakeline-prop-value="129.9"
  data-wakeline-prop-items='[{"item_id": "trail-runner"}]'><b>Buy</b></button>
<p id="read" data-wakeline-interest="shoes">All about shoes</p>"""
BLANK = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
HELD = "<script>addEventListener('click', (event) => event.preventDefault())</script>"


async def shop(stage: Stage, body: str, *, held: bool = True) -> Tab:
    """A page that was viewed. Its links lead nowhere where they are held, else to answers that leave it where it is."""
    stage.site.page = STAYS
    tab = await stage.open("/shoes", full_page(body + HELD * held))
    await stage.seen("page_view /shoes")
    return tab


async def click(tab: Tab, selectors: Iterable[str], *, button: str = "left") -> None:
    for selector in selectors:
        await tab.click(selector, button=button)


async def led_to(stage: Stage, type: str = "outbound_link") -> list[str]:
    """Where the links lead that were told, in order: what follows the host."""
    told = sorted(await stage.told(type), key=lambda event: event.n)
    return [re.sub("^http://[^/]+", "", event.props["url"]) for event in told]


@pytest.mark.parametrize("button", ["left", "middle"])
async def test_outbound(stage: Stage, button: str) -> None:
    """An outbound link, without what its query may say; a link within the site is none"""
    tab = await shop(
        stage, '<a id="out" href="{other}/there?person=42">out</a> <a id="in" href="/here">in</a>', held=False
    )
    await click(tab, ["#in", "#out"], button=button)
    (_, out) = await stage.tells(
        "page_view /shoes", "outbound_link /shoes", refuted=["outbound_link /shoes", "download /shoes", "leave /shoes"]
    )
    assert out.props == {"url": f"{stage.site.other}/there"}


@pytest.mark.parametrize("button", ["left", "middle"])
async def test_download(stage: Stage, button: str) -> None:
    """A download, by its ending or by its attribute"""
    tab = await shop(
        stage, '<a id="file" href="/prices.pdf">prices</a> <a id="named" href="/export" download>export</a>', held=False
    )
    await tab.click("#file", button=button)
    await stage.seen("download /shoes")
    await stage.quiet()
    await tab.click("#named", button=button)
    await stage.tells(
        *("page_view /shoes", "download /shoes", "download /shoes"), refuted=["outbound_link /shoes", "download /shoes"]
    )
    assert await led_to(stage, "download") == ["/prices.pdf", "/export"]


async def test_download_made_by_the_page(stage: Stage) -> None:
    """A download of what the page has made (blob:, data:), by its name and not by what is in it"""
    body = """<a id="made" download="report.csv">report</a> <a id="unnamed" download>report</a>
    <a id="written" download="list.csv" href="data:text/csv,Ada">list</a> <a id="shown" href="data:text/plain,Ada">a</a>
    <script>made.href = unnamed.href = URL.createObjectURL(new Blob(["Ada"]))</script>"""
    tab = await shop(stage, body)
    await click(tab, ["#made", "#unnamed", "#written", "#shown"])
    await stage.tells("page_view /shoes", *["download /shoes"] * 3, refuted=["outbound_link /shoes", "download /shoes"])
    assert await led_to(stage, "download") == ["blob:report.csv", "blob:", "data:list.csv"]


@pytest.mark.quick
async def test_shadow_root(stage: Stage) -> None:
    """A link in an open shadow root, in one within another, around a slot, in a slot, around an element"""
    tab = await shop(
        stage,
        """<shoe-link id="open"><template shadowrootmode="open"><a href="{other}/open?person=42">open</a></template>
        </shoe-link>
        <shoe-card id="nested"><template shadowrootmode="open"><shoe-link><template shadowrootmode="open">
        <a href="{other}/nested"><b>nested</b></a></template></shoe-link></template></shoe-card>
        <shoe-link><template shadowrootmode="open"><a href="{other}/around"><slot></slot></a></template>
        <b id="around">around a slot</b></shoe-link>
        <shoe-link><template shadowrootmode="open"><b><slot></slot></b></template>
        <a id="slotted" href="{other}/slotted">slotted</a></shoe-link>
        <a href="{other}/outer"><shoe-name id="outer"><template shadowrootmode="open"><b>name</b></template>
        </shoe-name></a>
        <shoe-link id="in"><template shadowrootmode="open"><a href="/here">within the site</a></template></shoe-link>
        <shoe-link id="file"><template shadowrootmode="open"><a href="/prices.pdf">prices</a></template></shoe-link>""",
    )
    await click(tab, ["#open", "#nested", "#around", "#slotted", "#outer", "#in", "#file"])
    await stage.tells(
        *("page_view /shoes", *["outbound_link /shoes"] * 5, "download /shoes"),
        refuted=["outbound_link /shoes", "download /shoes"],
    )
    assert await led_to(stage) == ["/open", "/nested", "/around", "/slotted", "/outer"]
    assert await led_to(stage, "download") == ["/prices.pdf"]


async def test_closed_shadow_root(stage: Stage) -> None:
    """A link in a closed shadow root is not told, and works"""
    tab = await shop(
        stage,
        """<shoe-link id="closed"><template shadowrootmode="closed"><a href="/there">closed</a></template></shoe-link>
        <shoe-link id="file"><template shadowrootmode="closed"><a href="{other}/prices.pdf">prices</a></template>
        </shoe-link>""",
        held=False,
    )
    await click(tab, ["#closed", "#file"])
    await stage.tells("page_view /shoes", refuted=["outbound_link /shoes", "download /shoes"])
    assert stage.site.served == ["/shoes", "/there", "/prices.pdf"]


async def test_svg(stage: Stage) -> None:
    """A link in SVG, by either attribute, around text, a shape or an image"""
    tab = await shop(
        stage,
        f"""<svg width="600" height="60" font-size="30">
        <a href="{{other}}/words?person=42"><text id="words" y="40">words</text></a>
        <a xlink:href="{{other}}/shape"><rect id="shape" x="150" width="40" height="40"></rect></a>
        <a href="{{other}}/image"><image id="image" x="250" width="40" height="40" href="{BLANK}"></image></a>
        <a href="/here"><text id="in" x="300" y="40">here</text></a>
        <a href="/prices.pdf"><text id="file" x="400" y="40">prices</text></a>
        <a xlink:href="/export" download><text id="named" x="500" y="40">export</text></a></svg>""",
    )
    await click(tab, ["#words", "#shape", "#image", "#in", "#file", "#named"])
    await stage.tells(
        *("page_view /shoes", *["outbound_link /shoes"] * 3, "download /shoes", "download /shoes"),
        refuted=["outbound_link /shoes", "download /shoes"],
    )
    assert await led_to(stage) == ["/words", "/shape", "/image"]
    assert await led_to(stage, "download") == ["/prices.pdf", "/export"]


async def test_image_map(stage: Stage) -> None:
    """An area of an image map that leads out of the site or to a file"""
    image = f'usemap="#{{}}" width="100" height="100" src="{BLANK}"'
    tab = await shop(
        stage,
        f"""<span id="out" style="display: inline-block"><img {image.format("cities")}><map name="cities">
        <area shape="rect" coords="0,0,100,100" href="{{other}}/berlin?person=42"></map></span>
        <span id="file" style="display: inline-block"><img {image.format("files")}><map name="files">
        <area shape="default" href="/prices.pdf"></map></span>""",
    )
    await click(tab, ["#out", "#file"])
    await stage.tells(
        *("page_view /shoes", "outbound_link /shoes", "download /shoes"),
        refuted=["outbound_link /shoes", "download /shoes"],
    )
    assert (await led_to(stage), await led_to(stage, "download")) == (["/berlin"], ["/prices.pdf"])


async def test_nested(stage: Stage) -> None:
    """A link in a form sends no form; a button in a link is a click of the link"""
    tab = await shop(
        stage,
        """<form action="/account"><a id="help" href="{other}/help">help</a><button>Go</button></form>
        <a href="{other}/buy"><button id="buy">Buy</button></a>""",
    )
    await click(tab, ["#help", "#buy"])
    await stage.tells(
        *("page_view /shoes", "outbound_link /shoes", "outbound_link /shoes"),
        refuted=["form_submit /shoes", "outbound_link /shoes"],
    )
    assert await led_to(stage) == ["/help", "/buy"]


async def test_not_of_the_web(stage: Stage) -> None:
    """A link by javascript:, mailto: or tel:, and one that leads nowhere, is not told, and works"""
    body = """<a id="script" href="javascript:void(window.ran = true)">script</a>
    <a id="mail" href="mailto:ada@example.com">mail</a> <a id="call" href="tel:+4930123456">call</a>
    <a id="broken" href="http://[">broken</a> <a id="empty" href="">empty</a> <a id="top" href="#top">top</a>
    <svg width="200" height="60" font-size="30"><a href="mailto:ada@example.com"><text id="drawn" y="40">mail</text></a>
    <a href="http://["><text id="torn" x="100" y="40">broken</text></a></svg>
    <shoe-mail id="within"><template shadowrootmode="open"><a href="mailto:ada@example.com">mail</a></template>
    </shoe-mail>
    <script>addEventListener("click", (event) => event.target == script || event.preventDefault())</script>"""
    tab = await shop(stage, body, held=False)
    await click(tab, ["#script", "#mail", "#call", "#broken", "#empty", "#top", "#drawn", "#torn", "#within"])
    await stage.tells("page_view /shoes", refuted=["outbound_link /shoes", "download /shoes"])
    assert await tab.run("window.ran")


async def test_declared(stage: Stage) -> None:
    """Elements that are marked: event, properties, interest"""
    tab = await shop(stage, MARKED)
    await click(tab, ["#plain", "#buy b", "#read"])
    await stage.tells(
        "page_view /shoes", "add_to_cart /shoes", "interest /shoes", refuted=["add_to_cart /shoes", "interest /shoes"]
    )
    ((added,), (interest,)) = await stage.told("add_to_cart"), await stage.told("interest")
    assert added.props == {"items": [{"item_id": "trail-runner"}], "value": 129.9}
    assert interest.props == {"category": "shoes"}


async def test_declared_elsewhere(stage: Stage) -> None:
    """Marked elements in a shadow root, around one, and in SVG"""
    tab = await shop(
        stage,
        """<shoe-buy id="buy"><template shadowrootmode="open">
        <button data-wakeline-event="add_to_cart" data-wakeline-prop-coupon="SPRING"><b>Buy</b></button>
        </template></shoe-buy>
        <shoe-colour id="red" data-wakeline-event="configured" data-wakeline-prop-colour="red">
        <template shadowrootmode="open"><button>Red</button></template></shoe-colour>
        <svg width="60" height="60"><g data-wakeline-interest="shoes" data-wakeline-prop-size="42">
        <rect id="shoe" width="60" height="60"></rect></g></svg>""",
    )
    await click(tab, ["#buy", "#red", "#shoe"])
    told = ["add_to_cart /shoes", "configured /shoes", "interest /shoes"]
    await stage.tells("page_view /shoes", *told, refuted=told)
    assert [(await stage.told(what))[0].props for what in told] == [
        {"coupon": "SPRING"},
        {"colour": "red"},
        {"category": "shoes", "size": "42"},
    ]


@pytest.mark.parametrize(
    "stops",
    [
        pytest.param(
            "for (const it of document.querySelectorAll('#out, #buy')) it.addEventListener(kind, (event) => {0})",
            id="on the element",
        ),
        pytest.param("document.addEventListener(kind, (event) => {0}, true)", id="on its way there"),
    ],
)
@pytest.mark.quick
async def test_stopped(stage: Stage, stops: str) -> None:
    """A click that the page keeps to itself: a link by any button, a marked element"""
    stop = stops.format("event.stopImmediatePropagation()")
    body = '<a id="out" href="{other}/there">out</a>' + MARKED
    tab = await shop(stage, f"{body}<script>for (const kind of ['click', 'auxclick']) {stop}</script>")
    await tab.click("#out")
    await tab.click("#out", button="middle")
    await tab.click("#buy")
    await stage.tells(
        *("page_view /shoes", "outbound_link /shoes", "outbound_link /shoes", "add_to_cart /shoes"),
        refuted=["outbound_link /shoes", "add_to_cart /shoes"],
    )


async def test_clicked_by_script(stage: Stage) -> None:
    """A click that a script makes, also of a link that is in the page no longer than that"""
    tab = await shop(stage, '<a id="out" href="{other}/there">out</a>' + MARKED)
    await tab.do(
        "document.querySelector('#out').click()",
        "document.querySelector('#buy b').click()",
        "document.querySelector('#read').dispatchEvent(new Event('click', {bubbles: true}))",
        "[window, document].forEach((it) => it.dispatchEvent(new Event('click')))",
        """document.body.append(Object.assign(document.createElement('a'),
          {id: 'made', href: URL.createObjectURL(new Blob(['Ada'])), download: 'report.csv'}))""",
        "(made.click(), made.remove())",
    )
    told = ["outbound_link /shoes", "add_to_cart /shoes", "interest /shoes", "download /shoes"]
    await stage.tells("page_view /shoes", *told, refuted=told)
    assert await led_to(stage, "download") == ["blob:report.csv"]


async def test_core_tells_no_clicks(stage: Stage) -> None:
    """The core script tells none of these"""
    stage.site.page = STAYS
    tab = await stage.open("/shoes", Page(body='<a id="file" href="/prices.pdf">prices</a>' + MARKED))
    await stage.seen("page_view /shoes")
    await click(tab, ["#file", "#buy b", "#read"])
    await stage.tells("page_view /shoes", refuted=["download /shoes", "add_to_cart /shoes", "interest /shoes"])
