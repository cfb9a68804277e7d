"""Benchmarks: the processor compared with an earlier commit."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from benchmarks import processor_change, services
from benchmarks.children import ROOT
from benchmarks.figures import Run
from benchmarks.processor_change import checked_out, ratios, spread
from benchmarks.progress import Rate
from benchmarks.services import SmallPath
from benchmarks.stand import Stand


def test_a_commit_is_checked_out_for_as_long_as_it_is_needed(tmp_path: Path) -> None:
    head = subprocess.run(("git", "rev-parse", "HEAD"), cwd=ROOT, check=True, capture_output=True).stdout
    with checked_out("HEAD", tmp_path / "base") as tree:
        there = subprocess.run(("git", "rev-parse", "HEAD"), cwd=tree, check=True, capture_output=True).stdout
        assert there == head
        assert (tree / "processor/worker.py").exists()
    assert not tree.exists()
    listed = subprocess.run(("git", "worktree", "list"), cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert str(tree) not in listed


def test_a_service_runs_the_code_of_its_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "READY_S", 3.0)
    tree, folder = tmp_path / "tree", tmp_path / "run"
    (tree / "wakeline").mkdir(parents=True)
    (tree / "wakeline/__init__.py").write_text("")
    (tree / "wakeline/__main__.py").write_text("import sys; print('of the tree', sys.argv[1]); sys.exit(3)")
    folder.mkdir()
    with SmallPath(folder, tree=tree) as path, pytest.raises(RuntimeError, match="of the tree processor"):
        path.start("processor")


def test_every_figure_gets_a_number(tmp_path: Path) -> None:
    """The same code does the same."""

    def nobody() -> Stand:
        raise AssertionError("the stand is not asked for")

    said: list[str] = []
    found = processor_change.measure(Run(tmp_path, quick=True, say=said.append, stand=nobody, base="HEAD"))
    assert found.keys() == {figure.name for figure in processor_change.FIGURES}
    assert 0.5 < found["change_cpu_ratio"] < 2
    assert 0.5 < found["change_server_cpu_ratio"] < 2
    assert len(said) == 1


def test_ratios_are_those_of_a_round() -> None:
    now, base = [Rate(1, 20, 9), Rate(1, 33, 6)], [Rate(1, 10, 3), Rate(1, 30, 6)]
    assert ratios(now, base) == ([2.0, 1.1], [3.0, 1.0])


def test_the_spread_is_that_of_the_median() -> None:
    """19 of 20 medians of so many rounds lie within it, about; more rounds make it less."""
    chance = random.Random(1)
    rounds = [[chance.gauss(1.0, 0.05) for _ in range(15)] for _ in range(400)]
    within = sum(abs(sorted(values)[7] - 1.0) * 100 < spread(values) for values in rounds)
    assert 0.88 < within / len(rounds) < 0.99
    assert spread([1.0, 1.1] * 50) < spread([1.0, 1.1] * 5)
    assert spread([1.0]) == 0.0
