"""Asks the history, with a progress bar, and with errors that people understand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ops.cli.errors import FAILED, Refused
from wakeline.extras import install

if TYPE_CHECKING:
    from reports import Result
    from wakeline.applied import Applied, Of
    from wakeline.settings import Config, Site

DAY = click.DateTime(["%Y-%m-%d"])


@contextmanager
def asked(
    config: Config,
    sql: str,
    *,
    site: str | None = None,
    first: datetime | None = None,
    last: datetime | None = None,
    archive: str | None = None,
    parquet: Path | None = None,
) -> Iterator[Result]:
    """The result of a query, valid within the context. `archive`: another history than that of the settings.

    Raises Refused.
    """
    if first and last and first > last:
        raise Refused(f"--from {first:%Y-%m-%d} is after --to {last:%Y-%m-%d}")
    if site is not None and site not in config.sites and archive is None:
        raise Refused(f"there is no site {site} in {config.path} (it has {', '.join(config.sites) or 'none'})")
    from wakeline.history import History, archive_url

    url = archive_url(config.settings)
    if url is None:
        raise Refused("no history is kept: archive is off in the settings. Name another location with --archive")
    history = History(url)
    is_new = archive is None  # of an own site, which may have begun a moment ago
    with errors(url, config.settings.archive_seal_s):
        from reports import Query, ask

        question = Query(sql, site, first and first.date(), last and last.date())
        zones = {key: each.time_zone for key, each in config.sites.items()}
        with (
            _progress() as progress,
            ask(
                history, question, zones=zones, sites=_planned(config, sql), progress=progress.tell, parquet=parquet,
                may_be_empty=is_new,
            ) as answer,
        ):  # fmt: skip
            progress.end()
            if not history.lanes():
                click.echo(f"{_nothing_yet(url, config.settings.archive_seal_s)}, and this is the answer", err=True)
            yield answer


def _planned(config: Config, sql: str) -> list[Site]:
    """The sites, with the campaigns that were planned over HTTP, where the question is about campaigns."""
    from reports.views import needs

    sites = list(config.sites.values())
    if not needs(sql).rates:
        return sites
    from redis.exceptions import RedisError

    from wakeline.applied import applied, told_of
    from wakeline.planned import with_told
    from wakeline.redis.connect import connect

    async def said() -> dict[Of, Applied]:
        async with connect(config.settings.redis) as redis:
            return await applied(redis)

    try:
        found = asyncio.run(said())
    except (RedisError, OSError) as error:
        click.echo(f"Redis is away, so campaigns that were planned over HTTP lack their plans: {error}", err=True)
        return sites
    return [with_told(one, told_of(found, one.key).values()) for one in sites]


class _Progress:
    """A progress bar on stderr while the history is read, if that is a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("reading the history"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)
        self.start: Callable[[], None] = self._bar.start
        self.end: Callable[[], None] = self._bar.stop

    def tell(self, done: int, of: int) -> None:
        self._bar.update(self._task, completed=done, total=of)


@contextmanager
def _progress() -> Iterator[_Progress]:
    progress = _Progress()
    progress.start()
    try:
        yield progress
    finally:
        progress.end()


def _nothing_yet(url: str, seal_s: float) -> str:
    return (
        f"there is no history in {url} yet: while `wakeline up` runs, what happens is in it after {seal_s:g} s at most "
        "(archive_seal_s in wakeline.toml)"
    )


@contextmanager
def errors(url: str, seal_s: float) -> Iterator[None]:
    """Those of asking the history at `url` as Refused, in words."""
    from wakeline.history import HistoryDamaged, HistoryUnavailable
    from wakeline.log import LogMismatch

    try:
        import duckdb  # noqa: F401  # an extra
    except ImportError:
        raise Refused(f"DuckDB answers such questions: {install('query')}", FAILED) from None
    from reports import InvalidQuery, NoHistory

    try:
        yield
    except InvalidQuery as error:
        raise Refused(str(error)) from None
    except NoHistory:
        other = "to use another location, set --archive, WAKELINE_ARCHIVE or archive in wakeline.toml"
        raise Refused(f"{_nothing_yet(url, seal_s)}\n{other}", FAILED) from None
    except (HistoryDamaged, HistoryUnavailable, LogMismatch) as error:
        raise Refused(str(error), FAILED) from None
    except OSError as error:
        raise Refused(f"cannot be written: {error}", FAILED) from None
