"""Amounts of money as whole minor units of a currency (cents), by the exponents of ISO 4217."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from math import floor

from wakeline.amounts import DECIMALS, MAX_AMOUNT, MAX_AMOUNT_TEXT

CURRENCIES = frozenset(DECIMALS)
FACTORS: dict[str, int] = {code: 10**decimals for code, decimals in DECIMALS.items()}
NOISE = 1e-15  # of a float, relative: 0.1 + 0.2 of a shop's own arithmetic is 0.3
NOISE_OF_SUMS = 1e-12  # of hundreds of products of floats: what is 12,891.5 exactly may be 12,891.499999999998

USUAL_DIGITS = 12  # fewer are within MAX_AMOUNT

NO_NUMBER = "is not a number: write 154.80, with a point and nothing else"


class BadAmount(ValueError):
    """The amount or its currency is none; the message says what is wrong."""


def minor_units(amount: float | str | Decimal, currency: str, *, rounds: bool = False, negative: bool = False) -> int:
    """An amount in units of `currency` as minor units: 12.5 EUR are 1250.

    One with more decimals than the currency has is refused unless `rounds`, as for the price of a single screw; one
    below zero unless `negative`. Of a float 15 digits count. Raises BadAmount.
    """
    if type(amount) is float and 0 <= amount <= MAX_AMOUNT and currency in FACTORS:  # the usual case, in a microsecond
        scaled = amount * FACTORS[currency]
        near = round(scaled)
        if abs(scaled - near) <= scaled * NOISE:
            return near
    if type(amount) is str:  # likewise, as tables and careful programs write it: all decimals of the currency
        units, _, parts = amount.partition(".")
        digits = units + parts
        is_usual = 0 < len(units) < USUAL_DIGITS and len(parts) == DECIMALS.get(currency, -1)
        if is_usual and digits.isascii() and digits.isdecimal():
            return int(digits)
    try:
        text = f"{amount:.15g}" if type(amount) is float else str(amount).strip()
        if len(text) > MAX_AMOUNT_TEXT:
            raise BadAmount(NO_NUMBER)
        number = Decimal(text)
    except InvalidOperation:
        raise BadAmount(NO_NUMBER) from None
    if not number.is_finite():
        raise BadAmount(NO_NUMBER)
    if currency not in CURRENCIES:
        raise BadAmount("has no currency of ISO 4217")
    if abs(number) > MAX_AMOUNT:
        raise BadAmount(f"is beyond {MAX_AMOUNT:,}")
    if number < 0 and not negative:
        raise BadAmount("is negative")
    exact = number.scaleb(DECIMALS[currency])
    whole = exact.quantize(Decimal(1), ROUND_HALF_UP)
    if whole != exact and not rounds:
        raise BadAmount(f"has more than {DECIMALS[currency]} decimals, more than {currency} has")
    return int(whole)


def half_up(number: float) -> int:
    """The nearest whole number to a product or a sum of floats, of two the greater."""
    return floor(number + abs(number) * NOISE_OF_SUMS + 0.5)


def major_units(minor: int, currency: str) -> Decimal:
    """The amount in units of the currency: 1250 of EUR are 12.50. An unknown currency counts as two decimals."""
    return Decimal(minor).scaleb(-DECIMALS.get(currency, 2))
