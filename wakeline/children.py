"""Child processes, whoever starts them: they end with their parent, and a dead one's successor waits a while."""

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


@dataclass(frozen=True)
class Rests:
    """How long to wait before a dead child is started again, in seconds."""

    first: float = 0.5
    longest: float = 30.0
    calm: float = 60.0  # alive for so long: the next death is a first one again

    def after(self, rest: float, lived: float) -> float:
        """That of a child that lived so long, and before which there was `rest`; 0: it was the first."""
        return self.first if not rest or lived >= self.calm else min(2 * rest, self.longest)


RESTS = Rests()


def guarded(command: Sequence[str]) -> tuple[str, ...]:
    """A command that dies when this process does. Its stdin has to be a pipe where the system is not Linux."""
    # -I: the modules beside that file are not found in place of the standard library's
    return (sys.executable, "-IS", str(PARENT_DEATH), str(os.getpid()), *command)


async def orphaned() -> None:
    """Returns when the process that started this one is gone: for a child that then ends in good order."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110  nothing tells it
        await asyncio.sleep(ORPHAN_CHECK_S)


def how(code: int) -> str:
    """How a process ended, by its exit code; negative: by a signal."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
