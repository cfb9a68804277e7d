"""Runs a SQL query and returns its result."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from reports import events, facts, forgetting, rates, touches
from reports.clocks import identifier, quoted
from reports.credit import LOOKBACK_DAYS
from reports.reading import needed, read, read_some
from reports.sandbox import ALL, Limits, database, lock
from reports.views import NAMES, Needs, create, needs
from wakeline.history import History, HistoryDamaged
from wakeline.settings import Site

TRIES = 3  # files may be merged while they are read
INNER = re.compile(rf'\nDid you mean "(?!(?:{"|".join(NAMES)})")[^"]*"\?')
ROWS = 10_000  # fetched at a time

Progress = Callable[[int, int], None]
"""Called with the amounts done and total."""


class InvalidQuery(Exception):
    """DuckDB's error message, and the available tables."""


class NoHistory(Exception):
    """There are no files yet."""


@dataclass(frozen=True)
class Query:
    """SQL statements, the last of which is answered; for one site or all, and its days from `first` to `last`."""

    sql: str
    site: str | None = None
    first: date | None = None
    last: date | None = None
    limits: Limits = ALL


class Result:
    """Rows, which can be read once, in order; `count` is their number."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        found = connection.execute("SELECT count(*) FROM history.answer").fetchone()
        self.count: int = found[0] if found else 0
        described = connection.execute("DESCRIBE history.answer").fetchall()
        self.columns = [str(row[0]) for row in described]
        self.types = [str(row[1]) for row in described]
        # otherwise converted to local time by a package that is not installed
        self._shown = ", ".join(
            identifier(name) + ("::VARCHAR" if "WITH TIME ZONE" in type else "")
            for name, type in zip(self.columns, self.types, strict=True)
        )

    def rows(self, most: int | None = None) -> Iterator[tuple[Any, ...]]:
        limit = "" if most is None else f" LIMIT {most}"
        self._connection.execute(f"SELECT {self._shown} FROM history.answer{limit}")
        while found := self._connection.fetchmany(ROWS):
            yield from found

    def then(self, sql: str) -> Result:
        """The result of another query of the same data, instead of this one; of views that the first query names.

        Raises InvalidQuery.
        """
        _run(self._connection, sql)
        return Result(self._connection)

    def write_parquet(self, file: Path) -> None:
        """Write to the file that the query named. Raises OSError."""
        try:
            self._connection.execute(f"COPY history.answer TO {quoted(str(file))} (FORMAT parquet, COMPRESSION zstd)")
        except duckdb.IOException as error:
            raise OSError(str(error)) from error


@contextmanager
def ask(
    history: History,
    query: Query,
    *,
    zones: Mapping[str, ZoneInfo],
    sites: Collection[Site] = (),
    progress: Progress | None = None,
    parquet: Path | None = None,
    may_be_empty: bool = False,
) -> Iterator[Result]:
    """The result, valid within the context. `zones` are the sites' time zones; `sites` are those whose settings are
    known, see `rates` and `events.settle`; `may_be_empty`: without any files it is that of empty tables.

    Raises InvalidQuery (before reading anything if possible), NoHistory, HistoryDamaged and HistoryUnavailable.
    """
    with tempfile.TemporaryDirectory(prefix="wakeline-query-") as name:
        folder = Path(name)
        _rehearse(query, folder)
        if not may_be_empty and not history.lanes():
            raise NoHistory
        with _filled(history, query, folder, zones, progress or _unseen, sites) as connection:
            if needs(query.sql).rates:
                rates.fill(connection, [one for one in sites if query.site in (None, one.key)])
            lock(connection, but=parquet)
            _run(connection, query.sql)
            yield Result(connection)


def _rehearse(query: Query, folder: Path) -> None:
    """Run it on an empty history, to report mistakes at once."""
    with _empty(query, folder) as connection:
        lock(connection)
        _run(connection, query.sql, is_rehearsal=True)


@contextmanager
def _empty(query: Query, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with database(folder, query.limits) as connection:
        connection.execute(events.TABLES)
        connection.execute(facts.TABLES)
        connection.execute(rates.TABLES)
        connection.execute(touches.TABLES)
        connection.execute(create(needs(query.sql).views, query.first, query.last))
        yield connection


@contextmanager
def _filled(
    history: History,
    query: Query,
    folder: Path,
    zones: Mapping[str, ZoneInfo],
    progress: Progress,
    sites: Collection[Site],
) -> Iterator[duckdb.DuckDBPyConnection]:
    for attempt in range(1, TRIES + 1):
        with _empty(query, folder) as connection:
            try:
                _fill(connection, history, query, folder, zones, progress, sites)
            except FileNotFoundError as error:
                if attempt == TRIES:
                    raise HistoryDamaged(f"a file of the history is listed but missing: {error}") from error
                history.refresh()
                continue
            yield connection
            return


def _fill(
    connection: duckdb.DuckDBPyConnection,
    history: History,
    query: Query,
    folder: Path,
    zones: Mapping[str, ZoneInfo],
    progress: Progress,
    sites: Collection[Site],
) -> None:
    asked = needs(query.sql)
    first = query.first and query.first - timedelta(days=LOOKBACK_DAYS if asked.touches else 0)
    files = needed(history, first, query.last, reads_days=asked.days)
    days = sorted(_ms(segment.date) for segment in (*files.whole, *files.beside))
    ahead = events.clock(zones, days[0], days[-1], has_facts=bool(asked.facts)) if days else "0"
    # settling takes about as long as reading half of the records
    a_step = files.records // 2 // events.STEPS
    done, of = 0, files.records + a_step * events.STEPS

    def step(records: int = a_step) -> None:
        nonlocal done
        done += records
        progress(done, of)

    step(0)
    connection.execute(forgetting.TABLES)
    types = (*events.LASTING, *asked.events)
    keep = partial(_keep, connection, asked, ahead=ahead, site=query.site)
    read(connection, history, files.whole, folder / "files", keep, step)
    words = (*types, *asked.facts, *forgetting.WORDS)
    read_some(connection, history, files.beside, folder / "files", words, partial(keep, types=types), step)
    connection.execute("DROP TABLE IF EXISTS history.line")  # it does not exist if no file was read
    connection.execute(facts.DROP_COPIES)
    events.settle(connection, step, sites=sites, finds_touches=asked.touches)


def _keep(
    connection: duckdb.DuckDBPyConnection, asked: Needs, *, ahead: str, site: str | None, types: tuple[str, ...] = ()
) -> None:
    connection.execute(events.KEEP_NEWEST)
    events.keep(connection, ahead=ahead, site=site, types=types)
    facts.keep(connection, ahead=ahead, site=site, types=asked.facts)
    forgetting.keep(connection, valid=events.VALID)


def _run(connection: duckdb.DuckDBPyConnection, sql: str, *, is_rehearsal: bool = False) -> None:
    """Execute all statements; the result of the last one becomes history.answer."""
    try:
        statements = connection.extract_statements(sql)
        if not statements:
            raise InvalidQuery("the query is empty: write select ...")
        for statement in statements[:-1]:
            connection.execute(statement)
        last = statements[-1]
        text = last.query.strip().rstrip(";")
        if last.type != duckdb.StatementType.SELECT:
            raise InvalidQuery(f"the last statement must return rows, such as select, not {last.type.name}")
        if is_rehearsal:
            _plan(connection, text)
        else:
            connection.execute(f"CREATE OR REPLACE TABLE history.answer AS (\n{text}\n)")
    except duckdb.Error as error:
        raise InvalidQuery(f"{_said(error)}{_hint(connection, sql, error)}") from None


def _plan(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    try:
        connection.sql(text)  # does not execute it
    except duckdb.Error:
        connection.execute(text)  # does not succeed either, but its error has the position
        raise


def _said(error: duckdb.Error) -> str:
    """DuckDB's message, without suggestions of internal tables."""
    return INNER.sub("", str(error)) if "Table with name" in str(error) else str(error)


def _hint(connection: duckdb.DuckDBPyConnection, sql: str, error: duckdb.Error) -> str:
    if isinstance(error, duckdb.CatalogException) and "Table with name" in str(error):
        return f"\nThere are {', '.join(NAMES[:-1])} and {NAMES[-1]}"
    if isinstance(error, duckdb.PermissionException):
        return "\nA query can only read the history, and cannot write files: use --csv or --parquet"
    if not isinstance(error, duckdb.BinderException) or "olumn" not in str(error):
        return ""
    rows = connection.execute(
        """
        SELECT table_name, string_agg(column_name, ', ' ORDER BY column_index) FROM duckdb_columns()
        WHERE schema_name = 'main' AND list_contains($names, table_name) GROUP BY ALL ORDER BY 1
        """,
        {"names": [name for name in NAMES if re.search(rf"\b{name}\b", sql, re.IGNORECASE)]},
    ).fetchall()
    return "".join(f"\n{name} has {columns}" for name, columns in rows)


def _ms(day: str) -> int:
    return int(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp()) * 1000


def _unseen(done: int, of: int) -> None:
    """No progress display."""
