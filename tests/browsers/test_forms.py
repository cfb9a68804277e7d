"""The full script: submitted forms, by the names of their fields."""

from __future__ import annotations

import pytest

from tests.browsers.site import full_page
from tests.browsers.stage import Stage
from wakeline.record import encode_record

FORM = """<form id="login" method="post" action="/account">
<input name="person" value="Ada Example"><input name="code" type="password" value="open-sesame">
<button id="go">Go</button></form>"""
SENT = ("page_view /shoes", "form_submit /shoes", "leave /shoes", "page_view /account")
STAYED = SENT[:2]
CLOBBERING = (
    *("closest", "matches", "elements", "getAttribute", "attributes", "dataset", "id", "name", "target", "method"),
    *("submit", "length", "tagName", "nodeName", "host", "href", "toString", "ownerDocument", "parentNode"),
)


@pytest.mark.quick
async def test_form(stage: Stage) -> None:
    """A form that is sent tells its fields' names and no value, and is sent"""
    tab = await stage.open("/shoes", full_page(FORM))
    await stage.seen("page_view /shoes")
    await tab.click("#go")
    events = await stage.tells(*SENT, refuted=["form_submit /shoes"])
    assert events[1].props == {"form": "login", "fields": ["person", "code"]}
    assert stage.site.posted == ["person=Ada+Example&code=open-sesame"]
    assert not [event for event in events if b"Ada" in encode_record(event) or b"sesame" in encode_record(event)]


async def test_fields(stage: Stage) -> None:
    """The fields are all that have a name, each once, in the form's order: sets, disabled ones, those of elsewhere"""
    tab = await stage.open(
        "/shoes",
        full_page(
            """<input form="order" name="coupon"><form id="order" method="post" action="/account">
            <fieldset name="address"><input name="street"><input name="city" disabled></fieldset>
            <input type="radio" name="size" value="41"><input type="radio" name="size" value="42" checked>
            <input type="checkbox" name="gift"><select name="pay"><option>card</select>
            <input type="hidden" name="token"><input value="no name">
            <button id="go" name="how" value="fast">Buy</button></form>
            <textarea form="order" name="note"></textarea> <input name="newsletter">""",
        ),
    )
    await stage.seen("page_view /shoes")
    await tab.click("#go")
    events = await stage.tells(*SENT, refuted=["form_submit /shoes"])
    names = ["coupon", "address", "street", "city", "size", "gift", "pay", "token", "how", "note"]
    assert events[1].props == {"form": "order", "fields": names}
    assert stage.site.posted == ["coupon=&street=&size=42&pay=card&token=&how=fast&note="]


async def test_formdata(stage: Stage) -> None:
    """A page's own formdata handler runs once, for what is sent"""
    runs = """<script>let runs = 0;
    document.querySelector("form").onformdata = ({formData}) => formData.append("runs", ++runs)</script>"""
    tab = await stage.open("/shoes", full_page(FORM + runs))
    await stage.seen("page_view /shoes")
    await tab.click("#go")
    events = await stage.tells(*SENT, refuted=["form_submit /shoes"])
    assert events[1].props == {"form": "login", "fields": ["person", "code"]}
    assert stage.site.posted == ["person=Ada+Example&code=open-sesame&runs=1"]


@pytest.mark.quick
async def test_clobbered(stage: Stage) -> None:
    """A form with fields that are named as what scripts read of it"""
    inputs = "".join(f'<input name="{name}">' for name in CLOBBERING)
    marks = 'data-wakeline-event="newsletter" data-wakeline-prop-place="footer"'
    body = f'<form id="login" method="post" action="/account" {marks}>{inputs}<button id="go">Go</button></form>'
    tab = await stage.open("/shoes", full_page(body))
    await stage.seen("page_view /shoes")
    await tab.click("#go")
    told = ["newsletter /shoes", "form_submit /shoes"]
    await stage.tells(*SENT, told[0], refuted=told)
    (((marked,), (sent,))) = [await stage.told(what) for what in told]
    assert marked.props == {"place": "footer"}
    assert sent.props == {"form": "login", "fields": list(CLOBBERING)}
    assert stage.site.posted == ["&".join(f"{name}=" for name in CLOBBERING)]


async def test_clicked_in_clobbered(stage: Stage) -> None:
    """A click within such a form: a link, a marked element"""
    inputs = "".join(f'<input name="{name}">' for name in CLOBBERING)
    link = """<a id="file" href="/prices.pdf">prices</a> <b id="more" data-wakeline-event="more">more</b>
    <script>addEventListener("click", (event) => event.preventDefault())</script>"""
    tab = await stage.open("/shoes", full_page(f"<form>{inputs}{link}</form>"))
    await stage.seen("page_view /shoes")
    await tab.click("#file")
    await tab.click("#more")
    await tab.click("input")
    told = ["download /shoes", "more /shoes"]
    await stage.tells("page_view /shoes", *told, refuted=[*told, "form_submit /shoes"])


@pytest.mark.parametrize(
    "stops",
    [
        pytest.param("document.querySelector('form').addEventListener('submit', {0})", id="on the form"),
        pytest.param("document.addEventListener('submit', {0}, true)", id="on its way there"),
    ],
)
async def test_stopped(stage: Stage, stops: str) -> None:
    """A form whose sending the page keeps to itself"""
    stop = stops.format("(event) => event.stopImmediatePropagation()")
    tab = await stage.open("/shoes", full_page(f"{FORM}<script>{stop}</script>"))
    await stage.seen("page_view /shoes")
    await tab.click("#go")
    await stage.tells(*SENT, refuted=["form_submit /shoes"])


@pytest.mark.parametrize("way", ["a click", "requestSubmit()"])
async def test_sent_by_the_page(stage: Stage, way: str) -> None:
    """A form that the page sends by itself, once the browser was told not to"""
    own = """<script>document.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      fetch("/account", {method: "POST", body: new URLSearchParams(new FormData(event.target))});
    }</script>"""
    tab = await stage.open("/shoes", full_page(FORM + own))
    await stage.seen("page_view /shoes")
    if way == "a click":
        await tab.click("#go")
    else:
        await tab.do("document.querySelector('form').requestSubmit()")
    events = await stage.tells(*STAYED, refuted=["form_submit /shoes", "leave /shoes"])
    assert events[1].props == {"form": "login", "fields": ["person", "code"]}
    assert stage.site.posted == ["person=Ada+Example&code=open-sesame"]


async def test_dialog(stage: Stage) -> None:
    """A form of a dialog is told, and closes it"""
    tab = await stage.open(
        "/shoes", full_page('<dialog open><form method="dialog"><button name="choice">Close</button></form></dialog>')
    )
    await stage.seen("page_view /shoes")
    await tab.click("button")
    events = await stage.tells(*STAYED, refuted=["form_submit /shoes", "leave /shoes"])
    assert events[1].props == {"form": None, "fields": ["choice"]}
    assert await tab.run("document.querySelector('dialog').open") is False


async def test_invalid(stage: Stage) -> None:
    """A form that the browser does not send since a field is missing is not told"""
    tab = await stage.open("/shoes", full_page('<form><input name="person" required><button>Go</button></form>'))
    await stage.seen("page_view /shoes")
    await tab.click("button")
    await stage.tells("page_view /shoes", refuted=["form_submit /shoes"])
