"""The table `history.touch`: which visits touched which order, as it was known when the order's credit was settled.

An order is settled SETTLED_MS after its first purchase was heard of, by log time: after the end of the import that
brought it. States and refunds alone do not say when it was bought. What arrives later changes nothing of it: neither an
`identify` that says whose a browser was, nor a fact that names another customer. The table is filled before erased
people are hidden, so that an erasure changes no credit, and names nobody afterwards; who comes back is not owed to what
was before the erasure.
"""

from __future__ import annotations

import duckdb

from reports import teams
from reports.orders import persons
from wakeline.commerce import PURCHASE
from wakeline.definitions import SETTLED_MS, TOUCHED_MS
from wakeline.event import PAGE_VIEW

TABLES = """
CREATE TABLE history.touch (
    site VARCHAR, key VARCHAR, visitor VARCHAR, session TIMESTAMP, nth INTEGER, time TIMESTAMP, whose VARCHAR
);
"""

NOBODY = ""

OWNER = f"""coalesce(
    nullif(arg_max(turn.customer, nth) FILTER (since <= time), '{NOBODY}'),
    nullif(arg_min(turn.customer, nth) FILTER (since > time), '{NOBODY}')
)"""
"""SQL: a visitor's customer at a time, of the turns that are joined; of a time that is nobody's, that of the next."""

# Whose a browser was since when: by identifies that say something new, another customer or the same one known earlier;
# from an erasure on it is nobody's. `nth`: their order, also within one millisecond.
TURNS = f"""
CREATE TEMP TABLE turn AS
WITH told AS (
    SELECT site, visitor, customer, since, known, nth AS place FROM history.turn
    UNION ALL
    SELECT site, id, '{NOBODY}', "at", "at", NULL FROM history.erasure WHERE customer IS NULL
    UNION ALL
    SELECT site, visitor, '{NOBODY}', upto, upto, NULL FROM (
        SELECT turn.site, turn.visitor, upto, gone.customer AS gone, arg_max(turn.customer, turn.nth) AS customer
        FROM (SELECT DISTINCT site, customer, upto FROM history.gone_at) AS gone
        JOIN (SELECT DISTINCT site, visitor, customer FROM history.turn) AS linked
            ON linked.site = gone.site AND linked.customer = gone.customer
        JOIN history.turn AS turn ON turn.site = linked.site AND turn.visitor = linked.visitor AND turn.since <= upto
        GROUP BY ALL
    ) WHERE gone = customer
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY site, visitor ORDER BY since, place NULLS LAST) AS nth FROM told
)
SELECT site, visitor, customer, since, known, nth FROM (
    SELECT *, min(known) OVER (PARTITION BY site, visitor, run ORDER BY nth
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT *, sum(is_new) OVER (PARTITION BY site, visitor ORDER BY nth ROWS UNBOUNDED PRECEDING) AS run
        FROM (
            SELECT *, (customer IS DISTINCT FROM lag(customer) OVER (
                PARTITION BY site, visitor ORDER BY nth
            ))::INTEGER AS is_new
            FROM placed
        )
    )
) WHERE before IS NULL OR known < before
"""

# The turns around each visit's begin and each purchase on a page: the latest one until then and the next one, whenever
# they became known, and when the first became known of all until then and of all that follow.
MOMENTS = f"""
CREATE TEMP TABLE moment AS
WITH asked AS (
    SELECT site, visitor, session AS time FROM history.event WHERE session IS NOT NULL AND type = '{PAGE_VIEW}'
    UNION SELECT site, visitor, time FROM history.page_order WHERE type = '{PURCHASE}'
), so_far AS (
    SELECT *, min(known) OVER (PARTITION BY site, visitor ORDER BY nth) AS first_known FROM turn
    QUALIFY lead(since) OVER (PARTITION BY site, visitor ORDER BY nth) IS DISTINCT FROM since
), to_come AS (
    SELECT *, min(known) OVER (PARTITION BY site, visitor ORDER BY nth DESC) AS first_known FROM turn
    QUALIFY lag(since) OVER (PARTITION BY site, visitor ORDER BY nth) IS DISTINCT FROM since
)
SELECT
    asked.*, latest.customer AS latest, latest.known AS latest_known, latest.first_known AS earlier_known,
    next.customer AS next, next.known AS next_known, next.first_known AS later_known
FROM asked
ASOF LEFT JOIN so_far AS latest ON latest.site = asked.site AND latest.visitor = asked.visitor
    AND latest.since <= asked.time
ASOF LEFT JOIN to_come AS next ON next.site = asked.site AND next.visitor = asked.visitor AND next.since > asked.time
"""


