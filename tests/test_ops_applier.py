"""`wakeline up` applies at its start and when the file has changed; a stand-in for `wakeline apply` notes it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.cli.apply import LOST
from ops.up.applier import Applier, Pace
from ops.up.differing import differing
from wakeline.children import Rests
from wakeline.config import load

STAND_IN = """
import os, sys
folder = os.path.dirname(sys.argv[1])
runs = os.path.join(folder, "runs")
open(runs, "a").write(open(sys.argv[1]).read() + "\\n")
try:
    code = int(open(os.path.join(folder, "fault")).read())
except FileNotFoundError:
    code = 0
print("it is away" if code else "applied")
sys.exit(code)
"""

QUICK = Pace(looks=0.1, retries=Rests(first=0.05, longest=0.1))


class Stand:
    """An applier with a stand-in for `wakeline apply`, which notes what the file said."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "wakeline.toml"
        self.fault = folder / "fault"
        self.folder = folder
        self.lines: list[str] = []
        (folder / "stand_in.py").write_text(STAND_IN)
        command = (sys.executable, str(folder / "stand_in.py"))
        self.applier = Applier(
            command, self.file, dict(os.environ), say=lambda name, line: self.lines.append(line), pace=QUICK
        )

    @property
    def runs(self) -> list[str]:
        found = self.folder / "runs"
        return found.read_text().split() if found.exists() else []

    async def until(self, runs: int) -> None:
        await self._until(lambda: len(self.runs) >= runs, f"{runs} runs")

    async def until_said(self, *lines: str) -> None:
        await self._until(lambda: self.lines == list(lines), str(lines))

    async def _until(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < deadline, f"{what}: {self.runs}, {self.lines}"
            await asyncio.sleep(0.02)


@pytest.fixture
def applying(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


async def test_it_is_applied_at_the_start_and_when_the_file_says_something_else(applying: Stand) -> None:
    """Not while it is being written, and not where it was only touched or is written anew with the same words."""
    applying.file.write_text("one")
    task = asyncio.create_task(applying.applier.run())
    await applying.until(1)
    for _ in range(5):
        applying.file.write_text("one")
        os.utime(applying.file)
        await asyncio.sleep(0.15)
    for part in range(10):  # an editor that takes its time
        applying.file.write_text(f"part-{part}")
        await asyncio.sleep(0.04)
    applying.file.write_text("two")
    await applying.until(2)
    applying.file.unlink()
    await asyncio.sleep(0.05)
    applying.file.write_text("three")
    await applying.until(3)
    await asyncio.sleep(0.5)
    assert applying.runs == ["one", "two", "three"]
    assert applying.lines == ["applied"] * 3
    task.cancel()


async def test_what_fails_is_tried_again_and_said_once(applying: Stand) -> None:
    applying.file.write_text("one")
    applying.fault.write_text("1")
    task = asyncio.create_task(applying.applier.run())
    await applying.until(4)
    assert applying.lines == ["it is away"]
    applying.fault.unlink()
    await applying.until_said("it is away", "applied")
    task.cancel()


async def test_what_else_has_changed_is_said_once(applying: Stand) -> None:
    """It takes effect at the next start."""
    changed: list[str] = []
    is_valid = True
    applying.applier._waits_for_a_start = lambda: list(changed) if is_valid else None
    applying.file.write_text("one")
    task = asyncio.create_task(applying.applier.run())
    await applying.until_said("applied")
    changed.append("time_zone of site shop")
    words = "wakeline.toml: takes effect when `wakeline up` is started again: time_zone of site shop"
    applying.file.write_text("two")
    await applying.until_said("applied", words, "applied")
    applying.file.write_text("three")
    await applying.until_said("applied", words, "applied", "applied")
    is_valid = False
    applying.file.write_text("not valid")
    await applying.until_said("applied", words, "applied", "applied", "applied")
    is_valid = True
    changed.clear()
    applying.file.write_text("one")
    again = "wakeline.toml: is again as it was at the start"
    await applying.until_said("applied", words, "applied", "applied", "applied", again, "applied")
    task.cancel()


SITES = """
[[site]]
key = "shop"
origins = ["https://shop.example"]
"""
CHANGES: dict[str, tuple[str, list[str] | None]] = {
    # the file, what waits for the next start
    "nothing": (SITES, []),
    "interests": (SITES + '[[site.interests]]\npath = "/shoes/*"\ninterest = "shoes"\n', []),
    "groups of pages, which the read side shows": (
        SITES + '[[site.page_groups]]\npath = "/shoes/*"\ngroup = "shoes"\n',
        ["page_groups of site shop"],
    ),
    "a zone": (SITES + 'time_zone = "Europe/Berlin"\n', ["time_zone of site shop"]),
    "a setting": ("top_values = 7\n" + SITES, ["top_values"]),
    "one that a flag decides": ("port = 7\n" + SITES, []),
    "another site": (SITES + SITES.replace("shop", "blog"), ["site blog, which is new"]),
    "no site": ("", ["site shop, which is gone"]),
    "what is no setting": ("time_zone = 3\n" + SITES, None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_waits_for_the_next_start_is_named(tmp_path: Path, name: str) -> None:
    text, wanted = CHANGES[name]
    file = tmp_path / "wakeline.toml"
    file.write_text(SITES)
    environ = {"WAKELINE_PORT": "9000", "WAKELINE_API_TOKEN": "secret"}
    running = load(file, {"port": "9000", "api_token": "secret"}, {})
    file.write_text(text)
    assert differing(running, environ) == wanted


@pytest.mark.parametrize("code", [2, LOST])
async def test_what_is_wrong_in_the_file_or_somebody_elses_waits_for_a_change(applying: Stand, code: int) -> None:
    applying.file.write_text("wrong")
    applying.fault.write_text(str(code))
    task = asyncio.create_task(applying.applier.run())
    await applying.until(1)
    await asyncio.sleep(0.5)
    assert applying.runs == ["wrong"]
    applying.fault.unlink()
    applying.file.write_text("right")
    await applying.until(2)
    await applying.until_said("it is away", "applied")
    task.cancel()
