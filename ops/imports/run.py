"""Imports one file: fetches it, finds or guesses its map, and moves what it tells, or counts what would move."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from lzma import LZMAError
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile

from ops.cli.progress import progress_bar
from ops.imports import files, tax
from ops.imports.files import Named, NoFile, shown
from ops.imports.guess import Guess, guess
from ops.imports.jsonl import is_json
from ops.imports.mapping import Map, batch_of, read_map, written
from ops.imports.moving import Mover
from ops.imports.people import People
from ops.imports.problems import Problems
from ops.imports.saying import JSON, File, said, told
from ops.imports.state import State, States, write
from ops.imports.summary import Summary
from ops.imports.text import Text, read_through
from wakeline.clock import now_ms
from wakeline.definitions import REMEMBERED_DAYS
from wakeline.process import is_alive, yielding
from wakeline.settings import Config, Site

WORK = "work-"
SHOWN_EVERY_S = 0.1


@dataclass(frozen=True)
class Options:
    """What the command says of all its files."""

    kind: str = ""
    map: Path | None = None
    zone: str = ""
    currency: str = ""
    dry_run: bool = False
    saves_map: bool = False  # in a dry run too
    tells: bool = False


@dataclass
class Outcome:
    """Of one file. `errors_in`: the file that lists what was left out, None if there is none."""

    name: str
    summary: Summary = field(default_factory=Summary)
    problems: Problems = field(default_factory=Problems)
    errors_in: Path | None = None
    was_done: bool = False
    left_out_then: int = 0  # errors of the import that has done it
    resumed_at: int = 0
    empty_lines: int = 0
    why_no_cards: str = ""
    skipped_cards: int = 0
    seconds: float = 0.0
    value_is: str = ""  # how the value of an order was read


class Importer:
    """`complete` gets a guess, and gives a map that lacks nothing; `say` gets lines for people."""

    def __init__(
        self,
        config: Config,
        site: Site,
        options: Options,
        *,
        complete: Callable[[Guess, str], Map],
        say: Callable[[str], None],
    ) -> None:
        self._config = config
        self._site = site
        self._options = options
        self._complete = complete
        self._say = say
        self._states = States(config.settings.data, site.key)

    def is_new(self, file: Named) -> bool:
        """Whether it was not imported to its end as it is now; one of which parts may still be written is not yet."""
        if not file.is_settled:
            return False
        seen = self._states.seen(file.name)
        if seen is None or seen.mark != file.mark:
            return True
        known = self._states.known(seen.batch)
        return known is None or not known.is_complete

    def run(self, file: Named) -> Outcome:
        """Import one file. Raises NoFile, NoTable, BadMap, AtWork, and what `Mover.move` raises."""
        with self._work() as folder, files.fetched(file, folder) as path:
            stamp = files.stamp_of(path)
            try:
                files.refuse_spreadsheet(path)
                text, map = self._read(file, path)
            except (OSError, EOFError, LZMAError, zlib.error, BadZipFile) as error:
                raise NoFile(f"cannot be read: {error}") from error
            batch = batch_of(text.digest, map)
            read = File(file.name, text, map, stamp)
            if self._options.dry_run:
                return self._counted(read, folder)
            with self._states.alone(batch):
                return self._moved(file, read, batch, folder)

    @contextmanager
    def _work(self) -> Iterator[Path]:
        """A folder for the time being; those of killed processes go. Raises NoFile if there can be none."""
        if self._options.dry_run:
            with TemporaryDirectory(prefix="wakeline-import-") as folder:
                yield Path(folder)
            return
        try:
            self._states.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise NoFile(f"cannot be imported: {self._states.folder} cannot be written: {error.strerror}") from None
        for left in self._states.folder.glob(f"{WORK}*"):
            if not is_alive(left.name.removeprefix(WORK)):
                shutil.rmtree(left, ignore_errors=True)
        own = self._states.folder / f"{WORK}{os.getpid()}"
        own.mkdir(exist_ok=True, mode=0o700)
        try:
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)

    # ---- its map

    def _read(self, file: Named, path: Path) -> tuple[Text, Map]:
        saved = self._options.map or self._saved_map(file)
        map = read_map(saved) if saved is not None else None
        text = read_through(path, map.encoding if map else "")
        if map is not None:
            if self._options.kind and self._options.kind != map.kind:
                raise NoFile(f"the map {saved} is one of {map.kind}, not of {self._options.kind}")
            self._say(f"{shown(file.name)}: read by the map {shown(str(saved))}")
            return text, map
        if is_json(text):
            return text, Map(JSON, zone=self._options.zone)
        if not text.encoding.startswith("utf"):
            self._say(f"{shown(file.name)}: read as {text.encoding}; another is said by `encoding` in its map")
        found = guess(text, self._options.kind, currency=self._options.currency, zone=self._options.zone)
        map = self._complete(found, shown(file.name))
        if not self._options.dry_run or self._options.saves_map:
            self._save(file, map)
        else:
            place = shown(str(self._map_paths(file)[0]))
            self._say(f"  the map would be saved in {place}; to edit it first, save it now with --save-map")
        return text, map

    def _saved_map(self, file: Named) -> Path | None:
        for path in self._map_paths(file):
            if path.exists():
                return path
        return None

    def _map_paths(self, file: Named) -> list[Path]:
        """Where its map is looked for and saved: beside it, else in the data folder."""
        aside = self._states.aside(file.name, files.MAP)
        return [aside] if file.url else [Path(f"{file.name}{files.MAP}"), aside]

    def _save(self, file: Named, map: Map) -> None:
        for path in self._map_paths(file):
            with suppress(OSError):
                write(path, written(map, file.name.rpartition("/")[2]).encode())
                what = "import" if self._options.dry_run else "import again"
                self._say(f"the map is saved in {shown(str(path))}: edit it if it is wrong, and {what}")
                return

    # ---- moving

    def _counted(self, file: File, folder: Path) -> Outcome:
        outcome, now = Outcome(file.name, value_is=tax.words(file.map)), now_ms()
        began = time.monotonic()
        with _bar(file) as at:
            all = said(file, outcome.problems, folder, at, began=now)
            for _ in told(file, self._site, all, outcome.problems, outcome.summary, now=now):
                pass
        outcome.seconds = time.monotonic() - began
        return outcome

    def _moved(self, file: Named, read: File, batch: str, folder: Path) -> Outcome:
        outcome = Outcome(file.name, value_is=tax.words(read.map))
        began = time.monotonic()
        try:
            with yielding():
                asyncio.run(self._move(file, read, batch, outcome, folder))
        finally:
            if not outcome.was_done:
                outcome.errors_in = self._list(file, outcome.problems)
        outcome.seconds = time.monotonic() - began
        return outcome

    async def _move(self, file: Named, read: File, batch: str, outcome: Outcome, folder: Path) -> None:
        from wakeline import keys
        from wakeline.lanes import FIELDS, stored_deployment
        from wakeline.log.opening import open_log
        from wakeline.redis.connect import connect

        settings, now = self._config.settings, now_ms()
        async with AsyncExitStack() as opened:
            redis = await opened.enter_async_context(connect(settings.redis))
            values: list[bytes | None] = await redis.hmget(keys.DEPLOYMENT, FIELDS)  # type: ignore[assignment]
            deployment = stored_deployment(values)
            log = await open_log(settings, deployment.lanes)
            opened.push_async_callback(log.close)
            state = self._states.of(batch, await log.identity(), now)
            if not self._begins(file, state, outcome):
                return
            cards = await People.opened(self._config, redis, deployment)
            opened.push_async_callback(cards.close)
            mover = Mover(redis, settings.redis, log, deployment, cards, self._states, state)
            opened.push_async_callback(mover.close)
            with _bar(read) as at:
                all = said(read, outcome.problems, folder, at, began=state.began)
                facts = told(read, self._site, all, outcome.problems, outcome.summary, now=now)
                await mover.move(
                    facts, outcome.problems, site=self._site.key, tells=self._options.tells, lines=read.text.lines
                )
        outcome.skipped_cards, outcome.why_no_cards = state.skipped_cards, cards.why_not

    def _begins(self, file: Named, state: State, outcome: Outcome) -> bool:
        """Note the import; False if all of it was done before."""
        seen = self._states.seen(file.name)
        outcome.was_done = state.is_complete and not state.skipped_cards
        if outcome.was_done:
            outcome.left_out_then = state.errors
        elif state.is_complete:  # again, for the cards
            state.done = 0
        elif seen is not None and seen.batch != state.batch:
            self._say(
                f"{shown(file.name)}: the file, or how it is read, has changed since it was imported. All of it is "
                "read again: what has an id of its own (orders, refunds, contacts, products, customers) merges with "
                "what is there, and rows that are the same as before count once if that was within "
                f"{REMEMBERED_DAYS} days"
            )
        outcome.resumed_at = 0 if outcome.was_done else state.done
        self._states.keep(state)
        self._states.see(file.name, state.batch, file.mark)
        return not outcome.was_done

    def _list(self, file: Named, problems: Problems) -> Path | None:
        """Write what was wrong beside the file, else into the data folder."""
        aside = self._states.aside(file.name, files.ERRORS)
        for path in [aside] if file.url else [Path(f"{file.name}{files.ERRORS}"), aside]:
            if problems.write(path):
                return path
        return None


@contextmanager
def _bar(file: File) -> Iterator[Callable[[int], None]]:
    """A progress bar in rows; those of orders are read, and then told."""
    with progress_bar(shown(file.name), "rows") as (ahead, done):
        ahead(file.text.lines * (2 if file.map.kind == "orders" else 1))
        so_far, due = 0, 0.0

        def at(row: int) -> None:
            nonlocal so_far, due
            if row & 63 == 0 and (now := time.monotonic()) >= due:
                done(row - so_far)
                so_far, due = row, now + SHOWN_EVERY_S

        yield at
