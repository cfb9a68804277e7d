"""A real Chromium, pages with a strict policy, and the real collector, which serves the scripts and stores events."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from benchmarks.waiting import until
from tests.browser import QUIET_S, Browser, Tab, running_browser
from tests.collector_stand import Stand, stand, stopped
from wakeline.record import Event
from wakeline.scripts import Kind, published
from wakeline.settings import Settings, Site
from wakeline.tag import script_tag

SNIPPET = Path(__file__).parents[2] / "snippet"
PATIENCE_S = 15.0
NONCE = "r4nd0m"
STUB = "<script>window.wakeline=window.wakeline||function(){(wakeline.q=wakeline.q||[]).push(arguments)}</script>"
WITNESS = """<script>
  window.faults = [];
  for (const type of ["error", "unhandledrejection", "securitypolicyviolation"])
    addEventListener(type, (event) => faults.push(`${type} ${event.message || event.reason || event.blockedURI}`));
  window.before = new Set(Object.getOwnPropertyNames(window));
</script>"""
BODY = """<h1>Shoes</h1><p>A text that is painted.</p><button id="busy">Busy</button>
<script>
  document.querySelector("#busy").onclick = () => {
    const until = performance.now() + 120;
    while (performance.now() < until);
  };
</script>"""

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@dataclass
class Shop:
    """A site whose pages have `head`, beside its collector."""

    collector: Stand
    settings: Settings
    origin: str
    head: str = ""
    status: int = 200
    files: dict[str, str] = field(default_factory=dict)  # scripts of its own, by path

    @property
    def site(self) -> Site:
        return Site(key="shop", origins=(self.origin,), masks=("/reset/*",))

    def tag(self, kind: Kind = Kind.CORE, *, pinned: bool = False) -> str:
        return script_tag(self.site, self.settings, kind, pinned=published() if pinned else None)

    async def page(self, request: web.Request) -> web.Response:
        if request.path in self.files:
            return web.Response(text=self.files[request.path], content_type="text/javascript")
        text = f"<!doctype html><title>Shoes</title>{WITNESS}{self.head}{BODY}".replace(
            "<script", f'<script nonce="{NONCE}"'
        )
        policy = f"default-src 'none'; script-src 'nonce-{NONCE}'; connect-src {self.settings.public_url}"
        headers = {"Content-Security-Policy": policy, "Server-Timing": 'db;dur=12.4, cache;desc="hit";dur=1'}
        return web.Response(text=text, content_type="text/html", headers=headers, status=self.status)

    async def until(self, happened: Callable[[list[Event]], object]) -> list[Event]:
        """What is stored, once it has happened."""

        async def has_happened() -> bool:
            return bool(happened(await self.collector.records()))

        try:
            await until(has_happened, "it is stored", within=PATIENCE_S)
        except AssertionError as error:
            error.add_note(str([(record.type, record.props) for record in await self.collector.records()]))
            raise
        return await self.collector.records()

    async def seen(self, type: str, count: int = 1) -> list[Event]:
        """All of this type that are stored, once there are so many and no more come."""
        await self.until(lambda records: len([record for record in records if record.type == type]) >= count)
        await asyncio.sleep(QUIET_S)
        return [record for record in await self.collector.records() if record.type == type]


@asynccontextmanager
async def open_shop(folder: Path, **paths: str) -> AsyncIterator[Shop]:
    async with AsyncExitStack() as stack:
        app = web.Application()
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        shop: Shop

        async def page(request: web.Request) -> web.Response:
            return await shop.page(request)

        app.router.add_get("/{path:.*}", page)
        await runner.setup()
        stack.push_async_callback(stopped, runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        site = Site(key="shop", origins=(origin,), masks=("/reset/*",))
        collector = await stack.enter_async_context(stand(folder, site, settings=paths))
        shop = Shop(collector, Settings(public_url=collector.url, **paths), origin)
        yield shop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def tab(chromium: Browser) -> AsyncIterator[Tab]:
    tab = await chromium.tab()
    yield tab
    await tab.goto("about:blank")
    await tab.close()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as shop:
        yield shop


async def added(tab: Tab) -> set[str]:
    """The globals that came after the page's own first script, whose faults must be none."""
    assert await tab.run("faults") == []
    return set(await tab.run("Object.getOwnPropertyNames(window).filter((name) => !before.has(name))")) - {"before"}


