"""Starts and stops services in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping

from ops.up.child import Child, Patience, Say, StartFailed
from ops.up.plan import Plan
from wakeline import stopping

SIGNALS = (*stopping.SIGNALS, signal.SIGHUP)  # the last: the terminal is gone
NAME = "wakeline"


class Supervisor:
    """Runs a plan until it is stopped, by a signal or by `ask_to_stop`."""

    def __init__(
        self, plan: Plan, environ: Mapping[str, str], *, say: Say, report: Say, patience: Patience | None = None
    ) -> None:
        self._plan = plan
        self._environ = environ
        self._say = say
        self._report = report
        self._patience = patience or Patience()
        self._children: dict[str, Child] = {}
        self._asked = asyncio.Event()

    async def run(self, when_up: Callable[[], None]) -> int:
        """Returns the exit code; calls `when_up` once every service is ready. No child is left when it returns."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.ask_to_stop)
        asked = asyncio.create_task(self._asked.wait())
        starting = asyncio.create_task(self._start())
        try:
            await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                when_up()
                await asked
            return 0
        except StartFailed as failure:
            self._report(NAME, f"{failure}; stopping")
            return 1
        finally:
            starting.cancel()
            asked.cancel()
            await self._stop()
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def ask_to_stop(self) -> None:
        """First call: stop in order. Second call: at once."""
        if not self._asked.is_set():
            self._asked.set()
            self._report(NAME, "stopping (repeat to stop at once)")
            return
        for child in self._children.values():
            child.kill()

    async def _start(self) -> None:
        for stage in self._plan.stages:
            children = [
                Child(service, self._environ, say=self._say, report=self._report, patience=self._patience)
                for service in stage
            ]
            self._children |= {child.name: child for child in children}
            await asyncio.gather(*(child.ready() for child in children))
            for service in stage:
                if service.words is not None and (said := await service.words()):
                    self._report(service.name, said)

    async def _stop(self) -> None:
        order = [name for name in self._plan.stopping if name in self._children]
        for name in [*order, *(set(self._children) - set(order))]:
            await self._children[name].stop()
        self._report(NAME, "stopped")
