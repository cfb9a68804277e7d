"""Finds payment card numbers in text: an issuer's prefix, a length of that issuer, and the check digit (Luhn).

This is a heuristic: one in ten random numbers with such a prefix and length passes. So identifiers (see `fields`) are
not searched, and article numbers (GTIN) are excluded where they could be confused with card numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from wakeline.labels import REDACTED
from wakeline.telephones import is_gtin

CARD = re.compile(
    "|".join(
        (
            r"4(?:\d{12}|\d{15}|\d{18})",  # Visa
            r"(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}",  # Mastercard
            r"3[47]\d{13}",  # American Express
            r"(?:30[0-5]\d|3095)\d{10}",  # Diners Club
            r"3[689]\d{12,17}",  # Diners Club
            r"(?:6011|64[4-9]\d|65\d\d)\d{12,15}",  # Discover
            r"35(?:2[89]|[3-8]\d)\d{12,15}",  # JCB
            r"(?:62|81)\d{14,17}",  # UnionPay
            r"(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{12,15}",  # Maestro; its other prefixes are not specific
            r"220[0-4]\d{12,15}",  # Mir
            r"(?:60\d\d|508[5-9]|82\d\d)\d{12}",  # RuPay
            r"(?:5067|6362|6363|9792)\d{12}",  # Elo, Troy
        )
    )
)
LENGTHS = range(13, 20)
EAN = 13  # digits; among cards only old Visa numbers are that short

SPACES = " \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
DASHES = (
    r"\-\u058a\u05be\u1400\u1806\u2010-\u2015\u2212\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u301c\u3030\u30a0\ufe58\ufe63\uff0d"
)
BETWEEN = rf"[{SPACES}{DASHES}.+_/\u00b7]"  # characters between the groups of a card's digits
DIGITS = re.compile(rf"(?<!\d)\d(?:{BETWEEN}{{0,3}}\d){{12,}}")
GROUP = re.compile(r"\d+")
CLOSE = frozenset((" ", "\u00a0", "-", "+"))  # allowed between groups of any length; others only between usual groups
POINT, SLASH = ".", "/"
MAX_GROUPS = 5  # 4-4-4-4-3 is the longest usual grouping
MAX_GROUP = 7  # digits; more after a point are decimals
CARD_ID = re.compile(r"[2-9][0-9_-]{13,}")
LEAST_CARD = 10**13  # 14 digits: numbers with 13 digits are times in ms


def redact_cards(text: str) -> str:
    """`text` with card numbers replaced."""
    return DIGITS.sub(_redact, text) if len(text) >= LENGTHS.start else text


def redact_cards_in_path(path: str) -> str:
    """The same, but card numbers do not extend over slashes, and segments that are an article number are kept."""
    return DIGITS.sub(_redact_in_path, path) if len(path) >= LENGTHS.start else path


Redact = Callable[[str], str]


def _redact(found: re.Match[str], *, in_path: bool = False) -> str:
    """A run of digits, with REDACTED for groups that form a card number and for adjacent digits, such as its date."""
    text = found.string
    groups = list(GROUP.finditer(text, *found.span()))
    between = [text[one.end() : next.start()] for one, next in pairwise(groups)]
    kept, at, first = "", found.start(), 0
    while first < len(groups):
        last = _end_of_card(groups, between, first, in_path)
        if last is None:
            first += 1
            continue
        while groups[first].start() > at and first > 0 and between[first - 1] in CLOSE:
            first -= 1
        while last < len(between) and between[last] in CLOSE:
            last += 1
        kept += text[at : groups[first].start()] + REDACTED
        at, first = groups[last].end(), last + 1
    return kept + text[at : found.end()]


def _redact_in_path(found: re.Match[str]) -> str:
    return _redact(found, in_path=True)


def _end_of_card(groups: list[re.Match[str]], between: list[str], first: int, in_path: bool) -> int | None:
    """The last of the groups from `first` on that form a card number of 13 to 19 digits; None if there is none."""
    if first > 0 and between[first - 1] == POINT and len(groups[first][0]) > MAX_GROUP:
        return None
    digits, is_close = "", True
    for last in range(first, min(first + MAX_GROUPS, len(groups))):
        digits += groups[last][0]
        before = between[last - 1] if last > first else ""
        is_close = is_close and (not before or before in CLOSE)
        if len(digits) > LENGTHS[-1] or (in_path and SLASH in before):
            return None
        if len(digits) in LENGTHS and (is_close or _is_usual(groups[first : last + 1])) and is_card(digits):
            return None if in_path and first == last and _is_article(groups[first]) else last
    return None


def _is_usual(groups: list[re.Match[str]]) -> bool:
    """Whether groups look as on cards: 4-4-4-4, longer or shorter at the end, 4-6-5, 4-6-4."""
    first, *middle, last = (len(group[0]) for group in groups)
    if first != 4 or not middle:
        return False
    return middle == [6] or (all(size == 4 for size in middle) and last <= 5)


def _is_article(group: re.Match[str]) -> bool:
    """Whether a group is a whole segment of a path, and can be an article number."""
    path, (start, end), digits = group.string, group.span(), group[0]
    is_segment = path[start - 1 : start] in ("", "/") and path[end : end + 1] in ("", "/", "?", "#")
    return is_segment and (len(digits) == EAN or (len(digits) == EAN + 1 and is_gtin(digits)))


def is_card(digits: str) -> bool:
    if not digits.isascii():
        digits = "".join(str(int(digit)) for digit in digits)
    if CARD.fullmatch(digits) is None or not _passes_luhn(digits):
        return False
    return len(digits) != EAN or not is_gtin(digits)


def is_card_number(value: float) -> bool:
    """Whether a number is a card number. Times in us and most counters have other prefixes."""
    value = abs(value)
    return value >= LEAST_CARD and is_card(str(value) if isinstance(value, int) else f"{value:.0f}")


def is_card_id(id: str) -> bool:
    """Whether an id is a card number, with or without hyphens."""
    return CARD_ID.fullmatch(id) is not None and is_card(id.replace("-", "").replace("_", ""))


def _passes_luhn(digits: str) -> bool:
    values = [int(digit) for digit in reversed(digits)]
    doubled = (value * 2 - 9 if value > 4 else value * 2 for value in values[1::2])
    return (sum(values[::2]) + sum(doubled)) % 10 == 0
