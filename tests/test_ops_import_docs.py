"""docs/imports.md is correct: its examples give what they show, and its words are those of the code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.children import ROOT
from ops.cli import main
from ops.imports import files, pace, run
from ops.imports.mapping import read_map, written
from ops.imports.names import KINDS
from tests.importing import TOML
from wakeline.memory import COUNT_ONLY
from wakeline.vocabulary.fields import MAX_ITEMS
from wakeline.vocabulary.things import ORDER

TEXT = (ROOT / "docs/imports.md").read_text()
FILES = re.compile(r"^```\w+ (\S+\.\w+)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
EXAMPLES = re.compile(r"^```sh run\n(.*?)\n```\n\n```text\n(.*?)```\n", re.DOTALL | re.MULTILINE)
NOW = 1_796_000_000_000  # 2026-11-29


@pytest.fixture
def written_files(configured: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    configured(TOML)
    monkeypatch.setattr(run, "now_ms", lambda: NOW)
    for name, content in FILES.findall(TEXT):
        if not name.endswith(".toml"):
            Path(name).write_text(content)


@pytest.mark.usefixtures("written_files")
@pytest.mark.parametrize(("command", "answer"), EXAMPLES.findall(TEXT), ids=["table", "lines"])
def test_an_example_gives_what_it_shows(command: str, answer: str) -> None:
    found = CliRunner().invoke(main, command.split()[1:])
    given = "".join(f"{line.rstrip()}\n" for line in found.stdout.splitlines())
    assert given == answer, f"paste into docs/imports.md below\n{command}\n```text\n{given}```"


@pytest.mark.usefixtures("written_files")
def test_its_map_is_one_and_reads_its_file() -> None:
    (content,) = [content for name, content in FILES.findall(TEXT) if name.endswith(".toml")]
    Path("orders.csv.map.toml").write_text(content)
    map = read_map(Path("orders.csv.map.toml"))
    assert content.partition("\n\n")[0] in written(map, "orders.csv")
    found = CliRunner().invoke(main, ["import", "orders.csv", "--dry-run"])
    assert re.search("sum of orders +114.65 EUR", found.output)


def test_it_names_every_kind_and_option() -> None:
    assert all(f"`{kind}`" in TEXT for kind in KINDS)
    options = {option for parameter in main.commands["import"].params for option in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT)) <= options
    assert {"--dry-run", "--map", "--zone", "--currency", "--tell", "--every"} <= set(re.findall(r"--[a-z-]+", TEXT))


def test_its_numbers_are_those_of_the_code() -> None:
    text = " ".join(TEXT.split())
    for words in (
        f"{pace.LEAST_BEHIND:,} to {pace.MOST_BEHIND:,};",
        f"takes longer than {pace.REACHED_S * 1000:.0f} ms to reach",
        f"longer than {pace.QUICK_S * 1000:.0f} ms",
        f"when {COUNT_ONLY:.0%} of".replace("%", " %"),
        f"More than {MAX_ITEMS} items",
        f"orders {ORDER.lives_ms // 86_400_000} days",
    ):
        assert words in text
    assert (files.SETTLED_S, pace.STUCK_S) == (10, 60)
    assert all(f"`{ending}`" in TEXT for ending in files.PACKED if ending)
