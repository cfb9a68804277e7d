"""Consent platforms: Google's consent mode and the IAB's framework."""

from __future__ import annotations

import json

from tests.browsers.site import Page
from tests.browsers.stage import Stage
from tests.browsers.test_routers import until

SCRIPT = '<script defer src="{{collector}}/wakeline.consent.js" data-from="{}"></script>'
GTAG = "window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments) }"
MODES = ("analytics_storage", "ad_storage", "ad_user_data", "ad_personalization")
DENIED = f"gtag('consent', 'default', {json.dumps(dict.fromkeys(MODES, 'denied'))});"
UP = ("page_view /shoes", "leave /shoes", "consent /shoes", "page_view /shoes")  # from anonymous to full


def update(word: str) -> str:
    return f"gtag('consent', 'update', {json.dumps(dict.fromkeys(MODES, word))})"


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
