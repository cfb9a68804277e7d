"""How fast a history of orders is imported behind live events, and how long these wait meanwhile.

The orders of two years, in no order, one row each, by `wakeline import` as a site owner runs it, among a million
persons. The rate counts from the start of the command to its end.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import quantiles
from threading import Thread

import uvloop

from benchmarks.children import child_environ
from benchmarks.figures import Figure, Run, at_least, below
from benchmarks.live import QUICK_PER_SECOND, requests, waits
from benchmarks.machine import ALL
from wakeline.children import guarded
from wakeline.durations import DAY_MS

ORDERS = 1_000_000
CUSTOMERS = 250_000
PER_SECOND = 500  # live events
WARM_S = 3
FLOOR = 5_000
SPARE_S = 30  # of live events beyond the time that the floor allows
VISITORS = 20_000  # returning visitors, from the stand
TWO_YEARS_S = 730 * 86_400
WITHIN_S = 1_200

FIGURES = (
    Figure(
        "import_events_per_s",
        f"import of {ORDERS:,} orders in any order over two years, behind {PER_SECOND} live events/s",
        at_least(FLOOR),
    ),
    Figure("import_live_p99_ms", "meanwhile a live event to its readable profile, 99 of 100", below(300)),
    Figure("import_live_p50_ms", "the same, half of them"),
)


def measure(run: Run) -> dict[str, float]:
    orders, per_second, seconds = (2_000, QUICK_PER_SECOND, 8) if run.quick else (ORDERS, PER_SECOND, ORDERS // FLOOR)
    stand = run.stand()
    stand.fall_due(lambda lane, members: dict.fromkeys(members, stand.now() + DAY_MS))  # after the measurement
    file = write_orders(run.folder / "orders.csv", orders)
    made = requests(per_second * (WARM_S + seconds + (0 if run.quick else SPARE_S)), stand.visitors[:VISITORS])
    with stand.path.running("collector", "processor"):
        start = time.time() + 1.0
        importing = Import(file, stand.path.config.path, start + WARM_S)
        waited = uvloop.run(waits(stand.path.config.settings, made, per_second=per_second, start=start))
        importing.join()
    if importing.code != 0:
        raise RuntimeError(f"the import ended with {importing.code}: {importing.said[-2_000:]}")
    took = [wait.took for wait in waited if WARM_S <= wait.due <= WARM_S + importing.seconds]
    at = quantiles(took, n=100, method="inclusive")
    run.say(
        f"{orders:,} orders in {importing.seconds:.1f} s; {len(took)} profiles awaited meanwhile, "
        f"the slowest {1000 * max(took):.0f} ms"
    )
    return {
        "import_events_per_s": orders / importing.seconds,
        "import_live_p99_ms": 1000 * at[98],
        "import_live_p50_ms": 1000 * at[49],
    }


class Import(Thread):
    """The command, started at `start` (seconds since 1970)."""

    def __init__(self, file: Path, config: Path | None, start: float) -> None:
        super().__init__()
        words = ("orders", str(file), "--config", str(config), "--zone", "UTC", "--currency", "EUR")
        self._command = (sys.executable, "-m", "wakeline", "import", *words)
        self._folder = file.parent
        self._starts = start
        self.seconds = 0.0
        self.code: int | None = None
        self.said = ""
        self.start()

    def run(self) -> None:
        time.sleep(max(0.0, self._starts - time.time()))
        began = time.monotonic()
        with subprocess.Popen(
            guarded(self._command),
            cwd=self._folder,
            env=child_environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as child:
            os.sched_setaffinity(child.pid, ALL)
            try:
                self.said, _ = child.communicate(timeout=WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()
                self.said, _ = child.communicate()
        self.seconds = time.monotonic() - began
        self.code = child.returncode


def write_orders(path: Path, count: int) -> Path:
    """A table of so many orders of the last two years, in no order."""
    chance = random.Random(1)
    numbers = list(range(count))
    chance.shuffle(numbers)
    now = int(time.time())
    with path.open("w") as file:
        file.write("order number,date,customer id,total,tax,shipping,channel\n")
        for number in numbers:
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now - chance.randrange(TWO_YEARS_S)))
            cents = chance.randrange(500, 30_000)
            customer = chance.randrange(CUSTOMERS)
            file.write(f"B{number},{moment},{customer},{cents / 100:.2f},{cents * 19 // 11_900}.00,4.90,till\n")
    return path
