"""A page that loses consent, for example by Global Privacy Control, sends the withdrawal first, and the profile is
erased: from the request to the profile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector_stand import ORIGIN, VISITOR, Clock, Stand, envelope, event, stand
from tests.timeline import MINUTE, SECOND, START, Timeline
from wakeline.settings import Site

SHOP = Site(key="shop", origins=(ORIGIN,))
TODAY = "2027-01-15"
GPC = {"Sec-GPC": "1"}


class Browser:
    """Sends to a collector, whose records are folded at once."""

    def __init__(self, collector: Stand, made: Timeline, clock: Clock) -> None:
        self._collector, self._made, self._clock = collector, made, clock
        self._folded = 0

    async def sends(self, consent: str, at: int, headers: dict[str, str], **fields: Any) -> str:
        """The visitor under whose id the event is in the log."""
        self._clock.now = now = START + at
        body = envelope(event(time=now, **fields), consent=consent, site=SHOP.key, sent=now)
        status, answer, _ = await self._collector.post(body, headers=headers)
        assert (status, answer["accepted"]) == (202, 1)
        records = sorted(await self._collector.records(), key=lambda record: record.received)
        (record,) = records[self._folded :]
        self._folded += 1
        await self._made.append(record, at=at)
        await self._made.run()
        return record.visitor

    async def sees(self, at: int, page: str, path: str, *, consent: str, headers: dict[str, str]) -> str:
        known = {"visitor": VISITOR} if consent == "full" else {}
        return await self.sends(consent, at, headers, page=page, url=f"{ORIGIN}{path}", interests=["shoes"], **known)

    async def withdraws(self, at: int, page: str, *, level: str, headers: dict[str, str]) -> str:
        told = {"type": "consent", "level": level, "visitor": VISITOR}
        return await self.sends("full", at, headers, page=page, **told)


@pytest.fixture
async def browser(made: Timeline, tmp_path: Path) -> AsyncIterator[Browser]:
    clock = Clock(START)
    async with stand(tmp_path, SHOP, clock=clock) as collector:
        yield Browser(collector, made, clock)


@pytest.mark.parametrize("pause", [MINUTE, 60 * MINUTE], ids=["within the visit", "at the next visit"])
@pytest.mark.parametrize("headers", [GPC, {}], ids=["Sec-GPC", "no header"])
@pytest.mark.parametrize("level", ["anonymous", "off"])
async def test_a_page_that_begins_with_a_withdrawal_is_honoured(
    browser: Browser, made: Timeline, level: str, headers: dict[str, str], pause: int
) -> None:
    """Told again, by a retry or in another tab, it changes nothing."""
    assert await browser.sees(0, "page-one", "/shoes", consent="full", headers={}) == VISITOR
    assert (await made.profile(VISITOR))["page_views"] == "1"
    assert await made.interests(VISITOR)

    told = [("page-two", 0), ("page-two", SECOND), ("page-three", SECOND)]
    for page, later in told:
        assert await browser.withdraws(pause + later, page, level=level, headers=headers) == VISITOR
        assert not await made.profile(VISITOR)
        assert not await made.interests(VISITOR)
        assert (await made.totals())["withdrawals"] == 1
    assert (await made.ledger())["duplicate"] == 1

    views = 1
    if level == "anonymous":
        seen = await browser.sees(pause + 2 * SECOND, "page-four", "/bags", consent="anonymous", headers=headers)
        assert seen.startswith("~")
        assert not await made.profile(seen)
        views = 2
    await made.pass_time(2 * 60 * MINUTE)
    today = await made.day(TODAY)
    assert (today["page_views"], today["visits"], today["new_visitors"]) == (views, views, 1)
    assert not await made.profile(VISITOR)


@pytest.mark.parametrize("headers", [GPC, {}], ids=["Sec-GPC", "no header"])
async def test_a_withdrawal_of_who_is_not_known_leaves_no_profile(
    browser: Browser, made: Timeline, headers: dict[str, str]
) -> None:
    """The id lay in the browser for longer than its profile here. What was overtaken by it begins none."""
    for page in ("page-one", "page-two"):
        assert await browser.withdraws(0, page, level="anonymous", headers=headers) == VISITOR
    await browser.sees(SECOND, "page-three", "/shoes", consent="full", headers={})
    assert not await made.profile(VISITOR)
    totals = await made.totals()
    assert (totals["withdrawals"], totals["page_views"]) == (1, 1)
