"""The central definitions agree with the docs and the snippet."""

from __future__ import annotations

import re

import duckdb
import pytest

from benchmarks.children import ROOT
from wakeline.commerce import EVENTS
from wakeline.definitions import (
    BOUNCE_BELOW_MS,
    IS_BOUNCE,
    LATE_MS,
    REMEMBERED_DAYS,
    SESSION_GAP_MS,
    is_bounce,
)
from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.event import MAX_AGE_MS
from wakeline.vocabulary import pages
from wakeline.vocabulary.fields import PERSONAL
from wakeline.vocabulary.things import ORDER
from wakeline.vocabulary.types import BUILT_IN, NO_ACTIVITY, TYPES, By

PAGES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")))
DOCS = {path.name: " ".join(path.read_text().split()) for path in PAGES}
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
    assert sent <= {type.name for type in TYPES if By.PAGE in type.by}


def test_the_data_layers_script_tells_the_events_and_the_fields_of_the_vocabulary() -> None:
    source = (ROOT / "snippet/src/datalayer.ts").read_text()
    events, told = (re.compile(re.findall(rf"const {name} =\n  /(.*)/;", source)[0]) for name in ("EVENTS", "FIELDS"))
    types = EVENTS | {"search", "sign_up", "login"}
    assert {type.name for type in TYPES if events.match(f"event{type.name}")} == types
    fields = {field.rstrip("*") for type in types for field in (*pages.FIELDS[type], *pages.ITEM)}
    known = pages.OF_PAGES | PERSONAL
    assert {field for field in known if told.match(field)} == fields - {"items", "results", "channel"}


def test_the_docs_say_of_each_whether_it_is_activity() -> None:
    (table,) = re.findall(r"\| event of the full script .*\n\|[-|]+\n((?:\|.*\n)+)", PAGE)
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
    said = {row[0].strip("`"): row[-1] for row in rows}
    known = {type.name: "yes" if type.is_activity else "no" for type in TYPES}
    assert said == {name: known[name] for name in said}


WORDS = {7: "seven", 8: "eight"}

SAID = (
    ("history.md", f"no more than {SESSION_GAP_MS // MINUTE_MS} minutes between them"),
    ("history.md", f"exactly {SESSION_GAP_MS // MINUTE_MS} minutes after the last"),
    ("history.md", f"one page view, less than {BOUNCE_BELOW_MS // 1000} s engaged, and nothing done"),
    ("snippet.md", f"older than {WORDS[MAX_AGE_MS // DAY_MS]} days"),
    ("wire.md", f"older than {WORDS[MAX_AGE_MS // DAY_MS]} days"),
    ("README.md", f"engaged for less than {BOUNCE_BELOW_MS // 1000} s and nothing was done"),
    ("README.md", f"arrive within {WORDS[LATE_MS // DAY_MS]} days after it"),
    *(
        (page, f"{word} for {REMEMBERED_DAYS} days")
        for page, word in (
            ("imports.md", "known again"),
            ("reliability.md", "recognised"),
            ("servers.md", "remembered"),
        )
    ),
    *(
        (page, f"{word} {ORDER.lives_ms // DAY_MS} days")
        for page, word in (("imports.md", "orders"), ("servers.md", "an order for"), ("wire.md", "an order"))
    ),
    ("scale.md", f"a retention of {WORDS[LATE_MS // DAY_MS]} days or more"),
)


@pytest.mark.parametrize(("page", "words"), SAID)
def test_the_docs_say_the_limits_as_they_are(page: str, words: str) -> None:
    assert words in DOCS[page]


@pytest.mark.parametrize(
    ("page_views", "engaged_ms", "events", "bounces"),
    [
        (1, 0, 0, True),
        (1, BOUNCE_BELOW_MS - 1, 0, True),
        (1, BOUNCE_BELOW_MS, 0, False),
        (1, 0, 1, False),
        (2, 0, 0, False),
        (0, 0, 0, False),
    ],
)
def test_a_bounce_in_python_is_one_in_sql(page_views: int, engaged_ms: int, events: int, bounces: bool) -> None:
    row = f"SELECT {IS_BOUNCE} FROM (SELECT {page_views} AS views, {engaged_ms} AS engaged_ms, {events} AS events)"
    assert duckdb.sql(row).fetchall() == [(is_bounce(page_views, engaged_ms, events),)] == [(bounces,)]
