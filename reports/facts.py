"""From the history's lines to facts: what servers and imports told of people and things.

Only the types that a query needs are kept. The rules are the processor's: of several copies the first counts, and what
comes under a known id with other content is ignored. Facts of an import are known by their line in it. A fact is too
old if its thing would be gone already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from wakeline.record import CUSTOMER_PREFIX, FOR_GOOD
from wakeline.told import RANK_OF_OTHERS, RANK_OF_PAGES
from wakeline.vocabulary.things import PREFIXES, THINGS

TABLES = """
CREATE TABLE history.fact (
    site VARCHAR, home VARCHAR, type VARCHAR, id VARCHAR, time TIMESTAMP, local_time TIMESTAMP, customer VARCHAR,
    visitor VARCHAR, body JSON, "by" VARCHAR, batch VARCHAR, line BIGINT, lane SMALLINT, "offset" BIGINT, tie VARCHAR,
    appended TIMESTAMP
);
"""

FACT = "fact"  # kind of a record
RANK = f"""CASE "by" WHEN 'page' THEN {RANK_OF_PAGES} ELSE {RANK_OF_OTHERS} END"""

LIVES = " ".join(
    f"WHEN starts_with(home, '{thing.prefix}') THEN appended - at_ms <= {thing.lives_ms}"
    for thing in sorted(THINGS, key=lambda thing: len(thing.prefix), reverse=True)
)

TIE = """
CASE WHEN regexp_full_match({id}, '[0-9a-f]{{12,}}') THEN translate(to_base64(unhex(left({id}, 12))), '+/', '-_') END
"""
"""Of two words at one moment the greater stays: the processor compares ids in this form."""

VALID = f"""
kind = '{FACT}' AND site IS NOT NULL AND home <> '' AND type IS NOT NULL AND received IS NOT NULL
    AND at_ms BETWEEN -{FOR_GOOD} AND {FOR_GOOD}
    AND CASE {LIVES} ELSE true END
"""


def keep(connection: duckdb.DuckDBPyConnection, *, ahead: str, site: str | None, types: Sequence[str]) -> None:
    """Move the valid facts of these types from `history.line` to `history.fact`: of one or all sites."""
    if not types:
        return
    connection.execute(
        f"""
        INSERT INTO history.fact
        SELECT
            site, home, type, coalesce(id, ''), epoch_ms(at_ms), epoch_ms(at_ms + ahead),
            coalesce(nullif(customer, ''), CASE WHEN starts_with(home, '{CUSTOMER_PREFIX}') THEN home END),
            coalesce(nullif(visitor, ''), CASE WHEN left(home, 1) NOT IN ({listed((*PREFIXES, CUSTOMER_PREFIX))})
                THEN home END),
            body, coalesce("by", 'server'), coalesce(batch, ''), coalesce(line, 0), lane, "offset",
            {TIE.format(id="id")}, epoch_ms(appended)
        FROM (
            SELECT *, {ahead} AS ahead FROM (
                SELECT unnest(record), record."time" AS at_ms, lane, "offset", "at" AS appended FROM history.line
                WHERE record.kind = '{FACT}'
            )
        )
        WHERE {VALID} AND ($site IS NULL OR site = $site) AND list_contains($types, type)
        """,
        {"site": site, "types": list(types)},
    )


DROP_COPIES = """
DELETE FROM history.fact WHERE rowid IN (
    SELECT id FROM (
        SELECT rowid AS id, row_number() OVER (
            PARTITION BY site, batch, line, if(batch = '', 0, lane), if(batch = '', home, ''), if(batch = '', id, '')
            ORDER BY lane, "offset"
        ) AS nth
        FROM history.fact
    ) WHERE nth > 1
)
"""

# ---- merging what was told ---------------------------------------------------------------------------


def told(types: Sequence[str], body: Mapping[str, object]) -> str:
    """SQL: the facts of these types with `said`, the fields of their bodies, and `nth`: the latest word is the last.

    `body` gives the type of each field: one of SQL, a structure or a list of one.
    """
    return f"""(
        SELECT
            site, home, type, time, local_time, customer, visitor, "by", from_json(body, '{structure(body)}') AS said,
            row_number() OVER (PARTITION BY site, home ORDER BY {RANK}, time, tie, batch, line) AS nth
        FROM history.fact WHERE type IN ({listed(types)})
    )"""


def listed(texts: Sequence[str]) -> str:
    """SQL: a list of texts, for IN."""
    return ", ".join(f"'{text}'" for text in texts)


def structure(body: object) -> str:
    """The structure that DuckDB's from_json takes."""
    if isinstance(body, Mapping):
        return "{" + ", ".join(f'"{name}": {structure(of)}' for name, of in body.items()) + "}"
    if isinstance(body, list):
        return f"[{structure(body[0])}]"
    return f'"{body}"'


def last(value: str) -> str:
    """SQL: the latest word on something. Who does not name it leaves it."""
    return f"arg_max({value}, nth) FILTER ({value} IS NOT NULL)"


def last_amount(amount: str, currency: str) -> str:
    """SQL: the same for an amount, with its currency."""
    return f"arg_max({{'amount': {amount}, 'currency': {currency}}}, nth) FILTER ({amount} IS NOT NULL)"


def in_currency(amount: str, currency: str = "currency") -> str:
    """SQL: such an amount, NULL if it is in another currency than the whole: currencies are never mixed."""
    return f"CASE WHEN coalesce({amount}.currency = {currency}, true) THEN {amount}.amount END"


def moment(text: str) -> str:
    """SQL: a time that was told, ms since 1970 or ISO 8601."""
    ms = f"try_cast({text} AS BIGINT)"
    return (
        f"CASE WHEN {ms} BETWEEN -{FOR_GOOD} AND {FOR_GOOD} THEN epoch_ms({ms}) ELSE try_cast({text} AS TIMESTAMP) END"
    )
