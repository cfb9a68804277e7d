"""The table of abuses: failures are named, an exception fails its row, and no row is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import tests.abuse.__main__ as command
from tests.abuse.rows import ROWS, Row
from tests.abuse.run import once
from tests.abuse.stage import Stage
from tests.faults.outcome import Outcome

PROMISED = (
    "bombs: 64 MB in a small body, gzip and deflate",
    "sockets: silent, dripping headers, dripping a body",
    "500 slow sockets while others send",
    "2,000 idle connections, also where few files may be open",
    "request smuggling",
    "flood from one address, from one /64",
    "flood from 80,000 addresses",
    "300 requests of 61 KB, and 10,000 new visitors, from one address",
    "memory filled by made-up visitors",
    "X-Forwarded-For made up",
    "a forged identify",
    "100,000 pages, campaigns, sources, interests and sites",
    "one visitor with 100,000 events",
    "50 visitors made heavy by 14 requests each",
    "1,000 people behind one address",
    "text that would run, steer or deceive: metrics, logs, terminal, CSV",
    "the same in a browser: the demo's pages and its panel",
    "e-mail addresses and card numbers",
    "paths spelt past a mask, paths slow to match",
    "events full of addresses",
    "bytes that are no text, numbers without end, odd expectations",
    "no HTTP, broken off and unexpected, on every port: nobody is named in a log",
)


def test_every_promise_is_a_row() -> None:
    assert tuple(row.name for row in ROWS) == PROMISED


async def holds(stage: Stage, outcome: Outcome) -> None:
    outcome.at_most("leaked", 0, 0)


async def does_not_hold(stage: Stage, outcome: Outcome) -> None:
    outcome.at_most("leaked [b]", 3, 0)


async def cannot_be_run(stage: Stage, outcome: Outcome) -> None:
    raise ConnectionError("nobody there")


def test_it_ends_with_1_and_names_each_row_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = (Row("good", holds, 1), Row("bad", does_not_hold, 1), Row("broken", cannot_be_run, 1))
    monkeypatch.setattr(command, "ROWS", rows)
    report = tmp_path / "abuse.json"
    found = CliRunner().invoke(command.main, ["--report", str(report)])
    assert found.exit_code == 1
    assert [line for line in found.stderr.splitlines() if line.startswith("FAILED")] == [
        "FAILED: bad",
        "FAILED: broken",
    ]
    written = {row["abuse"]: row for row in json.loads(report.read_text())}
    assert written["good"]["failures"] == []
    assert written["bad"]["figures"] == {"leaked [b]": 3}
    assert written["broken"]["failures"][0].startswith("ConnectionError: nobody there (test_abuse_table.py:")
    assert CliRunner().invoke(command.main, ["--only", "good", "--report", str(report)]).exit_code == 0


def test_a_word_that_names_no_row_is_said() -> None:
    found = CliRunner().invoke(command.main, ["--only", "nothing of the kind"])
    assert found.exit_code == 2
    assert "--list names them" in found.stderr


async def test_a_row_has_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def hangs(stage: Stage, outcome: Outcome) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("tests.abuse.run.LEAST_S", 0.5)
    outcome = await once(Row("hangs", hangs, 0.01), tmp_path)
    assert outcome.failures == ["not done within 0.5 s"]
