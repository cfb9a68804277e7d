"""A real Chromium loads pages with the built snippet; every claim rests on what the collector's side received.

Pages and collector are two origins, as on most sites, so that a preflight would be seen.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tests.chromium import Chromium, Tab, running_chromium
from wakeline.event import decode_envelope, decode_event

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "collector" / "static" / "wakeline.js"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PATIENCE_S = 15.0
QUIET_S = 0.7  # longer than the snippet gathers events: what has not come by then is not on its way

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

Event = dict[str, Any]

PAGE = """<!doctype html><title>{name}</title>{head}
<script>window.wakeline=window.wakeline||function(){{(wakeline.q=wakeline.q||[]).push(arguments)}}</script>
<script defer src="{collector}/wakeline.js" data-site="demo"{consent}></script>
<body style="height:{height}px"><a id="next" href="{next}">next</a>
<script>
  addEventListener("pageshow", (event) => event.persisted && fetch("/restored"));
  addEventListener("error", (event) => fetch("/error?" + encodeURIComponent(event.message)));
  addEventListener("unhandledrejection", (event) => fetch("/error?" + encodeURIComponent(event.reason)));
</script>"""
PRERENDER = """<script type="speculationrules">
{"prerender": [{"urls": ["/prerendered"], "eagerness": "immediate"}]}
</script>"""


@dataclass
class Recorder:
    """A site and a collector that answers `status` and keeps what it received."""

    status: int = 202
    events: list[Event] = field(default_factory=list)  # with `consent` and the `answer` they got, in order
    methods: list[str] = field(default_factory=list)
    content_types: set[str] = field(default_factory=set)
    served: list[str] = field(default_factory=list)  # paths of pages
    errors: list[str] = field(default_factory=list)  # that reached a page
    site: str = ""
    collector: str = ""

    async def collect(self, request: web.Request) -> web.Response:
        self.methods.append(request.method)
        if request.method == "POST":
            self.content_types.add(request.headers["Content-Type"])
            envelope = decode_envelope(await request.read())
            for raw in envelope.events:
                decode_event(raw)
                event = json.loads(bytes(raw))
                self.events.append(event | {"consent": str(envelope.consent), "answer": self.status})
        return web.Response(status=self.status, headers={"Access-Control-Allow-Origin": "*"})

    async def script(self, request: web.Request) -> web.Response:
        return web.Response(body=SCRIPT.read_bytes(), content_type="text/javascript")

    async def page(self, request: web.Request) -> web.Response:
        """Any path is a page; its query says how: consent, interests, next, height, sandbox (no storage)."""
        if request.path == "/error":
            self.errors.append(request.query_string)
            return web.Response()
        if request.path == "/favicon.ico":
            return web.Response(status=404)
        self.served.append(request.path)
        query = request.query
        head = f'<meta name="wakeline:interest" content="{query["interests"]}">' if "interests" in query else ""
        head += PRERENDER if "prerender" in query else ""
        consent = f' data-consent="{query["consent"]}"' if "consent" in query else ""
        body = PAGE.format(
            name=request.path[1:],
            head=head,
            collector=self.collector,
            consent=consent,
            height=query.get("height", "100"),
            next=query.get("next", "/next"),
        )
        policy = {"Content-Security-Policy": "sandbox allow-scripts"} if "sandbox" in query else {}
        return web.Response(text=body, content_type="text/html", headers=policy)

    def of(self, type: str, path: str = "") -> list[Event]:
        return [event for event in self.events if event["type"] == type and path in ("", self.path(event))]

    def path(self, event: Event) -> str:
        return str(event["url"].removeprefix(self.site).split("?")[0])

    @property
    def story(self) -> list[str]:
        """Each event once, as first received: "page_view /shoes"."""
        first = {(event["page"], event["n"]): event for event in reversed(self.events)}
        ordered = sorted(first.values(), key=lambda event: (event["time"], event["n"]))
        return [f"{event['type']} {self.path(event)}" for event in ordered]

    async def until(self, happened: Callable[[], object]) -> None:
        """Returns once it has happened. Raises AssertionError with what was received instead."""
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            assert time.monotonic() < deadline, f"received only {self.story}"
            await asyncio.sleep(0.02)

    async def seen(self, type: str, path: str = "", count: int = 1) -> list[Event]:
        await self.until(lambda: len(self.of(type, path)) >= count)
        return self.of(type, path)

    async def quiet(self) -> None:
        """Returns once nothing more is coming."""
        while True:
            before = len(self.methods)
            await asyncio.sleep(QUIET_S)
            if len(self.methods) == before:
                return


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Chromium]:
    async with running_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def recorder() -> AsyncIterator[Recorder]:
    """Fresh origins, so that no test sees another's storage. No request was a preflight, no error reached a page."""
    recorder = Recorder()
    collector, site = web.Application(), web.Application()
    collector.router.add_get("/wakeline.js", recorder.script)
    collector.router.add_route("*", "/v1/events", recorder.collect)
    site.router.add_get("/{path:.*}", recorder.page)
    runners = [web.AppRunner(app, access_log=None) for app in (collector, site)]
    for runner in runners:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    recorder.collector, recorder.site = (f"http://127.0.0.1:{runner.addresses[0][1]}" for runner in runners)
    yield recorder
    for runner in runners:
        await runner.shutdown()
        await runner.cleanup()
    assert set(recorder.methods) <= {"POST"}
    assert recorder.content_types <= {"text/plain;charset=UTF-8"}
    assert recorder.errors == []


