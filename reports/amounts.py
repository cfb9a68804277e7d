"""Amounts that lie in the history as text, read as the collector reads them today: into `history.amount`."""

from __future__ import annotations

import duckdb

from wakeline.amounts import amount_of
from wakeline.commerce import NO_VALUE, PURCHASE, REFUND, TOTALS


def says(field: str) -> str:
    """In SQL: whether a property is there, and is nothing that a page writes where it had none."""
    return f"NOT regexp_full_match(props->>'{field}', $${NO_VALUE}$$)"


def named(field: str) -> str:
    """In SQL: a text among the properties, NULL where a page wrote that it had none."""
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
