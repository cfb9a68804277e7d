"""Campaigns that were planned over HTTP, beside those of the file: in reports, and as `wakeline apply` leaves them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.cli import main
from wakeline import applied
from wakeline.lanes import open_deployment
from wakeline.log.opening import open_log
from wakeline.planned import body_of, name_of
from wakeline.record import Definition, decode_record
from wakeline.redis.connect import connect
from wakeline.settings import CampaignRule, Settings

LANES = 2
TOLD = CampaignRule(id="told", type="search", starts=date(2026, 1, 1), ends=date(2026, 1, 9), cost=3.0)
BOTH = replace(TOLD, id="both")
FILE = f"""lanes = {LANES}
archive = "history"
[[site]]
key = "shop"
currency = "EUR"
[[site.campaigns]]
id = "both"
type = "letter"
starts = 2026-01-01
ends = 2026-01-03
"""
Run = Callable[..., Result]

pytestmark = pytest.mark.parametrize("servers", ["redis"], indirect=True)


@pytest.fixture
def run(configured: Callable[[str], None], servers: Settings, tmp_path: Path) -> Run:
    (tmp_path / "history").mkdir()
    configured(f'redis = "{servers.redis}"\nlog = "{servers.log}"\n{FILE}')

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, words)

    return run


def tell(servers: Settings, *rules: CampaignRule) -> None:
    """Say them in Redis; the log does not have them yet."""

    async def said() -> None:
        async with connect(servers.redis) as redis:
            await open_deployment(redis, replace(servers, lanes=LANES))
            for rule in rules:
                await applied.register(redis, ("shop", name_of(rule.id)), None, 1, body_of(rule))

    asyncio.run(said())


def in_log(servers: Settings) -> list[list[str]]:
    """The names of the campaigns that each lane's log holds."""

    async def read() -> list[list[str]]:
        log, found = await open_log(servers, LANES), []
        for lane in range(LANES):
            entries = (await log.read({lane: 0}, limit=1_000, wait_ms=200)).get(lane, [])
            records = [decode_record(entry.value) for entry in entries]
            found.append([one.name for one in records if isinstance(one, Definition) and one.name[:9] == "campaign_"])
        await log.close()
        return found

    return asyncio.run(read())


def rows(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return {row["campaign"]: row for row in map(json.loads, result.stdout.splitlines())}


def test_reports_have_both_and_of_one_id_the_files(run: Run, servers: Settings) -> None:
    tell(servers, TOLD, BOTH)
    found = rows(run("campaigns", "list", "--json"))
    assert {id: row["type"] for id, row in found.items()} == {"both": "letter", "told": "search"}
    assert found["told"]["starts"] == "2026-01-01"


def test_apply_ends_one_that_was_cut_and_leaves_it_then(run: Run, servers: Settings) -> None:
    tell(servers, TOLD)
    result = run("apply")
    assert "site shop, a campaign planned over HTTP: version 1 was cut, and is appended again" in result.output
    assert in_log(servers) == [[name_of("told")]] * LANES
    assert "nothing to do" in run("apply").output
    assert in_log(servers) == [[name_of("told")]] * LANES
    assert "told" in rows(run("campaigns", "list", "--json"))


def test_while_redis_is_away_the_files_are_shown(run: Run, servers: Settings) -> None:
    config = Path("wakeline.toml")
    config.write_text(config.read_text().replace(servers.redis, "redis://127.0.0.1:1/0"))
    result = run("campaigns", "list", "--json")
    assert list(rows(result)) == ["both"]
    assert "lack their plans" in result.stderr
