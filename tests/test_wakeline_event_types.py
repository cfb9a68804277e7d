"""Each type of event says in one table whether it is activity, and the docs and the snippet say the same."""

from __future__ import annotations

import re
from pathlib import Path

from wakeline.event_types import BUILT_IN, NO_ACTIVITY, TYPES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/snippet.md").read_text()
CODE = "".join(path.read_text() for path in sorted((ROOT / "snippet/src").glob("*.ts")))


def test_a_type_is_named_once() -> None:
    assert len({type.name for type in TYPES}) == len(TYPES)
    assert BUILT_IN < NO_ACTIVITY


def test_every_event_that_the_snippet_sends_by_itself_is_in_the_table() -> None:
    calls = re.findall(r"custom\(([^;]*)", CODE) + re.findall(r'wakeline\("event", ([^;]*)', CODE)
    sent = {name for call in calls for name in re.findall(r'"(\w+)"', call.split("{")[0])}
    sent |= set(re.findall(r'(?:(?:emit|tell)\(|: type = )"(\w+)"', CODE))
    assert {"web_vitals", "not_found", "page_view", "outbound_link", "interest"} < sent
    assert sent == {type.name for type in TYPES if type.name != "js_error"}


def test_the_docs_say_of_each_whether_it_is_activity() -> None:
    (table,) = re.findall(r"\| event of the full script .*\n\|[-|]+\n((?:\|.*\n)+)", PAGE)
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
    said = {row[0].strip("`"): row[-1] for row in rows}
    known = {type.name: "yes" if type.is_activity else "no" for type in TYPES}
    assert said == {name: known[name] for name in said}
    for type in TYPES:
        if not type.is_built_in:
            assert f"`{type.name}`" in PAGE