@pytest_asyncio.fixture(loop_scope="module")
async def tab(chromium: Chromium) -> AsyncIterator[Tab]:
    tab = await chromium.tab()
    yield tab
    await tab.goto("about:blank")
    await tab.close()


async def test_a_load_is_one_page_view(recorder: Recorder, tab: Tab) -> None:
    await tab.goto(f"{recorder.site}/shoes?interests=running,%20shoes#reviews")
    await recorder.quiet()
    (view,) = recorder.events
    assert view["type"] == "page_view"
    assert view["url"] == f"{recorder.site}/shoes?interests=running,%20shoes"
    assert (view["title"], view["n"], view["interests"]) == ("shoes", 0, ["running", " shoes"])
    assert view["consent"] == "anonymous"
    assert "visitor" not in view
    assert await tab.stored() == {}


async def test_a_link_ends_one_page_and_begins_the_next(recorder: Recorder, tab: Tab) -> None:
    await tab.goto(f"{recorder.site}/shoes?next=/cart")
    await recorder.seen("page_view", "/shoes")
    await tab.click("#next")
    await recorder.seen("page_view", "/cart")
    (left,) = await recorder.seen("engagement", "/shoes")
    await recorder.quiet()
    assert recorder.story == ["page_view /shoes", "engagement /shoes", "page_view /cart"]
    assert left["leave"] is True
    assert recorder.of("page_view", "/cart")[0]["referrer"].startswith(f"{recorder.site}/shoes")


HISTORY_ONLY = "Object.defineProperty(window, 'navigation', {value: undefined})"


@pytest.mark.parametrize("scripts", [(), (HISTORY_ONLY,)], ids=["Navigation API", "history"])
async def test_client_side_navigation(recorder: Recorder, chromium: Chromium, scripts: tuple[str, ...]) -> None:
    """pushState, replaceState and back are page views, with the title that the page has by then."""
    tab = await chromium.tab(*scripts)
    await tab.goto(f"{recorder.site}/shoes")
    await recorder.seen("page_view", "/shoes")
    for path, move in {
        "/cart": "history.pushState({}, '', '/cart')",
        "/order": "history.replaceState({}, '', '/order')",
    }.items():
        await tab.run(f"({move}, setTimeout(() => document.title = location.pathname), 1)")
        (view,) = await recorder.seen("page_view", path)
        assert view["title"] == path
    await tab.run("(history.pushState({}, '', '#top'), history.replaceState({}, '', '/order'), 1)")
    await recorder.quiet()
    assert len(recorder.of("page_view")) == 3
    await tab.run("setTimeout(() => history.back())")
    await tab.run("setTimeout(() => history.back())")
    await recorder.seen("page_view", "/shoes", count=2)
    await recorder.quiet()
    assert recorder.story == [
        "page_view /shoes",
        "engagement /shoes",
        "page_view /cart",
        "engagement /cart",
        "page_view /order",
        "engagement /order",
        "page_view /shoes",
    ]
    assert len({view["page"] for view in recorder.of("page_view")}) == 4
    await tab.close()


