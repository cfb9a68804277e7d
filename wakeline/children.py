"""Child processes: they end with their parent, and dead ones are restarted after a back-off."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PARENT_DEATH = Path(__file__).with_name("parent_death.py")
ORPHAN_CHECK_S = 1.0
RESTARTS = 75  # exit code of a child that asks for its next start: nothing failed


@dataclass(frozen=True)
class Rests:
    """The back-off before a dead child is restarted, in seconds."""

    first: float = 0.5
    longest: float = 30.0
    calm: float = 60.0  # after this lifetime a death counts as the first again

    def after(self, rest: float, lived: float) -> float:
        """The wait after a child that lived for `lived` and was started after a wait of `rest` (0: the first child)."""
        return self.first if not rest or lived >= self.calm else min(2 * rest, self.longest)


RESTS = Rests()


def guarded(command: Sequence[str]) -> tuple[str, ...]:
    """`command`, changed to die with this process. Except on Linux, its stdin has to be a pipe."""
    # -I: modules beside that file must not shadow the standard library
    return (sys.executable, "-IS", str(PARENT_DEATH), str(os.getpid()), *command)


async def orphaned() -> None:
    """Returns when the parent process has died, so that this child can shut down cleanly."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110  nothing tells it
        await asyncio.sleep(ORPHAN_CHECK_S)


def how(code: int) -> str:
    """How a process ended, as text, from its exit code (negative: a signal)."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
