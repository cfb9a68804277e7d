"""The table of named behaviours times three real browsers: `make test-browsers`, a process for each column.

Each test is a row; where it says `quick` its Chromium cell is also in `make test`. In reading order: site (what
the browsers open), link (their way to the collector), stage (a row's world, and what holds for every row), counted
(what the processor makes of it), table (how all is printed), then the rows: test_loading, test_first_view,
test_routing, test_routers, test_presence, test_scrolling, test_delivery, test_privacy, test_calls, test_clicks,
test_forms, test_actions, test_pages, test_platforms, test_datalayer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from dataclasses import asdict
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser import CHROMIUM, ENGINES, Browser, running_browser
from tests.browsers.stage import Stage, staged
from tests.browsers.table import CELL, FAILED, FEATURES, NOT_SUPPORTED, OK, Table, cell_of

NAMES = {"chromium": "Chromium", "firefox": "Firefox", "webkit": "WebKitGTK"}
COLUMNS = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COLUMNS] = dict(NAMES)
    config.pluginmanager.register(Table())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ENGINES, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if cell := cell_of(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.xdist_group(cell.engine))
            if cell.engine != CHROMIUM or not item.get_closest_marker("quick"):
                item.add_marker("browsers")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(engine: str, request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """Shared by the rows of one engine."""
    async with running_browser(engine) as browser:
        numbers = (await browser.version()).partition("/")[2].split(".")
        request.config.stash[COLUMNS][engine] = f"{NAMES[engine]} {'.'.join(numbers[:2])}"
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def supported(browser: Browser, request: pytest.FixtureRequest) -> None:
    """Skips what this engine lacks, as the table allows it."""
    for mark in request.node.iter_markers("needs"):
        feature = FEATURES[mark.args[0]]
        tab = await browser.tab()
        has = bool(await tab.run(feature.test))
        await tab.close()
        assert has is (browser.engine not in feature.missing), f"{browser.engine}, {mark.args[0]}: {has}"
        if not has:
            pytest.skip(NOT_SUPPORTED)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(supported: None, browser: Browser, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(browser, tmp_path) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def own_stage(engine: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage with a browser of its own, which may be harmed."""
    async with running_browser(engine) as browser, staged(browser, tmp_path) as stage:
        yield stage
        stage.tabs.clear()  # they end with the browser


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if cell := cell_of(item):
        if report.skipped and NOT_SUPPORTED not in str(report.longrepr):
            report.outcome = "failed"  # an engine that is left out is no green cell
        cell.column = item.config.stash[COLUMNS][cell.engine]
        cell.word = FAILED if report.failed else NOT_SUPPORTED if report.skipped else OK
        report.user_properties = [(CELL, asdict(cell))]
    return report
