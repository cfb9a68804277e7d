"""How far a lane has applied each import: a source of records like a lane, with one number.

The lines of an import rise within a lane. So one that was applied before, when the import was resumed or repeated, is
known by its number alone. An import is forgotten IMPORT_KEPT after its last record: by then all that it could say again
is older than such facts may be, or is known by what was made of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from wakeline.record import Fact, ImportEnd
from wakeline.thing_keys import IMPORT_KEPT_MS


class Imports:
    """Those of one lane. `fields`: of its hash."""

    def __init__(self, fields: Mapping[bytes, bytes] | None = None) -> None:
        self._known: dict[str, tuple[int, int]] = {}  # "<site>/<batch>" -> line, append time (ms) of its last record
        for name, text in (fields or {}).items():
            line, _, at = text.partition(b" ")
            self._known[name.decode()] = int(line), int(at)

    def take(self, fact: Fact, now: int) -> dict[str, str] | None:
        """Meet a line. Returns what changes in the lane's hash; None: it was applied before."""
        name = f"{fact.site}/{fact.batch}"
        if fact.line <= self._known.get(name, (0, 0))[0]:
            return None
        return self._note(name, fact.line, now)

    def end(self, record: ImportEnd, now: int) -> tuple[dict[str, str], list[str]]:
        """Meet the end of an import. Returns what changes in the lane's hash, and what goes from it."""
        name = f"{record.site}/{record.batch}"
        changed = self._note(name, self._known[name][0], now) if name in self._known else {}
        gone = [name for name, (_, at) in self._known.items() if at < now - IMPORT_KEPT_MS]
        for name in gone:
            del self._known[name]
        return changed, gone

    def _note(self, name: str, line: int, now: int) -> dict[str, str]:
        self._known[name] = line, now
        return {name: f"{line} {now}"}
