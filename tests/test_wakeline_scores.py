"""A score is the same whenever it was written and loaded again, and takes thirteen digits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeline.decay import BITS, DIGITS, MOST_ROUNDED, rounded, text_of

SCORES = st.floats(min_value=1e-290, max_value=MOST_ROUNDED)


@given(SCORES)
def test_what_is_written_is_read_as_it_was(score: float) -> None:
    held = rounded(score)
    assert rounded(held) == held
    assert rounded(float(text_of(held))) == held
    assert len(text_of(held).partition("e")[0].replace(".", "").replace("-", "").strip("0")) <= DIGITS
    assert held == pytest.approx(score, rel=2**-BITS)


@given(SCORES, SCORES)
def test_what_is_negative_is_rounded_alike(one: float, other: float) -> None:
    assert rounded(-one) == -rounded(one)
    assert (rounded(one) <= rounded(other)) == (one <= other) or rounded(one) == rounded(other)


def test_what_is_about_to_overflow_stays_a_number() -> None:
    assert rounded(1.7e308) == 1.7e308
    assert rounded(-1.7e308) == -1.7e308
    assert math.isfinite(rounded(MOST_ROUNDED))
