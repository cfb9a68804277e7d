"""From the history's lines to events: deduplicated, typed, with visit, customer and local time.

The rules are the processor's: late events are ignored, the first of several copies counts, and events of a visit have
at most SESSION_GAP_MS between them. Here all events have arrived already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfo

import duckdb

from crm.visits.passing import passing
from crm.visits.sources import PARAMETERS, is_marked, origin_of
from reports import forgetting, touches
from reports.amounts import read_amounts
from reports.clocks import ahead
from wakeline.definitions import LATE_MS, SESSION_GAP_MS
from wakeline.durations import DAY_MS
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, MAX_EVENTS_PER_PAGE, PAGE_VIEW, PING
from wakeline.paths import page_label
from wakeline.record import CUSTOMER_PREFIX
from wakeline.settings import Site
from wakeline.vocabulary.things import THINGS

RECORD = (
    'kind VARCHAR, site VARCHAR, visitor VARCHAR, type VARCHAR, page VARCHAR, n INTEGER, "time" BIGINT, '
    "received BIGINT, host VARCHAR, path VARCHAR, query MAP(VARCHAR, VARCHAR), title VARCHAR, referrer VARCHAR, "
    "device VARCHAR, browser VARCHAR, os VARCHAR, country VARCHAR, bot VARCHAR, interests VARCHAR[], "
    "continued BOOLEAN, engaged_ms BIGINT, scroll INTEGER, leave BOOLEAN, level VARCHAR, customer VARCHAR, "
    'props JSON, id VARCHAR, "order" VARCHAR, signed BOOLEAN, home VARCHAR, body JSON, "by" VARCHAR, batch VARCHAR, '
    "line BIGINT, withdrawn BOOLEAN, click VARCHAR, gpc BOOLEAN"
)

TABLES = """
CREATE SCHEMA history;
CREATE TABLE history.event (
    site VARCHAR, visitor VARCHAR, session TIMESTAMP, customer VARCHAR, type VARCHAR, time TIMESTAMP,
    local_time TIMESTAMP, day DATE, host VARCHAR, path VARCHAR, query MAP(VARCHAR, VARCHAR), title VARCHAR,
    referrer VARCHAR, device VARCHAR, browser VARCHAR, os VARCHAR, country VARCHAR, bot VARCHAR, interests VARCHAR[],
    continued BOOLEAN, engaged_ms BIGINT, scroll INTEGER, leave BOOLEAN, level VARCHAR, props JSON, page VARCHAR,
    n INTEGER, received TIMESTAMP, appended TIMESTAMP, lane SMALLINT, "offset" BIGINT, order_key VARCHAR,
    signed BOOLEAN, click VARCHAR, gpc BOOLEAN
);
CREATE TABLE history.source (
    site VARCHAR, referrer VARCHAR, click VARCHAR, utm_source VARCHAR, utm_medium VARCHAR, utm_campaign VARCHAR,
    utm_content VARCHAR, utm_term VARCHAR, utm_id VARCHAR, source VARCHAR, campaign VARCHAR, class VARCHAR,
    content VARCHAR, term VARCHAR, campaign_id VARCHAR, passes BOOLEAN
);
CREATE TABLE history.amount (text VARCHAR, currency VARCHAR, amount DOUBLE);
CREATE TABLE history.newest ("at" TIMESTAMP);
"""

KEEP_NEWEST = 'INSERT INTO history.newest SELECT epoch_ms(max("at")) FROM history.line'
"""When the newest record was appended, of `history.line`."""

LONGEST_LIFE_MS = max(thing.lives_ms for thing in THINGS)

LASTING = (CONSENT, IDENTIFY)
"""Types of events that affect other days, long before and after. Some views have more: `views.VIEWS`."""

VALID = f"""
kind = 'event' AND site IS NOT NULL AND type IS NOT NULL AND page IS NOT NULL AND host IS NOT NULL
    AND path IS NOT NULL AND received IS NOT NULL AND visitor <> '' AND NOT starts_with(visitor, '{CUSTOMER_PREFIX}')
    AND n BETWEEN 0 AND {MAX_EVENTS_PER_PAGE - 1}
