"""Text from outside that is to be shown or handed on: what would steer a terminal, a log or a spreadsheet does nothing.

Anybody can send an event. The collector cleans what it takes, but a log and a history may hold what came another way.
"""

from __future__ import annotations

import re

from wakeline.labels import JOINERS

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
FORMULA = re.compile(r"\s*[=+\-@\uff0b\uff0d\uff1d\uff20]|\t")
ID = re.compile(r"[@-]?[\w~-]*")  # a name alone can call nothing: customers' ids begin with @
NOTHING = "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """One line of text without what would steer a terminal. Joiners stay: they are letters of Persian and of emoji."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in JOINERS else NOTHING for char in text)


def log_lines(text: str) -> str:
    """The same of several lines. All but the first are indented, so that none looks like one of the log's own."""
    return text if text.isprintable() else "\n    ".join(map(plain, text.replace("\t", "    ").split("\n")))


def in_json(text: str) -> str:
    """JSON as it was, what steers a terminal written as \\u...., which means the same."""
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def in_csv(text: str) -> str:
    """A cell. One that a spreadsheet would take for a formula begins with an apostrophe: then it is text to it too."""
    if not text.isprintable():
        text = STEERING.sub(NOTHING, text)
    return f"'{text}" if FORMULA.match(text) and not ID.fullmatch(text) else text
