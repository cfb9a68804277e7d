"""What is no name: invisible characters, and placeholders that programs write where they have no value."""

from __future__ import annotations

import re

# Line breaks become spaces; other controls, bidirectional overrides (which disguise a text) and invisible characters
# (which hide an e-mail address from patterns) are removed. Joiners in emoji stay.
BREAKS = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]+")
INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

NO_VALUE = (
    r"(?is)\s*(?:|\(?(?:undefined|null|nil|none|nan|n/?a|not[ _]set)\)?|-+|true|false|\[object \w+\]"
    r"|\{\{.*\}\}|\{[a-z_][\w.]*\}|[$#]\{.*\}|\{%.*%\}|<%.*%>|\[\[.*\]\]|%+[a-z_]\w*%+)\s*"
)
"""Placeholders that pages send for a missing value: a keyword of a programming language, or an unfilled template. The
pattern works in Python's and DuckDB's regular expressions.
"""

_is_no_value = re.compile(NO_VALUE).fullmatch
_FIRST = frozenset("uUnNtTfF-([{$#<%")  # first characters of such values; nearly all names begin otherwise


def visible(text: str) -> str:
    if text.isprintable():  # one pass in C; true for nearly all text
        return text
    return INVISIBLE.sub("", BREAKS.sub(" ", text))


def is_name(value: object) -> bool:
    """Whether a value can be an order number or a product id: a number, or a text that is not a placeholder."""
    if isinstance(value, str):
        text = value.strip()
        return text != "" and (text[0] not in _FIRST or _is_no_value(text) is None)
    return isinstance(value, (int, float)) and not isinstance(value, bool)
