"""docs/wire.md is correct: its example is accepted, and its tables match the code."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import time
from enum import StrEnum
from pathlib import Path

import pytest

from collector.props import Dropped
from tests.collector_stand import ORIGIN, stand
from tests.server_stand import KEY, server_stand, told
from wakeline import server_events
from wakeline.event import STATUS, Envelope, Refusal, WireEvent
from wakeline.record import Fact
from wakeline.vocabulary.fields import PERSONAL, Told

PAGE = (Path(__file__).parents[1] / "docs" / "wire.md").read_text()


def rows(heading: str, text: str = PAGE) -> list[list[str]]:
    """Cells of the table below a heading, without its first two lines."""
    _, _, below = text.partition(f"\n{heading}\n")
    table = [line for line in below.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


@pytest.mark.parametrize(
    ("heading", "words"), [("## Why an event was rejected", Refusal), ("## Why a property was dropped", Dropped)]
)
def test_every_reason_has_a_row_that_says_what_to_do(heading: str, words: type[StrEnum]) -> None:
    found = rows(heading)
    assert [row[0] for row in found] == [f"`{word}`" for word in words]
    assert all(cell or place == 1 for row in found for place, cell in enumerate(row))


def test_a_reason_has_the_status_that_is_said() -> None:
    found = {row[0].strip("`"): row[1] for row in rows("## Why an event was rejected")}
    assert {word: int(status) for word, status in found.items() if status and word != Refusal.INTERNAL} == STATUS


def test_every_field_is_named() -> None:
    above = PAGE.partition("## Why")[0]  # of servers' events too
    named = set(re.findall(r"`(\w+)`", "\n".join(line for line in above.splitlines() if line.startswith("|"))))
    assert set(Envelope.__struct_fields__) | set(WireEvent.__struct_fields__) <= named
    assert set(Told.__struct_fields__) <= named
    below = PAGE.partition("## From your servers")[2].partition("\n## ")[0]
    assert [f"`{name}`" for name in sorted(PERSONAL) if f"`{name}`" not in below] == []
    for limit in (f"1 to {server_events.MAX_EVENTS}", "1 MB", "up to 256", "Up to five minutes"):
        assert limit in below or limit.lower() in below


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("number", [0, 1])
async def test_each_example_is_accepted_as_it_stands(tmp_path: Path, number: int) -> None:
    command = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[number]
    answer, _ = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    async with stand(tmp_path) as collector:
        for said, here in (
            ("https://stats.your-site.example", collector.url),
            ("https://www.your-site.example", ORIGIN),
            ('"KEY"', '"demo"'),
            ("curl ", "curl --silent --show-error "),
        ):
            assert said in command
            command = command.replace(said, here)
        shell = await asyncio.create_subprocess_exec("sh", "-c", command, stdout=asyncio.subprocess.PIPE)
        written, _ = await shell.communicate()
        assert json.loads(written) == json.loads(answer)
        (record,) = await collector.records()
    if number == 0:
        assert (record.type, record.props["value"], bool(record.order)) == ("purchase", 154.8, True)
    else:
        assert (record.type, record.visitor, record.interests) == ("page_view", "0k3v9q2m1t7b5s8d4f6g2a", ["shoes"])
    assert record.bot == ""


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_the_servers_example_is_answered_as_it_says(tmp_path: Path) -> None:
    *_, command = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    _, answer = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    make, _, command = command.partition("\n")
    assert make.startswith("export WAKELINE_KEY=$(wakeline key make --label")
    async with server_stand(tmp_path, clock=lambda: time.time_ns() // 1_000_000) as collector:
        command = command.replace("https://stats.your-site.example", collector.url).replace("curl ", "curl -sS ")
        shell = await asyncio.create_subprocess_exec(
            "sh", "-c", command, stdout=asyncio.subprocess.PIPE, env={**os.environ, "WAKELINE_KEY": KEY}
        )
        written, _ = await shell.communicate()
        assert json.loads(written) == json.loads(answer)
        ((_, record),) = await told(collector)
    assert isinstance(record, Fact)
    assert (record.type, record.body["value"]) == ("purchase", 15_480)