# ---- scripts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.CORE, Kind.FULL], ids=str)
@pytest.mark.parametrize("is_pinned", [False, True], ids=["moving", "pinned"])
async def test_a_tag_works_under_a_strict_policy_and_leaves_one_name(
    shop: Shop, tab: Tab, kind: Kind, is_pinned: bool
) -> None:
    shop.head = STUB + shop.tag(kind, pinned=is_pinned)
    await tab.goto(f"{shop.origin}/shoes")
    (view,) = await shop.seen("page_view")
    assert view.path == "/shoes"
    assert await added(tab) == {"wakeline"}


async def test_paths_of_ones_own_carry_script_and_events(tmp_path: Path, tab: Tab) -> None:
    async with open_shop(tmp_path, script_path="/assets/s.js", endpoint_path="/assets/e") as shop:
        shop.head = shop.tag(Kind.FULL)
        await tab.goto(f"{shop.origin}/shoes")
        await shop.seen("page_view")
        loaded = await tab.run("performance.getEntriesByType('resource').map(({name}) => name)")
        paths = {url.removeprefix(shop.collector.url) for url in loaded if url.startswith(shop.collector.url)}
        assert paths == {"/assets/s.full.js", "/assets/e"}
        await tab.goto("about:blank")


async def test_a_changed_script_is_not_run(shop: Shop, tab: Tab) -> None:
    shop.head = shop.tag(pinned=True).replace("sha384-", "sha384-A")
    await tab.goto(f"{shop.origin}/shoes")
    await asyncio.sleep(QUIET_S)
    assert await shop.collector.records() == []
    assert await tab.run("typeof wakeline") == "undefined"


MODULE = """
import { init, wakeline } from "/wakeline/index.js";
wakeline("event", "early");
init({ site: "shop", endpoint: "ENDPOINT" });
init({ site: "other", endpoint: "/nowhere" });
wakeline("add_to_cart", { items: [{ item_id: "trail-runner" }] });
"""


