"""Consent platforms: Google's consent mode, the IAB's framework, and two banners as sites use them."""

from __future__ import annotations

import json

import pytest

from tests.browser import Tab
from tests.browsers.site import Page
from tests.browsers.stage import Stage
from tests.browsers.test_routers import apps, built, until

__all__ = ["apps", "built"]  # fixtures

SCRIPT = '<script defer src="{{collector}}/wakeline.consent.js" data-from="{}"></script>'
GTAG = "window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments) }"
MODES = ("analytics_storage", "ad_storage", "ad_user_data", "ad_personalization")
DENIED = f"gtag('consent', 'default', {json.dumps(dict.fromkeys(MODES, 'denied'))});"
UP = ("page_view /shoes", "leave /shoes", "consent /shoes", "page_view /shoes")  # from anonymous to full
CHOSEN = (*UP, "consent /shoes")  # and what was agreed to


def update(word: str) -> str:
    return f"gtag('consent', 'update', {json.dumps(dict.fromkeys(MODES, word))})"


async def levels(stage: Stage) -> list[tuple[str, str, bool]]:
    """Of each page view and consent: its type, the new level, whether it has the lasting id."""
    events = [event for event in await stage.events() if event.type in ("page_view", "consent")]
    return [(event.type, event.level, not event.is_anonymous) for event in events]


async def test_consent_mode(stage: Stage) -> None:
    """Google's consent mode: a default changes nothing, an update sets the level, even one from before the script"""
    tab = await stage.open("/shoes", Page(first=GTAG + DENIED, head=SCRIPT.format("gcm")))
    await stage.seen("page_view /shoes")
    await stage.quiet()
    assert (await tab.stored()).get("wakeline.consent") is None
    await tab.do(update("granted"))
    await stage.tells(*UP, refuted=["consent /shoes"])
    assert (await tab.stored())["wakeline.consent"] == "full"
    await stage.close(tab)
    before = len(await stage.told("page_view"))
    tab = await stage.open("/boots", Page(first=GTAG + DENIED + update("granted"), head=SCRIPT.format("gcm")))
    await stage.seen("page_view", before + 1)
    await stage.quiet()
    assert not await stage.told("consent /boots")
    await tab.do(update("denied"))
    await stage.seen("consent /boots")
    stored = await tab.stored()
    assert (stored["wakeline.consent"], "wakeline.id" in stored) == ("off", False)


FRAMEWORK = """
window.__tcfapi = (command, version, hear) => {
  window.choose = (...ids) => hear({
    gdprApplies: true, eventStatus: "useractioncomplete",
    purpose: {consents: Object.fromEntries(ids.map((id) => [id, true])), legitimateInterests: {}}}, true);
  hear({gdprApplies: true, eventStatus: "cmpuishown", purpose: {consents: {}, legitimateInterests: {}}}, true);
};
"""


async def test_framework(stage: Stage) -> None:
    """The IAB's framework: its purposes set the level, once the visitor has chosen"""
    tab = await stage.open("/shoes", Page(first=FRAMEWORK, head=SCRIPT.format("tcf")))
    await stage.seen("page_view /shoes")
    await until(tab, "window.choose")
    await tab.do("choose(1, 5, 6, 8)")
    await stage.tells(*UP, refuted=["consent /shoes"])
    await tab.do("choose()")
    await stage.tells(*UP, "leave /shoes", "consent /shoes", refuted=["page_view /shoes"])
    stored = await tab.stored()
    assert (stored["wakeline.consent"], "wakeline.id" in stored) == ("off", False)


DRIVEN_BY_NOBODY = "Object.defineProperty(Navigator.prototype, 'webdriver', {get: () => false});"  # else none is shown


# The browser's rows share cookies, in which banners keep the choice: a cookie knows no port.
FRESH = """
if (location.pathname == "/shoes")
  for (const one of document.cookie.split("; ")) document.cookie = one.split("=")[0] + "=; max-age=0; path=/";
"""


def banner(name: str) -> Page:
    """A page with a banner, as docs/snippet.md tells a site to set it up."""
    style = '<link rel="stylesheet" href="/assets/cookieconsent.css">' if name == "cookieconsent" else ""
    return Page(
        first=DRIVEN_BY_NOBODY + FRESH,
        head=style,
        body=f'<main>Shoes</main><script type="module" src="/assets/{name}.js"></script>',
    )


async def press(tab: Tab, selector: str) -> None:
    """Clicks, once it is there, as the banner's own listeners see it."""
    await until(tab, f"document.querySelector('{selector}')")
    await tab.do(f"document.querySelector('{selector}').click()")


BANNERS = {
    "cookieconsent": ('[data-role="all"]', '[data-role="necessary"]'),
    "klaro": (".klaro .cm-btn-success", ".klaro .cn-decline"),
}


@pytest.mark.parametrize("name", BANNERS)
async def test_banner_yes(apps: Stage, name: str) -> None:
    """A yes in a banner is full, told with its version, and not asked or told again on the next page"""
    yes, _ = BANNERS[name]
    tab = await apps.open("/shoes", banner(name))
    await apps.seen("page_view /shoes")
    await press(tab, yes)
    await apps.tells(*CHOSEN, refuted=["consent /shoes"])
    assert sorted(await levels(apps)) == [
        *(("consent", "full", False), ("consent", "full", True)),
        *(("page_view", "", False), ("page_view", "", True)),
    ]
    told = [(event.is_anonymous, event.props) for event in await apps.told("consent")]
    assert sorted(told, key=str) == [(False, {"version": "1"}), (True, {})]
    await apps.close(tab)
    tab = await apps.open("/boots", banner(name))
    await apps.seen("page_view /boots")
    await apps.quiet()
    assert not await apps.told("consent /boots")
    assert (await tab.stored())["wakeline.consent"] == "full"


@pytest.mark.parametrize("name", BANNERS)
async def test_banner_no(apps: Stage, name: str) -> None:
    """A no in a banner is off: nothing more is sent"""
    _, no = BANNERS[name]
    tab = await apps.open("/shoes", banner(name))
    await apps.seen("page_view /shoes")
    assert (await tab.stored()).get("wakeline.consent") is None
    await press(tab, no)
    await until(tab, "localStorage['wakeline.consent'] == 'off'")
    await tab.do("wakeline('event', 'click')")
    await apps.tells("page_view /shoes", "leave /shoes", "consent /shoes", refuted=["click /shoes", "page_view /shoes"])
