"""Finds the line of each key in a TOML text, for error messages; tomllib does not provide it."""

from __future__ import annotations

import re

Place = tuple[str | int, ...]  # ("site", 0, "origins", 2): third origin of the first [[site]]

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
SCALAR = re.compile(r"[^,\]}#\n]*")
STRING = re.compile(
    r'"""(?:\\.|(?!""").)*"{3,5}|' r"'''(?:(?!''').)*'{3,5}|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'",
    re.DOTALL,
)


def line_of(places: dict[Place, int], place: Place) -> int | None:
    """Line (1 ..) of a place, or of its nearest parent; None for an unknown place."""
    while place:
        if place in places:
            return places[place]
        place = place[:-1]
    return None


def places(text: str) -> dict[Place, int]:
    """Line of every table, key and array element of `text`, which must be valid TOML."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Place, int] = {}
        self.last: dict[Place, int] = {}  # array of tables -> index of its latest table
        self.counted = (0, 1)  # a position and its line

    def scan(self) -> dict[Place, int]:
        table: Place = ()
        while self._blank():
            if self._take("[["):
                table = self._next_table(self._key())
                self._take("]]")
            elif self._take("["):
                table = self._resolved(self._key())
                self.found.setdefault(table, self._line())
                self._take("]")
            else:
                self._pair(table)
        return self.found

    def _next_table(self, key: list[str]) -> Place:
        array = (*self._resolved(key[:-1]), key[-1])
        self.last[array] = self.last.get(array, -1) + 1
        table = (*array, self.last[array])
        self.found[table] = self._line()
        return table

    def _resolved(self, key: list[str]) -> Place:
        place: Place = ()
        for part in key:
            place = (*place, part)
            if place in self.last:
                place = (*place, self.last[place])
        return place

    def _pair(self, table: Place) -> None:
        line = self._line()
        place = (*table, *self._key())
        self.found.setdefault(place, line)
        self._take("=")
        self._value(place)

    def _value(self, place: Place) -> None:
        self._blank()
        self.found.setdefault(place, self._line())
        if self._take("["):
            index = 0
            while self._blank() and not self._take("]"):
                self._value((*place, index))
                self._blank()
                self._take(",")
                index += 1
        elif self._take("{"):
            while self._blank() and not self._take("}"):
                self._pair(place)
                self._blank()
                self._take(",")
        else:
            self._match(STRING) or self._match(SCALAR)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._blank()
            part = self._match(STRING) or self._match(BARE_KEY)
            if not part:
                raise ValueError(f"no key in line {self._line()}: not valid TOML")
            parts.append(part.strip("\"'"))
            self._blank()
            if not self._take("."):
                return parts

    def _blank(self) -> bool:
        """Skip white space and comments; False at the end of the text."""
        self._match(BLANK)
        return self.at < len(self.text)

    def _take(self, what: str) -> bool:
        taken = self.text.startswith(what, self.at)
        self.at += len(what) * taken
        return taken

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found[0] if found else ""

    def _line(self) -> int:
        position, line = self.counted
        self.counted = (self.at, line + self.text.count("\n", position, self.at))
        return self.counted[1]
