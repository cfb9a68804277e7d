"""Anonymises erased people: hides them in the views, with temporary tables that are dropped before the query runs.

An erasure or withdrawal counts whenever it was made, so all of them are read, whatever days are queried.

Erasing a visitor erases its customer; a customer's own erasure, and one that its visitors were told of, hides the
customer's events on each browser: on a shared browser, other people's rows stay.

What servers and imports told is nobody's up to the erasure of its customer or visitor. Later facts about a thing name
the person again; those about the person itself do so once it returns: signs in again, or is said to return. A
withdrawal on a browser only affects what that browser told. Aliases are one person here too: what holds for one id
holds for all; rows name the id by which they were told.
"""

from __future__ import annotations

import secrets

import duckdb

from reports import touches
from wakeline.record import ANONYMOUS_PREFIX, CUSTOMER_PREFIX
from wakeline.vocabulary.types import ALIAS, CUSTOMER_TOLD

FORGOTTEN = "forgotten-"  # prefix of the id that replaces that of an erased person
LATEST_MS = (1 << 53) - 1  # of an erasure; DuckDB's calendar ends later

# `at`: time of the erasure; `upto`: end of the hidden events. `customer`: the erased customer, told to a visitor.
TABLES = """
CREATE TABLE history.erasure (
    site VARCHAR, id VARCHAR, customer VARCHAR, "at" TIMESTAMP, upto TIMESTAMP, withdrew BOOLEAN
);
CREATE TABLE history.withdrawal (site VARCHAR, visitor VARCHAR, "at" TIMESTAMP);
CREATE TABLE history.comeback (site VARCHAR, customer VARCHAR, time TIMESTAMP);
CREATE TABLE history.alias (site VARCHAR, customer VARCHAR, other VARCHAR, known TIMESTAMP);
"""

ERASE = "erase"  # kind of a record
RETURNS = "returns"  # field of a fact on a customer
WORDS = (ERASE, RETURNS, ALIAS)  # in the lines that are kept here, beside those of consent and identify

KEEP_ERASURES = f"""
INSERT INTO history.erasure
SELECT record.site, record.id, nullif(record.customer, ''), epoch_ms(record."time"), epoch_ms(record."time"), false
FROM history.line WHERE record.kind = '{ERASE}' AND record."time" BETWEEN 1 AND {LATEST_MS}
    AND NOT coalesce(record.withdrawn, false)
"""
"""A withdrawal is its own record: what was told of it says nothing new."""

FIND_TURNS = """
CREATE TABLE history.turn AS
SELECT
    site, visitor, customer, time AS since, appended AS known,
    row_number() OVER past AS nth, row_number() OVER past = 1 AS is_first,
    lead(time) OVER past AS until
FROM history.event WHERE type = 'identify' AND customer IS NOT NULL AND bot IS NULL
WINDOW past AS (PARTITION BY site, visitor ORDER BY time, "offset")
"""
"""From each identify to the next; `known`: when it was appended."""

NAME_CUSTOMERS = """
UPDATE history.event SET customer = turn.customer FROM history.turn AS turn
WHERE history.event.site = turn.site AND history.event.visitor = turn.visitor
    AND (is_first OR history.event.time >= since) AND (until IS NULL OR history.event.time < until)
"""
"""A visitor's customer: that of its first identify for earlier events, then that of the latest identify."""

KEEP_WITHDRAWALS = f"""
INSERT INTO history.withdrawal
SELECT site, visitor, epoch_ms("time") FROM (SELECT unnest(record) FROM history.line)
WHERE {{valid}} AND type = 'consent' AND coalesce(level, '') <> 'full' AND "time" BETWEEN 1 AND {LATEST_MS}
    AND NOT starts_with(visitor, '{ANONYMOUS_PREFIX}')
"""
"""Includes withdrawals by bots, and those too late to be counted."""

KEEP_RETURNS = f"""
INSERT INTO history.comeback
SELECT record.site, record.customer, epoch_ms(record."time") FROM history.line
WHERE record.kind = 'fact' AND record.type = '{CUSTOMER_TOLD}' AND record.customer <> ''
    AND record."time" BETWEEN 1 AND {LATEST_MS} AND (record.body->>'{RETURNS}') = 'true'
"""

KEEP_ALIASES = f"""
INSERT INTO history.alias
SELECT record.site, record.customer, record.body->>'other', epoch_ms(min("at")) FROM history.line
WHERE record.kind = 'fact' AND record.type = '{ALIAS}' AND record.customer <> ''
    AND starts_with(record.body->>'other', '{CUSTOMER_PREFIX}')
GROUP BY ALL
"""

ADD_WITHDRAWALS = """
INSERT INTO history.erasure
SELECT site, visitor, NULL, min("at"), 'infinity'::TIMESTAMP, true FROM history.withdrawal GROUP BY ALL
"""
"""A withdrawal erases permanently."""

