"""The output of all children on one terminal, prefixed with their names."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TextIO

from ops.up.supervisor import NAME
from wakeline.logs import JsonLines

COLOURS = {"server": 35, "collector": 36, "processor": 34, "api": 32, "demo": 33, "simulator": 90, NAME: 1}
WIDTH = max(map(len, COLOURS))


class Output:
    """When the reader is gone (`wakeline up | head`) it discards output and calls `lost`."""

    def __init__(self, stream: TextIO, *, coloured: bool) -> None:
        self._stream: TextIO | None = stream
        self._coloured = coloured
        self.lost: Callable[[], None] = lambda: None

    def say(self, name: str, line: str) -> None:
        """Print a line of a child."""
        self._write(f"{self._painted(f'{name:<{WIDTH}} |', COLOURS.get(name, 0))} {line}\n")

    def report(self, name: str, what: str) -> None:
        """Print an event of a child."""
        what = what if name == NAME else f"{name} {what}"
        self.say(NAME, self._painted(what, 1))

    def block(self, text: str) -> None:
        self._write(f"\n{text}\n\n")

    def _painted(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured else text

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except BlockingIOError:
            pass  # the reader made the pipe non-blocking and is slow: dropping a line is better than stopping
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # buffered output must go somewhere
            self._stream = None
            self.lost()


class JsonOutput(Output):
    """The same for machines: children already log JSON, other lines are converted."""

    def say(self, name: str, line: str) -> None:
        self._write(f"{line if line.startswith('{') else _object(name, line)}\n")

    def report(self, name: str, what: str) -> None:
        self._write(f"{_object(NAME, what if name == NAME else f'{name} {what}')}\n")

    def block(self, text: str) -> None:
        self.report(NAME, text)


def _object(service: str, message: str) -> str:
    return JsonLines(service).format(logging.makeLogRecord({"name": "ops.up", "levelname": "INFO", "msg": message}))