async def test_a_page_from_the_back_forward_cache_is_viewed_again(recorder: Recorder, tab: Tab) -> None:
    await tab.goto(f"{recorder.site}/shoes?next=/cart")
    await recorder.seen("page_view", "/shoes")
    await tab.click("#next")
    await recorder.seen("page_view", "/cart")
    await tab.run("setTimeout(() => history.back())")
    await recorder.seen("page_view", "/shoes", count=2)
    await recorder.until(lambda: "/restored" in recorder.served)
    await recorder.quiet()
    # A restored page may be shown before the one it replaces is hidden.
    assert sorted(recorder.story) == [
        "engagement /cart",
        "engagement /shoes",
        "page_view /cart",
        "page_view /shoes",
        "page_view /shoes",
    ]
    assert len({view["page"] for view in recorder.of("page_view")}) == 3


async def test_a_prerendered_page_counts_once_it_is_shown(recorder: Recorder, tab: Tab) -> None:
    await tab.goto(f"{recorder.site}/shoes?prerender&next=/prerendered")
    await recorder.until(lambda: "/prerendered" in recorder.served)
    await recorder.quiet()
    assert recorder.story == ["page_view /shoes"]
    await tab.click("#next")
    await recorder.seen("page_view", "/prerendered")
    await recorder.quiet()
    assert len(recorder.of("page_view", "/prerendered")) == 1
    assert recorder.served.count("/prerendered") == 1
    assert await tab.run("performance.getEntriesByType('navigation')[0].activationStart") > 0


async def test_a_page_opened_in_the_background_counts_once_it_is_seen(
    recorder: Recorder, chromium: Chromium, tab: Tab
) -> None:
    background = await chromium.tab()
    await tab.goto(f"{recorder.site}/shoes")
    await tab.front()
    await background.goto(f"{recorder.site}/hidden")
    await background.run("(wakeline('event', 'early'), 1)")
    await recorder.quiet()
    assert recorder.story == ["page_view /shoes"]
    await background.front()
    await recorder.seen("early", "/hidden")
    await recorder.quiet()
    assert [told for told in recorder.story if "hidden" in told] == ["page_view /hidden", "early /hidden"]
    await background.close()


async def test_a_tab_in_the_background_is_not_present(recorder: Recorder, chromium: Chromium, tab: Tab) -> None:
    await tab.goto(f"{recorder.site}/shoes")
    await recorder.seen("page_view")
    other = await chromium.tab()
    (left,) = await recorder.seen("engagement")
    assert left["leave"] is True
    await recorder.quiet()
    await tab.front()
    (ping,) = await recorder.seen("ping")
    assert ping["page"] == left["page"]
    assert recorder.story == ["page_view /shoes", "engagement /shoes", "ping /shoes"]
    await other.close()


FAST_CLOCK = "{const real = setInterval; window.setInterval = (run, ms) => real(run, ms / 50)}"


async def test_signs_of_life_while_visible(recorder: Recorder, chromium: Chromium) -> None:
    """Every 25 s, here every half second, and no page view is among them."""
    tab = await chromium.tab(FAST_CLOCK)
    await tab.goto(f"{recorder.site}/shoes")
    pings = await recorder.seen("ping", count=3)
    assert [ping["n"] for ping in pings[:3]] == [1, 2, 3]
    assert len(recorder.of("page_view")) == 1
    await tab.close()
    await recorder.seen("engagement")


