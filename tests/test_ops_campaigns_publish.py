"""`wakeline campaigns publish`: what campaigns brought, from the history into Redis, all of it or nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from click.testing import CliRunner, Result

from benchmarks.children import ROOT, child_environ
from ops.cli import main
from tests.sealed import seal
from tests.test_reports_campaigns import CONFIG, FIRST, TOLD
from wakeline import keys
from wakeline.applied import Applied, field_of
from wakeline.campaign_figures import Campaign, Figures, SiteFigures, decode, encode
from wakeline.planned import body_of, name_of
from wakeline.settings import CampaignRule

BEFORE = Figures(1, {"shop": SiteFigures("EUR", [Campaign("before", visits=3)])})
Publish = Callable[..., Result]


@pytest.fixture
def client(redis_server: Any) -> Any:
    with redis.Redis(port=redis_server.port) as client:
        client.set(keys.CAMPAIGN_FIGURES, encode(BEFORE))
        yield client


@pytest.fixture
def publish(tmp_path: Path, redis_server: Any) -> Publish:
    seal(tmp_path / "archive", [(one.received + 20, one) for one in sorted(TOLD, key=lambda one: one.received)])
    config = tmp_path / "wakeline.toml"
    config.write_text(CONFIG.format(archive=tmp_path / "archive", first=FIRST, last=FIRST + timedelta(days=9)))

    def run(url: str = redis_server.url, **environ: str) -> Result:
        words = ["campaigns", "publish", "--config", str(config), "--redis", url]
        return CliRunner().invoke(main, words, env=environ)

    return run


def stored(client: redis.Redis) -> dict[str, Campaign]:
    return {one.name: one for one in decode(client.get(keys.CAMPAIGN_FIGURES)).sites["shop"].campaigns}


def test_it_replaces_those_before(client: redis.Redis, publish: Publish) -> None:
    done = publish()
    assert done.exit_code == 0, done.output
    assert "what 2 campaigns brought is stored" in done.output
    found = stored(client)
    assert set(found) == {"spring", "unplanned"}
    assert (found["spring"].visits, found["spring"].revenue, found["spring"].cost) == (
        2,
        70.0,
        100.3,
    )  # a mail told that it cost 30 cents


def test_campaigns_that_were_planned_over_http_have_their_costs(client: redis.Redis, publish: Publish) -> None:
    rule = CampaignRule(id="api-mail", type="newsletter", starts=FIRST, ends=FIRST, cost=55.0)
    told = Applied(1, msgspec.Raw(body_of(rule)), True)
    client.hset(keys.DEFINITIONS, field_of(("shop", name_of("api-mail"))), msgspec.json.encode(told))
    assert publish().exit_code == 0
    assert stored(client)["api-mail"].cost == 55.0


@pytest.mark.parametrize(
    ("how", "said"),
    [
        pytest.param({"url": "redis://127.0.0.1:1/0"}, "nothing was stored", id="no server"),
        pytest.param({"WAKELINE_ARCHIVE": "off"}, "archive is off", id="no history"),
    ],
)
def test_where_it_cannot_those_before_stay(
    client: redis.Redis, publish: Publish, how: dict[str, str], said: str
) -> None:
    done = publish(**how)
    assert done.exit_code != 0
    assert said in done.output
    assert decode(client.get(keys.CAMPAIGN_FIGURES)) == BEFORE


def test_a_damaged_history_changes_nothing(client: redis.Redis, publish: Publish, tmp_path: Path) -> None:
    file = next((tmp_path / "archive").rglob("*.gz"))
    file.write_bytes(file.read_bytes()[:-20])
    done = publish()
    assert done.exit_code == 1
    assert "damaged" in done.output
    assert decode(client.get(keys.CAMPAIGN_FIGURES)) == BEFORE


def test_without_duckdb_it_says_how_to_install_it(
    client: redis.Redis, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    done = publish()
    assert done.exit_code == 1
    assert "DuckDB" in done.output


def test_a_history_that_has_not_begun_is_no_error(client: redis.Redis, publish: Publish, tmp_path: Path) -> None:
    done = publish(WAKELINE_ARCHIVE=str(tmp_path / "not yet"))
    assert done.exit_code == 0, done.output
    assert stored(client)["spring"].visits == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit it")
def test_it_gives_up_rather_than_take_more_memory(
    client: redis.Redis, publish: Publish, redis_server: Any, tmp_path: Path
) -> None:
    """In a process of its own, as the archiver runs it."""
    words = ["--most-mb", "100", "--config", str(tmp_path / "wakeline.toml"), "--redis", redis_server.url]
    command = [sys.executable, "-m", "wakeline", "campaigns", "publish", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=child_environ(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "more memory than it may have" in done.stderr
    assert decode(client.get(keys.CAMPAIGN_FIGURES)) == BEFORE
