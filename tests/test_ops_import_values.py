"""Numbers and dates in the cells of a table: exactly, in many forms."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.imports.values import DAY_FIRST, MONTH_FIRST, Dates, NoZone, number, order_of, point_of
from wakeline.amounts import amount_of, exact

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2026-03-01 09:30", "iso", "2026-03-01 09:30"),
        ("2026-03-01T09:30:15.123", "iso", "2026-03-01 09:30:15.123000"),
        ("2026/3/1 9:30", "iso", "2026-03-01 09:30"),
        ("20260301", "iso", "2026-03-01"),
        ("1.3.2026", DAY_FIRST, "2026-03-01"),
        ("01.03.26, 09:30 Uhr", DAY_FIRST, "2026-03-01 09:30"),
        ("1/3/2026 9:30 PM", MONTH_FIRST, "2026-01-03 21:30"),
        ("12/1/2010 12:05 a.m.", MONTH_FIRST, "2010-12-01 00:05"),
        ("1-3-2026", DAY_FIRST, "2026-03-01"),
        ("1 Mar 2026", DAY_FIRST, "2026-03-01"),
        ("1. März 2026 09:30", DAY_FIRST, "2026-03-01 09:30"),
        ("March 1st, 2026", DAY_FIRST, "2026-03-01"),
        ("Sun, 1 Mar 2026 09:30:00", DAY_FIRST, "2026-03-01 09:30"),
    ],
)
def test_dates_are_read_in_many_forms(text: str, order: str, day: str) -> None:
    expected = datetime.fromisoformat(day).replace(tzinfo=BERLIN).timestamp() * 1000
    assert Dates(order, BERLIN).read(text) == round(expected)


@pytest.mark.parametrize("text", ["2026-03-01 09:30:00 +0100", "2026-03-01T08:30:00Z", "1772353800", "1772353800000"])
def test_a_date_with_its_zone_needs_none(text: str) -> None:
    assert Dates(DAY_FIRST, None).read(text) == 1_772_353_800_000


@pytest.mark.parametrize(
    "text", ["31.02.2026", "yesterday", "13/13/2026", "1.3.2026 25:00", "", "2026", "1 Foo 2026", "0000-00-00 00:00:00"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert Dates(DAY_FIRST, BERLIN).read(text) is None


def test_a_date_without_a_zone_needs_one() -> None:
    with pytest.raises(NoZone):
        Dates(DAY_FIRST, None).read("1.3.2026")


def test_days_and_months_are_told_apart() -> None:
    assert order_of(["01/02/2026", "13/02/2026"]) == DAY_FIRST
    assert order_of(["01/02/2026", "02/13/2026"]) == MONTH_FIRST
    assert order_of(["01.02.2026"]) == DAY_FIRST
    assert order_of(["01/02/2026"]) == ""
    assert order_of(["02/02/2026", "2026-01-02"]) == "iso"


def test_the_decimal_separator_is_found() -> None:
    assert point_of(["12,50", "1.299"]) == (",", True)
    assert point_of(["12.50", "1,299"]) == (".", True)
    assert point_of(["1.299.000"]) == (",", False)
    assert point_of(["1.299", "7"]) == ("", True)
    assert point_of(["0.125", "7"]) == (".", False)
    assert point_of(["12", "7"]) == ("", False)
    assert [number(text, ",") for text in ("1.299", "1.299,5", "-3,5", "(3,5)", "3,5-", "€ 1.299")] == [
        *map(Decimal, ("1299", "1299.5", "-3.5", "-3.5", "-3.5", "1299"))
    ]
    assert number("1.299", ".") == Decimal("1.299")
    assert number("one", ",") is None
    assert [number(text, "") for text in ("1.5e-3", "1,5E+03", "1e300")] == [Decimal("0.0015"), Decimal(1500), None]


CENTS = st.integers(-(10**11), 10**11)
FORMS = {
    "plain": lambda text: text,
    "point": lambda text: text.replace(",", ""),
    "comma": lambda text: text.replace(",", "_").replace(".", ",").replace("_", "."),
    "bare comma": lambda text: text.replace(",", "").replace(".", ","),
    "spaces": lambda text: text.replace(",", "\u00a0").replace(".", ","),
    "apostrophes": lambda text: text.replace(",", "'"),
    "behind": lambda text: f"{text.removeprefix('-')}-" if text[0] == "-" else text,
}


@given(CENTS, st.sampled_from(sorted(FORMS)), st.sampled_from(["", "€ ", "EUR "]))
def test_numbers_are_exact_in_each_form_and_as_amounts_read_them(cents: int, form: str, sign: str) -> None:
    """Two decimals are never ambiguous, so the file's separator changes nothing."""
    value = Decimal(cents).scaleb(-2)
    text = sign + FORMS[form](f"{value:,.2f}")
    assert exact(text, "EUR") == value
    assert amount_of(text, "EUR") == float(value)
    assert {number(text, point, "EUR") for point in ("", ".", ",")} == {value}


@given(st.integers(0, 999_999), st.sampled_from([".", ","]))
def test_three_digits_behind_the_files_own_separator_are_decimals(thousandths: int, point: str) -> None:
    whole, rest = divmod(thousandths, 1_000)
    text = f"{whole}{point}{rest:03d}"
    other = "." if point == "," else ","
    assert number(text, point) == Decimal(thousandths).scaleb(-3)
    assert number(f"{whole % 999 + 1}{other}{rest:03d}", point) == (whole % 999 + 1) * 1_000 + rest
