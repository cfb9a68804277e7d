"""Numbers in the settings: every accepted number works, and is stored exactly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as aioredis
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ops.check.node import judge_deployment
from ops.cli import main
from tests.sealed import as_they_happened, seal
from tests.timeline import event
from wakeline.config import ConfigError, load
from wakeline.durations import DAY_MS
from wakeline.keys import DEPLOYMENT
from wakeline.lanes import FORMAT, DeploymentMismatch, days, half_life_ms, open_deployment, stored_deployment
from wakeline.redis.connect import connect
from wakeline.settings import Settings, Site

NUMBERS = {
    item.name: (kind, item)
    for kind in (Settings, Site)
    for item in fields(kind)
    if isinstance(item.default, int | float) and not isinstance(item.default, bool)
}
WRONG = {
    "infinite": "inf",
    "infinite, less than nothing": "-inf",
    "no number": "nan",
    "too great for a float": "1e400",
    "of thirty digits": "9" * 30,
    "of four hundred digits": "9" * 400,
    "of five thousand digits": "9" * 5_000,
    "less than nothing": "-1",
    "yes": "true",
    "text": '"7"',
    "a list": "[7]",
    "a day": "2026-11-29",
}


def test_every_number_has_bounds() -> None:
    assert len(NUMBERS) > 15
    for name, (_, item) in NUMBERS.items():
        least, most = bounds(item)
        assert 0 <= least <= item.default <= most < 1e13, name


def bounds(item: Field[Any]) -> tuple[float, float]:
    return item.metadata["least"], item.metadata["most"]


@pytest.mark.parametrize("written", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_cannot_be_reckoned_with_is_refused_where_it_stands(
    tmp_path: Path, name: str, written: str
) -> None:
    kind, _ = NUMBERS[name]
    file = tmp_path / "wakeline.toml"
    file.write_text(f"{name} = {written}\n" if kind is Settings else f'[[site]]\nkey = "shop"\n{name} = {written}\n')
    with pytest.raises(ConfigError) as refusal:
        load(file, {}, {})
    (problem,) = refusal.value.problems
    assert len(str(problem)) < 300 + len(str(tmp_path))
    if len(written) < 4_000:  # tomllib names no line of a number that is longer
        assert problem.where == f"{file} line {1 if kind is Settings else 3}"
        assert problem.what.startswith(f"{name} ")


@pytest.mark.parametrize("written", ["inf", "-inf", "nan", "1e400", "9" * 400, "9" * 5_000, "-1", "x"])
@pytest.mark.parametrize("name", [name for name, (kind, _) in NUMBERS.items() if kind is Settings])
def test_so_is_one_of_a_flag_or_of_the_environment(name: str, written: str) -> None:
    variable = f"WAKELINE_{name.upper()}"
    for flags, environ, where in (
        ({name: written}, {}, f"--{name.replace('_', '-')}"),
        ({}, {variable: written}, variable),
    ):
        with pytest.raises(ConfigError) as refusal:
            load(None, flags, environ)
        assert [problem.where for problem in refusal.value.problems] == [where]


ROOM = {
    "workers": "metrics_port = 20000\n",  # each has a port of its own, ten above the one before
    "visitor_months": "visitor_most_months = 120\ncustomer_months = 120\n",  # which may not be less
    "visitor_most_months": "visitor_months = 1\ncustomer_months = 120\n",
    "minute_cost": 'currency = "EUR"\n',
    "return_cost": 'currency = "EUR"\n',
    "customer_months": "visitor_months = 1\nvisitor_most_months = 1\n",
}
"""What the bounds of a setting need of others."""


@pytest.mark.parametrize("name", NUMBERS)
def test_bounds_are_within(tmp_path: Path, name: str) -> None:
    kind, item = NUMBERS[name]
    file = tmp_path / "wakeline.toml"
    for value in bounds(item):
        text = f"{name} = {int(value)}\n" + ROOM.get(name, "")
        file.write_text(text if kind is Settings else f'[[site]]\nkey = "shop"\n{text}')
        config = load(file, {}, {})
        if kind is Settings:
            assert getattr(config.settings, name) == int(value)
        else:
            assert getattr(config.sites["shop"], name) == int(value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("log_max_age_days = inf", "log_max_age_days inf is out of range: 0 to 36500"),
        ("rate_limit = 1e-300", "rate_limit 1e-300 is out of range: 0 for no limit, or 0.01 or more"),
        ("rate_limit = 10000000", "rate_limit 10000000 is out of range: 0 to 1000000"),
        ("spool_mb = 1.5", "spool_mb must be a whole number, not 1.5"),
        ("half_life_days = 0.5", "half_life_days 0.5 is out of range: 1 to 3650"),
    ],
)
def test_the_message_says_what_can_be(tmp_path: Path, written: str, said: str) -> None:
    file = tmp_path / "wakeline.toml"
    file.write_text(written)
    with pytest.raises(ConfigError) as refusal:
        load(file, {}, {})
    assert str(refusal.value) == f"{file} line 1: {said}"


NO_ADDRESS = ("redis://h:99999", "redis://h:x/0", "redis+cluster://h:0", "kafka://h:99999", "x://[", "https://h:70000")


@pytest.mark.parametrize("written", NO_ADDRESS)
@pytest.mark.parametrize("name", ["redis", "log", "log_before", "public_url", "geoip"])
def test_an_address_with_a_port_that_there_is_not_is_refused(name: str, written: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(None, {name: written}, {})
    assert [problem.where for problem in refusal.value.problems] == [f"--{name.replace('_', '-')}"]


@pytest.mark.parametrize(
    "option", ["socket_timeout=inf", "socket_timeout=nan", "socket_connect_timeout=1e400", "health_check_interval=-1"]
)
@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_time_in_the_address_of_redis_is_one_that_can_pass(scheme: str, option: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(None, {"redis": f"{scheme}://h/0?{option}"}, {})
    assert f"out of range: {option.partition('=')[0]}, 0 to 86400 seconds" in str(refusal.value)
    load(None, {"redis": f"{scheme}://h/0?{option.partition('=')[0]}=5"}, {})


@pytest.mark.parametrize("written", ["~nobody-here/x", "x" * 5_000])
@pytest.mark.parametrize("name", ["data", "geoip"])
def test_a_path_that_cannot_be_is_refused(name: str, written: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(None, {name: written}, {})
    assert [problem.where for problem in refusal.value.problems] == [f"--{name}"]


# ---- a half-life, stored in ms ----------------------------------------------------------------------


@pytest.fixture
async def empty(redis_server: Any) -> AsyncIterator[aioredis.Redis]:
    client = connect(redis_server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.mark.parametrize("asked", [2.3333333333, 7.0, 1.0, 3.14159265358979, 3650.0, 1 + 1 / 3])
async def test_a_deployment_starts_again_with_the_half_life_that_it_was_made_with(
    empty: aioredis.Redis, asked: float
) -> None:
    settings = Settings(half_life_days=asked)
    first = await open_deployment(empty, settings)
    assert await open_deployment(empty, settings) == first
    assert int(await empty.hget(DEPLOYMENT, "format")) == FORMAT


async def test_data_of_a_newer_version_are_refused(empty: aioredis.Redis) -> None:
    """Its lanes and records are not read as if they were ours; nothing is changed."""
    await open_deployment(empty, Settings())
    await empty.hset(DEPLOYMENT, "format", FORMAT + 1)
    before = await empty.hgetall(DEPLOYMENT)
    with pytest.raises(DeploymentMismatch, match=r"newer version of Wakeline.*restore a backup"):
        await open_deployment(empty, Settings())
    assert await empty.hgetall(DEPLOYMENT) == before


async def test_data_of_before_there_were_formats_get_this_one(empty: aioredis.Redis) -> None:
    first = await open_deployment(empty, Settings())
    await empty.hdel(DEPLOYMENT, "format")
    assert await open_deployment(empty, Settings()) == first
    assert int(await empty.hget(DEPLOYMENT, "format")) == FORMAT


@pytest.mark.parametrize("stored", [2.3333333333, 1 + 1 / 3, 86_400_001 / DAY_MS, 3650.0])
async def test_the_advice_of_a_mismatch_helps_who_follows_it(empty: aioredis.Redis, stored: float) -> None:
    first = await open_deployment(empty, Settings(half_life_days=stored))
    with pytest.raises(DeploymentMismatch) as refusal:
        await open_deployment(empty, Settings(half_life_days=2.5))
    advice = str(refusal.value).partition("set half_life_days = ")[2].partition(",")[0]
    assert await open_deployment(empty, Settings(half_life_days=float(advice))) == first
    finding = judge_deployment(first, Settings(half_life_days=2.5))
    assert f"half_life_days = {advice}," in finding.fix
    assert not judge_deployment(first, Settings(half_life_days=float(advice))).fix


@given(st.integers(DAY_MS, 3_650 * DAY_MS))
def test_any_stored_half_life_can_be_written(half_life: int) -> None:
    assert half_life_ms(float(days(half_life))) == half_life


def test_days_are_written_as_people_do() -> None:
    assert [days(half_life_ms(value)) for value in (7.0, 30.0, 2.5, 3650.0)] == ["7", "30", "2.5", "3650"]


def test_an_older_deployment_whose_half_life_is_no_whole_ms_is_none() -> None:
    """It was always stored in whole ms."""
    stored = stored_deployment([b"16", b"0", b"201600000", None])
    assert not judge_deployment(stored, replace(Settings(), half_life_days=2.3333333333)).fix


# ---- numbers of the commands --------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "0001-01-01"),
        ("--to", "9999-12-31"),
        ("--from", "0001-01-01", "--to", "9999-12-31"),
        ("--from", "9999-12-31"),
        ("--to", "0001-01-01"),
        ("--rows", "1000000"),
    ],
    ids=" ".join,
)
def test_a_question_may_name_any_day(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    seal(tmp_path, as_they_happened([event("visitor-1", "page-0001", 0, 0)]))
    run = CliRunner().invoke(main, ["query", "select count(*) from events", "--archive", str(tmp_path), *arguments])
    assert run.exit_code == 0, run.output


WRONG_ARGUMENTS = {
    "simulated visitors": ["up", "--demo", "--simulate", "inf"],
    "more of them than there can be": ["up", "--demo", "--simulate", "9" * 30],
    "records that may wait": ["lag", "--max", "nan"],
    "fewer than none": ["lag", "--max", "-1"],
    "rows": ["query", "select 1", "--rows", "inf"],
    "more rows than a table can have": ["query", "select 1", "--rows", "9" * 30],
    "no row": ["query", "select 1", "--rows", "0"],
    "no day": ["query", "select 1", "--from", "2026-02-30"],
    "no moment": ["replay", "--from", "inf"],
    "a moment to come": ["replay", "--from", "9999-12-31T23:59:59.999999-23:59"],
    "no lane": ["replay", "--lane", "1e3"],
}


@pytest.mark.parametrize("arguments", WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_a_wrong_number_of_a_command_is_said(arguments: list[str]) -> None:
    run = CliRunner().invoke(main, arguments)
    assert run.exit_code == 2
    assert isinstance(run.exception, SystemExit)
    assert arguments[-2] in run.output
