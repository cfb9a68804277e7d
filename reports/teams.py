"""The table `team`: which ids are one person, by what time's aliases.

An alias joins two teams. The smaller one takes the name of the larger, so each id changes its team a few times at most,
and no table has a row for each pair of ids.
"""

from __future__ import annotations

from collections import defaultdict

import duckdb

TABLE = "CREATE TEMP TABLE team (site VARCHAR, id VARCHAR, name BIGINT, since BIGINT, until BIGINT)"
"""From `since` on, before `until`, ms since 1970; an id that no alias names is in none."""

ALIASES = "SELECT site, customer, other, epoch_ms(known) FROM history.alias WHERE customer <> other ORDER BY known"
ADD = "INSERT INTO team SELECT unnest($site), unnest($id), unnest($name), unnest($since), unnest($until)"
COLUMNS = ("site", "id", "name", "since", "until")
EARLIEST, LATEST = -(1 << 62), 1 << 62


def find(connection: duckdb.DuckDBPyConnection) -> None:
    """Create and fill the table from `history.alias`."""
    connection.execute(TABLE)
    members: dict[int, list[tuple[str, str]]] = {}
    teams: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (len(teams), EARLIEST))  # name, since
    rows: list[tuple[str, str, int, int, int]] = []
    for site, customer, other, known in connection.execute(ALIASES).fetchall():
        names = []
        for one in ((site, customer), (site, other)):
            name, _ = teams[one]
            members.setdefault(name, [one])
            names.append(name)
        larger, smaller = sorted(names, key=lambda name: len(members[name]), reverse=True)
        if larger == smaller:
            continue
        for one in members.pop(smaller):
            rows.append((*one, *teams[one], known))
            teams[one] = (larger, known)
            members[larger].append(one)
    rows += [(*one, name, since, LATEST) for one, (name, since) in teams.items()]
    if rows:
        connection.execute(ADD, dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))