async def test_engaged_time_and_scroll_depth(recorder: Recorder, tab: Tab) -> None:
    began = time.monotonic()
    await tab.goto(f"{recorder.site}/shoes?height=3000&next=/cart")
    await recorder.seen("page_view")
    await tab.run("new Promise((done) => (onscroll = () => done(1), scrollTo(0, 900)))")
    await tab.run("new Promise((done) => (onscroll = () => done(1), scrollTo(0, 0)))")
    height = await tab.run("innerHeight")
    total = await tab.run("document.documentElement.scrollHeight")
    await tab.click("#next")
    (left,) = await recorder.seen("engagement", "/shoes")
    elapsed_ms = (time.monotonic() - began) * 1000
    assert 0 < left["engaged_ms"] <= elapsed_ms
    assert left["scroll"] == pytest.approx((900 + height) / total * 100, abs=1)


async def test_consent_refused_given_and_withdrawn(recorder: Recorder, tab: Tab) -> None:
    await tab.goto(f"{recorder.site}/shoes?consent=off")
    await tab.run("(wakeline('event', 'click'), 1)")
    await recorder.quiet()
    assert recorder.events == []
    assert await tab.stored() == {}

    await tab.run("(wakeline('consent', 'full'), wakeline('identify', 'customer-1042', {signature: '3f'}), 1)")
    await recorder.seen("identify")
    (view,) = recorder.events[:1]
    stored = await tab.stored()
    assert stored["wakeline.consent"] == "full"
    assert stored["wakeline.id"] == view["visitor"]
    assert "continued" not in view

    await tab.goto(f"{recorder.site}/cart?consent=off")
    (next_view,) = await recorder.seen("page_view", "/cart")
    assert next_view["visitor"] == view["visitor"]

    await recorder.quiet()
    await tab.run("(wakeline('consent', 'off'), 1)")
    (withdrawal,) = await recorder.seen("consent")
    await recorder.quiet()
    assert (withdrawal["consent"], withdrawal["level"], withdrawal["visitor"]) == ("off", "off", view["visitor"])
    assert await tab.stored() == {"wakeline.consent": "off"}
    received = len(recorder.events)
    await tab.goto(f"{recorder.site}/order?consent=full")
    await recorder.quiet()
    assert len(recorder.events) == received


async def test_consent_given_goes_on_as_another_visitor(recorder: Recorder, tab: Tab) -> None:
    await tab.goto(f"{recorder.site}/shoes")
    await recorder.seen("page_view")
    await tab.run("(wakeline('consent', 'full'), 1)")
    await recorder.seen("page_view", count=2)
    await recorder.quiet()
    told = sorted((event["consent"], event["type"]) for event in recorder.events)
    assert told == [
        ("anonymous", "consent"),
        ("anonymous", "engagement"),
        ("anonymous", "page_view"),
        ("full", "page_view"),
    ]
    first, second = recorder.of("page_view")
    assert (first.get("continued"), second.get("continued")) == (None, True)
    assert first["page"] != second["page"]


async def test_consent_in_one_tab_holds_in_the_other(recorder: Recorder, chromium: Chromium, tab: Tab) -> None:
    await tab.goto(f"{recorder.site}/shoes?consent=full")
    await recorder.seen("page_view", "/shoes")
    other = await chromium.tab()
    await other.goto(f"{recorder.site}/cart?consent=full")
    await recorder.seen("page_view", "/cart")
    await other.run("(wakeline('consent', 'off'), 1)")
    await recorder.seen("consent")
    await recorder.quiet()
    received = len(recorder.events)
    await tab.front()
    await tab.run("(wakeline('event', 'click'), 1)")
    await recorder.quiet()
    assert len(recorder.events) == received
    assert await tab.stored() == {"wakeline.consent": "off"}
    await other.close()


GPC = "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"


