"""The collector limits an address's new profiles per day; visitors beyond the limit are only counted."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from collector import budget as module
from collector.budget import NewProfiles, Short
from collector.memory import Memory, Step
from tests.collector_stand import NOON, envelope, event, full, stand

DAY = 86_400_000
A_DAY = 10
ONE, ANOTHER = "198.51.100.7", "198.51.100.8"


async def no_bound() -> None:
    return None


@pytest.fixture
def memory() -> Memory:
    return Memory(no_bound)


@pytest.fixture
def profiles(memory: Memory) -> NewProfiles:
    return NewProfiles(A_DAY, memory=memory)


def begun(profiles: NewProfiles, address: str, visitors: range, *, now: int = NOON, site: str = "shop") -> int:
    return sum(profiles.short_of(address, site, f"visitor-{n}", now=now) is None for n in visitors)


def test_an_address_begins_so_many_a_day(profiles: NewProfiles) -> None:
    assert begun(profiles, ONE, range(100)) == A_DAY
    assert profiles.short_of(ONE, "shop", "one-more", now=NOON) is Short.ADDRESS
    assert begun(profiles, ANOTHER, range(100)) == A_DAY
    assert begun(profiles, ONE, range(200, 300), now=NOON + DAY) == A_DAY  # the day is that of UTC
    assert begun(profiles, ONE, range(300, 400), now=NOON // DAY * DAY + 2 * DAY - 1) == 0


def test_whom_it_named_today_goes_on(profiles: NewProfiles) -> None:
    for _ in range(50):
        assert begun(profiles, ONE, range(A_DAY)) == A_DAY
    assert begun(profiles, ONE, range(A_DAY, 100)) == 0
    assert begun(profiles, ONE, range(A_DAY)) == A_DAY


@pytest.mark.parametrize(
    ("one", "another", "is_same"),
    [
        pytest.param("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True, id="one /64"),
        pytest.param("2001:db8:0:1::1", "2001:db8:0:2::1", False, id="two /64"),
    ],
)
def test_who_shares_a_budget(profiles: NewProfiles, one: str, another: str, is_same: bool) -> None:
    assert begun(profiles, one, range(A_DAY)) == A_DAY
    assert begun(profiles, another, range(50, 100)) == (0 if is_same else A_DAY)


def test_an_id_of_another_site_is_another_one(profiles: NewProfiles) -> None:
    assert begun(profiles, ONE, range(A_DAY)) == A_DAY
    assert begun(profiles, ONE, range(A_DAY), site="other") == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "fd00::1", "x"])
def test_what_is_not_public_has_none(profiles: NewProfiles, address: str) -> None:
    assert begun(profiles, address, range(1_000)) == 1_000


def test_zero_is_no_limit(memory: Memory) -> None:
    assert begun(NewProfiles(0, memory=memory), ONE, range(10_000)) == 10_000


@pytest.mark.parametrize("step", [Step.COUNT_ONLY, Step.REFUSE])
def test_where_memory_is_short_nobody_begins_one(profiles: NewProfiles, memory: Memory, step: Step) -> None:
    """Nor does the budget shrink by it."""
    memory.step = step
    assert profiles.short_of("127.0.0.1", "shop", "visitor", now=NOON) is Short.MEMORY
    assert begun(profiles, ONE, range(100)) == 0
    memory.step = Step.ROOM
    assert begun(profiles, ONE, range(100)) == A_DAY


def test_what_is_remembered_is_bounded(profiles: NewProfiles, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ADDRESSES", 100)
    monkeypatch.setattr(module, "MOST_IDS", 200)
    begun(profiles, ONE, range(A_DAY))
    for number in range(10_000):
        begun(profiles, f"2001:db8:{number:x}::1", range(3))
        if number % 20 == 0:
            assert begun(profiles, ONE, range(A_DAY, 50)) == 0  # who is busy is not forgotten
    assert len(profiles._spent) <= 100
    assert len(profiles._ids) + len(profiles._ids_before) <= 400


async def test_it_stands_in_the_record(tmp_path: Path) -> None:
    """For known and remembered visitors; bots and visitors without an id create no profile anyway."""
    settings = {"new_profiles_a_day": 2, "trusted_proxies": (ip_network("127.0.0.0/8"),)}
    async with stand(tmp_path, settings=settings) as collector:
        headers = {"X-Forwarded-For": ONE}
        for n in range(5):
            sent = full(event(visitor=f"visitor-{n}", page=f"page-000{n}"), event(visitor=f"visitor-{n}", n=n))
            assert (await collector.post(sent, headers=headers))[0] == 202
        assert (await collector.post(envelope(), headers=headers))[0] == 202
        bot = headers | {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
        assert (await collector.post(full(event(visitor="visitor-9")), headers=bot))[0] == 202
        assert (await collector.post(full(event(visitor="visitor-9"), event(visitor="visitor-8")), headers={}))[
            0
        ] == 202
        records = await collector.records()
        marked = {record.visitor for record in records if record.counted_only}
        assert marked == {"visitor-2", "visitor-3", "visitor-4"}
        assert sum(record.counted_only for record in records) == 6
        assert collector.metrics()['counted_only_total{short_of="address"}'] == 6


async def test_what_is_refused_begins_none(tmp_path: Path) -> None:
    settings = {"new_profiles_a_day": 1, "trusted_proxies": (ip_network("127.0.0.0/8"),)}
    async with stand(tmp_path, settings=settings) as collector:
        headers = {"X-Forwarded-For": ONE}
        for n in range(5):
            await collector.post(full(event(visitor=f"visitor-{n}", url="x:")), headers=headers)
        await collector.post(full(event(visitor="visitor-9")), headers=headers)
        (record,) = await collector.records()
        assert not record.counted_only
