"""Benchmarks: figures, floors, the command and its report."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.__main__ import main
from benchmarks.figures import Figure, Floor, Run, at_least, at_most, below
from benchmarks.mix import MIX
from benchmarks.registry import BENCHMARKS
from benchmarks.report import missed, text

ALL = [figure for benchmark in BENCHMARKS.values() for figure in benchmark.FIGURES]

PROMISED = {
    "collector_durable_ratio": ">= 0.45",
    "server_events_per_cpu_s": ">= 20000",
    "processor_vs_take": ">= 4",
    "processor_vs_each": ">= 15",
    "profile_p95_ms": "< 150",
    "profile_p99_ms": "< 300",
    "customer_p99_ms": "< 300",
    "order_p99_ms": "< 500",
    "link_p99_ms": "< 20",
    "click_p99_ms": "< 150",
    "due_live_p99_ms": "< 300",
    "order_bytes": "<= 900",
    "profile_bytes": "<= 2500",
    "person_bytes": "<= 8500",
    "import_events_per_s": ">= 5000",
    "import_live_p99_ms": "< 300",
    "series_1_site": "<= 1500",
    "series_20_sites": "<= 20000",
    "scrape_p95_ms": "< 200",
    "idle_rss_mb": "<= 300",
    "idle_cpu_percent": "<= 3",
    "snippet_core_gzip_bytes": "<= 2400",
    "snippet_full_gzip_bytes": "<= 3050",
    "snippet_vitals_gzip_bytes": "<= 3700",
    "snippet_consent_gzip_bytes": "<= 900",
    "snippet_datalayer_gzip_bytes": "<= 900",
    "snippet_usability_gzip_bytes": "<= 900",
    "page_load_vs_plausible": "<= 1.1",
    "page_event_vs_plausible": "<= 1.1",
    "kafka_vs_take": ">= 5",
    "collector_kafka_ratio": ">= 0.3",
    "two_workers_cost_ratio": "<= 1.15",
    "archiver_cpu_percent": "<= 5",
}


def test_every_promise_is_a_floor() -> None:
    """No floor is dropped or moved without this table noticing."""
    assert {figure.name: str(figure.floor) for figure in ALL if figure.floor} == PROMISED


def test_a_name_is_one_figure_and_says_what_it_is() -> None:
    names = [figure.name for figure in ALL]
    assert len(names) == len(set(names))
    assert all(figure.how for figure in ALL)


@pytest.mark.parametrize(
    ("floor", "value", "holds"),
    [
        pytest.param(at_least(5), 5.0, True, id="at least: the bound itself is enough"),
        pytest.param(at_least(5), 4.999, False, id="at least: less is not"),
        pytest.param(at_most(3), 3.0, True, id="at most: the bound itself is allowed"),
        pytest.param(at_most(3), 3.001, False, id="at most: more is not"),
        pytest.param(below(150), 149.9, True, id="below"),
        pytest.param(below(150), 150.0, False, id="below: the bound itself is too much"),
        pytest.param(at_least(5), float("nan"), False, id="no number keeps no floor"),
    ],
)
def test_floors(floor: Floor, value: float, holds: bool) -> None:
    assert floor.holds(value) is holds


def test_what_is_missed() -> None:
    """A floor that was not measured is missed; a figure without one never is."""
    figures = [Figure("kept", "x", at_least(1)), Figure("low", "x", at_least(5)), Figure("gone", "x", below(1))]
    figures += [Figure("explains", "x")]
    found = missed(figures, {"kept": 1.0, "low": 4.5})
    assert [(figure.name, what) for figure, what in found] == [("low", "is 4.50"), ("gone", "not measured")]


@pytest.mark.parametrize(
    ("value", "shown"), [(123_456.7, "123,457"), (21.456, "21.46"), (0.4512, "0.451"), (0.0, "0.000")]
)
def test_values_are_shown_for_people(value: float, shown: str) -> None:
    assert text(value) == shown


# ---- the command


@dataclass
class Fake:
    FIGURES: tuple[Figure, ...]
    found: dict[str, float]
    runs: int = 0
    base: str = ""

    def measure(self, run: Run) -> dict[str, float]:
        self.runs += 1
        self.base = run.base
        assert run.folder.is_dir()
        return self.found


class Broken:
    FIGURES = (Figure("never", "x", at_least(1)),)

    def measure(self, run: Run) -> dict[str, float]:
        raise RuntimeError("no broker here")


@pytest.fixture(autouse=True)
def same_cores() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake((Figure("speed", "x", at_least(5)), Figure("why", "x")), {"speed": 6.0, "why": 2.0})
    slow = Fake((Figure("delay", "x", below(150)),), {"delay": 200.0})
    for name in list(BENCHMARKS):
        monkeypatch.delitem(BENCHMARKS, name)
    monkeypatch.setitem(BENCHMARKS, "idle", slow)
    monkeypatch.setitem(BENCHMARKS, "processor", fake)
    monkeypatch.setitem(BENCHMARKS, "collector", Broken())
    return fake


def run(report: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--report", str(report)])


@pytest.mark.usefixtures("fast")
def test_the_report_is_one_flat_object(tmp_path: Path) -> None:
    """A benchmark that fails costs the others nothing; each missed floor is named, and the exit code is 1."""
    report = tmp_path / "build/bench.json"
    result = run(report)
    assert json.loads(report.read_text()) == {"delay": 200.0, "speed": 6.0, "why": 2.0}
    assert result.exit_code == 1
    told = " ".join(result.output.split())
    assert "missed: delay is 200, floor < 150" in told
    assert "missed: never not measured, floor >= 1" in told
    assert "missed: speed" not in told
    assert "RuntimeError: no broker here" in told


def test_one_benchmark_by_name(fast: Fake, tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    result = run(report, "--only", "processor")
    assert result.exit_code == 0
    assert fast.runs == 1
    assert json.loads(report.read_text()) == fast.found


def test_the_report_says_the_mix(fast: Fake, tmp_path: Path) -> None:
    told = " ".join(run(tmp_path / "bench.json", "--only", "processor").output.split())
    assert str(MIX) in told


def test_a_comparison_needs_a_commit(fast: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one it runs, also among all others; without it is left out of these, and refused by itself."""
    change = Fake((Figure("change", "x"),), {"change": 1.0})
    monkeypatch.setitem(BENCHMARKS, "processor_change", change)
    assert run(tmp_path / "bench.json", "--only", "processor_change").exit_code == 2
    run(tmp_path / "bench.json")
    assert (fast.runs, change.runs) == (1, 0)
    run(tmp_path / "bench.json", "--base", "HEAD")
    assert (fast.runs, change.runs, change.base) == (2, 1, "HEAD")


def test_a_name_that_is_none_is_refused(fast: Fake, tmp_path: Path) -> None:
    result = run(tmp_path / "bench.json", "--only", "everything")
    assert result.exit_code == 2
    assert "processor" in result.output
    assert not fast.runs
