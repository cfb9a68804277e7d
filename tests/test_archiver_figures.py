"""The archiver has the figures of campaigns computed after records were sealed: one at a time, and never in its way."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import archiver.figures
from archiver import metrics
from archiver.figures import LEAST_S, RESTS, FiguresKeeper, command
from benchmarks.waiting import until
from wakeline.process import is_alive
from wakeline.settings import Config, Settings


class Kept:
    """A keeper whose child runs this Python, in this folder; each start adds a line with its pid to `starts`."""

    def __init__(self, folder: Path, code: str) -> None:
        self.file = folder / "starts"
        self.sealed = 0
        self.may_run = True
        begin = f"import os, sys, time; open({str(self.file)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        self.keeper = FiguresKeeper(
            [sys.executable, "-c", begin + code],
            {},
            every_s=0.0,
            sealed=lambda: self.sealed,
            may_run=lambda: self.may_run,
        )
        self.task = asyncio.create_task(self.keeper.keep())

    @property
    def pids(self) -> list[str]:
        return self.file.read_text().split() if self.file.exists() else []

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_S", "LEAST_S", "LOOK_S"):
        monkeypatch.setattr(archiver.figures, name, 0.01)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[list[Kept]]:
    made: list[Kept] = []
    yield made
    for each in made:
        await each.end()


def failures() -> float:
    return float(metrics.FAILURES.labels("figures")._value.get())


async def test_once_at_first_and_after_each_sealing(tmp_path: Path, kept: list[Kept]) -> None:
    one = Kept(tmp_path, "")
    kept.append(one)
    await until(lambda: len(one.pids) == 1, "the first")
    await asyncio.sleep(0.5)
    assert len(one.pids) == 1, "nothing new was sealed"
    one.sealed += 3
    await until(lambda: len(one.pids) == 2, "one for all that was sealed")
    await asyncio.sleep(0.5)
    assert len(one.pids) == 2


async def test_they_do_not_pile_up(tmp_path: Path, kept: list[Kept]) -> None:
    one = Kept(tmp_path, "time.sleep(60)")
    kept.append(one)
    await until(lambda: one.pids, "it runs")
    for _ in range(50):
        one.sealed += 1
        await asyncio.sleep(0.01)
    assert len(one.pids) == 1


async def test_it_rests_ten_times_as_long_as_it_took(
    tmp_path: Path, kept: list[Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    really = asyncio.sleep

    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        await really(min(seconds, 0.01))

    one = Kept(tmp_path, "time.sleep(0.3)")
    kept.append(one)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    await until(lambda: [each for each in rests if each >= RESTS * 0.3], "it rests")
    monkeypatch.undo()
    assert LEAST_S >= 60


async def test_one_that_takes_too_long_is_killed_and_said(
    tmp_path: Path, kept: list[Kept], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(archiver.figures, "MOST_S", 2.0)
    before = failures()
    one = Kept(tmp_path, "time.sleep(60)")
    kept.append(one)
    await until(lambda: "it took longer than 2 s" in caplog.text, "it is said")
    assert failures() == before + 1
    assert not is_alive(one.pids[0])


async def test_a_failure_is_said_once_and_tried_again(
    tmp_path: Path, kept: list[Kept], caplog: pytest.LogCaptureFixture
) -> None:
    one = Kept(tmp_path, "sys.exit('no ' + 'x' * 100_000 + ' server')")
    kept.append(one)
    await until(lambda: len(one.pids) >= 2, "it is tried again", within=30)
    said = [record.getMessage() for record in caplog.records if "stay as they were" in record.getMessage()]
    assert len(said) == 1
    assert said[0].endswith("x server (ended with exit code 1)")
    assert len(said[0]) < 700


async def test_it_ends_with_the_archiver(tmp_path: Path, kept: list[Kept]) -> None:
    one = Kept(tmp_path, "time.sleep(60)")
    await until(lambda: one.pids, "it runs")
    await one.end()
    assert not is_alive(one.pids[0])


async def test_only_who_writes_the_history_computes(tmp_path: Path, kept: list[Kept]) -> None:
    one = Kept(tmp_path, "")
    one.may_run = False
    kept.append(one)
    await asyncio.sleep(0.3)
    assert one.pids == []
    one.may_run = True
    await until(lambda: one.pids, "it does now")


async def test_a_program_that_cannot_be_started_is_a_failure(
    tmp_path: Path, kept: list[Kept], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(archiver.figures, "guarded", lambda words: ("/nowhere",))
    one = Kept(tmp_path, "")
    kept.append(one)
    await until(lambda: "no process can be started" in caplog.text, "it is said")
    assert not one.task.done()


async def test_without_duckdb_it_says_so_and_does_nothing(
    tmp_path: Path, kept: list[Kept], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    one = Kept(tmp_path, "")
    kept.append(one)
    await asyncio.wait_for(one.task, 5)
    assert "DuckDB computes them" in caplog.text
    assert one.pids == []


def test_the_command_has_the_server_and_the_history_of_the_archiver(tmp_path: Path) -> None:
    config = Config(Settings(redis="redis://h:1/0"), {}, path=tmp_path / "wakeline.toml")
    words, environ = command(config, "s3://bucket/folder")
    assert words[1:] == [
        "-m",
        "wakeline",
        "campaigns",
        "publish",
        "--most-mb=2000",
        "--config",
        str(tmp_path / "wakeline.toml"),
    ]
    assert (environ["WAKELINE_REDIS"], environ["WAKELINE_ARCHIVE"]) == ("redis://h:1/0", "s3://bucket/folder")
