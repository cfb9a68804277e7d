"""The processor's CPU time per event compared with an earlier commit, on the same records, in one run.

The earlier commit is checked out into a worktree. Both processors run as real processes in the same virtual
environment, and fold the same log in turns, each with its own Redis, until the median ratio is precise enough.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import pi, sqrt
from pathlib import Path
from statistics import median, quantiles

from benchmarks.children import ROOT
from benchmarks.figures import Figure, Run
from benchmarks.processor import RECORDS, VISITORS, fold_once
from benchmarks.progress import Rate, middle
from benchmarks.services import deployment_at, laned_events

LEAST, MOST = 6, 30  # rounds
KNOWN_PERCENT = 1.5  # precision of the ratio (±) at which no more rounds are run

FIGURES = (
    Figure("change_cpu_ratio", "CPU time per event of the processor, relative to the earlier commit"),
    Figure("change_cpu_spread_percent", "95 % confidence interval (±) of this ratio"),
    Figure("change_server_cpu_ratio", "the same for its Redis"),
    Figure("change_server_cpu_spread_percent", "either way"),
    Figure("change_us_per_event", "CPU time of the processor, now"),
    Figure("change_base_us_per_event", "CPU time of the processor, earlier commit"),
    Figure("change_server_us_per_event", "CPU time of its Redis, now"),
    Figure("change_base_server_us_per_event", "CPU time of its Redis, earlier commit"),
)


def measure(run: Run) -> dict[str, float]:
    scale = 10 if run.quick else 1
    now = time.time_ns() // 1_000_000
    deployment = deployment_at(now)
    laned = laned_events(RECORDS // scale, VISITORS // scale, deployment, end=now)
    rates: dict[Path, list[Rate]] = {}
    with checked_out(run.base, run.folder / "base") as base:
        for number in range(1 if run.quick else MOST):
            for tree in (ROOT, base) if number % 2 else (base, ROOT):
                with tempfile.TemporaryDirectory(dir=run.folder) as folder:
                    rates.setdefault(tree, []).append(fold_once(laned, deployment, Path(folder), tree=tree))
            ours, theirs = ratios(rates[ROOT], rates[base])
            run.say(
                f"round {number + 1}: processor {ours[-1]:.3f}, its Redis {theirs[-1]:.3f} times; so far "
                f"{median(ours):.3f} ± {spread(ours):.1f} %, {median(theirs):.3f} ± {spread(theirs):.1f} %"
            )
            if number + 1 >= LEAST and max(spread(ours), spread(theirs)) < KNOWN_PERCENT:
                break
        now_is, was = middle(rates[ROOT]), middle(rates[base])
    return {
        "change_cpu_ratio": median(ours),
        "change_cpu_spread_percent": spread(ours),
        "change_server_cpu_ratio": median(theirs),
        "change_server_cpu_spread_percent": spread(theirs),
        "change_us_per_event": now_is.us_per_event,
        "change_base_us_per_event": was.us_per_event,
        "change_server_us_per_event": now_is.server_us_per_event,
        "change_base_server_us_per_event": was.server_us_per_event,
    }


@contextmanager
def checked_out(revision: str, folder: Path) -> Iterator[Path]:
    """A worktree of this repository at a revision. Raises CalledProcessError if it does not exist."""
    git = ("git", "-C", str(ROOT))
    subprocess.run((*git, "worktree", "add", "--quiet", "--detach", str(folder), revision), check=True)
    try:
        yield folder
    finally:
        subprocess.run((*git, "worktree", "remove", "--force", str(folder)), check=True)


def ratios(now: Sequence[Rate], base: Sequence[Rate]) -> tuple[list[float], list[float]]:
    """(ratios of the processors, ratios of their servers), by round."""
    pairs = list(zip(now, base, strict=True))
    return (
        [one.us_per_event / other.us_per_event for one, other in pairs],
        [one.server_us_per_event / other.server_us_per_event for one, other in pairs],
    )


def spread(values: Sequence[float]) -> float:
    """The 95 % confidence interval (±) of the median, in percent."""
    if len(values) < 2:
        return 0.0
    lower, middle, upper = quantiles(values, n=4)
    deviation = (upper - lower) / 1.349  # of a normal distribution; robust against outliers
    return 100 * 1.96 * sqrt(pi / 2 / len(values)) * deviation / middle
