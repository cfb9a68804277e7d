"""`wakeline import`: what shops know from before, as facts in the log."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import read, secret_of, site_of, site_option, some_settings
from wakeline.process import collect_rarely
from wakeline.settings import Site

if TYPE_CHECKING:
    from ops.imports.files import Named
    from ops.imports.guess import Guess
    from ops.imports.mapping import Map
    from ops.imports.run import Importer, Options, Outcome

KINDS = ("customers", "orders", "contacts", "products", "sends", "events")
EVERY = re.compile(r"(\d+)\s*(s|m|min|h|d)")
SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
pause = time.sleep
SHOWN = 5  # errors in the terminal


class Every(click.ParamType):
    """A length of time in seconds, as 30s, 10m, 1h, 1d."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = EVERY.fullmatch(str(value).strip())
        if found is None or not int(found[1]):
            self.fail("write it as 10m, 1h or 1d", param, ctx)
        return int(found[1]) * SECONDS[found[2]]


@click.command("import", short_help="Import customers, orders, contacts, products, sends or whole histories.")
@click.argument("words", nargs=-1, required=True, metavar=f"[{'|'.join(KINDS)}] FILE_OR_URL...")
@site_option
@click.option(
    "--map",
    "map_",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Columns as in this map, instead of guessing.",
)
@click.option("--dry-run", is_flag=True, help="Only count what would move; nothing is written, no server is needed.")
@click.option("--save-map", is_flag=True, help="With --dry-run: save the map that was guessed, to edit it first.")
@click.option("--tell", is_flag=True, help="Messages may be sent about what is imported; else nobody is told.")
@click.option("--every", type=Every(), metavar="TIME", help="Look for new files again and again, as 10m or 1h.")
@click.option("--zone", default="", metavar="NAME", help="Time zone of dates without one, as Europe/Berlin.")
@click.option("--currency", default="", metavar="CODE", help="Currency of amounts without one, as EUR.")
@some_settings("redis", "log", "log_before", "data")
def import_(
    words: tuple[str, ...],
    key: str | None,
    map_: Path | None,
    dry_run: bool,
    save_map: bool,
    tell: bool,
    every: int | None,
    zone: str,
    currency: str,
    config: Path | None,
    **flags: Any,
) -> None:
    """Import FILE_OR_URL: a CSV table, or JSON lines. Folders, patterns and URLs are read too.

    \b
    wakeline import orders orders.csv --dry-run     what would move, by the columns that were guessed
    wakeline import orders orders.csv               moves it; run it again after a stop: it goes on
    wakeline import events history.jsonl            events with the fields of the server API, one a line
    wakeline import customers s3://bucket/crm/ --every 1h

    The columns of a table are guessed from its header, shown, and saved beside it as FILE.map.toml: edit that file, or
    name it with --map for the next file. What cannot be read is listed by line and column in FILE.errors.csv, without
    any value, and the rest is imported; the exit code is 1 then.

    The same file counts once, however often it is imported and wherever it was stopped. Live events go first: it takes
    the room that they leave.
    """
    from ops.imports.run import Importer, Options

    read_config = read(config, flags, else_demo=True)
    site = site_of(read_config, key)
    secret_of(site)
    kind, names = (words[0], words[1:]) if words[0] in KINDS and len(words) > 1 else ("", words)
    if names == words and words[0] in KINDS and not Path(words[0]).exists():
        raise Refused(f"which file of {words[0]}? `wakeline import {words[0]} FILE`")
    options = Options(kind, map_, _zone(zone), _currency(currency), dry_run, save_map, tell)
    collect_rarely()
    importer = Importer(read_config, site, options, complete=_completer(site), say=click.echo)
    with _behind_others():
        if every is None:
            with redis_errors(read_config.settings.redis):
                is_whole = _all(importer, names, site, options)
            raise SystemExit(0 if is_whole else FAILED)
        if dry_run:
            raise Refused("--dry-run looks once: leave out --every")
        _named(names)
        while True:
            try:
                with redis_errors(read_config.settings.redis):
                    _all(importer, names, site, options, only_new=True)
            except Refused as error:  # the next look may be luckier
                error.show()
            pause(every)


def _named(names: tuple[str, ...]) -> list[Named]:
    from ops.imports.files import NoFile, named

    try:
        return named(names)
    except NoFile as error:
        raise Refused(str(error), FAILED) from None


def _all(importer: Importer, names: tuple[str, ...], site: Site, options: Options, *, only_new: bool = False) -> bool:
    """Import what these name, one after the other; whether all of it moved."""
    found = _named(names)
    if not found and not only_new:
        raise Refused(f"there is nothing to import in {', '.join(names)}", FAILED)
    moved = [_one(importer, one, site, options.dry_run) for one in found if not only_new or importer.is_new(one)]
    return all(moved)


def _one(importer: Importer, file: Named, site: Site, dry_run: bool) -> bool:
    """Import one file, and say what became of it; whether all of it moved."""
    from ops.imports.files import NoFile, shown
    from ops.imports.mapping import BadMap
    from ops.imports.moving import Full
    from ops.imports.pace import STUCK_S, Stuck
    from ops.imports.state import AtWork
    from ops.imports.table import NoTable
    from wakeline.memory import COUNT_ONLY

    again = "the same command goes on where it stopped"
    try:
        outcome = importer.run(file)
    except (NoFile, NoTable, BadMap) as error:
        click.echo(f"{click.style('wakeline:', fg='red')} {shown(file.name)}: {error}", err=True)
        return False
    except AtWork:
        click.echo(f"{click.style('wakeline:', fg='red')} {shown(file.name)}: another process imports it now", err=True)
        return False
    except Stuck:
        what = f"the processor has applied nothing for {STUCK_S:.0f} s: is `wakeline up` running? see `wakeline lag`"
        raise Refused(f"{what}\n{again}", FAILED) from None
    except Full:
        what = f"more than {COUNT_ONLY:.0%} of the Redis server's memory is used: more would take it from live events"
        raise Refused(f"{what}\ngive it more (embedded_memory_mb, maxmemory); {again}", FAILED) from None
    _tell(outcome, site, dry_run)
    return not (outcome.problems.errors or outcome.left_out_then or outcome.skipped_cards)


