"""Real applications with client-side routers."""

from __future__ import annotations

import fcntl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.browser import CHROMIUM, Browser, Tab
from tests.browsers.site import Page
from tests.browsers.stage import Stage
from wakeline.record import Event

APPS = Path(__file__).parent / "apps"
STAY_MS = 1_000


@pytest.fixture(scope="session")
def built(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The applications as their sites would build them; `browser` has installed the bundler."""
    with (APPS / "package.json").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # each engine's tests run in a process of their own
        if not (APPS / "node_modules/.package-lock.json").exists():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=APPS, check=True)
    folder = tmp_path_factory.mktemp("apps")
    subprocess.run(["node", "build.mjs", str(folder)], cwd=APPS, check=True)
    return folder


@pytest.fixture
def apps(stage: Stage, built: Path) -> Stage:
    stage.site.assets = built
    return stage


def app(name: str, *, scripts: int = 1) -> Page:
    """The one page that an application is served as, at any path."""
    head = '<link rel="collector" href="{collector}/v1/events">'
    body = f'<div id="app"></div><script type="module" src="/assets/{name}.js"></script>'
    return Page(head=head, body=body, title="Shop", scripts=scripts)


async def until(tab: Tab, condition: str) -> None:
    await tab.ask(
        f"new Promise((done) => {{ const look = () => {condition} ? done() : setTimeout(look, 20); look() }})"
    )


async def enter(stage: Stage, tab: Tab, path: str, title: str) -> None:
    """Clicks the link to `path` and waits until its view was told and its title is there."""
    before = len(await stage.told("page_view"))
    link = f'a[href="{path}"]'
    await until(tab, f"document.querySelector('{link}')")
    await tab.click(link)
    await stage.seen("page_view", before + 1)
    await until(tab, f"document.title == '{title}'")


def views(events: Sequence[Event]) -> list[tuple[str, str]]:
    """(path, title) of each page view, in order."""
    return [(event.path, event.title) for event in events if event.type == "page_view"]


@pytest.mark.parametrize(
    ("name", "scripts"),
    [
        pytest.param("react", 1, id="React Router"),
        pytest.param("react_package", 0, id="React Router, with the package"),
        pytest.param("vue", 1, id="Vue Router"),
    ],
)
async def test_routes(apps: Stage, name: str, scripts: int) -> None:
    """Each route is one view with its own late title, lazy ones too, back and forward"""
    apps.site.page = app(name, scripts=scripts)
    tab = await apps.open("/")
    await apps.seen("page_view /")
    await until(tab, "document.title == 'Home'")
    await enter(apps, tab, "/shoes", "Shoes")
    await enter(apps, tab, "/shoes/42", "Shoe 42")
    await tab.back()
    await apps.seen("page_view /shoes", 2)
    await tab.do("setTimeout(() => history.forward())")
    await apps.seen("page_view /shoes/42", 2)
    await tab.hide()
    walk = ["/", "/shoes", "/shoes/42", "/shoes", "/shoes/42"]
    started = ["started /"] if scripts == 0 else []
    events = await apps.tells(
        *started,
        *(f"{what} {path}" for path in walk for what in ("page_view", "leave")),
        refuted=[f"{what} {path}" for path in set(walk) for what in ("page_view", "leave", "ping", "engaged")],
    )
    (_, first), *others = views(events)
    assert first in ("Shop", "Home")  # what the page itself said, or the application by then
    assert others == [("/shoes", "Shoes"), ("/shoes/42", "Shoe 42")] * 2
    assert len({event.page for event in events}) == len(walk)
    assert apps.site.served == ["/"]


async def test_replaced(apps: Stage) -> None:
    """React Router: a step that replaces itself and a redirect are not viewed, a replaced query neither"""
    apps.site.page = app("react")
    tab = await apps.open("/")
    await apps.seen("page_view /")
    await enter(apps, tab, "/shoes", "Shoes")
    await tab.click("#sort")
    await apps.quiet()
    await enter(apps, tab, "/cart", "Order")
    await enter(apps, tab, "/account", "Login")
    await apps.tells(
        *("page_view /", "leave /", "page_view /shoes", "leave /shoes", "page_view /order", "leave /order"),
        "page_view /login",
        refuted=["page_view /cart", "leave /cart", "page_view /account", "page_view /shoes", "leave /shoes"],
    )


async def test_vue_replaced(apps: Stage) -> None:
    """Vue Router: a redirect is not viewed, a replaced query neither"""
    apps.site.page = app("vue")
    tab = await apps.open("/")
    await apps.seen("page_view /")
    await enter(apps, tab, "/shoes", "Shoes")
    await tab.click("#sort")
    await apps.quiet()
    await enter(apps, tab, "/account", "Login")
    await apps.tells(
        *("page_view /", "leave /", "page_view /shoes", "leave /shoes", "page_view /login"),
        refuted=["page_view /account", "leave /account", "page_view /shoes", "leave /shoes"],
    )


@pytest.mark.parametrize("name", ["react", "vue"], ids=["React Router", "Vue Router"])
async def test_engagement(apps: Stage, name: str) -> None:
    """Engaged time is that of its route, and no more than passed"""
    apps.site.page = app(name)
    began = time.monotonic()
    tab = await apps.open("/")
    await apps.seen("page_view /")
    await enter(apps, tab, "/shoes", "Shoes")
    await tab.run(f"new Promise((done) => setTimeout(done, {STAY_MS}))")
    await enter(apps, tab, "/shoes/42", "Shoe 42")
    await tab.hide()
    passed_ms = (time.monotonic() - began) * 1_000
    left = ["leave /", "leave /shoes", "leave /shoes/42"]
    events = await apps.tells(
        *left, "page_view /", "page_view /shoes", "page_view /shoes/42", refuted=["engaged /shoes", "leave /shoes"]
    )
    engaged = {event.path: event.engaged_ms for event in events if event.leave}
    assert engaged["/shoes"] >= STAY_MS
    assert engaged["/shoes"] > engaged["/shoes/42"] > 0
    assert sum(engaged.values()) <= passed_ms


TRANSITION = """<style>@view-transition { navigation: auto }</style>
<script>addEventListener("pagereveal", (event) => window.transition = event.viewTransition?.finished)</script>"""


async def test_view_transitions(apps: Stage) -> None:
    """A view transition between two documents: each is viewed and left once"""
    for path, to in (("/", "/shoes"), ("/shoes", "/cart"), ("/cart", "/")):
        apps.site.pages[path] = Page(head=TRANSITION, title=f"Page {path}", body=f'<a href="{to}">on</a>')
    tab = await apps.open("/")
    await apps.seen("page_view /")
    for path in ("/shoes", "/cart"):
        await enter(apps, tab, path, f"Page {path}")
        animated = await tab.ask("Promise.resolve(window.transition).then(() => !!window.transition)")  # deaf meanwhile
        assert animated or apps.browser.engine != CHROMIUM
    events = await apps.tells(
        *("page_view /", "leave /", "page_view /shoes", "leave /shoes", "page_view /cart"),
        refuted=["page_view /", "page_view /shoes", "page_view /cart", "leave /shoes", "ping /shoes"],
    )
    assert views(events) == [(path, f"Page {path}") for path in ("/", "/shoes", "/cart")]
