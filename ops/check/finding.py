"""The result of one check: fine, a warning, or an error, with the fix."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    OK = "✓"
    WARN = "!"
    FAIL = "✗"


class Finding(NamedTuple):
    level: Level
    what: str
    fix: str = ""


def ok(what: str) -> Finding:
    return Finding(Level.OK, what)


def warn(what: str, fix: str) -> Finding:
    return Finding(Level.WARN, what, fix)


def fail(what: str, fix: str) -> Finding:
    return Finding(Level.FAIL, what, fix)
