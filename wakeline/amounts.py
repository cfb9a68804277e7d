"""Parses amounts of money and quantities: numbers, and texts in common number formats.

`1,299.00`, `1.299,00`, `1 299,00`, `1'299.00`, `12,45`, `12,-`, `12:-`, `1,29,900.00`, with spaces of any width, a
minus before or after, and a currency's sign, code or word before or after (`S/ 100`, `12 euros`, `$12.45 USD`); digits
of any script. Any word of up to six letters is accepted, since no list is complete. An ISO 4217 code must be the
event's currency, and words for hundredths or thousands (`50 cents`, `100k`) make the text invalid.

One comma or point before exactly three digits is ambiguous. It separates thousands (`1.299` is 1299), as nearly all
currencies have two decimals or none; if the currency has three (`1.299` of KWD), or the number begins with 0, it
separates decimals. A quantity has no currency, so such a text is invalid.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from functools import lru_cache

from iso4217 import Currency

MAX_AMOUNT = 10**12  # in any currency; more is a mistake
MAX_QUANTITY = 10**6
MAX_AMOUNT_TEXT = 64  # characters in an amount

USUAL_DECIMALS = 2
DECIMALS = {currency.code: currency.exponent or 0 for currency in Currency}

SPELLINGS = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u2018\u2019\u02bc\u2032`\u00b4", "'"),
    }
    | {"\u066b": ".", "\u066c": ","}  # Arabic decimal and thousands separators
)
SIGN = re.compile("[$\u00a2-\u00a5\u058f\u060b\u0e3f\u17db\u20a0-\u20cf]")
LETTER = r"[^\W\d_]"
WORD = rf"{LETTER}(?:[./]?{LETTER}){{0,5}}[./]{{0,2}}"  # kr. S/. B/. руб.
MONEY = rf"(?:(?:{WORD})?{SIGN.pattern}(?:{WORD})?|{WORD})"
AMOUNT = re.compile(
    rf"([-+]?)\s*({MONEY}?)\s*([-+]?)\s*([.,]?\d(?:[\d., ']*\d)?)(?: ?[.,:/]-{{1,2}}|[.,])?\s*({MONEY}?)\s*(-?)"
)
UNSEEN = frozenset(("Mn", "Mc", "Cf"))
OTHER_UNIT = re.compile(
    "k|m|mn|mm|mi[lo]|mill|ml[dn]|mlrd|mrd|bn|bln|bio|[kmt]eur|[km]usd|thou|lac|lakhs?|cr|crores?|tsd|t[yi]s|bin|milyon"
    "|rb|ribu|jt|juta|tr|triệu|nghìn|ngàn|т[ыи]с|млн|млрд|[만억천]원?"
    "|cts?|c|cents?|p|pence|[oø]re|коп",
    re.IGNORECASE,
)
"""Words after a number that mean multiples or fractions of the currency. "p" may be a penny or a rouble."""

GROUPED = re.compile(r"\d{1,3}(?:([., '])\d{3})(?:\1\d{3})*(?:(?!\1)([.,])\d+)?")
INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?")
SIMPLE = re.compile(r"\d*(?:[.,]\d+)?")


def amount_of(value: object, currency: str = "") -> float | None:
    """The amount in units of `currency` (ISO 4217, or "" if unknown), between -MAX_AMOUNT and MAX_AMOUNT; None if
    invalid.
    """
    return _within(value, MAX_AMOUNT, DECIMALS.get(currency, USUAL_DECIMALS), currency)


def quantity_of(value: object) -> float | None:
    """The quantity, between -MAX_QUANTITY and MAX_QUANTITY; None if invalid."""
    return _within(value, MAX_QUANTITY, None, "")


def exact(text: str, currency: str = "", point: str = "") -> Decimal | None:
    """The number in a text as `amount_of` reads it, exactly; None if invalid or beyond MAX_AMOUNT.

    `point` is the decimal separator where it is known ("." or ","): nothing is ambiguous then.
    """
    if len(text) > MAX_AMOUNT_TEXT:
        return None
    found = _exact(text, DECIMALS.get(currency, USUAL_DECIMALS), currency, point)
    return found if found is not None and abs(found) <= MAX_AMOUNT else None


def _within(value: object, most: int, decimals: int | None, currency: str) -> float | None:
    if isinstance(value, str):
        value = _read(value, decimals, currency) if len(value) <= MAX_AMOUNT_TEXT else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -most <= value <= most:
        return None
    return value


@lru_cache(1_024)
def _read(text: str, decimals: int | None, currency: str) -> float | None:
    number = _exact(text, decimals, currency, "")
    if number is None or not math.isfinite(number):
        return None
    return int(number) if number == int(number) else float(number)


def _exact(text: str, decimals: int | None, currency: str, point: str) -> Decimal | None:
    plain = text if text.isascii() else _in_ascii(text)
    found = AMOUNT.fullmatch(plain.translate(SPELLINGS).strip())
    if found is None:
        return None
    first, before, second, digits, after, last = found.groups()
    signs = first + second + last
    if len(signs) > 1 or not _agree(before, after, currency):
        return None
    number = _number(digits, decimals, point)
    return -number if number is not None and "-" in signs else number


def _in_ascii(text: str) -> str:
    """`text` with the digits of any script as ASCII, and without vowel signs and direction marks.

    "" if it contains a numeral that is not a digit: "12²" is not 122, nor is "10万" 10.
    """
    if any(char.isnumeric() and not char.isdecimal() for char in text):
        return ""
    return "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char
        for char in unicodedata.normalize("NFKC", text)
        if unicodedata.category(char) not in UNSEEN
    )


def _agree(before: str, after: str, currency: str) -> bool:
    """Whether the text around a number can be a currency, and not another one than the event's."""
    if (
        before and after and bool(SIGN.search(before)) == bool(SIGN.search(after))
    ):  # "$12 USD" is common, "EUR 12 EUR" is not
        return False
    words = ["".join(filter(str.isalpha, money)).upper() for money in (before, after)]
    if OTHER_UNIT.fullmatch(words[1]):
        return False
    return not currency or all(word == currency or word not in DECIMALS for word in words)


def _number(digits: str, decimals: int | None, known: str) -> Decimal | None:
    grouped = GROUPED.fullmatch(digits)
    if grouped is not None:
        mark, point = grouped.groups()
        if mark not in ".," or point or digits.count(mark) > 1:
            return _decimal(digits, mark, point)
        if known:
            return _decimal(digits, "", mark) if mark == known else _decimal(digits, mark, None)
        if digits[0] == "0":
            return _decimal(digits, "", mark)
        if decimals is None:
            return None
        return _decimal(digits, "", mark) if decimals > USUAL_DECIMALS else _decimal(digits, mark, None)
    if INDIAN.fullmatch(digits):
        return _decimal(digits, ",", ".")
    return _decimal(digits, "", "," if "," in digits else ".") if SIMPLE.fullmatch(digits) else None


def _decimal(digits: str, mark: str, point: str | None) -> Decimal:
    whole = digits.replace(mark, "") if mark else digits
    return Decimal(whole.replace(point, ".") if point else whole)
