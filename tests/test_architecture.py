"""docs/architecture.md is correct: its files exist, and its example rule counts as described."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.children import ROOT, child_environ
from dashboards.texts import ENGLISH, LANGUAGES

TEXT = (ROOT / "docs/architecture.md").read_text()
FILES = re.findall(r"`([a-z_]+/[\w/.-]+\.(?:py|ts))`", TEXT)
STEPS = re.findall(r"```(?:python|toml) (\S+) ?(\w*)\n(.*?)```", TEXT, re.DOTALL)
COPIED = ("wakeline", "crm", "processor", "api", "dashboards", "tests", "benchmarks")

USED = """
import asyncio
import sys

from api.exposition import families
from api.numbers import NumbersReader
from tests.timeline import SITE, START, Timeline, event
from wakeline import keys
from wakeline.profiles import Profiles


async def main(url):
    made = Timeline(url)
    deployment = made.deployment
    shape = {"lanes": deployment.lanes, "decay_zero": deployment.decay_zero, "half_life": deployment.half_life}
    await made.redis.hset(keys.DEPLOYMENT, mapping=shape)
    await made.start()
    await made.append(event("v1", "p1", 0, 0, path="/shoes"), event("v1", "p1", 1, 10, "print", path="/shoes"))
    await made.append(event("v1", "p1", 2, 20, "print", path="/shoes"), event("~a", "p2", 0, 30, "print", path="/hats"))
    await made.run()

    async def log(lanes):
        return made.log

    reader = NumbersReader(url, {"shop": SITE}, log)
    for family in families(await reader.read(now=START), 20):
        for sample in family.samples:
            if "print" in sample.name and sample.value:
                print(sample.name, *sample.labels.values(), round(sample.value))
    await reader.close()
    await made.close()


asyncio.run(main(sys.argv[1]))
with Profiles(sys.argv[1]) as profiles:
    print("profile", profiles.read("shop", "v1", now=START).prints)
"""
SEEN = [
    "wakeline_prints_total shop 3",
    "wakeline_prints_today shop 3",
    "wakeline_prints_window shop today /shoes 2",
    "wakeline_prints_window shop today /hats 1",
    "profile 2",
]


def test_every_file_that_it_names_is_there() -> None:
    assert len(FILES) > 14
    new = {file for file, anchor, _ in STEPS if not (ROOT / file).exists()}
    assert new == {"crm/content/prints.py"}
    assert [file for file in FILES if not (ROOT / file).exists() and file not in new] == []


def test_its_example_counts_on_the_site_in_the_profile_and_on_the_board(redis_server: Any, tmp_path: Path) -> None:
    for package in COPIED:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.gz", "node_modules")
        )
    for file, anchor, code in STEPS:
        apply(tmp_path / file, anchor, code)
        if Path(file).name == f"{ENGLISH}.toml":  # "in each language": here all say it in English
            for language in LANGUAGES[1:]:
                apply((tmp_path / file).with_stem(language), anchor, code)
    environ = child_environ(PYTHONPATH=str(tmp_path))
    run = [sys.executable, "-c", USED, redis_server.url]
    found = subprocess.run(run, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert sorted(found.stdout.splitlines()) == sorted(SEEN), found.stderr
    page = [sys.executable, "-c", "from dashboards import profiles; print(profiles.page())"]
    found = subprocess.run(page, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert "| `prints` | `int` |  | pages printed |" in found.stdout
    (tmp_path / "docs").mkdir()
    boards = [sys.executable, "-m", "dashboards.build"]
    subprocess.run(boards, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=True)
    board = json.loads((tmp_path / "dashboards/grafana/en/content.json").read_text())
    panels = {panel["title"]: panel for panel in board["panels"]}
    assert "wakeline_prints_window" in json.dumps(panels["Printed pages"])
    tests = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/test_dashboards_boards.py",
        "-k",
        "grid",
    ]
    found = subprocess.run(tests, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stdout


def apply(file: Path, anchor: str, code: str) -> None:
    """Puts a step's code at the end of what its anchor names: a class, a tuple, a function."""
    if not file.exists():
        file.write_text(code)
        return
    lines = file.read_text().splitlines(keepends=True)
    if file.suffix == ".toml" or (not anchor and file.name == "visits.py"):  # at its end
        file.write_text("".join([*lines, "\n", code]))
        return
    at = place(ast.parse("".join(lines)), anchor)
    file.write_text("".join([*lines[:at], code, *lines[at:]]))


def place(tree: ast.Module, anchor: str) -> int:
    """How many lines stand before the new ones."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == anchor:
            return max(field.end_lineno or 0 for field in node.body if isinstance(field, ast.AnnAssign))
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == anchor:
            assert node.value is not None
            return (node.value.end_lineno or 0) - 1
        if isinstance(node, ast.FunctionDef) and node.name == anchor:
            return node.end_lineno or 0
        if not anchor and isinstance(node, ast.ImportFrom) and node.module == "crm.content":
            return node.lineno - 1
        if not anchor and isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COUNTS":
            return node.lineno - 1
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == anchor:
            return (node.end_lineno or 0) - 1
    raise AssertionError(f"no {anchor or 'place'} there")