def _owned(name: str, rows: str, time: str, owner: str) -> str:
    """SQL: a part `name` of a query: the rows, with whose their visitor was at a time, as known when they were settled.

    Only where turns became known in another order than they happened all of them are compared: a browser at a counter
    has thousands.
    """
    is_latest = f"latest_known <= settled AND latest <> '{NOBODY}'"
    return f"""{name}_known AS NOT MATERIALIZED (
    SELECT
        one.*, CASE
            WHEN {is_latest} THEN latest
            WHEN next_known <= settled THEN nullif(next, '{NOBODY}')
        END AS {owner}, CASE
            WHEN {is_latest} THEN true
            WHEN latest_known > settled AND earlier_known <= settled THEN false
            ELSE next IS NULL OR next_known <= settled OR later_known > settled
        END AS is_clear
    FROM {rows} AS one
    JOIN moment ON moment.site = one.site AND moment.visitor = one.visitor AND moment.time = one.{time}
), {name}_unclear AS MATERIALIZED (
    SELECT asked.*, {OWNER} AS {owner} FROM (
        SELECT DISTINCT site, visitor, {time} AS time, settled FROM {name}_known WHERE NOT is_clear
    ) AS asked
    LEFT JOIN turn ON turn.site = asked.site AND turn.visitor = asked.visitor AND known <= settled
    GROUP BY ALL
), {name} AS (
    SELECT * EXCLUDE (is_clear) FROM {name}_known WHERE is_clear
    UNION ALL BY NAME
    SELECT known.* EXCLUDE (is_clear, {owner}), unclear.{owner} FROM {name}_known AS known
    JOIN {name}_unclear AS unclear ON unclear.site = known.site AND unclear.visitor = known.visitor
        AND unclear.time = known.{time} AND unclear.settled = known.settled
    WHERE NOT is_clear
)"""


# Each order as it was known when it was settled: who bought it, in which visit.
SOLD = f"""
CREATE TEMP TABLE sold AS
WITH import AS (
    SELECT site, batch, max(appended) AS ended FROM history.told_order WHERE batch <> '' GROUP BY ALL
), heard AS MATERIALIZED (
    SELECT site, key, arg_min(heard, (appended, heard)) + to_milliseconds({SETTLED_MS}) AS settled FROM (
        SELECT site, key, appended, appended AS heard FROM history.page_order WHERE type = '{PURCHASE}'
        UNION ALL
        SELECT site, key, appended, coalesce(ended, appended) FROM history.told_order
        LEFT JOIN import USING (site, batch) WHERE type = '{PURCHASE}'
    ) GROUP BY ALL
), page AS MATERIALIZED (
    SELECT site, key, type, signed, time, visitor, session, page, n, settled
    FROM history.page_order JOIN heard USING (site, key)
    WHERE type = '{PURCHASE}' AND appended <= settled
), {_owned("of_pages", "page", "time", "customer")}, of_others AS MATERIALIZED (
    SELECT told_order.* FROM history.told_order AS told_order JOIN heard USING (site, key) WHERE appended <= settled
), {persons("of_pages", "of_others", "session")}, said AS (
    SELECT site, key, min(time) AS time FROM (
        SELECT site, key, time FROM of_pages
        UNION ALL SELECT site, key, time FROM of_others WHERE type = '{PURCHASE}'
    ) GROUP BY ALL
)
SELECT
    site, key, time, settled, coalesce(person.customer, claim.customer) AS customer,
    coalesce(of_page.visitor, person.visitor) AS visitor, of_page.session AS session
FROM said
JOIN heard USING (site, key)
LEFT JOIN of_page USING (site, key)
LEFT JOIN claim USING (site, key)
LEFT JOIN person USING (site, key)
"""