@pytest.fixture(scope="module")
def module() -> str:
    """The package's ES module."""
    code = "console.log(await (await import('./bundle.mjs')).bundleModule())"
    command = ["node", "--input-type=module", "-e", code]
    return subprocess.run(command, cwd=SNIPPET, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("has_tag", [False, True], ids=["alone", "beside a tag"])
async def test_the_package_begins_once_at_init(shop: Shop, tab: Tab, module: str, has_tag: bool) -> None:
    """What was called before it waits; a tag of ours on the same page does all the work."""
    main = MODULE.replace("ENDPOINT", f"{shop.collector.url}/v1/events")
    shop.files = {"/wakeline/index.js": module, "/main.js": main}
    shop.head = (shop.tag(Kind.FULL) if has_tag else "") + '<script type="module" src="/main.js"></script>'
    await tab.goto(f"{shop.origin}/shoes")
    await shop.seen("add_to_cart")
    stored = sorted(record.type for record in await shop.collector.records())
    assert stored == ["add_to_cart", "early", "page_view"]
    assert await added(tab) == {"wakeline"}


# ---- vitals -----------------------------------------------------------------------------------------

PAINTED = """new Promise((done) => new PerformanceObserver(() => setTimeout(() => done(1), 100))
  .observe({type: "largest-contentful-paint", buffered: true}))"""
TIMES = {"lcp_ms", "inp_ms", "fcp_ms", "ttfb_ms", "server_ms"}
RATINGS = {f"{metric}_rating" for metric in ("lcp", "inp", "cls", "fcp", "ttfb")}


async def hide(chromium: Browser) -> Tab:
    return await chromium.tab()


@pytest.mark.parametrize(
    ("stub", "order"),
    [
        pytest.param("", [Kind.CORE, Kind.VITALS], id="after the main script"),
        pytest.param("", [Kind.VITALS, Kind.CORE], id="before it"),
        pytest.param(STUB, [Kind.VITALS, Kind.FULL], id="before it, with the stub"),
        pytest.param("", [Kind.CORE, Kind.VITALS, Kind.VITALS], id="twice"),
    ],
)
async def test_a_page_tells_its_vitals_once_when_it_is_hidden(
    shop: Shop, chromium: Browser, tab: Tab, stub: str, order: list[Kind]
) -> None:
    shop.head = stub + "".join(shop.tag(kind) for kind in order)
    await tab.goto(f"{shop.origin}/shoes?size=42")
    await tab.click("#busy")
    await shop.seen("page_view")
    assert await added(tab) == {"wakeline", "wakelineVitals"}
    other = await hide(chromium)
    (event,) = await shop.seen("web_vitals")
    props: dict[str, Any] = dict(event.props or {})
    assert (event.path, props["path"], props["navigation"]) == ("/shoes", "/shoes", "navigate")
    assert props.keys() == {"path", "navigation", "cls", "server_timing"} | TIMES | RATINGS
    assert props["inp_ms"] >= 120
    assert 0 <= props["server_ms"] <= props["ttfb_ms"] <= props["fcp_ms"] <= props["lcp_ms"]
    assert 0 <= props["cls"] < 1
    assert {props[name] for name in RATINGS} <= {"good", "needs-improvement", "poor"}
    assert props["server_timing"] == [{"name": "db", "ms": 12}, {"name": "cache", "ms": 1}]
    await tab.show()
    await tab.click("#busy")
    await other.show()
    assert len(await shop.seen("web_vitals")) == 1
    await other.close()


async def test_vitals_of_a_page_that_is_left_arrive(shop: Shop, tab: Tab) -> None:
    shop.head = shop.tag() + shop.tag(Kind.VITALS)
    await tab.goto(f"{shop.origin}/shoes")
    await tab.run(PAINTED)
    await tab.goto(f"{shop.origin}/cart")
    (event,) = await shop.seen("web_vitals")
    assert (event.props or {})["path"] == "/shoes"
    assert "inp_ms" not in (event.props or {})  # nobody touched it


async def test_vitals_are_of_the_page_that_was_loaded(shop: Shop, chromium: Browser, tab: Tab) -> None:
    """Also where a route was shown meanwhile; and a path that must not be known is masked as in every URL."""
    shop.head = shop.tag() + shop.tag(Kind.VITALS)
    await tab.goto(f"{shop.origin}/reset/s3cret")
    await shop.seen("page_view")
    await tab.run("(history.pushState({}, '', '/done'), 1)")
    await shop.seen("page_view", count=2)
    other = await hide(chromium)
    events = await shop.seen("web_vitals")
    assert [(event.props or {})["path"] for event in events if "lcp_ms" in (event.props or {})] == ["/reset/*"]
    assert "s3cret" not in repr(events)
    await other.close()


@pytest.mark.parametrize(("status", "told"), [(503, 503), (404, 404), (400, 400), (203, None)])
async def test_an_error_that_the_server_answered_is_told(shop: Shop, tab: Tab, status: int, told: int | None) -> None:
    shop.head, shop.status = shop.tag() + shop.tag(Kind.VITALS), status
    await tab.goto(f"{shop.origin}/shoes")
    await tab.run(PAINTED)
    await tab.goto(f"{shop.origin}/cart")
    (event, *_) = await shop.seen("web_vitals")
    assert (event.props or {}).get("status") == told


async def test_without_consent_no_vitals_are_told(shop: Shop, chromium: Browser, tab: Tab) -> None:
    shop.head = shop.tag().replace("anonymous", "off") + shop.tag(Kind.VITALS)
    await tab.goto(f"{shop.origin}/shoes")
    other = await hide(chromium)
    await asyncio.sleep(QUIET_S)
    assert await shop.collector.records() == []
    await other.close()