async def test_global_privacy_control_allows_no_more_than_anonymous(recorder: Recorder, chromium: Chromium) -> None:
    tab = await chromium.tab(GPC)
    await tab.goto(f"{recorder.site}/shoes?consent=full")
    await tab.run("(wakeline('consent', 'full'), 1)")
    await recorder.quiet()
    (view,) = recorder.events
    assert view["consent"] == "anonymous"
    assert "visitor" not in view
    assert await tab.stored() == {"wakeline.consent": "full"}
    await tab.close()
    await recorder.seen("engagement")


async def test_a_queue_survives_a_503_and_a_page_change(recorder: Recorder, tab: Tab) -> None:
    recorder.status = 503
    await tab.goto(f"{recorder.site}/shoes?consent=full")
    await tab.run("(wakeline('event', 'add_to_cart', {product: 'trail-runner'}), 1)")
    await recorder.seen("add_to_cart")
    await recorder.quiet()
    stored = await tab.stored()
    assert len(stored["wakeline.queue"].split("\n")) == 2

    await tab.goto(f"{recorder.site}/cart?consent=full")
    await recorder.seen("page_view", "/cart")
    await recorder.quiet()
    queued = {(event["page"], event["n"]) for event in recorder.events}
    assert recorder.story == ["page_view /shoes", "add_to_cart /shoes", "engagement /shoes", "page_view /cart"]

    recorder.status = 202
    await tab.run("(wakeline('event', 'click'), 1)")
    await recorder.seen("click")
    await recorder.quiet()
    await tab.goto(f"{recorder.site}/order?consent=full")
    await recorder.seen("page_view", "/order")
    await recorder.quiet()
    accepted = [(event["page"], event["n"]) for event in recorder.events if event["answer"] == 202]
    assert {key: accepted.count(key) for key in queued} == dict.fromkeys(queued, 1)
    assert "wakeline.queue" not in await tab.stored()


async def test_a_collector_that_is_away_changes_nothing_on_the_page(recorder: Recorder, tab: Tab) -> None:
    await tab.goto(f"{recorder.site}/shoes?consent=full")
    await recorder.seen("page_view")
    await tab.run("(window.fetch = () => Promise.reject(new TypeError('blocked')), 1)")
    await tab.run("(wakeline('event', 'add_to_cart'), 1)")
    await recorder.quiet()
    assert recorder.of("add_to_cart") == []
    await tab.goto(f"{recorder.site}/cart?consent=full")
    await recorder.seen("add_to_cart")


async def test_a_blocked_local_storage_leaves_a_queue_in_memory(recorder: Recorder, tab: Tab) -> None:
    recorder.status = 503
    await tab.goto(f"{recorder.site}/shoes?consent=full&sandbox")
    assert await tab.run("(() => { try { return !localStorage } catch { return true } })()") is True
    await recorder.seen("page_view")
    recorder.status = 202
    await tab.run("(wakeline('event', 'click'), 1)")
    await recorder.seen("click")
    await recorder.until(lambda: [event for event in recorder.of("page_view") if event["answer"] == 202])
    assert len({event["visitor"] for event in recorder.events}) == 1


@pytest.mark.parametrize("consent", ["anonymous", "full"])
async def test_a_closed_tab_is_left(recorder: Recorder, chromium: Chromium, consent: str) -> None:
    tab = await chromium.tab()
    await tab.goto(f"{recorder.site}/shoes?consent={consent}")
    await recorder.seen("page_view")
    await tab.close()
    (left,) = await recorder.seen("engagement")
    assert left["leave"] is True


async def test_calls_that_follow_one_another_share_a_request(recorder: Recorder, tab: Tab) -> None:
    await tab.goto(f"{recorder.site}/shoes")
    await recorder.seen("page_view")
    await recorder.quiet()
    requests = len(recorder.methods)
    await tab.run("(wakeline('event', 'first'), wakeline('event', 'second'), 1)")
    await recorder.seen("second")
    await recorder.quiet()
    assert len(recorder.methods) == requests + 1
