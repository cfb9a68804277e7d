"""docs/wire.md is correct: its example is accepted, and its tables match the code."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from enum import StrEnum
from pathlib import Path

import pytest

from collector.props import Dropped
from tests.collector_stand import ORIGIN, stand
from wakeline.event import STATUS, Envelope, Refusal, WireEvent

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
    above = PAGE.partition("## Why")[0]
    named = set(re.findall(r"`(\w+)`", "\n".join(line for line in above.splitlines() if line.startswith("|"))))
    assert set(Envelope.__struct_fields__) | set(WireEvent.__struct_fields__) <= named


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("number", [0, 1])
async def test_each_example_is_accepted_as_it_stands(tmp_path: Path, number: int) -> None:
    command, *_ = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[number:]
    (answer,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
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
