"""The collector compared with a handler that does nothing: requests per second of its process's CPU time."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from typing import Any

from benchmarks.children import ROOT
from benchmarks.figures import Figure, Run, at_least
from benchmarks.machine import MEASURED, OTHERS, free_port
from benchmarks.services import SmallPath, process

CONNECTIONS = 64

FIGURES = (
    Figure(
        "collector_durable_ratio",
        "requests per CPU second, every check on, on disk, against the empty handler's",
        at_least(0.45),
    ),
    Figure("collector_requests_per_cpu_s", "of the collector, one event each"),
    Figure("collector_requests_per_s", "by the clock, 64 keep-alive connections"),
    Figure("collector_p99_ms", "response time, each request sent as soon as the last was answered"),
    Figure("empty_requests_per_cpu_s", "of an aiohttp handler that does nothing"),
)


def measure(run: Run) -> dict[str, float]:
    found = beside_an_empty_handler(run, rounds=7)
    ratios = [ours["per_cpu_second"] / empty["per_cpu_second"] for ours, empty in zip(*found.values(), strict=True)]
    middle = {
        (side, what): median(result[what] for result in results)
        for side, results in found.items()
        for what in ("per_cpu_second", "per_second", "p99_ms")
    }
    return {
        "collector_durable_ratio": median(ratios),
        "collector_requests_per_cpu_s": middle["collector", "per_cpu_second"],
        "collector_requests_per_s": middle["collector", "per_second"],
        "collector_p99_ms": middle["collector", "p99_ms"],
        "empty_requests_per_cpu_s": middle["empty", "per_cpu_second"],
    }


def beside_an_empty_handler(run: Run, *, rounds: int, log: str = "") -> dict[str, list[dict[str, Any]]]:
    """Results of the collector on this log, and of a handler that does nothing, in turns."""
    count, seconds = (1, 1.0) if run.quick else (rounds, 3.0)
    port = free_port()
    handler = (sys.executable, "-m", "benchmarks.empty_handler", str(port))
    with (
        SmallPath(run.folder, log=log) as path,
        process(handler, run.folder, name="empty", cores=MEASURED) as empty_pid,
    ):
        path.start("server", "collector", cores={"server": OTHERS, "collector": MEASURED})
        sides = {"collector": (path.config.settings.port, path.pids["collector"]), "empty": (port, empty_pid)}
        found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
        for _ in range(count):
            for side, (to, pid) in sides.items():
                found[side].append(load_once(to, pid, seconds))
            run.say("  ".join(f"{side} {results[-1]['per_cpu_second']}/CPU s" for side, results in found.items()))
    return found


def load_once(port: int, pid: int, seconds: float, *, connections: int = CONNECTIONS, key: str = "") -> dict[str, Any]:
    """One round, as `load` prints it. It starts on the cores of this process, not on the measured one."""
    asked: dict[str, float | str] = {"--port": port, "--pid": pid, "--connections": connections, "--seconds": seconds}
    if key:
        asked["--key"] = key
    command = [sys.executable, "-m", "benchmarks.load", *(str(word) for pair in asked.items() for word in pair)]
    result = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    if result["statuses"].keys() != {"202"}:
        raise RuntimeError(f"answers other than 202: {result['statuses']}")
    return dict(result)
