"""The table `history.touch`: which visits touched which order, as it was known when the order's credit was settled.

An order is settled SETTLED_MS after its first purchase was heard of, by log time: after the end of the import that
brought it. States and refunds alone do not say when it was bought. What arrives later changes nothing of it: neither an
`identify` that says whose a browser was, nor a fact that names another customer. The table is filled before erased
people are hidden, so that an erasure changes no credit, and names nobody afterwards; who comes back is not owed to what
was before the erasure.
"""

from __future__ import annotations

import duckdb

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
    nullif(arg_max(turn.customer, since) FILTER (since <= {{time}}), '{NOBODY}'),
    nullif(arg_min(turn.customer, since) FILTER (since > {{time}}), '{NOBODY}')
)"""
"""SQL: a visitor's customer at a time, of the turns that are joined; of a time that is nobody's, that of the next."""

# Whose a browser was since when: by identifies that say something new, another customer or the same one known earlier;
# from an erasure on it is nobody's.
TURNS = f"""
CREATE TEMP TABLE turn AS
WITH told AS (
    SELECT site, visitor, customer, since, known FROM history.turn
    UNION ALL
    SELECT site, id, '{NOBODY}', "at", "at" FROM history.erasure WHERE customer IS NULL
    UNION ALL
    SELECT site, visitor, '{NOBODY}', upto, upto FROM (
        SELECT turn.site, turn.visitor, upto, gone.customer AS gone, arg_max(turn.customer, turn.since) AS customer
        FROM (SELECT DISTINCT site, customer, upto FROM history.gone_at) AS gone
        JOIN history.turn AS linked ON linked.site = gone.site AND linked.customer = gone.customer
        JOIN history.turn AS turn ON turn.site = linked.site AND turn.visitor = linked.visitor AND turn.since <= upto
        GROUP BY ALL
    ) WHERE gone = customer
)
SELECT site, visitor, customer, since, known FROM (
    SELECT *, min(known) OVER (PARTITION BY site, visitor, run ORDER BY since, known
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT *, sum(is_new) OVER (PARTITION BY site, visitor ORDER BY since, known ROWS UNBOUNDED PRECEDING) AS run
        FROM (
            SELECT site, visitor, customer, since, known, (customer IS DISTINCT FROM lag(customer) OVER (
                PARTITION BY site, visitor ORDER BY since, known
            ))::INTEGER AS is_new
            FROM told
        )
    )
) WHERE before IS NULL OR known < before
"""

# All ids of one person, with when it was known that they are.
SAME = """
CREATE TEMP TABLE same AS
WITH RECURSIVE edge AS (
    SELECT site, customer, other, known FROM history.alias
    UNION ALL SELECT site, other, customer, known FROM history.alias
), path AS (
    SELECT site, customer, other, known FROM edge
    UNION
    SELECT path.site, path.customer, edge.other, greatest(path.known, edge.known)
    FROM path JOIN edge ON edge.site = path.site AND edge.customer = path.other
)
SELECT site, customer, other, min(known) AS known FROM path WHERE customer <> other GROUP BY ALL
"""

# Each order as it was known when it was settled: who bought it, in which visit.
SOLD = f"""
CREATE TEMP TABLE sold AS
WITH import AS (
    SELECT site, batch, max(appended) AS ended FROM history.fact WHERE batch <> '' GROUP BY ALL
), heard AS MATERIALIZED (
    SELECT site, key, arg_min(heard, appended) + to_milliseconds({SETTLED_MS}) AS settled FROM (
        SELECT site, key, appended, appended AS heard FROM history.page_order WHERE type = '{PURCHASE}'
        UNION ALL
        SELECT site, key, appended, coalesce(ended, appended) FROM history.told_order
        LEFT JOIN import USING (site, batch) WHERE type = '{PURCHASE}'
    ) GROUP BY ALL
), of_pages AS MATERIALIZED (
    SELECT
        site, key, type, signed, time, page_order.visitor AS visitor, {OWNER.format(time="time")} AS customer, session,
        page, n
    FROM history.page_order AS page_order
    JOIN heard USING (site, key)
    LEFT JOIN turn ON turn.site = page_order.site AND turn.visitor = page_order.visitor AND turn.known <= settled
    WHERE type = '{PURCHASE}' AND appended <= settled
    GROUP BY ALL
), of_others AS MATERIALIZED (
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
    SELECT sold.site, key, same.other FROM sold JOIN same USING (site, customer) WHERE known <= settled
), browser AS (
    SELECT site, key, visitor, true AS is_own FROM sold WHERE visitor IS NOT NULL
    UNION ALL
    SELECT DISTINCT mine.site, mine.key, turn.visitor, false FROM mine
    JOIN turn ON turn.site = mine.site AND turn.customer = mine.id
    JOIN sold ON sold.site = mine.site AND sold.key = mine.key
    WHERE sold.visitor IS DISTINCT FROM turn.visitor
), near AS (
    SELECT
        sold.site, sold.key, sold.time, sold.settled, sold.customer, visit.visitor, visit.session, is_own,
        coalesce(is_own AND visit.session = sold.session, false) AS is_its
    FROM browser
    JOIN sold USING (site, key)
    JOIN visit ON visit.site = browser.site AND visit.visitor = browser.visitor
    WHERE visit.session <= sold.time AND visit.session > sold.time - to_milliseconds({TOUCHED_MS})
        AND visit.known <= sold.settled
), owned AS (
    SELECT near.*, {OWNER.format(time="near.session")} AS whose FROM near
    LEFT JOIN turn ON turn.site = near.site AND turn.visitor = near.visitor AND turn.known <= near.settled
    GROUP BY ALL
)
SELECT
    owned.site, owned.key, visitor, session,
    row_number() OVER (PARTITION BY owned.site, owned.key ORDER BY session, visitor), time, whose
FROM owned
LEFT JOIN mine ON mine.site = owned.site AND mine.key = owned.key AND mine.id = owned.whose
WHERE is_its OR mine.id IS NOT NULL OR is_own AND (whose IS NULL OR customer IS NULL)
"""

DROP = "DROP TABLE sold; DROP TABLE same; DROP TABLE turn"


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
    for statement in (TURNS, SAME, SOLD, FILL, DROP):
        connection.execute(statement)
