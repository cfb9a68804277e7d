"""The table of named behaviours times three real browsers: `make test-browsers`.

Each test is a row; where it says `quick` its Chromium cell is also in `make test`. In reading order: site (what
the browsers open), link (their way to the collector), stage (a row's world, and what holds for every row), table
(how it is printed), then the rows: test_loading, test_routing, test_presence, test_delivery, test_privacy,
test_calls, test_actions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser import CHROMIUM, ENGINES, Browser, running_browser
from tests.browsers.stage import Stage, staged
from tests.browsers.table import FAILED, FEATURES, NOT_SUPPORTED, OK, Table

TABLE = pytest.StashKey[Table]()
NAMES = {"chromium": "Chromium", "firefox": "Firefox", "webkit": "WebKitGTK"}


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLE] = Table()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ENGINES, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function) or "engine" not in item.fixturenames:
            continue
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if item.callspec.params["engine"] != CHROMIUM or not item.get_closest_marker("quick"):
            item.add_marker("browsers")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(engine: str, request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """Shared by the rows of one engine."""
    async with running_browser(engine) as browser:
        version = (await browser.version()).partition("/")[2].split(".")
        request.config.stash[TABLE].versions[engine] = f"{NAMES[engine]} {'.'.join(version[:2])}"
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


# ---- the table ----------------------------------------------------------------------------------


def first_line(doc: str | None) -> str:
    return (doc or "").partition("\n")[0].rstrip(".")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if isinstance(item, pytest.Function) and "engine" in item.fixturenames:
        said = str(report.longrepr)
        if report.skipped and NOT_SUPPORTED not in said:
            report.outcome = "failed"  # an engine that is left out is no green cell
        word = FAILED if report.failed else NOT_SUPPORTED if report.skipped else OK
        engine, _, variant = item.callspec.id.partition("-")
        row = first_line(item.function.__doc__) + (f" ({variant})" if variant else "")
        item.config.stash[TABLE].put(first_line(item.module.__doc__), row, engine, word)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    table = config.stash[TABLE]
    if table.cells:
        terminalreporter.section("behaviours in real browsers")
        for line in table.lines():
            terminalreporter.write_line(line)
