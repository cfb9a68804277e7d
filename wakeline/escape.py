"""Makes untrusted text safe to display or export: it cannot control a terminal, a log or a spreadsheet.

Anybody can send an event. The collector cleans events, but a log or a history may hold text from other sources.
"""

from __future__ import annotations

import re

from wakeline.labels import JOINERS

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
FORMULA = re.compile(r"\s*[=+\-@\uff0b\uff0d\uff1d\uff20]|\t")
ID = re.compile(r"[@-]?[\w~-]*")  # customers' ids begin with @, but a name alone calls nothing in a spreadsheet
NOTHING = "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """One line of text without control characters. Joiners are kept, as Persian and emoji need them."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in JOINERS else NOTHING for char in text)


def log_lines(text: str) -> str:
    """The same for several lines. All but the first are indented, so that none looks like a log line of its own."""
    return text if text.isprintable() else "\n    ".join(map(plain, text.replace("\t", "    ").split("\n")))


def in_json(text: str) -> str:
    """The same JSON with control characters as \\u...., which means the same."""
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def in_csv(text: str) -> str:
    """A CSV cell. Text that a spreadsheet would interpret as a formula is prefixed with an apostrophe."""
    if not text.isprintable():
        text = STEERING.sub(NOTHING, text)
    return f"'{text}" if FORMULA.match(text) and not ID.fullmatch(text) else text
