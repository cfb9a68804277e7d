"""Events of servers: per second of the collector's CPU time, durable."""

from __future__ import annotations

import asyncio
import time
from statistics import median

from benchmarks.collector import load_once
from benchmarks.figures import Figure, Run, at_least
from benchmarks.machine import MEASURED, OTHERS
from benchmarks.server_requests import EVENTS
from benchmarks.services import SmallPath
from benchmarks.visitors import SITE
from wakeline.api_keys import add, new_key
from wakeline.redis.connect import connect

CONNECTIONS = 8

FIGURES = (
    Figure(
        "server_events_per_cpu_s",
        f"events of servers per CPU second of the collector, on disk, {EVENTS} a request, one of ten personal",
        at_least(20_000),
    ),
    Figure("server_events_per_s", f"the same by the clock, {CONNECTIONS} keep-alive connections"),
    Figure("server_request_p99_ms", f"response time of a request of {EVENTS} events"),
)


def measure(run: Run) -> dict[str, float]:
    count, seconds = (1, 1.0) if run.quick else (5, 3.0)
    name, text, key = new_key(SITE.key, "benchmark", ["events"], now=time.time_ns() // 1_000_000)
    found = []
    with SmallPath(run.folder, server_rate_limit=0) as path:
        path.start("server", cores={"server": OTHERS})

        async def store() -> None:
            async with connect(path.config.settings.redis) as redis:
                await add(redis, name, key)

        asyncio.run(store())
        path.start("collector", cores={"collector": MEASURED})
        time.sleep(1.0)  # until the collector has read the key
        for _ in range(count):
            found.append(
                load_once(path.config.settings.port, path.pids["collector"], seconds, connections=CONNECTIONS, key=text)
            )
            run.say(f"{found[-1]['per_cpu_second'] * EVENTS:,} events/CPU s")
    middle = {what: median(each[what] for each in found) for what in ("per_cpu_second", "per_second", "p99_ms")}
    return {
        "server_events_per_cpu_s": middle["per_cpu_second"] * EVENTS,
        "server_events_per_s": middle["per_second"] * EVENTS,
        "server_request_p99_ms": middle["p99_ms"],
    }
