"""Who was forgotten is counted and nobody: hidden in what can be asked, by tables that are gone before anything is.

That somebody was erased or withdrew counts whenever it was said, so what is asked for some days is read with it.

Whoever erased a visitor erased the customer whose it was; a customer's own erasure, and one that its visitors were told
of, hides what was its own on each browser: on a browser that others use too, their rows stay.
"""

from __future__ import annotations

import secrets

import duckdb

from wakeline.record import ANONYMOUS_PREFIX, CUSTOMER_PREFIX

FORGOTTEN = "forgotten-"  # begins the id that stands for a person who was erased or withdrew
LATEST_MS = (1 << 53) - 1  # of an erasure; DuckDB's calendar ends later

# `at`: when it was asked for; `upto`: what is hidden. `customer`: whose forgetting a visitor was told of.
TABLES = """
CREATE TABLE history.erasure (site VARCHAR, id VARCHAR, customer VARCHAR, "at" TIMESTAMP, upto TIMESTAMP);
CREATE TABLE history.withdrawal (site VARCHAR, visitor VARCHAR, "at" TIMESTAMP);
"""

ERASE = "erase"  # kind of a record

KEEP_ERASURES = f"""
INSERT INTO history.erasure
SELECT record.site, record.id, nullif(record.customer, ''), epoch_ms(record."time"), epoch_ms(record."time")
FROM history.line WHERE record.kind = '{ERASE}' AND record."time" BETWEEN 1 AND {LATEST_MS}
"""

FIND_TURNS = """
CREATE TABLE history.turn AS
SELECT
    site, visitor, customer, time AS since,
    row_number() OVER past = 1 AS is_first, lead(time) OVER past AS until
FROM history.event WHERE type = 'identify' AND customer IS NOT NULL AND bot IS NULL
WINDOW past AS (PARTITION BY site, visitor ORDER BY time, "offset")
"""
"""From each identify to the next."""

NAME_CUSTOMERS = """
UPDATE history.event SET customer = turn.customer FROM history.turn AS turn
WHERE history.event.site = turn.site AND history.event.visitor = turn.visitor
    AND (is_first OR history.event.time >= since) AND (until IS NULL OR history.event.time < until)
"""
"""Whose a visitor is: from its first identify back to its beginning, then as each identify says."""

KEEP_WITHDRAWALS = f"""
INSERT INTO history.withdrawal
SELECT site, visitor, epoch_ms("time") FROM (SELECT unnest(record) FROM history.line)
WHERE {{valid}} AND type = 'consent' AND coalesce(level, '') <> 'full' AND "time" BETWEEN 1 AND {LATEST_MS}
    AND NOT starts_with(visitor, '{ANONYMOUS_PREFIX}')
"""
"""Also of who was taken for a bot, and what came too late to be counted."""

ADD_WITHDRAWALS = """
INSERT INTO history.erasure
SELECT site, visitor, NULL, min("at"), 'infinity'::TIMESTAMP FROM history.withdrawal GROUP BY ALL
"""
"""Who withdrew is forgotten for good."""

FORGET = (
    # customers, and up to when
    f"""
    CREATE TABLE history.gone AS
    SELECT site, customer, max(upto) AS upto FROM (
        SELECT site, coalesce(customer, id) AS customer, upto FROM history.erasure
        WHERE customer IS NOT NULL OR starts_with(id, '{CUSTOMER_PREFIX}')
        UNION ALL
        SELECT site, customer, "at" FROM (
            SELECT
                erasure.site, erasure.id, erasure."at",
                arg_max(turn.customer, turn.since) AS customer, max(turn.since) AS since
            FROM history.erasure AS erasure
            JOIN history.turn AS turn
                ON erasure.site = turn.site AND erasure.id = turn.visitor AND turn.since <= erasure."at"
            WHERE erasure.customer IS NULL
            GROUP BY ALL
        ) AS linked
        WHERE NOT EXISTS (
            FROM history.erasure AS earlier
            WHERE earlier.site = linked.site AND earlier.id = linked.id AND earlier."at" < linked."at"
                AND earlier."at" >= since AND coalesce(earlier.customer = linked.customer, true)
        )
    )
    GROUP BY ALL
    """,
    # rows
    """
    CREATE TABLE history.hidden AS
    SELECT event.rowid AS id, event.site, event.visitor, event.session
    FROM history.event AS event
    LEFT JOIN (
        SELECT site, id, max(upto) AS upto FROM history.erasure WHERE customer IS NULL GROUP BY ALL
    ) AS whole ON event.site = whole.site AND event.visitor = whole.id
    LEFT JOIN (
        SELECT site, id, max(upto) AS upto FROM history.erasure WHERE customer IS NOT NULL GROUP BY ALL
    ) AS told ON event.site = told.site AND event.visitor = told.id AND event.customer IS NULL
    LEFT JOIN history.gone AS gone ON event.site = gone.site AND event.customer = gone.customer
    WHERE coalesce(event.session, event.time) <= greatest(whole.upto, told.upto, gone.upto)
    """,
    # a link ends with its customer: who comes back without signing in is nobody's
    """
    UPDATE history.event SET customer = NULL FROM history.turn AS turn
    JOIN history.gone AS gone ON gone.site = turn.site AND gone.customer = turn.customer AND turn.since <= gone.upto
    WHERE history.event.site = turn.site AND history.event.visitor = turn.visitor
        AND history.event.customer = turn.customer
        AND (is_first OR history.event.time >= since) AND (until IS NULL OR history.event.time < until)
    """,
    "UPDATE history.event SET customer = NULL FROM history.hidden AS hidden WHERE history.event.rowid = hidden.id",
    # a visit stays one, also where two people shared it
    """
    INSERT INTO history.hidden
    SELECT event.rowid, NULL, NULL, NULL FROM history.event AS event
    JOIN (SELECT DISTINCT site, visitor, session FROM history.hidden WHERE session IS NOT NULL) AS visit
        USING (site, visitor, session)
    """,
)

HIDE = f"""
UPDATE history.event SET visitor =
    CASE WHEN starts_with(history.event.visitor, '{ANONYMOUS_PREFIX}') THEN '{ANONYMOUS_PREFIX}' ELSE '' END
    || '{FORGOTTEN}' || left(sha256($salt || history.event.visitor), 22)
FROM (SELECT DISTINCT id FROM history.hidden) AS hidden WHERE history.event.rowid = hidden.id
"""

DROP = "DROP TABLE history.hidden; DROP TABLE history.gone"


def hide_forgotten(connection: duckdb.DuckDBPyConnection) -> None:
    """Once all turns are known: no id of a person who was forgotten is left, nor the tables that name them."""
    found = connection.execute("SELECT count(*) FROM history.erasure").fetchone()
    if found and found[0]:
        for statement in FORGET:
            connection.execute(statement)
        connection.execute(HIDE, {"salt": secrets.token_hex()})
        connection.execute(DROP)
    connection.execute("DROP TABLE history.turn; DROP TABLE history.erasure; DROP TABLE history.withdrawal")
