"""The text of a rule: Python's grammar, and in it lengths of time (`2d`) and amounts of money (`50 EUR`).

Both are replaced by calls before Python's own parser reads it. Every place of what it reads is mapped back, so that
errors name line and column of what was written.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.vocabulary.money import CURRENCIES

MOST_CHARACTERS = 2_000
MOST_NESTED = 40
UNITS = {"s": 1_000, "min": MINUTE_MS, "h": 60 * MINUTE_MS, "d": DAY_MS, "w": 7 * DAY_MS, "y": 365 * DAY_MS}
"""Of lengths of time, ms."""
LENGTH, AMOUNT = "_length", "_amount"  # functions that stand for what is written so

WORD = r"(?:and|or|not|in|is|if|else|for)\b"  # of the grammar, which may follow a number
TOKEN = re.compile(
    rf"""(?P<space>\s+|\#[^\n]*)
    |(?P<measure>(?P<number>\d[\d_]*(?:\.\d+)?)[ ]*(?!{WORD}|e[+-]?\d)(?P<unit>[A-Za-z]+)(?!\w))
    |(?P<plain>\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=\W|$|{WORD})
    |(?P<name>[^\W\d]\w*)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<operator>[<>=!]=|//|\*\*|[-+*/%<>()\[\]{{}},.:])""",
    re.VERBOSE,
)
OPENS, CLOSES = frozenset("([{"), frozenset(")]}")


class BadRule(ValueError):
    """A rule that cannot be used: where (both from 1), and why, with what to write instead."""

    def __init__(self, why: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {why}")
        self.why, self.line, self.column = why, line, column


class Token(NamedTuple):
    """`text` as Python's parser reads it, and where it was written."""

    text: str
    start: int
    end: int


class Source:
    """A rule as it was written, and its tree. Raises BadRule."""

    def __init__(self, text: str) -> None:
        if not text.strip():
            raise BadRule("the rule is empty: write a comparison, such as visits > 3")
        if len(text) > MOST_CHARACTERS:
            raise BadRule(f"the rule has {len(text):,} characters: {MOST_CHARACTERS:,} at most")
        self.text = text
        self._tokens = list(self._read())
        self._offsets: list[int] = []  # of each token in the line that is parsed, in bytes, as Python counts
        self.tree = self._parsed()

    def error(self, why: str, node: ast.expr) -> BadRule:
        """About a part of the tree."""
        return self._error(why, self._token(node.col_offset).start)

    def written(self, node: ast.expr) -> str:
        """The part as it was written, in one line."""
        assert node.end_col_offset is not None
        part = self.text[self._token(node.col_offset).start : self._token(node.end_col_offset - 1).end]
        return " ".join(part.split())

    def _error(self, why: str, at: int) -> BadRule:
        before = self.text[:at]
        return BadRule(why, before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1)

    def _token(self, offset: int) -> Token:
        return self._tokens[max(0, bisect_right(self._offsets, offset) - 1)]

    def _read(self) -> Iterator[Token]:
        at, depth = 0, 0
        while at < len(self.text):
            match = TOKEN.match(self.text, at)
            if match is None:
                raise self._error(self._unread(at), at)
            start, at = at, match.end()
            written = match.group()
            if match["space"]:
                continue
            depth += (written in OPENS) - (written in CLOSES)
            if depth > MOST_NESTED:
                raise self._error(f"nested more than {MOST_NESTED} deep", start)
            text = self._measure(match["number"], match["unit"], start) if match["measure"] else written
            yield Token(text, start, at)

    def _unread(self, at: int) -> str:
        character = self.text[at]
        if character in "\"'":
            return "a quotation mark is not closed"
        if character == "=":
            return 'one "=" has no meaning here: write == to compare'
        return f"{character!r} has no meaning here"

    def _measure(self, number: str, unit: str, start: int) -> str:
        if unit in UNITS:
            return f"{LENGTH}({number}, {unit!r})"
        if unit in CURRENCIES:
            return f"{AMOUNT}({number}, {unit!r})"
        raise self._error(
            f"{unit} is no unit: lengths of time are in {', '.join(UNITS)}, amounts in a currency, such as EUR", start
        )

    def _parsed(self) -> ast.expr:
        line = ""
        for token in self._tokens:
            self._offsets.append(len(line.encode()))
            line += token.text + " "
        if not self._tokens:
            raise BadRule("the rule is empty: write a comparison, such as visits > 3")
        try:
            return ast.parse(line.rstrip(), mode="eval").body
        except SyntaxError as error:
            end = len(self.text.rstrip())
            column = (error.offset or len(line)) - 1
            at = end if column >= len(line.rstrip()) else self._token(len(line[:column].encode())).start
            raise self._error(f"this is no rule: {error.msg}", at) from None
        except (ValueError, MemoryError, RecursionError):
            raise BadRule("nested too deep") from None
