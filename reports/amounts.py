"""Amounts in SQL: those of pages are numbers, or texts in old records; those of facts are whole minor units.

Texts are parsed as the collector does today, into `history.amount`.
"""

from __future__ import annotations

from collections import defaultdict

import duckdb

from wakeline.amounts import DECIMALS, MAX_AMOUNT, USUAL_DECIMALS, amount_of
from wakeline.commerce import PURCHASE, REFUND, TOTALS
from wakeline.vocabulary.money import NOISE_OF_SUMS
from wakeline.vocabulary.names import NO_VALUE

MONEY = "DECIMAL(18, 4)"  # in units of the currency; no currency has more than four decimals


def says(field: str) -> str:
    """SQL: whether a property is present and not a placeholder."""
    return f"NOT regexp_full_match(props->>'{field}', $${NO_VALUE}$$)"


def named(field: str) -> str:
    """SQL: a text property, NULL for a placeholder."""
    return f"CASE WHEN {says(field)} THEN trim(props->>'{field}') END"


def money(number: str) -> str:
    """SQL: a number as an amount; NULL beyond MAX_AMOUNT."""
    return f"CASE WHEN abs({number}) <= {MAX_AMOUNT} THEN try_cast({number} AS {MONEY}) END"


def _unit() -> str:
    """SQL: the minor unit of a currency in its units, exact."""
    codes = defaultdict(list)
    for code, decimals in sorted(DECIMALS.items()):
        codes[decimals].append(code)
    del codes[USUAL_DECIMALS]
    cases = (
        f"WHEN {{currency}} IN {tuple(of)} THEN {10.0**-decimals:.4f}::DECIMAL(5, 4)" for decimals, of in codes.items()
    )
    return f"CASE {' '.join(cases)} ELSE {10.0**-USUAL_DECIMALS:.4f}::DECIMAL(5, 4) END"


UNIT = _unit()


def half_up(number: str) -> str:
    """SQL: the nearest whole number, as `vocabulary.money.half_up`."""
    return f"floor({number} + abs({number}) * {NOISE_OF_SUMS} + 0.5)"


def major(minor: str, currency: str) -> str:
    """SQL: whole minor units as an amount, see `vocabulary.money`; NULL for one that is too large."""
    return f"try_cast(try_cast({minor} AS DECIMAL(19, 0)) * {UNIT.format(currency=currency)} AS {MONEY})"


CURRENCY = f"upper({named('currency')})"

TEXTS = " UNION ".join(
    f"""
    SELECT props->>'{name}', coalesce({CURRENCY}, '') FROM history.event
    WHERE type IN ('{PURCHASE}', '{REFUND}') AND json_type(props, '$.{name}') = 'VARCHAR'
    """
    for name in TOTALS
)

ADD = "INSERT INTO history.amount SELECT unnest($text), unnest($currency), unnest($amount)"


def read_amounts(connection: duckdb.DuckDBPyConnection) -> None:
    texts = connection.execute(TEXTS).fetchall()
    read = [(text, currency, amount_of(text, currency)) for text, currency in texts]
    known = [row for row in read if row[2] is not None]
    if known:
        columns = zip(*known, strict=True)
        connection.execute(ADD, dict(zip(("text", "currency", "amount"), map(list, columns), strict=True)))
