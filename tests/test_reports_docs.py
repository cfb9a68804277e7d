"""docs/history.md and docs/questions.md are correct: each query gives its answer, and every column is listed.

`python -m tests.test_reports_docs docs/questions.md` writes the answers into that page.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from ops.cli import main
from reports import Query, ask
from reports.items import LINES
from reports.views import NAMES
from tests.sealed import seal
from tests.shop_history import shop_history
from tests.telling import as_told, fact, order
from wakeline.history import History

DOCS = Path(__file__).parents[1] / "docs"
HISTORY, QUESTIONS = DOCS / "history.md", DOCS / "questions.md"
TEXT = HISTORY.read_text()
FENCED = re.compile(r"^```sql\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
ASKED = [
    pytest.param(page, *found, id=f"{page.stem}-{number}")
    for page in (HISTORY, QUESTIONS)
    for number, found in enumerate(FENCED.findall(page.read_text()), 1)
]
TODAY = "date '2026-11-30'"
NO_REDIS = {"WAKELINE_REDIS": "redis://127.0.0.1:1"}  # else campaigns count that a demo on this machine has planned


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return shop_history(tmp_path_factory.mktemp("shop"))


def asked(history: History, sql: str) -> str:
    """As a terminal shows it, on the day after the history's last one."""
    sql = sql.replace("current_date", TODAY)
    command = ["query", "-", "--archive", history.url]
    found = CliRunner(env=NO_REDIS).invoke(main, command, input=sql, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return "".join(f"{line.rstrip()}\n" for line in found.stdout.splitlines())


def test_there_are_enough_questions() -> None:
    assert len(FENCED.findall(TEXT)) >= 12
    for who in ("marketer", "owner of a shop", "developer"):
        assert f"### For a {who}" in TEXT or f"### For the {who}" in TEXT
    text = QUESTIONS.read_text()
    assert len(FENCED.findall(text)) >= 15
    assert [view for view in NAMES if not re.search(rf"(from|join) {view}\b", text)] == ["sessions", "refunds"]


@pytest.mark.parametrize(("page", "sql", "answer"), ASKED)
def test_an_answer_is_what_its_question_gives(history: History, page: Path, sql: str, answer: str) -> None:
    found = asked(history, sql)
    assert found == answer, f"paste into {page.name} below\n{sql}\n```text\n{found}```"


def test_the_margins_percent_is_of_sales_whose_cost_is_known(tmp_path: Path) -> None:
    runner = {"item_id": "runner-7", "price": 10_000, "quantity": 1}
    told = [
        fact(order(number), "purchase", 0, value=10_000, currency="EUR", items=[runner | cost])
        for number, cost in (("A1", {"cost": 6_000}), ("A2", {}), ("A3", {}))
    ]
    sold = "".join(sql for sql, _ in FENCED.findall(QUESTIONS.read_text()) if "as percent" in sql and "margin" in sql)
    answer = asked(seal(tmp_path, as_told(*told)), sold)
    assert answer.splitlines()[1].split() == ["runner-7", "3", "300.00", "1", "40.00", "40"]


@pytest.mark.parametrize("view", NAMES)
def test_every_column_is_described(history: History, view: str) -> None:
    section = TEXT.split(f"### `{view}`")[1].split("\n### ")[0]
    described = re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE)
    with ask(history, Query(f"describe {view}"), zones={}) as found:
        columns = [(name, kind.replace('"', "")) for name, kind, *_ in found.rows()]
    lines = LINES.replace("(18, 4)", "(18,4)")
    assert described == [(name, "ITEMS" if kind == lines else kind) for name, kind in columns]
    assert f"`{lines}`" in " ".join(TEXT.split())


def test_every_option_of_the_command_is_one() -> None:
    options = {option for parameter in main.commands["query"].params for option in parameter.opts}
    text = TEXT + QUESTIONS.read_text()
    named = set(re.findall(r"(?<![\w-])--[a-z]+", re.sub(r"```(?:sql|text).*?```", "", text, flags=re.DOTALL)))
    assert named <= options
    assert options - named <= {"sql", "--config"}


def write_answers(page: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = shop_history(Path(folder))

        def answered(found: re.Match[str]) -> str:
            return f"```sql\n{found[1]}```\n\n```text\n{asked(history, found[1])}```\n"

        page.write_text(FENCED.sub(answered, page.read_text()))


if __name__ == "__main__":
    write_answers(Path(sys.argv[1]))
