"""Child processes of tests and benchmarks: their environment, and how they are paused and killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wakeline.config import PREFIX

ROOT = Path(__file__).parents[1]


def child_environ(**more: str) -> dict[str, str]:
    """The environment of a child: ours without Wakeline's settings, with imports from this checkout, then `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


class Child:
    """A process that may be signalled, paused and killed once `process` is there."""

    process: subprocess.Popen[Any] | None = None

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It keeps its connections open but answers nothing."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill with -9; it is gone when this returns."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
