"""docs/servers.md is correct: each program on it runs as it stands, and its tables are the vocabulary."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.children import ROOT, child_environ
from benchmarks.machine import free_port
from tests.listeners import WRONG_KEY, Lines, Listener
from wakeline.config import load
from wakeline.server_events import MAX_EVENTS
from wakeline.vocabulary.fields import FIELDS, MAX_ITEMS, Item, Told
from wakeline.vocabulary.things import MAX_THING_ID
from wakeline.vocabulary.types import TYPES, By

PAGE = (ROOT / "docs/servers.md").read_text()
PROGRAMS = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
JSON = re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
DAYS = JSON[1].replace("2026-11-", f"{date.today().replace(day=1) - timedelta(1):%Y-%m}-")  # of last month
COMMANDS = {".py": [sys.executable], ".mjs": ["node"], ".php": ["php"], ".sh": ["sh"]}

Run = subprocess.CompletedProcess[str]


def run(folder: Path, who: Listener, program: str, *arguments: str, patience: str = "") -> Run:
    """Runs a program of the page in a folder with all of them. `patience` takes the place of curl's eight retries."""
    command = COMMANDS[Path(program).suffix]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text.replace("--retry 8", patience or "--retry 8"))
    environ = child_environ(WAKELINE_URL=who.url, WAKELINE_KEY=who.key)
    return subprocess.run(
        [*command, program, *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


TELLS = {
    "first.py": "",
    "later.py": "",
    "order.mjs": "order-A-1004 accepted\n",
    "order.php": "order-A-1003 accepted\n",
}


@pytest.mark.parametrize("program", TELLS)
def test_a_program_tells_its_event(listener: Listener, tmp_path: Path, program: str) -> None:
    done = run(tmp_path, listener, program)
    assert (done.stdout, done.stderr, done.returncode) == (TELLS[program], "", 0)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_first_event_has_the_answer_that_is_shown(listener: Listener) -> None:
    (block,) = re.findall(r"^```sh\n(export .*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    export, _, command = block.partition("\n")
    assert export == "export WAKELINE_URL=https://stats.your-site.example WAKELINE_KEY=wk_..."
    command = command.replace("curl ", "curl --silent --show-error ", 1)
    environ = child_environ(WAKELINE_URL=listener.url, WAKELINE_KEY=listener.key)
    said = subprocess.run(["sh", "-c", command], env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(said.stdout) == json.loads(JSON[0])


@pytest.mark.parametrize("program", [*TELLS, "tell.sh"])
def test_a_program_tries_again_with_the_same_ids(lines: Lines, tmp_path: Path, program: str) -> None:
    lines.next.extend([503, 429, "well"])
    lines.retry_after = "1"
    (tmp_path / "day.json").write_text(DAYS)
    done = run(tmp_path, lines, program, *(["day.json"] if program == "tell.sh" else []))
    assert done.returncode == 0, done.stderr
    assert len(lines.requests) == 3
    assert len(set(lines.bodies)) == 1
    assert set(lines.times_told.values()) == {1}


@pytest.mark.parametrize("program", ["order.mjs", "order.php"])
def test_a_program_says_that_it_is_refused(lines: Lines, tmp_path: Path, program: str) -> None:
    lines.key = WRONG_KEY
    lines.next.append(403)
    done = run(tmp_path, lines, program)
    assert done.returncode != 0
    assert "Wakeline is not told: 403 as_the_test_wants" in done.stdout + done.stderr
    assert len(lines.requests) == 1


def test_send_says_what_became_of_each(listener: Listener, tmp_path: Path) -> None:
    done = run(tmp_path, listener, "send.py")
    assert re.fullmatch(r"A-1002-paid accepted\s+A-1002-lost rejected \w+ state\n", done.stdout), done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_shell_tells_a_file_and_how_it_went(listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "day.json").write_text(DAYS)
    done = run(tmp_path, listener, "tell.sh", "day.json")
    assert (json.loads(done.stdout)["accepted"], done.returncode) == (len(json.loads(JSON[1])["events"]), 0)
    (tmp_path / "wrong.json").write_text(DAYS.replace('"paid"}', '"lost"}'))
    assert run(tmp_path, listener, "tell.sh", "wrong.json").returncode == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_shell_keeps_the_file_if_there_is_no_answer(lines: Lines, tmp_path: Path) -> None:
    (tmp_path / "day.json").write_text(DAYS)
    lines.next.append(401)
    assert run(tmp_path, lines, "tell.sh", "day.json").returncode == 2
    lines.url = f"http://127.0.0.1:{free_port()}"
    assert run(tmp_path, lines, "tell.sh", "day.json", patience="--retry 0").returncode == 2


def test_the_outbox_tells_an_order_of_a_day_without_wakeline(lines: Lines, tmp_path: Path) -> None:
    shop = sqlite3.connect(tmp_path / "shop.db")
    shop.execute("create table orders (number text primary key, customer text, value text)")
    shop.executescript(PROGRAMS["outbox.sql"])
    names: dict[str, Any] = {}
    exec(PROGRAMS["shop.py"], names)
    names["place_order"](shop, "A-1001", "customer-1042", "154.80")
    names["place_order"](shop, "A-1002", "customer-7", "20.00")
    with pytest.raises(sqlite3.IntegrityError):
        names["place_order"](shop, "A-1002", "customer-7", "20.00")
    here, lines.url = lines.url, f"http://127.0.0.1:{free_port()}"
    (tmp_path / "tell_outbox.py").write_text(PROGRAMS["tell_outbox.py"])
    PROGRAMS["hurried.py"] = PROGRAMS["tell_outbox.py"].replace("timeout_s=50", "timeout_s=0.1")
    done = run(tmp_path, lines, "hurried.py", "shop.db")
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.startswith("later: 2 events are not confirmed")
    lines.url = here
    lines.next.append("cut")
    done = run(tmp_path, lines, "tell_outbox.py", "shop.db")
    assert (done.stderr, done.returncode) == ("", 0)
    assert lines.times_told == {"order-A-1001": 2, "order-A-1002": 2}
    assert len(set(lines.bodies)) == 1, "as they were from the start"
    assert shop.execute("select count(*) from outbox").fetchone() == (0,)
    shop.close()


# ---- tables ----------------------------------------------------------------------------------------------


def rows() -> list[tuple[list[str], str]]:
    """(types, cell of fields) of each line of the table."""
    table = PAGE.partition("\n## What to tell when\n")[2].partition("\nBesides these")[0]
    cells = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")][2:]
    return [(re.findall(r"`(\w+)`", types), fields) for _, types, fields in cells]


ROWS = [(type, fields) for types, fields in rows() for type in types]


def test_every_type_that_a_server_says_is_in_the_table() -> None:
    assert sorted(type for type, _ in ROWS) == sorted(type.name for type in TYPES if By.SERVER in type.by)


@pytest.mark.parametrize(("type", "fields"), ROWS)
def test_a_row_has_the_fields_of_its_type(type: str, fields: str) -> None:
    struct = FIELDS[type]
    own = [field for field in msgspec.structs.fields(struct) if field.required or field.name not in said_by_all()]
    required = {field.name for field in own if field.required} - {"id", "type", "time"}
    assert set(re.findall(r"`(\w+)`\*", fields)) == required
    outside = re.sub(r"\([^)]*\)", "", fields)
    named = set(re.findall(r"`(\w+)`", outside)) - {"erase"}
    assert named == {field.name for field in own} - {"id", "type", "time"}


def said_by_all() -> set[str]:
    return {field.name for field in msgspec.structs.fields(Told)}


def test_the_fields_of_an_item_are_named() -> None:
    (sentence,) = re.findall(r"^An entry of `items` has .*?\n\n", PAGE, re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", sentence)) | {f"item_category{number}" for number in range(2, 5)}
    assert named - {"items"} == {field.name for field in msgspec.structs.fields(Item)}


def test_each_event_that_is_shown_is_of_its_type() -> None:
    for event in json.loads(JSON[1])["events"]:
        assert msgspec.convert(event, FIELDS[event["type"]]).id == event["id"]


def test_the_limits_are_those_of_the_code() -> None:
    limits = PAGE.partition("\n## Limits\n")[2]
    assert f"- {MAX_EVENTS} events and 1 MB in a request; {MAX_ITEMS} items in an event." in limits
    assert f"- {MAX_THING_ID} characters in an id." in limits


def test_the_variables_of_the_programs_are_no_settings(tmp_path: Path) -> None:
    (tmp_path / "wakeline.toml").write_text("")
    load(tmp_path / "wakeline.toml", {}, {"WAKELINE_URL": "https://stats.your-site.example", "WAKELINE_KEY": "wk_..."})
