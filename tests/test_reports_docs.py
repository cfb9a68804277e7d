"""docs/history.md is correct: each query gives its answer, and every column is listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ops.cli import main
from reports import Query, ask
from tests.shop_history import shop_history
from wakeline.history import History

PAGE = Path(__file__).parents[1] / "docs" / "history.md"
TEXT = PAGE.read_text()
FENCED = re.compile(r"^```sql\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
QUESTIONS = FENCED.findall(TEXT)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return shop_history(tmp_path_factory.mktemp("shop"))


def asked(history: History, sql: str) -> str:
    """As a terminal shows it."""
    found = CliRunner().invoke(main, ["query", "-", "--archive", history.url], input=sql, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return "".join(f"{line.rstrip()}\n" for line in found.stdout.splitlines())


def test_there_are_a_dozen_questions() -> None:
    assert len(QUESTIONS) >= 12
    for who in ("marketer", "owner of a shop", "developer"):
        assert f"### For a {who}" in TEXT or f"### For the {who}" in TEXT


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=[str(number + 1) for number in range(len(QUESTIONS))])
def test_an_answer_is_what_its_question_gives(history: History, number: int) -> None:
    sql, answer = QUESTIONS[number]
    found = asked(history, sql)
    assert found == answer, f"paste into docs/history.md below\n{sql}\n```text\n{found}```"


@pytest.mark.parametrize("view", ["events", "sessions", "orders"])
def test_every_column_is_described(history: History, view: str) -> None:
    section = TEXT.split(f"### `{view}`")[1].split("\n### ")[0]
    described = re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE)
    with ask(history, Query(f"describe {view}"), zones={}) as found:
        columns = [(name, kind.replace('"', "")) for name, kind, *_ in found.rows()]
    assert described == columns


def test_every_option_of_the_command_is_one() -> None:
    options = {option for parameter in main.commands["query"].params for option in parameter.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z]+", re.sub(r"```(?:sql|text).*?```", "", TEXT, flags=re.DOTALL)))
    assert named <= options
    assert options - named <= {"sql", "--config"}
