"""A real Chromium in the demo shop, as started by `make run`: its clicks become the right numbers.

The visit: consent refused, later given; client-side navigation; a product put into the basket; an order; the
tab closed. The exact profile, counters and values in a real Prometheus are expected.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from benchmarks.exposition import series_of
from benchmarks.machine import ports_of_settings
from benchmarks.waiting import until
from tests.balance import assert_balanced
from tests.browser import CHROMIUM, Tab, running_browser
from tests.integration.up import Up, without_story
from tests.prometheus import Prometheus

A_PERSON = (
    "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36",
    "--disable-blink-features=AutomationControlled",  # else the browser says that a program drives it
)

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]


class Shop:
    """`wakeline up --demo` in a folder of its own, and a Prometheus that reads it each half second."""

    def __init__(self, folder: Path) -> None:
        ports = ports_of_settings()
        names = {f"WAKELINE_{name.upper()}": str(port) for name, port in ports.items()}
        without_story(folder / "data")
        self.up = Up(folder, ports, names | {"WAKELINE_DATA": str(folder / "data")})
        self.url = f"http://localhost:{ports['demo_port']}"
        targets = [f"127.0.0.1:{port}" for name, port in ports.items() if name.endswith("metrics_port")]
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
            "scrape_configs": [{"job_name": "wakeline", "static_configs": [{"targets": targets}]}],
        }
        self.prometheus = Prometheus(folder / "prometheus", json.dumps(config))  # JSON is YAML

    async def metrics(self, port: str) -> dict[str, float]:
        """Series -> value, as /metrics gives them now."""
        async with aiohttp.ClientSession() as session, session.get(self.up.url(port, "/metrics")) as answer:
            return series_of(await answer.text())

    async def asked(self, query: str) -> dict[str, float]:
        """What Prometheus answers now: the values by the one label that tells them apart, or by ""."""
        url = f"{self.prometheus.url}/api/v1/query?query={quote(query)}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            found = await answer.json()
        return {
            next(
                (row["metric"][name] for name in ("page", "source", "event", "state") if name in row["metric"]), ""
            ): float(row["value"][1])
            for row in found["data"]["result"]
        }

    async def profile(self, visitor: str) -> dict[str, Any]:
        """`wakeline profile VISITOR --json`."""
        said = await asyncio.to_thread(self.up.command, "profile", visitor, "--site", "demo", "--json")
        assert said.returncode == 0, said.stderr
        return dict(json.loads(said.stdout))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    shop.prometheus.start()
    try:
        shop.up.start("--demo")
        yield shop
        assert_balanced(shop.up.ports["metrics_port"])
    finally:
        shop.prometheus.kill()
        shop.up.stop(signal.SIGINT)


async def shown(tab: Tab, words: str) -> None:
    """Returns once the panel beside the shop shows `words`."""
    text = "document.querySelector('.panel, aside')?.textContent ?? ''"

    async def there() -> bool:
        return words in await tab.ask(text)

    await until(there, f"the panel shows {words!r}")


async def arrived(tab: Tab, path: str) -> None:
    async def there() -> bool:
        return bool(await tab.ask(f"location.pathname === {path!r} && document.readyState === 'complete'"))

    await until(there, f"the browser is on {path}")


async def still(tab: Tab) -> None:
    """Returns once nothing on the page moves any more, so that a click lands where it was aimed."""
    images = "[...document.images].every(image => image.complete || image.loading === 'lazy')"

    async def rests() -> bool:
        return bool(await tab.ask(f"!document.getAnimations().length && {images}"))

    await until(rests, "the page comes to rest")


async def test_a_visit_becomes_exactly_its_profile_counters_and_prometheus_values(shop: Shop) -> None:
    async def received() -> float:
        return (await shop.metrics("metrics_port"))["wakeline_collector_received_total"]

    async def page_views() -> float:
        return (await shop.metrics("api_metrics_port"))['wakeline_page_views_total{site="demo"}']

    async with running_browser(CHROMIUM, *A_PERSON) as chromium:
        tab = await chromium.tab()

        # Not asked yet: counted, nothing stored.
        await tab.goto(shop.url + "/")
        await until(lambda: _is(page_views, 1), "the first page is counted")
        assert "wakeline.id" not in await tab.stored()

        # Refused: one last message, then silence.
        await tab.click('[data-consent="off"]')
        await until(lambda: _is(received, 3), "page view, engagement, consent")
        await tab.goto(shop.url + "/lamps")
        await asyncio.sleep(1.0)  # longer than the snippet gathers events
        assert await received() == 3
        assert (await tab.stored()).get("wakeline.consent") == "off"
        assert "wakeline.id" not in await tab.stored()

        # Given: from here on there is a profile, and it moves with every click.
        await tab.click("[data-choices]")
        await tab.click('[data-consent="full"]')
        visitor = await until(lambda: tab.ask("localStorage['wakeline.id'] ?? ''"), "an id is made")
        await until(lambda: _is(page_views, 2), "the page is counted under full")
        await still(tab)
        await tab.click('a[data-soft][href="/lamps/harbour-lamp"]')
        await arrived(tab, "/lamps/harbour-lamp")
        await until(lambda: _is(page_views, 3), "client-side navigation is a page view")
        await shown(tab, "brass")
        await still(tab)
        await tab.click("[data-add]")
        await until(lambda: _custom_events(shop, 2), "product seen and put into the basket")
        await shown(tab, "1 × harbour-lamp")
        await tab.goto(shop.url + "/cart")
        await still(tab)
        await tab.click("#order")
        await arrived(tab, "/order")
        await until(lambda: _custom_events(shop, 4), "checkout and purchase")
        assert not await tab.run(
            "performance.getEntriesByType('resource').some(one => !/localhost|127.0.0.1/.test(one.name))"
        )
        await tab.close()

        async def nobody() -> bool:
            return (await shop.metrics("api_metrics_port"))['wakeline_live_visitors{site="demo",window="now"}'] == 0

        await until(nobody, "gone when gone")

    profile = await shop.profile(visitor)
    facts = {
        "id": visitor, "site": "demo", "visits": 1, "page_views": 4, "events": 4, "device": "desktop",
        "browser": "Chrome", "os": "Linux",
    }  # fmt: skip
    assert {name: profile[name] for name in facts} == facts
    session = profile["session"]
    assert (session["entry"], session["page"], session["page_views"]) == ("/lamps", "/order", 4)
    assert profile["first_source"] == profile["last_source"] == {
        "source": "direct", "campaign": "", "source_class": "direct", "content": "", "term": "", "campaign_id": "",
    }  # fmt: skip
    assert 0 < profile["engaged_seconds"] < 60
    scores = {interest["name"]: interest["score"] for interest in profile["interests"]}
    assert scores.keys() == {"lamps", "brass"}
    # two pages of lamps 2, product seen 1, basket 3, checkout 3, purchase 5; and half a minute of engagement is 1
    engaged = profile["engaged_seconds"] / 30
    assert 13.99 < scores["lamps"] <= 14 + engaged
    assert 0.99 < scores["brass"] <= 1 + engaged

    totals = await shop.metrics("api_metrics_port")
    site = '{site="demo"}'
    assert totals[f"wakeline_page_views_total{site}"] == 5
    assert totals[f"wakeline_custom_events_total{site}"] == 4
    assert totals[f"wakeline_new_visitors_total{site}"] == 1
    assert totals[f"wakeline_visits_today{site}"] == 2  # refused in between: two visits
    assert totals[f"wakeline_bot_events_total{site}"] == 0
    assert totals[f"wakeline_orders_total{site}"] == 1
    euros = '{currency="EUR",site="demo"}'
    gained = [totals[f"wakeline_{what}_gained_total{euros}"] for what in ("revenue", "page_revenue", "margin")]
    assert gained == [129, 129, 64.5]  # half of a lamp's price is earned
    assert totals["wakeline_ledger_difference"] == 0
    assert (await shop.metrics("metrics_port"))["wakeline_collector_ledger_difference"] == 0

    pages = {"/": 1, "/lamps": 1, "/lamps/harbour-lamp": 1, "/cart": 1, "/order": 1}
    events = {"view_item": 1, "add_to_cart": 1, "begin_checkout": 1, "purchase": 1}
    expected: dict[str, dict[str, float]] = {
        "sum by (page) (wakeline_page_views_window{window='today'}) > 0": pages,
        "wakeline_page_views_window{window='30m'} > 0": pages,
        "wakeline_visits_window{window='today'} > 0": {"direct": 2},
        "wakeline_custom_events_window{window='today', event!='web_vitals'} > 0": events,
        "wakeline_page_views_total{site='demo'}": {"": 5},
        "wakeline_live_visitors{window='now'}": {"": 0},
        "wakeline_live_visitors{window='30m'}": {"": 2},
        "sum(up)": {"": 4},
        "wakeline_ledger_difference": {"": 0},
        "wakeline_collector_ledger_difference": {"": 0},
        "wakeline_ledger_records{state='pending'}": {"pending": 0},
        "sum(wakeline_processor_records_total{outcome!='derived'}) == bool sum(wakeline_collector_accepted_total)": {
            "": 1
        },
    }
    for query, wanted in expected.items():

        async def equals(query: str = query, wanted: dict[str, float] = wanted) -> bool:
            return await shop.asked(query) == wanted

        await until(equals, f"{query} is {wanted}, not {await shop.asked(query)}")


async def _is(number: Callable[[], Any], wanted: float) -> bool:
    return bool(await number() == wanted)


async def _custom_events(shop: Shop, wanted: float) -> bool:
    return (await shop.metrics("api_metrics_port"))['wakeline_custom_events_total{site="demo"}'] == wanted
