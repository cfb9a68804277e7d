"""The table of faults: it shows the worst of all seeds, names failures, and loses no row."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import tests.faults.__main__ as command
import tests.faults.run as running
from tests.faults.outcome import Outcome, worst
from tests.faults.rows import KAFKA, KILL, LOGS, ONCE, OUTAGE, REDIS, Row, minutes, rows
from tests.faults.soaking import growth
from tests.faults.stage import Stage

# ---- figures --------------------------------------------------------------------------------------


def test_the_worst_of_several_seeds_is_shown() -> None:
    outcomes = [Outcome(), Outcome()]
    for outcome, lost, seconds, spooled in zip(outcomes, (0, 2), (40, 5), (9, 3), strict=True):
        outcome.is_exactly("lost", lost, 0)
        outcome.at_most("caught up s", seconds, 60)
        outcome.at_least("spooled", spooled, 1)
    found = worst(outcomes)
    assert {name: figure.value for name, figure in found.figures.items()} == {
        "lost": 2,
        "caught up s": 40,
        "spooled": 3,
    }
    assert found.failures == ["lost 2, must be == 0"]
    assert not outcomes[0].failures


@pytest.mark.parametrize(
    ("values", "percent"),
    [
        pytest.param([*range(50, 80), *[100] * 70], 0, id="warm, then flat"),
        pytest.param([100] * 90 + [110] * 10, 10, id="it grows at the end"),
        pytest.param([100] * 95 + [200] + [100] * 4, 0, id="one peak is none"),
    ],
)
def test_growth_is_what_stays_after_the_warm_up(values: list[int], percent: float) -> None:
    assert growth(values) == pytest.approx(percent)


# ---- the table ------------------------------------------------------------------------------------

BOTH = (REDIS, KAFKA)
PROMISED = {
    "kill -9 processor under 500 events/s": (KILL, BOTH),
    "kill -9 processor beside another": (OUTAGE, BOTH),
    "SIGTERM processor mid-batch": (KILL, BOTH),
    "kill -9 processor under orders, refunds and cancellations": (KILL, BOTH),
    "Redis away 60 s": (OUTAGE, BOTH),
    "kill -9 Redis, its file cut back to the last fsync": (KILL, BOTH),
    "Redis restored from an older backup": (OUTAGE, (KAFKA,)),
    "Kafka away 60 s": (OUTAGE, (KAFKA,)),
    "Kafka paused 30 s": (OUTAGE, (KAFKA,)),
    "kill -9 collector, its spool cut back to the last fsync": (KILL, BOTH),
    "spool disk full": (OUTAGE, BOTH),
    "workers 1, 2, 1, ten times": (ONCE, BOTH),
    "a worker paused 60 s while another takes its lanes": (OUTAGE, BOTH),
    "replies of Redis lost after the script ran": (OUTAGE, BOTH),
    "1 % poison records": (OUTAGE, BOTH),
    "a valid event that makes a rule raise": (OUTAGE, BOTH),
    "exception in 1 of 100 batches, and a mutant that commits too early": (OUTAGE, BOTH),
    "duplicates x3 in any order, skewed and late clocks, two tabs": (OUTAGE, BOTH),
    "replay into an empty key version while live": (OUTAGE, BOTH),
    "backup under load, and its way back": (OUTAGE, BOTH),
    "archiver killed at any line": (KILL, BOTH),
    "soak 20 min at 300 events/s": (ONCE, BOTH),
    "Prometheus away": (OUTAGE, BOTH),
    "identity: what is said of people, in any order of arrival": (ONCE, (REDIS,)),
    "generated logs, cut, restored, killed and replayed": (ONCE, (REDIS,)),
}


def test_every_promise_is_a_row() -> None:
    """None is dropped, or run less often, without this table noticing."""
    assert {row.name: (row.seeds, row.logs) for row in rows()} == PROMISED


def test_the_whole_table_fits_its_time() -> None:
    assert minutes(rows(), LOGS) <= command.MOST_MINUTES


async def raises(stage: Stage, seed: int, outcome: Outcome) -> None:
    raise ZeroDivisionError("a mistake of the row")


async def hangs(stage: Stage, seed: int, outcome: Outcome) -> None:
    await asyncio.sleep(60)


async def misses(stage: Stage, seed: int, outcome: Outcome) -> None:
    outcome.is_exactly("lost", seed, 0)


async def holds(stage: Stage, seed: int, outcome: Outcome) -> None:
    outcome.is_exactly("lost", 0, 0)


def asked(monkeypatch: pytest.MonkeyPatch, folder: Path, runs: list[Any], *words: str) -> Result:
    made = tuple(Row(run.__name__, run, 2, 0.1, logs=(REDIS,), own_disk=True) for run in runs)
    monkeypatch.setattr(command, "rows", lambda minutes=1.0, cases=1: made)
    monkeypatch.setattr(running, "SLACK_S", 0.0)
    return CliRunner().invoke(command.main, [*words, "--report", str(folder / "faults.json")])


FAILING = {raises: "ZeroDivisionError: a mistake of the row", hangs: "not done within 0.3 s", misses: "lost 1"}


@pytest.mark.parametrize("run", FAILING)
def test_a_row_that_fails_is_named_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Any
) -> None:
    result = asked(monkeypatch, tmp_path, [run, holds])
    assert result.exit_code == 1
    assert f"FAILED: {run.__name__} [redis]" in result.output
    assert "FAILED: holds" not in result.output
    assert FAILING[run] in result.output.replace("\n", "")
    first, second = json.loads((tmp_path / "faults.json").read_text())
    assert first["failures"]
    assert (second["figures"], second["failures"], second["seeds"]) == ({"lost": 0}, [], 2)


def test_one_seed_of_one_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = asked(monkeypatch, tmp_path, [misses, raises], "--only", "MISS", "--seed", "0")
    assert result.exit_code == 0, result.output
    assert asked(monkeypatch, tmp_path, [misses], "--seed", "7").exit_code == 1
    assert asked(monkeypatch, tmp_path, [misses], "--seeds", "1").exit_code == 0


def test_no_row_begins_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "MOST_MINUTES", -1.0)
    result = asked(monkeypatch, tmp_path, [holds])
    assert result.exit_code == 1
    assert "not run" in result.output


def test_words_that_name_no_row_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = asked(monkeypatch, tmp_path, [holds], "--only", "nothing like it")
    assert result.exit_code == 2
    assert "--list names them" in result.output
    assert asked(monkeypatch, tmp_path, [holds], "--log", "kafka").exit_code == 2


def test_a_soak_that_is_once_is_not_run_on_both() -> None:
    (soak,) = (row for row in rows() if row.is_once)
    assert (soak.logs_of(LOGS), soak.logs_of((REDIS,))) == ((KAFKA,), (REDIS,))
    assert dataclasses.replace(soak, is_once=False).logs_of(LOGS) == LOGS