FIND_GONE = (
    # customers, and up to when
    f"""
    CREATE TABLE history.gone_at AS
    SELECT site, customer, upto, is_of_record FROM (
        SELECT site, coalesce(customer, id) AS customer, upto, starts_with(id, '{CUSTOMER_PREFIX}') AS is_of_record
        FROM history.erasure WHERE customer IS NOT NULL OR starts_with(id, '{CUSTOMER_PREFIX}')
        UNION ALL
        SELECT site, customer, "at", NOT withdrew FROM (
            SELECT
                erasure.site, erasure.id, erasure."at", erasure.withdrew,
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
    """,
    # all ids of a customer are gone with any of them, and come back with any of them
    """
    CREATE TABLE history.same AS
    WITH RECURSIVE
        edge AS (
            SELECT site, customer, other FROM history.alias UNION SELECT site, other, customer FROM history.alias
        ),
        same AS (
            SELECT DISTINCT site, customer, customer AS other FROM history.gone_at
            UNION
            SELECT same.site, same.customer, edge.other FROM same
            JOIN edge ON edge.site = same.site AND edge.customer = same.other
        )
    FROM same
    """,
    """
    CREATE OR REPLACE TABLE history.gone_at AS
    SELECT DISTINCT site, same.other AS customer, upto, is_of_record
    FROM history.gone_at AS gone JOIN history.same AS same USING (site, customer)
    """,
    """
    CREATE TABLE history.gone AS
    SELECT site, customer, max(upto) AS upto, max(upto) FILTER (is_of_record) AS record_upto
    FROM history.gone_at GROUP BY ALL
    """,
    """
    INSERT INTO history.comeback
    SELECT DISTINCT back.site, another.other, back.time
    FROM (FROM history.comeback UNION ALL SELECT site, customer, since FROM history.turn) AS back
    JOIN history.same AS one ON one.site = back.site AND one.other = back.customer
    JOIN history.same AS another ON another.site = one.site AND another.customer = one.customer
    WHERE another.other <> back.customer
    """,
)

FORGET = (
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
    # what servers and imports told
    """
    UPDATE history.fact SET customer = NULL, visitor = NULL, home = if(home = fact.customer, NULL, home) FROM (
        SELECT gone.site, gone.customer, any_value(record_upto) AS upto, min(comeback.time) AS returned
        FROM history.gone AS gone LEFT JOIN (
            FROM history.comeback UNION ALL SELECT site, customer, since FROM history.turn
        ) AS comeback
            ON gone.site = comeback.site AND gone.customer = comeback.customer AND comeback.time > record_upto
        WHERE record_upto IS NOT NULL GROUP BY ALL
    ) AS erased
    WHERE fact.site = erased.site AND fact.customer = erased.customer
        AND (fact.time <= upto OR fact.home = fact.customer AND (returned IS NULL OR fact.time < returned))
    """,
    """
    UPDATE history.fact SET visitor = NULL, home = if(home = fact.visitor, NULL, home) FROM (
        SELECT site, id, max(upto) AS upto FROM history.erasure GROUP BY ALL
    ) AS erased
    WHERE fact.site = erased.site AND fact.visitor = erased.id AND fact.time <= upto
    """,
    # an erasure ends the link: a visitor who returns without signing in has no customer
    """
    UPDATE history.event SET customer = NULL FROM history.turn AS turn
    JOIN history.gone AS gone ON gone.site = turn.site AND gone.customer = turn.customer AND turn.since <= gone.upto
    WHERE history.event.site = turn.site AND history.event.visitor = turn.visitor
        AND history.event.customer = turn.customer
        AND (is_first OR history.event.time >= since) AND (until IS NULL OR history.event.time < until)
    """,
    "UPDATE history.event SET customer = NULL FROM history.hidden AS hidden WHERE history.event.rowid = hidden.id",
    # a visit stays one, even if two people shared it
    """
    INSERT INTO history.hidden
    SELECT event.rowid, NULL, NULL, NULL FROM history.event AS event
    JOIN (SELECT DISTINCT site, visitor, session FROM history.hidden WHERE session IS NOT NULL) AS visit
        USING (site, visitor, session)
    """,
)


def _forgotten(visitor: str) -> str:
    """SQL: the id that replaces a visitor's."""
    prefix = f"CASE WHEN starts_with({visitor}, '{ANONYMOUS_PREFIX}') THEN '{ANONYMOUS_PREFIX}' ELSE '' END"
    return f"{prefix} || '{FORGOTTEN}' || left(sha256($salt || {visitor}), 22)"


HIDE = f"""
UPDATE history.event SET visitor = {_forgotten("history.event.visitor")}
FROM (SELECT DISTINCT id FROM history.hidden) AS hidden WHERE history.event.rowid = hidden.id
"""

KEPT = ("turn", "erasure", "withdrawal", "comeback", "alias", "gone_at", "same", "gone")
DROP_KEPT = "; ".join(f"DROP TABLE history.{name}" for name in KEPT)


def keep(connection: duckdb.DuckDBPyConnection, *, valid: str) -> None:
    """Keep erasures, withdrawals and returns from `history.line`. `valid`: condition for valid events."""
    connection.execute(KEEP_ERASURES)
    connection.execute(KEEP_WITHDRAWALS.format(valid=valid))
    connection.execute(KEEP_RETURNS)
    connection.execute(KEEP_ALIASES)


def find_gone(connection: duckdb.DuckDBPyConnection) -> None:
    """Find out whom the erasures reach. Call it after all links are known."""
    for statement in FIND_GONE:
        connection.execute(statement)


def hide_forgotten(connection: duckdb.DuckDBPyConnection) -> None:
    """Call it after `find_gone`: no ids of erased people remain, nor the tables that name them."""
    found = connection.execute("SELECT count(*) FROM history.erasure").fetchone()
    if found and found[0]:
        for statement in FORGET:
            connection.execute(statement)
        salt = {"salt": secrets.token_hex()}
        for statement in touches.PART:
            connection.execute(statement)
        connection.execute(touches.HIDE.format(hidden=_forgotten("touch.visitor")), salt)
        connection.execute(HIDE, salt)
        connection.execute("DROP TABLE history.hidden")
    connection.execute(touches.NAME_NOBODY)
    connection.execute(DROP_KEPT)