FILL = f"""
INSERT INTO history.touch
WITH visit AS MATERIALIZED (
    SELECT site, visitor, session, min(appended) AS known FROM history.event
    WHERE session IS NOT NULL AND type = '{PAGE_VIEW}' GROUP BY ALL
), mine AS MATERIALIZED (
    SELECT site, key, customer AS id FROM sold WHERE customer IS NOT NULL
    UNION
    SELECT sold.site, sold.key, other.id FROM sold
    JOIN team AS own ON own.site = sold.site AND own.id = sold.customer
        AND own.since <= epoch_ms(settled) AND own.until > epoch_ms(settled)
    JOIN team AS other ON other.name = own.name
        AND other.since <= epoch_ms(settled) AND other.until > epoch_ms(settled)
    SEMI JOIN turn ON turn.site = other.site AND turn.customer = other.id
), browser AS (
    SELECT site, key, visitor, true AS is_own FROM sold WHERE visitor IS NOT NULL
    UNION ALL
    SELECT DISTINCT mine.site, mine.key, turn.visitor, false FROM mine
    JOIN turn ON turn.site = mine.site AND turn.customer = mine.id
    JOIN sold ON sold.site = mine.site AND sold.key = mine.key
    WHERE sold.visitor IS DISTINCT FROM turn.visitor
), near AS NOT MATERIALIZED (
    SELECT
        sold.site, sold.key, sold.time, sold.settled, sold.customer, visit.visitor, visit.session, is_own,
        coalesce(is_own AND visit.session = sold.session, false) AS is_its
    FROM browser
    JOIN sold USING (site, key)
    JOIN visit ON visit.site = browser.site AND visit.visitor = browser.visitor
    WHERE visit.known <= sold.settled AND (is_own AND visit.session = sold.session
        OR visit.session <= sold.time AND visit.session > sold.time - to_milliseconds({TOUCHED_MS}))
), {_owned("owned", "near", "session", "whose")}
SELECT
    owned.site, owned.key, visitor, session,
    row_number() OVER (PARTITION BY owned.site, owned.key ORDER BY session, visitor), time, whose
FROM owned
LEFT JOIN mine ON mine.site = owned.site AND mine.key = owned.key AND mine.id = owned.whose
WHERE is_its OR mine.id IS NOT NULL OR is_own AND (whose IS NULL OR customer IS NULL)
"""

DROP = "DROP TABLE sold; DROP TABLE moment; DROP TABLE team; DROP TABLE turn"


# Somebody who comes back after an erasure is somebody else than before.
PART = (
    """
    DELETE FROM history.touch USING history.erasure AS erasure
    WHERE touch.site = erasure.site AND touch.visitor = erasure.id
        AND (erasure.customer IS NULL OR whose IS NULL OR whose = erasure.customer)
        AND session <= upto AND touch.time > upto
    """,
    """
    DELETE FROM history.touch USING history.gone_at AS gone
    WHERE touch.site = gone.site AND touch.whose = gone.customer AND session <= upto AND touch.time > upto
    """,
)

HIDE = """
UPDATE history.touch SET visitor = {hidden} FROM (
    SELECT DISTINCT event.site, event.visitor, event.session FROM history.event AS event
    JOIN history.hidden AS hidden ON event.rowid = hidden.id WHERE event.session IS NOT NULL
) AS visit
WHERE touch.site = visit.site AND touch.visitor = visit.visitor AND touch.session = visit.session
"""
"""`hidden`: SQL of a visitor's id as the views show it, of `history.touch.visitor`."""

NAME_NOBODY = "ALTER TABLE history.touch DROP COLUMN whose"


def find(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill the table. Call it when visits, turns and aliases are known, and nobody is hidden yet."""
    teams.find(connection)
    for statement in (TURNS, MOMENTS, SOLD, FILL, DROP):
        connection.execute(statement)