def _tell(outcome: Outcome, site: Site, dry_run: bool) -> None:
    from ops.imports.files import shown

    name = shown(outcome.name)
    if outcome.was_done:
        then = (
            f"; {_count(outcome.left_out_then, 'error')} then, which left something out"
            if outcome.left_out_then
            else ""
        )
        click.echo(f"{name}: imported before, nothing to do{then}")
        return
    if outcome.resumed_at:
        click.echo(f"{name}: went on after event {outcome.resumed_at:,}")
    click.echo(f"{name}: " + ("would move" if dry_run else f"imported in {outcome.seconds:,.1f} s"))
    rows = outcome.summary.lines(site.time_zone)
    if outcome.value_is and (outcome.summary.bought or outcome.summary.refunded):
        rows.append(("value of an order", outcome.value_is))
    width = max((len(what) for what, _ in rows), default=0)
    for what, count in rows:
        click.echo(f"  {what:<{width}}  {count}")
    if not rows:
        click.echo("  nothing")
    problems = outcome.problems
    if problems.errors or problems.notes:
        where = f", in {shown(str(outcome.errors_in))}" if outcome.errors_in else ""
        click.echo(f"  {_count(problems.errors, 'error')} and {_count(problems.notes, 'note')}{where}")
        for one in problems.first(SHOWN):
            column = f", column {one.column}" if one.column else ""
            advice = f": {one.advice}" if one.advice else ""
            click.echo(f"    line {one.line:,}{column}: {one.what}{advice}")
    if outcome.skipped_cards:
        click.echo(
            f"{click.style('wakeline:', fg='red')} personal values of {_count(outcome.skipped_cards, 'event')} were "
            f"left out: {outcome.why_no_cards}\n"
            "once that is well, import the file again: it writes them, and counts nothing twice",
            err=True,
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# ---- what a file leaves open


def _completer(site: Site) -> Any:
    from ops.imports.guess import Ask

    def complete(guess: Guess, name: str) -> Map:
        _show(guess, name)
        map = guess.map
        for ask in guess.asks:
            if ask is Ask.ZONE:
                map.zone = _asked_zone(site)
            elif ask is Ask.CURRENCY:
                map.constants = map.constants | {
                    "currency": _asked("currency of the amounts", "--currency EUR", "EUR", _currency)
                }
            elif ask is Ask.DECIMAL:
                is_large = _asked("1.299: is it more than a thousand", 'a map with decimal = "." (or ",")', "yes", str)
                map.decimal = "," if _is_yes(is_large) else "."
            else:
                is_month = _asked(
                    "01/02/2026: is 02 the month", 'a map with dates = "day first" (or "month first")', "yes", str
                )
                map.dates = "day first" if _is_yes(is_month) else "month first"
        return map

    return complete


def _is_yes(answer: str) -> bool:
    return answer.strip().lower()[:1] in ("y", "j")


def _show(guess: Guess, name: str) -> None:
    """The guess as a table."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from ops.imports import tax
    from ops.imports.names import field_of
    from wakeline.escape import plain

    table = Table(box=SIMPLE, title=f"{plain(name)}: {guess.map.kind}", title_justify="left")
    for head in ("column", "is read as", "how"):
        table.add_column(head, overflow="fold")
    fields = {column: field for field, column in guess.map.columns.items()}
    for column in guess.columns:
        field = fields.get(column)
        found = field_of(guess.map.kind, field) if field else None
        table.add_row(plain(column), field or "[dim]not read[/dim]", str(found.reads) if found else "")
    Console(highlight=False).print(table)
    map = guess.map
    settings = {"separator": map.separator, "decimals": map.decimal, "dates": map.dates, "zone": map.zone}
    settings["prices"] = map.prices
    click.echo("  " + ", ".join(f"{what} {value!r}" for what, value in settings.items() if value))
    if value_is := tax.words(map):
        click.echo(f"  value of an order: {value_is}")


def _asked_zone(site: Site) -> str:
    own = str(site.time_zone)
    return _asked("time zone of the dates, which say none", f"--zone {own}", own, _zone)


def _asked(question: str, flag: str, default: str, check: Any) -> str:
    if not sys.stdin.isatty():
        raise Refused(f"the file does not show the {question}: add {flag}")
    return str(check(click.prompt(question, default=default)))


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key if name else ""
    except (ZoneInfoNotFoundError, ValueError):
        raise Refused(f"{name} is no time zone: write it as Europe/Berlin") from None


def _currency(code: str) -> str:
    from wakeline.vocabulary.money import CURRENCIES

    if code and code.upper() not in CURRENCIES:
        raise Refused(f"{code} is no currency of ISO 4217: write it as EUR")
    return code.upper()


@contextmanager
def _behind_others() -> Iterator[None]:
    """With a lower priority than the services, which share the machine."""
    import os

    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, min(19, before + 10))
    try:
        yield
    finally:
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before)
