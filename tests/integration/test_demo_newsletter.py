"""A customer of the demo clicks in the newsletter: the profile has the click before the shop's page is asked for.

A real Chromium in `wakeline up --demo`, whose navigation to the page is held until the profile was read.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from benchmarks.machine import ports_of_settings
from benchmarks.waiting import until
from tests.balance import assert_balanced
from tests.browser import CHROMIUM, Tab, running_browser
from tests.integration.test_demo_shop import A_PERSON
from tests.integration.up import Up, without_story
from wakeline.definitions import SCANNED_MS

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

WHO = "C-1042"
IN_MAIL = "document.querySelector('#mail')?.contentDocument"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    ports = ports_of_settings()
    names = {f"WAKELINE_{name.upper()}": str(port) for name, port in ports.items()}
    without_story(tmp_path / "data")
    up = Up(tmp_path, ports, names | {"WAKELINE_DATA": str(tmp_path / "data")})
    try:
        up.start("--demo", "--no-open")
        yield up
        assert_balanced(ports["metrics_port"])
    finally:
        up.stop(signal.SIGINT)


async def test_a_click_in_a_mail_is_in_the_profile_before_the_page_is_asked_for(up: Up) -> None:
    shop = f"http://localhost:{up.ports['demo_port']}"

    async def known(visitor: str) -> dict[str, Any]:
        """What the panel reads, asked for by the test."""
        url = f"{shop}/panel/profile/{visitor}?customer={WHO}"
        async with aiohttp.ClientSession() as http, http.get(url, headers={"Wakeline-Demo": "1"}) as answer:
            return dict(await answer.json())

    async with running_browser(CHROMIUM, *A_PERSON) as chromium:
        tab = await chromium.tab()
        await tab.goto(shop + "/account")
        await tab.click('[data-consent="full"]')
        await tab.click("[data-login] button")
        await until(lambda: tab.ask("!document.querySelector('#letters').hidden"), "the panel knows the customer")
        assert "nobody knows that they are yours" in await text(tab, "#letters")
        visitor = await visitor_of(tab)
        await tab.do("document.querySelector('#agrees').click()")

        async def agrees() -> bool:
            consent = (await known(visitor))["customer"]["record"]["consent"]
            return bool(consent and consent["purposes"] == ["contact"])

        await until(agrees, "the customer agreed")
        await tab.do("document.querySelector('[data-letters=send]').click()")
        await shown(tab, "sent")
        sent = time.monotonic()

        await tab.goto(shop + "/inbox")
        await tab.click(".mails-in a")
        await until(lambda: tab.ask(f"{IN_MAIL}?.images.length === 4"), "the mail is shown")
        await asyncio.sleep(SCANNED_MS / 1000 + 1 - (time.monotonic() - sent))  # what is sooner is a machine's
        await tab.goto(await tab.ask("location.href"))
        await shown(tab, "opened")

        before = await known(visitor)
        assert before["mails"][0]["clicked"] is None
        await follow(tab, ".button", hold=True)
        assert "utm_campaign=winter-light&utm_content=top" in await tab.held()
        now = await known(visitor)  # while nothing was sent to the shop yet
        mail = now["mails"][0]
        assert mail["clicked"]
        assert (mail["link"], mail["campaign"], mail["clicked_by_machine"]) == ("top", "winter-light", None)
        assert now["visitor"]["page_views"] == before["visitor"]["page_views"]
        await tab.release()
        await arrived(tab, "/lamps")
        await shown(tab, "clicked “top”")

        # The customer's other browser, which has been nowhere yet: the click begins its visit.
        await tab.goto(shop + "/inbox/1")
        await tab.do("localStorage.clear()", "localStorage.setItem('wakeline.consent', 'full')")
        await tab.goto(shop + "/inbox/1")
        await follow(tab, "td h2 a")
        await arrived(tab, "/lamps/harbour-lamp")

        async def visited() -> str:
            return await text(tab, "#session")

        await until(lambda: _has(visited, "newsletter, email, winter-light, harbour-lamp"), "where the visit came from")
        other = await visitor_of(tab)
        assert other != visitor
        touches = (await known(other))["visitor"]["touches"]
        assert [touch["source"]["content"] for touch in touches] == ["harbour-lamp"]
        assert "winter-light, harbour-lamp" in (await visited()).partition("campaigns")[2]

        await tab.goto(shop + "/lamps")
        await shown(tab, "clicked “harbour-lamp”")

        await tab.goto(shop + "/inbox/1")
        await tab.do("document.querySelector('[data-unsubscribe]').click()")
        await until(lambda: tab.ask("!document.querySelector('#unwanted').hidden"), "the preference is shown")
        channels = (await known(other))["customer"]["record"]["channels"]
        assert channels["email"]["allowed"] is False


async def follow(tab: Tab, selector: str, *, hold: bool = False) -> None:
    """Press Enter on a link of the mail; `hold`: the page that follows waits."""
    link = f"{IN_MAIL}?.querySelector({selector!r})"
    await until(lambda: tab.ask(f"!!{link}"), "the mail is shown")
    await asyncio.sleep(1)  # facts of links have whole seconds: the opening is to be an earlier one
    if hold:
        await tab.hold("utm_campaign")
    await tab.do(f"{link}.focus()")
    await tab.press("Enter")


async def visitor_of(tab: Tab) -> str:
    return str(await tab.ask("localStorage['wakeline.id']"))


async def text(tab: Tab, selector: str) -> str:
    return str(await tab.ask(f"document.querySelector({selector!r})?.textContent ?? ''"))


async def shown(tab: Tab, words: str) -> None:
    """Returns once the panel says it of the latest mail."""
    await until(lambda: _has(lambda: text(tab, "#mails .state"), words), f"the panel shows {words!r}")


async def _has(read: Any, words: str) -> bool:
    return words in await read()


async def arrived(tab: Tab, path: str) -> None:
    is_there = f"location.pathname === {path!r} && document.readyState === 'complete'"
    await until(lambda: tab.ask(is_there), f"the browser is on {path}")
