"""Benchmarks: each measures what it names. The numbers themselves are checked by `make bench`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import pytest

from benchmarks.figures import Run
from benchmarks.machine import cpu_seconds, memory_mb
from benchmarks.page import RIVALS
from benchmarks.registry import BENCHMARKS
from benchmarks.stand import Stand


@pytest.fixture(autouse=True)
def same_cores() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    yield
    assert os.sched_getaffinity(0) == before


def nobody() -> Stand:
    raise AssertionError("the stand is not asked for")


@pytest.mark.parametrize(
    "name", ["snippet", "page", "rules", "collector", "idle", "order_size", "person_size", "scrape"]
)
def test_every_figure_gets_a_number(name: str, tmp_path: Path) -> None:
    """All but those that need a Kafka or many persons: `test_benchmarks_stand` has the latter."""
    said: list[str] = []
    benchmark = BENCHMARKS[name]
    found = benchmark.measure(Run(tmp_path, quick=True, say=said.append, stand=nobody))
    assert found.keys() == {figure.name for figure in benchmark.FIGURES}
    assert all(isfinite(value) and value >= 0 for value in found.values())


def test_cpu_time_and_memory_of_a_process() -> None:
    pid = os.getpid()
    before = cpu_seconds(pid)
    while sum(os.times()[:2]) - before < 0.05:  # spends what it waits for
        pass
    assert cpu_seconds(pid) - before > 0.03
    resident, proportional = memory_mb(pid)
    assert 1 < proportional <= resident


def test_the_rivals_lock_file_names_no_registry() -> None:
    """Who installs them asks their own registry, and checks what it gives by its hash."""
    lock = (RIVALS / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
