"""All services when nothing happens: memory and CPU of server, collector, processor, archiver and api."""

from __future__ import annotations

import asyncio
import time

from benchmarks import load
from benchmarks.figures import Figure, Run, at_most
from benchmarks.machine import cpu_seconds, memory_mb
from benchmarks.services import SmallPath

SERVICES = ("server", "collector", "processor", "archiver", "api")

FIGURES = (
    Figure(
        "idle_rss_mb",
        "resident memory of server, collector, processor, archiver and api, shared pages counted in each",
        at_most(300),
    ),
    Figure("idle_pss_mb", "the same, shared pages counted once"),
    Figure("idle_cpu_percent", "of one core, all five, after a few events and then silence", at_most(3)),
    *(Figure(f"idle_rss_mb_{name}", "of these") for name in SERVICES),
    *(Figure(f"idle_cpu_percent_{name}", "of these") for name in SERVICES),
)


def measure(run: Run) -> dict[str, float]:
    settle, watched = (1, 3) if run.quick else (5, 30)
    with SmallPath(run.folder) as path:
        path.start(*SERVICES)
        asyncio.run(load.run(path.config.settings.port, connections=4, seconds=0.2))
        time.sleep(settle)
        before, began = {name: cpu_seconds(pid) for name, pid in path.pids.items()}, time.monotonic()
        time.sleep(watched)
        took = time.monotonic() - began
        percent = {name: 100 * (cpu_seconds(pid) - before[name]) / took for name, pid in path.pids.items()}
        memory = {name: memory_mb(pid) for name, pid in path.pids.items()}
    return {
        "idle_rss_mb": sum(resident for resident, _ in memory.values()),
        "idle_pss_mb": sum(proportional for _, proportional in memory.values()),
        "idle_cpu_percent": sum(percent.values()),
        **{f"idle_rss_mb_{name}": memory[name][0] for name in SERVICES},
        **{f"idle_cpu_percent_{name}": percent[name] for name in SERVICES},
    }
