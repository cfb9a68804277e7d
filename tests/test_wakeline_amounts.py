"""Amounts are parsed in all common formats; ambiguous ones are decided by the currency."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeline.amounts import MAX_AMOUNT, MAX_QUANTITY, amount_of, quantity_of

READ = {
    "12": 12, "12.45": 12.45, "12,45": 12.45, "0": 0, "0.5": 0.5, ",5": 0.5, ".50": 0.5, "007": 7, "12.5": 12.5,
    "1,299.00": 1299, "1.299,00": 1299, "1 299,00": 1299, "1'299.00": 1299, "1\u2019299.00": 1299,
    "1\u00a0299,00": 1299, "1\u202f299,00": 1299, "1\u2009299": 1299, "1,299,000": 1_299_000,
    "1.299.000,5": 1_299_000.5, "1 299 000": 1_299_000, "1,29,900.00": 129_900, "12,34,567": 1_234_567,
    "1234567.891": 1_234_567.891,
    "1,299": 1299, "1.299": 1299, "0,125": 0.125, "0.125": 0.125, "1234.567": 1234.567, "12.3456": 12.3456,
    "\u20ac 12.45": 12.45, "12,45 \u20ac": 12.45, "$12.45": 12.45, "US$12.45": 12.45, "R$ 1.299,00": 1299, "12 EUR": 12,
    "EUR 12,45": 12.45, "eur12": 12, "12,45 z\u0142": 12.45, "kr. 12": 12, "1 299 K\u010d": 1299, "12,-": 12,
    "12.\u2013": 12, "\u20ac 12,--": 12, "Rs. 1,29,900": 129_900, "100 \u0440\u0443\u0431.": 100, "\u20b912": 12,
    "-30": -30, "\u221230,00": -30, "\u201330": -30, "- 30": -30, "30-": -30, "-\u20ac30": -30, "\u20ac-30": -30,
    "+30": 30, " 12.45\n": 12.45, "\uff11\uff12.\uff14\uff15": 12.45, "\u0661\u0662\u066b\u0665": 12.5,
    "\u0661\u066c\u0662\u0660\u0660": 1200,
    "5.": 5, "1,299.": 1299, "1299:-": 1299, "1299 :-": 1299, "Rs. 500/-": 500, "S/ 100": 100, "S/.100": 100,
    "B/. 12.50": 12.5, "KSh 1,299.00": 1299, "Q100.00": 100, "R 1 299,00": 1299, "12,000\uc6d0": 12_000,
    "1,299\u5186": 1299, "100\u5143": 100, "100.000\u0111": 100_000, "1 299,00 \u0433\u0440\u043d": 1299,
    "12,50 euros": 12.5, "100 FCFA": 100, "NIS 100": 100, "K100": 100, "\u0930\u0941 100": 100,
    "\u200f100 \u20aa": 100, "\u062f.\u0643.\u200f 100": 100, "\u20ac12.45 EUR": 12.45, "EUR 12,45 \u20ac": 12.45,
    "3.6100000000000003": 3.6100000000000003, "41.18000000000001": 41.18000000000001,
}  # fmt: skip
NOT_READ = [
    *("", " ", "much", "undefined", "null", "NaN", "Infinity", "-inf", "1e3", "0x10", "12.45.67", "1,2,3", "1.29.900"),
    *("1,299,00", "1 29", "12/45", "12:45", "1_000", "{{price}}", "[object Object]", "12 13"),
    *(
        "--12",
        "-12-",
        "EUR 12 EUR",
        "12 USD",
        "\u20ac12 USD",
        "12 francais",
        "1" * 65,
        "9" * 13,
        "\u2167",
        "\u00bd",
        "12\u0000",
    ),
    *(
        "12\u00b2",
        "\u246012",
        "12\u00bd",
        "10\u4e07\u5186",
        "1\u5104",
        "10\ub9cc\uc6d0",
        "100k",
        "1,5 Mio.",
        "1,5 Mio\u20ac",
        "2 lakh",
    ),
    *("50 cents", "99p", "50 \u043a\u043e\u043f.", "100 rb", "12 TEUR", "\u20ac 12 \u20ac", "1e+21", "12/45"),
]


@pytest.mark.parametrize(("text", "number"), READ.items(), ids=map(ascii, READ))
def test_usual_spellings(text: str, number: float) -> None:
    assert amount_of(text, "EUR") == number
    assert type(amount_of(text, "EUR")) is type(number)


@pytest.mark.parametrize("text", NOT_READ, ids=map(ascii, NOT_READ))
def test_what_is_no_amount(text: str) -> None:
    assert amount_of(text, "EUR") is None


@pytest.mark.parametrize(
    ("text", "currency", "number"),
    [
        ("1.299", "", 1299),
        ("1,299", "USD", 1299),
        ("1.299", "JPY", 1299),
        ("1.299", "KWD", 1.299),
        ("1,299", "BHD", 1.299),
        ("1,299.500", "KWD", 1299.5),
        ("12 USD", "", 12),
        ("12 USD", "USD", 12),
        ("$12.45 USD", "USD", 12.45),
        ("100.000\u0111", "VND", 100_000),
        ("12 Lei", "RON", 12),
    ],
)
def test_the_currency_tells_what_a_point_parts(text: str, currency: str, number: float) -> None:
    assert amount_of(text, currency) == number


@pytest.mark.parametrize("value", [None, True, False, [], [1], {}, {"a": 1}, math.nan, math.inf, 1e13, -1e300, 10**400])
def test_what_is_no_number_is_no_amount(value: object) -> None:
    assert amount_of(value) is None
    assert quantity_of(value) is None


@pytest.mark.parametrize(
    ("value", "quantity"), [("2", 2), (2, 2), (1.5, 1.5), ("1,5", 1.5), ("1.500", None), (10**7, None)]
)
def test_a_quantity_has_no_currency_to_tell(value: object, quantity: float | None) -> None:
    assert quantity_of(value) == quantity


@given(
    st.text(max_size=70) | st.text("0123456789.,' -\u00a0\u20ac\u0663EUR", max_size=20),
    st.sampled_from(["", "EUR", "KWD"]),
)
def test_whatever_comes_is_a_number_within_bounds_or_none(text: str, currency: str) -> None:
    amount, quantity = amount_of(text, currency), quantity_of(text)
    assert amount is None or abs(amount) <= MAX_AMOUNT
    assert quantity is None or abs(quantity) <= MAX_QUANTITY


@given(st.integers(0, 10**10), st.sampled_from([",.", ".,", " ,", "'.", "\u00a0,"]))
def test_an_amount_is_what_was_written(cents: int, marks: str) -> None:
    mark, point = marks
    text = f"{cents // 100:,}".replace(",", mark) + f"{point}{cents % 100:02}"
    assert amount_of(text, "EUR") == cents / 100
