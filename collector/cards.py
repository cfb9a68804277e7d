"""Numbers of payment cards in text: an issuer's prefix, a length of that issuer, and the check digit (Luhn).

That is a guess: of ten numbers that only begin so and are as long, one passes. So what names a thing (see `fields`)
is not searched, and a number that is an article's (GTIN) is none where the two can be mistaken for each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable

REDACTED = "(redacted)"

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
            r"(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{12,15}",  # Maestro; its other prefixes are anybody's
            r"220[0-4]\d{12,15}",  # Mir
            r"(?:60\d\d|508[5-9]|82\d\d)\d{12}",  # RuPay
            r"(?:5067|6362|6363|9792)\d{12}",  # Elo, Troy
        )
    )
)
LENGTHS = range(13, 20)
EAN = 13  # digits; of cards only a Visa of long ago has so few

BETWEEN = r"[ .+\-\u00a0]"  # what people put between the groups of a card's digits
DIGITS = re.compile(rf"(?<!\d)\d(?:{BETWEEN}?\d){{12,}}")
GROUP = re.compile(r"\d+")
MAX_GROUPS = 5  # 4-4-4-4-3 is the longest usual grouping of a card
CARD_ID = re.compile(r"[2-9][0-9_-]{13,}")
LEAST_CARD = 10**13  # 14 digits: a number of 13 is a time in ms


def redact_cards(text: str) -> str:
    """`text` with runs of digits that hold the number of a card replaced."""
    return DIGITS.sub(_redact, text) if len(text) >= LENGTHS.start else text


def redact_cards_in_path(path: str) -> str:
    """The same, but a segment that is nothing but the number of an article stays."""
    return DIGITS.sub(_redact_in_path, path) if len(path) >= LENGTHS.start else path


Redact = Callable[[str], str]


def _redact(found: re.Match[str]) -> str:
    """REDACTED if 13 to 19 digits of a run, from group to group, are a card's."""
    groups = GROUP.findall(found[0])
    for start in range(len(groups)):
        digits = ""
        for group in groups[start : start + MAX_GROUPS]:
            digits += group
            if len(digits) > LENGTHS[-1]:
                break
            if len(digits) in LENGTHS and is_card(digits):
                return REDACTED
    return found[0]


def _redact_in_path(found: re.Match[str]) -> str:
    digits, path = found[0], found.string
    start, end = found.span()
    is_segment = path[start - 1 : start] in ("", "/") and path[end : end + 1] in ("", "/", "?", "#")
    if is_segment and digits.isdigit() and (len(digits) == EAN or (len(digits) == EAN + 1 and is_gtin(digits))):
        return digits
    return _redact(found)


def is_card(digits: str) -> bool:
    if not digits.isascii():
        digits = "".join(str(int(digit)) for digit in digits)
    if CARD.fullmatch(digits) is None or not _passes_luhn(digits):
        return False
    return len(digits) != EAN or not is_gtin(digits)


def is_card_number(value: float) -> bool:
    """Whether a number, not a text, is that of a card. Times in us and most counters begin as no card does."""
    return value >= LEAST_CARD and is_card(str(value) if isinstance(value, int) else f"{value:.0f}")


def is_card_id(id: str) -> bool:
    """Whether an id is nothing but the number of a payment card, with hyphens or without."""
    return CARD_ID.fullmatch(id) is not None and is_card(id.replace("-", "").replace("_", ""))


def is_gtin(digits: str) -> bool:
    """Whether the last of `digits` is the check digit of a GTIN: of an EAN, an ISBN-13, a carton's number."""
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + 3 * sum(values[1::2])) % 10 == 0


def _passes_luhn(digits: str) -> bool:
    values = [int(digit) for digit in reversed(digits)]
    doubled = (value * 2 - 9 if value > 4 else value * 2 for value in values[1::2])
    return (sum(values[::2]) + sum(doubled)) % 10 == 0
