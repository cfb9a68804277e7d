"""Parses amounts that the history holds as text, as the collector does today: into `history.amount`."""

from __future__ import annotations

import duckdb

from wakeline.amounts import amount_of
from wakeline.commerce import NO_VALUE, PURCHASE, REFUND, TOTALS


def says(field: str) -> str:
    """SQL: whether a property is present and not a placeholder."""
    return f"NOT regexp_full_match(props->>'{field}', $${NO_VALUE}$$)"


def named(field: str) -> str:
    """SQL: a text property, NULL for a placeholder."""
    return f"CASE WHEN {says(field)} THEN trim(props->>'{field}') END"


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
