"""`wakeline report`: the numbers of days, weeks and months, from what Redis keeps of each day."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
from click.testing import CliRunner, Result

from api.numbers import NumbersReader
from api.periods import KEPT_DAYS, LATE_DAYS, By, Period, PeriodReader, periods
from ops.cli import main
from tests.timeline import DAY, START, Timeline, event
from wakeline import keys
from wakeline.numbers import TOP_PAGES

ZONE = ZoneInfo("Europe/Berlin")
LANES = 3
KEYS = keys.Keys()
TODAY = datetime.now(ZONE).date()
LAST_MONTH = TODAY.replace(day=1) - timedelta(days=1)
DAYS = [LAST_MONTH.replace(day=1), LAST_MONTH, TODAY]

Run = Callable[..., Result]


@pytest.fixture
def filled(redis_server: Any) -> str:
    """The same numbers on each of three days, over several lanes."""
    url = str(redis_server.url)
    with redis.Redis.from_url(url) as client:
        client.hset(keys.DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": 0, "half_life": 1 << 40})
        for day in map(date.isoformat, DAYS):
            for lane in range(LANES):
                counts = {"visits": 2, "page_views": 5, "engaged_ms": 1_500, "orders": 1, "unheard_of": 7}
                money = {"revenue:EUR": 1_050, "revenue_back:EUR": 50, "revenue:JPY": 300, "revenue:XXXX": 5}
                client.hset(KEYS.day(lane, "shop", day), mapping=counts | money)
                pages = {"/": 4, "/lamps": 1 + lane, "=2+3": 1, keys.OTHER: 2}
                client.zadd(KEYS.top(lane, "shop", "pages", keys.date(day)), pages)
    return url


@pytest.fixture
def run(tmp_path: Path, filled: str) -> Run:
    config = tmp_path / "wakeline.toml"
    config.write_text(
        '[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\ntime_zone = "Europe/Berlin"\n'
        '[[site]]\nkey = "other"\norigins = ["https://other.example"]\n'
    )

    def report(*words: str, site: str = "shop") -> Result:
        flags = ("--site", site, "--config", str(config), "--redis", filled)
        return CliRunner().invoke(main, ["report", *words, *flags])

    return report


def rows(said: Result) -> list[dict[str, str]]:
    assert said.exit_code == 0, said.output
    return list(csv.DictReader(io.StringIO(said.stdout)))


def test_a_month_is_the_sum_of_its_days_in_all_lanes(run: Run) -> None:
    (month,) = rows(run("--from", str(DAYS[0]), "--to", str(LAST_MONTH), "--by", "month", "--csv"))
    assert month["period"] == f"{LAST_MONTH:%Y-%m}"
    assert int(month["days"]) == LAST_MONTH.day
    assert (month["visits"], month["page_views"], month["orders"]) == ("12", "30", "6")
    assert month["engaged_seconds"] == "9"
    assert (month["revenue EUR"], month["revenue_gained EUR"], month["revenue_taken_back EUR"]) == (
        "60.00",
        "63.00",
        "3.00",
    )
    assert month["revenue JPY"] == "1800"  # which has no minor units
    assert not [name for name in month if "XXXX" in name or "unheard_of" in name]


def test_each_day_has_a_row_also_one_without_anything(run: Run) -> None:
    found = rows(run("--from", str(DAYS[0]), "--csv"))
    assert len(found) == (TODAY - DAYS[0]).days + 1
    assert sum(int(row["visits"]) for row in found) == 18
    assert {row["period"] for row in found if row["visits"] == "6"} == set(map(str, DAYS))


def test_what_may_still_change_is_marked(run: Run) -> None:
    found = {row["period"]: row["may_change"] for row in rows(run("--from", str(TODAY - timedelta(days=20)), "--csv"))}
    assert found[str(TODAY)] == found[str(TODAY - timedelta(days=LATE_DAYS))] == "true"
    assert found[str(TODAY - timedelta(days=LATE_DAYS + 1))] == "false"


def test_a_list_has_the_most_frequent_values_and_the_sum_of_the_others(run: Run) -> None:
    said = run("--from", str(LAST_MONTH), "--to", str(LAST_MONTH), "--list", "pages", "--top", "2", "--csv")
    assert [(row["page"], row["page_views"]) for row in rows(said)] == [("/", "12"), ("/lamps", "6"), ("(other)", "9")]
    said = run("--from", str(LAST_MONTH), "--to", str(LAST_MONTH), "--list", "pages", "--csv")
    assert [row["page"] for row in rows(said)] == ["/", "/lamps", "'=2+3", "(other)"]  # no spreadsheet computes it


def test_json_is_one_object_a_line(run: Run) -> None:
    said = run("--from", str(LAST_MONTH), "--to", str(LAST_MONTH), "--json")
    (day,) = map(json.loads, said.stdout.splitlines())
    assert (day["period"], day["visits"], day["revenue EUR"], day["may_change"]) == (
        str(LAST_MONTH),
        6,
        30.0,
        day["may_change"],
    )


def test_a_terminal_shows_what_people_compare(run: Run) -> None:
    said = run("--from", str(LAST_MONTH), "--to", str(LAST_MONTH))
    assert said.exit_code == 0
    heading, line = said.stdout.splitlines()
    assert heading.split()[:4] == ["period", "days", "page_views", "bounces"]
    assert str(LAST_MONTH) in line
    assert "mails_opened" not in heading


def test_a_site_without_numbers_has_zeros(run: Run) -> None:
    (row,) = rows(run("--from", str(TODAY), "--csv", site="other"))
    assert (row["visits"], row["page_views"]) == ("0", "0")
    assert rows(run("--from", str(TODAY), "--list", "pages", "--csv", site="other")) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--from", "2026-11-02", "--to", "2026-11-01"], "--from 2026-11-02 is after --to 2026-11-01"),
        (["--from", str(TODAY), "--to", str(TODAY + timedelta(days=2))], "is to come: today is"),
        (["--from", "yesterday"], "does not match the format"),
        (["--to", "2026-11-01"], "Missing option '--from'"),
        (["--from", "2026-11-01", "--list", "pagez"], "there is no list pagez: choose one of"),
        (["--from", "2026-11-01", "--csv", "--json"], "not both"),
        (["--from", "2026-11-01", "--by", "year"], "is not one of 'day', 'week', 'month'"),
    ],
)
def test_what_cannot_be_asked_is_said(run: Run, words: list[str], why: str) -> None:
    said = run(*words)
    assert said.exit_code == 2
    assert why in said.output


def test_days_that_are_gone_are_said_to_be_so(run: Run) -> None:
    said = run("--from", str(TODAY - timedelta(days=KEPT_DAYS)), "--by", "month", "--csv")
    assert said.exit_code == 0
    assert f"days are kept for {KEPT_DAYS} days" in said.stderr


def test_weeks_begin_on_monday_and_belong_to_the_year_of_their_thursday() -> None:
    found = periods(date(2026, 12, 26), date(2027, 1, 5), By.WEEK, today=date(2027, 3, 1))
    assert [(one.name, one.days[0], len(one.days)) for one in found] == [
        ("2026-W52", "2026-12-26", 2),
        ("2026-W53", "2026-12-28", 7),
        ("2027-W01", "2027-01-04", 2),
    ]
    assert not any(one.may_change for one in found)


def test_a_long_period_is_read_in_parts() -> None:
    (year,) = periods(date(2024, 2, 1), date(2024, 2, 29), By.MONTH, today=date(2024, 2, 29))
    assert (len(year.days), year.may_change) == (29, True)
    reader = PeriodReader(None, KEYS, lanes=2)  # type: ignore[arg-type]
    days = tuple(map(str, range(70)))
    parts = list(reader._parts(Period("all", days, False)))
    assert [lane for lane, _ in parts] == [0, 0, 0, 1, 1, 1]
    assert [day for lane, each in parts for day in each if lane == 1] == list(days)


async def test_it_says_what_the_boards_say_and_a_replay_too(made: Timeline, redis_server: Any) -> None:
    """The fold's own data: the report of today is the metrics' today."""
    for number in range(6):
        await made.append(event(f"visitor-{number}", f"page-{number}", 0, number * 1_000, path=f"/p{number % 2}"))
    await made.run()
    await made.pass_time(DAY // 4)

    async def log(lanes: int) -> Any:
        return made.log

    shape = {
        "lanes": made.deployment.lanes,
        "decay_zero": made.deployment.decay_zero,
        "half_life": made.deployment.half_life,
    }
    await made.redis.hset(keys.DEPLOYMENT, mapping=shape)
    from tests.timeline import SITE

    metrics = NumbersReader(redis_server.url, {"shop": SITE}, log)
    shown = (await metrics.read(now=START)).sites["shop"]
    await metrics.close()
    reader = PeriodReader(made.redis, KEYS, lanes=made.deployment.lanes)
    day = Period("today", ("2027-01-15",), True)
    found = await reader.numbers("shop", day)
    assert found == {name: count for name, count in shown.day.items() if count}
    assert found["visits"] == 6
    pages = await reader.values("shop", day, TOP_PAGES)
    assert (
        pages
        == {value.decode(): count for value, count in shown.tops["pages", "today"].items()}
        == {"/p0": 3, "/p1": 3}
    )
