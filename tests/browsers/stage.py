"""The stage of one row: a browser, a site, the network, the collector. The stored events are what counts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.waiting import until
from tests.browser import QUIET_S, Browser, Tab
from tests.browsers.link import Link, link
from tests.browsers.site import Page, WebSite, serving
from tests.collector_stand import SECRET, Clock, Stand, stand
from wakeline.record import Event
from wakeline.settings import Site

PATIENCE_S = 15.0
NO_CONTENT = 204  # the answer to a preflight, and to nothing else


class Now(Clock):
    def __call__(self) -> int:
        return time.time_ns() // 1_000_000


def line(event: Event) -> str:
    """An event in two words: "page_view /shoes"; an engagement that ends presence is a "leave"."""
    what = "leave" if event.leave else "engaged" if event.type == "engagement" else event.type
    return f"{what} {event.path}"


@dataclass
class Stage:
    browser: Browser
    settings: Site
    site: WebSite
    link: Link
    collector: Stand
    refusals: dict[str, int] = field(default_factory=dict)  # that the row provokes, by reason
    keeps_all: bool = True  # False where the row makes events that are not to arrive
    tabs: list[Tab] = field(default_factory=list)  # that are still open

    async def open(self, path: str, page: Page | None = None, *, hidden: bool = False) -> Tab:
        """A new tab on `path`, from now on served as `page`."""
        if page is not None:
            self.site.pages[urlsplit(path).path] = page
        tab = await (self.browser.hidden_tab() if hidden else self.browser.tab())
        return await self.onto(tab, path)

    async def onto(self, tab: Tab, path: str) -> Tab:
        """`tab` on `path`; it is closed when the row ends."""
        self.tabs.append(tab)
        await tab.goto(self.site.url + path)
        return tab

    async def close(self, tab: Tab) -> None:
        self.tabs.remove(tab)
        await tab.close()

    # ---- what the collector stored --------------------------------------------------------------

    async def log(self) -> list[Event]:
        """Every stored event, including repeated ones."""
        return await self.collector.records()

    async def events(self) -> list[Event]:
        """Each stored event once, by (page, n), approximately in the order of creation."""
        once = {(event.page, event.n): event for event in reversed(await self.log())}
        return sorted(once.values(), key=lambda event: (event.time, event.n))

    async def told(self, what: str) -> list[Event]:
        """The events of this line: "page_view /shoes", or only "page_view"."""
        return [event for event in await self.events() if what in (line(event), line(event).split()[0])]

    async def seen(self, what: str, count: int = 1, *, within: float = PATIENCE_S) -> list[Event]:
        """The same once there are `count` of them."""

        async def came() -> bool:
            return len(await self.told(what)) >= count

        try:
            await until(came, f"{count} x {what!r} came", within=within)
        except AssertionError as error:
            error.add_note(f"stored: {[line(event) for event in await self.events()]}; harm: {self.site.harm}")
            raise
        return await self.told(what)

    async def until(self, happened: Callable[[], object], what: str, *, within: float = PATIENCE_S) -> None:
        await until(happened, what, within=within)

    async def quiet(self) -> None:
        """Returns once no more events will arrive."""
        requests = self.collector.parts.metrics.requests
        while True:
            before = requests.total()
            await asyncio.sleep(QUIET_S)
            if requests.total() == before:
                return

    async def tells(self, *expected: str, refuted: Sequence[str]) -> list[Event]:
        """The stored events, which must be exactly the `expected` ones, in any order.

        `refuted` must not occur: what a lesser script would send. If it is also expected, it must not occur more often.
        """
        assert refuted
        for what, count in Counter(expected).items():
            await self.seen(what, count)
        await self.quiet()
        events = await self.events()
        extra = Counter(map(line, events)) - Counter(expected)
        wrong = [what for what in extra.elements() if what in refuted]
        assert not wrong, f"refuted, and yet stored: {wrong}; all: {[line(event) for event in events]}"
        assert not extra, f"stored, and never expected: {list(extra.elements())}"
        return events

    # ---- what holds for every row ---------------------------------------------------------------

    async def check(self) -> None:
        events = await self.events()
        asked = self.collector.parts.metrics.requests[NO_CONTENT]
        assert asked == 0, f"{asked} preflights"
        assert not self.site.harm, f"a fault reached the page: {self.site.harm}"
        assert self.collector.rejected() == self.refusals
        if self.keeps_all:
            for page in {event.page for event in events}:
                first, *_ = mine = sorted((event for event in events if event.page == page), key=lambda event: event.n)
                assert [event.n for event in mine] == list(range(len(mine))), f"lost of a page: {mine}"
                assert first.type == "page_view", f"a page begins with {first}"
        anonymous = Counter((event.page, event.n) for event in await self.log() if event.is_anonymous)
        assert not [id for id, count in anonymous.items() if count > 1], "sent twice, and nobody had asked to"


@asynccontextmanager
async def staged(browser: Browser, folder: Path) -> AsyncIterator[Stage]:
    """With new origins, so that rows do not share storage."""
    site = WebSite()
    async with serving(site):
        own = Site(key="demo", secret=SECRET, origins=(site.url, "null"), query=("q",))  # null: a sandbox's
        async with stand(folder, own, clock=Now()) as collector, link(collector.port) as way:
            site.collector = way.url
            stage = Stage(browser, own, site, way, collector)
            yield stage
            for tab in stage.tabs:
                await tab.close()
    await stage.check()
