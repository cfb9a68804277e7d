"""Telephone numbers in what people typed: what becomes a label that many see must not hold any.

Of a number alone nobody can say whose it is, or what. So every run of seven digits or more goes, with the usual marks
between them, whether it calls somebody, is a birthday, or a customer's or an order's number. What stays are article
numbers, which shops are searched for: a GTIN (EAN, UPC) in one piece, and digits after a letter, unless 0 is the first.
"""

from __future__ import annotations

import re

NUMBER = "(number)"
LEAST = 7  # digits of a telephone number
MARKS = r"[\s\-.,/()+_\u00ad\u00b7\u2010-\u2015\u2212\u200e\u200f\u202a-\u202e\u2066-\u2069]"
BEGIN = r"(?:(?<!\w)|(?<=[^\W\d_])(?=[+0]))"
RUN = re.compile(rf"{BEGIN}[+(]{{0,3}}\d(?:{MARKS}{{0,3}}\d){{{LEAST - 1},}}")
GTIN_LENGTHS = (12, 13, 14)  # shorter ones look like telephone numbers


def redact_telephones(text: str) -> str:
    """`text` with NUMBER in place of what may be a telephone number."""
    return RUN.sub(_redact, text) if len(text) >= LEAST else text


def is_gtin(digits: str) -> bool:
    """Whether the last digit is a valid GTIN check digit (EAN, ISBN-13, carton number)."""
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + 3 * sum(values[1::2])) % 10 == 0


def _redact(found: re.Match[str]) -> str:
    run = found[0]
    is_article = run.isdecimal() and len(run) in GTIN_LENGTHS and not run.startswith("00") and is_gtin(run)
    return run if is_article else NUMBER