"""
"""Condition for valid events, the only ones that the processor folds."""


def keep(
    connection: duckdb.DuckDBPyConnection, *, ahead: str, site: str | None = None, types: tuple[str, ...] = ()
) -> None:
    """Move valid events from `history.line` to `history.event`: of one or all sites, of some or all types."""
    connection.execute(
        f"""
        INSERT INTO history.event
        SELECT
            site, visitor, NULL, nullif(customer, ''), type, epoch_ms(at_ms), epoch_ms(at_ms + ahead),
            epoch_ms(at_ms + ahead)::DATE, host, path, coalesce(query, MAP {{}}), nullif(title, ''),
            nullif(referrer, ''), coalesce(device, 'other'), nullif(browser, ''), nullif(os, ''), nullif(country, ''),
            nullif(bot, ''), coalesce(interests, []), coalesce(continued, false),
            CASE type WHEN '{ENGAGEMENT}' THEN coalesce(engaged_ms, 0) END,
            CASE type WHEN '{ENGAGEMENT}' THEN coalesce(scroll, 0) END,
            coalesce(leave, false), nullif(level, ''), props, page, n, epoch_ms(received), epoch_ms(appended), lane,
            "offset", nullif("order", ''), coalesce(signed, false), nullif(click, ''),
            coalesce(gpc, false)
        FROM (
            SELECT *, {ahead} AS ahead FROM (
                SELECT unnest(record), record."time" AS at_ms, lane, "offset", "at" AS appended FROM history.line
            )
        )
        WHERE {VALID} AND appended - at_ms <= {LATE_MS}
            AND ($site IS NULL OR site = $site) AND (len($types) = 0 OR list_contains($types, type))
        """,
        {"site": site, "types": list(types)},
    )


SETTLE: tuple[str, ...] = (
    # duplicates: sent again by a browser, or in two files of the history
    """
    DELETE FROM history.event AS event USING (
        SELECT site, visitor, page, n, arg_min(rowid, "offset") AS first FROM history.event
        GROUP BY ALL HAVING count(*) > 1
    ) AS copied
    WHERE event.site = copied.site AND event.visitor = copied.visitor AND event.page = copied.page
        AND event.n = copied.n AND event.rowid <> copied.first
    """,
    # visits; both frames include all events of one moment
    f"""
    UPDATE history.event SET session = visit.session FROM (
        SELECT id, min(time) OVER (PARTITION BY site, visitor, number) AS session FROM (
            SELECT id, site, visitor, time, sum(is_new) OVER (PARTITION BY site, visitor ORDER BY time) AS number FROM (
                SELECT rowid AS id, site, visitor, time, coalesce(
                    time - lag(time) OVER (PARTITION BY site, visitor ORDER BY time)
                    > to_milliseconds({SESSION_GAP_MS}), false
                )::INTEGER AS is_new
                FROM history.event WHERE bot IS NULL AND type <> '{PING}'
            )
        )
    ) AS visit
    WHERE history.event.rowid = visit.id
    """,
    forgetting.FIND_TURNS,
    forgetting.NAME_CUSTOMERS,
    forgetting.ADD_WITHDRAWALS,
)

ESCAPED_PATHS = "SELECT DISTINCT path FROM history.event WHERE contains(path, '%')"

SHOW_PATHS = """
UPDATE history.event SET path = shown.path FROM (SELECT unnest($path) AS escaped, unnest($shown) AS path) AS shown
WHERE history.event.path = shown.escaped
"""

KINDS_OF_SOURCES = f"""
SELECT DISTINCT site, coalesce(referrer, ''), coalesce(click, ''),
    {", ".join(f"coalesce(query['{name}'], '')" for name in PARAMETERS)}
FROM history.event WHERE type = '{PAGE_VIEW}' AND session IS NOT NULL
"""
SOURCE_COLUMNS = (
    "site", "referrer", "click", *PARAMETERS, "source", "campaign", "class", "content", "term", "campaign_id", "passes",
)  # fmt: skip
KINDS_AT_ONCE = 10_000
ADD_SOURCES = f"INSERT INTO history.source SELECT {', '.join(f'unnest(${name})' for name in SOURCE_COLUMNS)}"


def settle(
    connection: duckdb.DuckDBPyConnection,
    step: Callable[[], None],
    *,
    sites: Iterable[Site] = (),
    finds_touches: bool = False,
) -> None:
    """After loading: drop duplicates, find visits, customers and sources; hide erased people.

    `sites`: through which hosts people pass there; of others the list of Wakeline holds. `finds_touches`: whether the
    query asks for the credit of orders.
    """
    for statement in SETTLE:
        connection.execute(statement)
        step()
    forgetting.find_gone(connection)
    if finds_touches:
        touches.find(connection)
    forgetting.hide_forgotten(connection)
    _show_paths(connection)
    known = defaultdict(lambda: passing(()), {site.key: passing(site.passing_hosts) for site in sites})
    with connection.cursor() as reading:
        reading.execute(KINDS_OF_SOURCES)
        while kinds := reading.fetchmany(KINDS_AT_ONCE):  # made-up links may name very many
            rows = [(*kind, *_source(*kind, is_passing=known[kind[0]])) for kind in kinds]
            connection.execute(ADD_SOURCES, dict(zip(SOURCE_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))
    read_amounts(connection)
    step()


def _source(
    _: str, referrer: str, click: str, *parameters: str, is_passing: Callable[[str], bool]
) -> tuple[str | bool, ...]:
    query = {name: value for name, value in zip(PARAMETERS, parameters, strict=True) if value}
    passes = is_passing(referrer) and not is_marked(query, click)
    return (*origin_of(query, referrer, click, is_passing=is_passing), passes)


def _show_paths(connection: duckdb.DuckDBPyConnection) -> None:
    """Show pages as in the dashboard and in profiles: with decoded letters."""
    shown = [(path, page_label(path)) for (path,) in connection.execute(ESCAPED_PATHS).fetchall()]
    changed = {path: label for path, label in shown if path != label}
    if changed:
        connection.execute(SHOW_PATHS, {"path": list(changed), "shown": list(changed.values())})


STEPS = len(SETTLE) + 1  # number of calls of `step`


def clock(zones: Mapping[str, ZoneInfo], first_day_ms: int, last_day_ms: int, *, has_facts: bool = False) -> str:
    """For `keep`: ms to add for local time, for what was received between two days (ms at their start).

    Facts may be as old as their things live.
    """
    oldest_ms = LONGEST_LIFE_MS if has_facts else LATE_MS
    return ahead(zones, first_day_ms - oldest_ms - DAY_MS, last_day_ms + 2 * DAY_MS)
