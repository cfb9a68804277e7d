"""Amounts as whole minor units: exact for texts, and for floats what their 15 digits say."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeline.amounts import DECIMALS
from wakeline.vocabulary.money import BadAmount, major_units, minor_units

MINOR = st.integers(0, 10**14)
CURRENCY = st.sampled_from(("EUR", "JPY", "KWD", "HUF", "CLF"))


@given(MINOR, CURRENCY)
def test_a_text_a_decimal_and_a_float_mean_the_same(minor: int, currency: str) -> None:
    amount = major_units(minor, currency)
    if amount > 10**12:
        amount = Decimal(10**12)
        minor = 10**12 * 10 ** DECIMALS[currency]
    assert minor_units(str(amount), currency) == minor_units(amount, currency) == minor
    if minor < 10**15:
        assert minor_units(float(amount), currency) == minor


@given(st.lists(st.integers(0, 10**9), max_size=20))
def test_a_sum_of_floats_is_the_sum(cents: list[int]) -> None:
    """As a shop computes it."""
    assert minor_units(float(sum(cent / 100 for cent in cents)), "EUR") == sum(cents)


@given(st.integers(0, 10**9), st.integers(1, 9))
def test_a_decimal_too_many_is_refused_or_rounded(cents: int, more: int) -> None:
    text = f"{cents // 100}.{cents % 100:02d}{more}"
    rounded = cents + (more >= 5)
    for amount in (text, float(text)):
        with pytest.raises(BadAmount, match="more than 2 decimals"):
            minor_units(amount, "EUR")
        assert minor_units(amount, "EUR", rounds=True) == rounded


@pytest.mark.parametrize("amount", ["", "x", "1,5", "nan", "inf", "1" * 65, float("nan"), float("inf")])
def test_what_is_no_number_is_refused(amount: float | str) -> None:
    with pytest.raises(BadAmount, match="is not a number"):
        minor_units(amount, "EUR")


@pytest.mark.parametrize(
    ("amount", "words"),
    [(-0.01, "is negative"), ("-1", "is negative"), (1e12 + 1, "is beyond"), ("1e99999", "is beyond")],
)
def test_a_negative_or_absurd_amount_is_refused(amount: float | str, words: str) -> None:
    with pytest.raises(BadAmount, match=words):
        minor_units(amount, "EUR")


def test_a_currency_must_be_one() -> None:
    for currency in ("", "eur", "XYZ"):
        with pytest.raises(BadAmount, match="currency"):
            minor_units(1.0, currency)


def test_below_zero_is_allowed_where_it_is_asked_for() -> None:
    assert minor_units(-12.5, "EUR", negative=True) == -1_250
