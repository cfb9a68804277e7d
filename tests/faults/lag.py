"""Samples the lag of the profiles every second."""

from __future__ import annotations

import asyncio

from benchmarks import exposition
from tests.faults.stage import Stage

LAG_S = 2.0  # at most
LOOK_S = 1.0


class Lag:
    """Age of the oldest record that is not in the profiles, from the API service, sampled every second."""

    def __init__(self, stage: Stage) -> None:
        self.seconds: list[float] = []
        self._stage = stage

    async def watch(self) -> None:
        while True:
            samples = await asyncio.to_thread(self._stage.told)
            if samples:
                self.seconds.append(exposition.value(samples, "wakeline_lag_seconds"))
            await asyncio.sleep(LOOK_S)

    def p99(self) -> float:
        found = sorted(self.seconds)
        return found[min(len(found) - 1, int(0.99 * len(found)))]
