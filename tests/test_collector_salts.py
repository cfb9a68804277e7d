"""Salts: shared by all workers, chosen by event time, and destroyed when they expire."""

from __future__ import annotations

import os
import threading
from datetime import date, datetime
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.salts import CERTAIN_S, UNFINISHED, Salts, SaltUnavailable, anonymous_id
from tests.collector_stand import DAY, HOUR, NOON, Clock
from wakeline.salts import SALT_BYTES, day_of, starts_at

UTC, BERLIN, AUCKLAND, NEW_YORK = map(ZoneInfo, ("UTC", "Europe/Berlin", "Pacific/Auckland", "America/New_York"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def salts(tmp_path: Path, clock: Clock) -> Salts:
    return kept_each_minute(tmp_path / "salts", clock)


def kept_each_minute(folder: Path, clock: Clock) -> Salts:
    """What happens a minute later each time `keep` is called, as far as time is what passes."""
    return Salts(folder, {"shop": UTC}, clock=clock, monotonic=count(0, 60).__next__)


def everything_in(folder: Path) -> bytes:
    """All bytes of all files in `folder`, one after the other."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def at(text: str, zone: ZoneInfo) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("when", "zone", "day"),
    [
        pytest.param("2026-05-10T12:00", UTC, "2026-05-10", id="noon"),
        pytest.param("2026-05-10T03:59:59", UTC, "2026-05-09", id="before four"),
        pytest.param("2026-05-10T04:00", UTC, "2026-05-10", id="four"),
        pytest.param("2026-05-10T23:59", AUCKLAND, "2026-05-10", id="east"),
        pytest.param("2026-03-29T03:59", BERLIN, "2026-03-28", id="the night that lacks an hour, before"),
        pytest.param("2026-03-29T04:00", BERLIN, "2026-03-29", id="the night that lacks an hour, after"),
        pytest.param("2026-10-25T03:59", BERLIN, "2026-10-24", id="the night with an hour more, before"),
        pytest.param("2026-10-25T04:00", BERLIN, "2026-10-25", id="the night with an hour more, after"),
        pytest.param("2026-01-01T02:00", NEW_YORK, "2025-12-31", id="new year's night"),
    ],
)
def test_a_day_begins_at_four_of_the_sites_zone(when: str, zone: ZoneInfo, day: str) -> None:
    ms = at(when, zone)
    found = day_of(ms, zone)
    assert found == date.fromisoformat(day)
    assert starts_at(found, zone) <= ms


@pytest.mark.parametrize("zone", [UTC, BERLIN, AUCKLAND, NEW_YORK], ids=str)
def test_each_moment_of_a_year_lies_in_its_day(zone: ZoneInfo) -> None:
    """Also around the changes of the clock."""
    for hour in range(365 * 24):
        ms = NOON + hour * HOUR
        day = day_of(ms, zone)
        assert starts_at(day, zone) <= ms < starts_at(date.fromordinal(day.toordinal() + 1), zone)


def test_the_salt_of_an_event_is_that_of_its_own_day(salts: Salts, clock: Clock) -> None:
    yesterday, today = salts.salt("shop", NOON - DAY), salts.salt("shop", NOON)
    assert yesterday != today
    assert len(yesterday) == len(today) == SALT_BYTES
    assert salts.salt("shop", NOON - 9 * HOUR) == yesterday
    assert salts.salt("shop", NOON - 8 * HOUR) == today
    clock.now += DAY
    assert salts.salt("shop", NOON) == today


def test_sites_have_salts_of_their_own(tmp_path: Path, clock: Clock) -> None:
    salts = Salts(tmp_path, {"a": UTC, "b": UTC}, clock=clock)
    assert salts.salt("a", NOON) != salts.salt("b", NOON)


def test_workers_agree_on_a_salt_that_they_make_at_the_same_time(tmp_path: Path, clock: Clock) -> None:
    found: list[bytes] = []
    start = threading.Barrier(8)

    def worker() -> None:
        salts = Salts(tmp_path, {"shop": UTC}, clock=clock)
        start.wait()
        found.append(salts.salt("shop", NOON))

    threads = [threading.Thread(target=worker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".salt"]


def test_a_restarted_worker_finds_the_salt_of_the_day(tmp_path: Path, clock: Clock) -> None:
    first = Salts(tmp_path, {"shop": UTC}, clock=clock).salt("shop", NOON)
    assert Salts(tmp_path, {"shop": UTC}, clock=clock).salt("shop", NOON) == first


def test_only_the_owner_may_read_a_salt(tmp_path: Path, salts: Salts) -> None:
    salts.salt("shop", NOON)
    assert (tmp_path / "salts").stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "salts").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_when_its_time_is_over_a_salt_is_nowhere_any_more(tmp_path: Path, salts: Salts, clock: Clock) -> None:
    """Kept through the next day, for visits over the hour and for retries; then deleted from disk and memory."""
    salt = salts.salt("shop", NOON)
    end_of_next_day = NOON - 8 * HOUR + 2 * DAY
    clock.now = end_of_next_day - 1
    salts.keep()
    assert salts.salt("shop", NOON) == salt
    assert salt in everything_in(tmp_path)
    clock.now = end_of_next_day
    salts.keep()
    clock.now += 60_000
    salts.keep()
    assert salt not in everything_in(tmp_path)
    assert salt not in salts._salts.values()
    assert salts.oldest("shop") > NOON


def test_a_salt_is_overwritten_before_its_file_is_removed(tmp_path: Path, salts: Salts, clock: Clock) -> None:
    """Whoever holds the file open, or a hard link to it, keeps nothing."""
    salt = salts.salt("shop", NOON)
    (path,) = (tmp_path / "salts").iterdir()
    os.link(path, tmp_path / "kept")
    clock.now += 3 * DAY
    salts.keep()
    salts.keep()
    assert len((tmp_path / "kept").read_bytes()) == SALT_BYTES
    assert (tmp_path / "kept").read_bytes() != salt


def test_salts_that_another_process_left_are_destroyed_at_the_start(tmp_path: Path, clock: Clock) -> None:
    """Of a collector that was down for days, of a site that is no more, of a worker that was killed."""
    gone = [Salts(tmp_path, {site: UTC}, clock=clock).salt(site, NOON) for site in ("shop", "gone")]
    unfinished = tmp_path / f"x{UNFINISHED}"
    unfinished.write_bytes(b"half a salt")
    os.utime(unfinished, (0, 0))
    clock.now += 4 * DAY
    (tmp_path / "keep.me").write_text("not ours")
    salts = kept_each_minute(tmp_path, clock)
    salts.keep()
    salts.keep()
    assert all(salt not in everything_in(tmp_path) for salt in gone)
    assert [path.name for path in tmp_path.iterdir()] == ["keep.me"]


def test_a_clock_that_is_ahead_for_a_moment_costs_no_salt(tmp_path: Path, salts: Salts, clock: Clock) -> None:
    """Whoever is anonymous stays the same visitor for the rest of the day; also for a worker that starts then."""
    salt = salts.salt("shop", NOON)
    for days in (2, 3, 400):
        clock.now += days * DAY
        salts.keep()
        Salts(tmp_path / "salts", {"shop": UTC}, clock=clock).keep()
        clock.now -= days * DAY
        salts.keep()
    assert salts.salt("shop", NOON) == salt
    assert Salts(tmp_path / "salts", {"shop": UTC}, clock=clock).salt("shop", NOON) == salt


def test_what_is_over_was_so_a_minute_ago(tmp_path: Path, clock: Clock) -> None:
    """By the monotonic clock: two checks at once count as one."""
    passed = [0.0, 1.0, CERTAIN_S - 1, CERTAIN_S]
    salts = Salts(tmp_path, {"shop": UTC}, clock=clock, monotonic=lambda: passed.pop(0))
    salt = salts.salt("shop", NOON)
    clock.now += 3 * DAY
    for _ in range(3):
        salts.keep()
        assert salt in everything_in(tmp_path)
    salts.keep()
    assert salt not in everything_in(tmp_path)


@pytest.mark.parametrize("is_folder", [False, True], ids=["its files", "the folder"])
def test_what_the_folder_has_lost_is_put_back(tmp_path: Path, salts: Salts, clock: Clock, is_folder: bool) -> None:
    """Later processes get the salts of running ones; expired ones stay deleted."""
    over, yesterday = salts.salt("shop", NOON - DAY), salts.salt("shop", NOON)
    clock.now += DAY
    today = salts.salt("shop", clock.now)
    for path in (tmp_path / "salts").iterdir():
        path.unlink()
    if is_folder:
        (tmp_path / "salts").rmdir()
    salts.keep()
    assert (tmp_path / "salts").stat().st_mode & 0o777 == 0o700
    assert {path.read_bytes() for path in (tmp_path / "salts").iterdir()} == {yesterday, today}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "salts").iterdir())
    another = Salts(tmp_path / "salts", {"shop": UTC}, clock=clock)
    assert (another.salt("shop", NOON), another.salt("shop", clock.now)) == (yesterday, today)
    assert over not in everything_in(tmp_path)


def test_a_salt_that_another_worker_has_made_meanwhile_stays(tmp_path: Path, salts: Salts, clock: Clock) -> None:
    """Nobody knows yet which of them the deployment counts with: the marks say it."""
    own = salts.salt("shop", NOON)
    (path,) = (tmp_path / "salts").iterdir()
    path.unlink()
    other = Salts(tmp_path / "salts", {"shop": UTC}, clock=clock).salt("shop", NOON)
    salts.keep()
    assert path.read_bytes() == other != own
    salts.assert_own()
    assert path.read_bytes() == own
    assert other not in everything_in(tmp_path)
    assert len(list((tmp_path / "salts").iterdir())) == 1


def test_workers_that_clean_up_at_the_same_time_do_not_trip(tmp_path: Path, clock: Clock) -> None:
    both = [kept_each_minute(tmp_path, clock) for _ in range(2)]
    both[0].salt("shop", NOON)
    clock.now += 3 * DAY
    for salts in both:
        salts.keep()
    threads = [threading.Thread(target=salts.keep) for salts in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(tmp_path.glob("*.salt")) == []


def test_tomorrows_salt_is_made_ahead(tmp_path: Path, salts: Salts, clock: Clock) -> None:
    """No request has to wait for the disk at four in the morning."""
    clock.now = NOON + 15 * HOUR + 30 * 60_000
    salts.keep()
    ahead = everything_in(tmp_path)
    clock.now = NOON + 16 * HOUR
    assert salts.salt("shop", clock.now) in ahead


def test_a_damaged_salt_is_not_used(tmp_path: Path, clock: Clock, salts: Salts) -> None:
    salts.salt("shop", NOON)
    (path,) = (tmp_path / "salts").iterdir()
    path.write_bytes(b"")
    with pytest.raises(SaltUnavailable, match="remove it"):
        Salts(tmp_path / "salts", {"shop": UTC}, clock=clock).salt("shop", NOON)


def test_any_site_key_has_a_file_within_the_folder(tmp_path: Path, clock: Clock) -> None:
    for site in ("../../etc", "a/b", "灯" * 64, ".", ""):
        Salts(tmp_path / "salts", {site: UTC}, clock=clock).salt(site, NOON)
    assert len(list((tmp_path / "salts").iterdir())) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["salts"]


def test_an_id_depends_on_all_that_makes_it() -> None:
    base = {"site": "shop", "address": "1.2.3.4", "user_agent": "Chrome"}
    ids = {anonymous_id(b"salt", **base), anonymous_id(b"other", **base)}
    ids |= {anonymous_id(b"salt", **{**base, name: "x"}) for name in base}
    ids |= {anonymous_id(b"salt", site="shop", address="1.2.3.4Chrome", user_agent="")}
    assert len(ids) == 6
