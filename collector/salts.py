"""Daily secrets for hashing anonymous visitor ids. Without its salt an id cannot be traced back to a person.

A site's day begins at 04:00 in its time zone. The salts of today and yesterday are kept, for visits that continue over
that time and for late retries. They are stored in files shared by all workers of a machine, never in Redis, whose
append-only file would retain deleted data.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from collector.addresses import household
from wakeline.clock import now_ms
from wakeline.record import ANONYMOUS_PREFIX
from wakeline.salts import (
    NAME,
    SALT_BYTES,
    day_of,
    file_name,
    marks_in,
    marks_of,
    read_salt,
    site_name,
    starts_at,
)

logger = logging.getLogger("wakeline.collector")

MADE_AHEAD_MS = 3_600_000  # tomorrow's salt is created an hour ahead, so that no request waits for the disk
CERTAIN_S = 55.0  # a salt is only destroyed if its day was over this long ago too: the clock may be temporarily wrong
UNFINISHED = ".making"


def anonymous_id(salt: bytes, *, site: str, address: str, user_agent: str) -> str:
    """ "~" and 32 hex digits: the same for one browser on one day, and not traceable.

    Of an IPv6 address the /64 counts. A visitor who uses both IPv4 and IPv6 counts as two.
    """
    text = f"{site}\0{household(address)}\0{user_agent}".encode()
    return ANONYMOUS_PREFIX + hashlib.blake2b(text, key=salt, digest_size=16).hexdigest()


class SaltUnavailable(Exception):
    """A salt can be neither read nor created: anonymous visitors cannot be identified."""


class _Days(NamedTuple):
    """The three days around now, for one site."""

    starts: tuple[int, int, int, int]  # of yesterday, today, tomorrow and the day after, ms
    days: tuple[date, date, date]


class Salts:
    """The salts of `sites` (key -> time zone) in `folder`; `clock` gives ms since 1970, `monotonic` seconds."""

    def __init__(
        self,
        folder: Path,
        sites: dict[str, ZoneInfo],
        *,
        clock: Callable[[], int] = now_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self._sites = sites
        self._clock = clock
        self._monotonic = monotonic
        self._days: dict[str, _Days] = {}
        self._salts: dict[tuple[str, date], bytes] = {}
        self._over_since: dict[tuple[str, date] | Path, float] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def oldest(self, site: str) -> int:
        """Start of yesterday, ms: before it there are no salts any more."""
        return self._around_now(site).starts[0]

    def salt(self, site: str, at: int) -> bytes:
        """The salt of the day of `at` (ms, between `oldest` and now). Raises SaltUnavailable."""
        around = self._around_now(site)
        day = around.days[max(0, bisect_right(around.starts, at, hi=3) - 1)]
        found = self._salts.get((site, day))
        if found is None:
            try:
                found = self._salts[site, day] = self._shared(site, day)
            except OSError as error:
                raise SaltUnavailable(f"{error}") from error
        return found

    def marks(self) -> dict[str, str]:
        """Key in Redis -> mark, of each existing salt; creates today's. Raises OSError."""
        for site in self._sites:
            today = self._around_now(site).days[1]
            if (site, today) not in self._salts:
                self._salts[site, today] = self._shared(site, today)
        return {**marks_in(self.folder, self._sites, self._clock()), **marks_of(self._salts)}

    def keep(self) -> None:
        """Destroy expired salts in memory and on disk, create tomorrow's in time, and restore files missing from the
        folder.

        Call it each minute: a salt is destroyed when two calls have found it expired. Raises OSError.
        """
        now = self._clock()
        kept: set[tuple[str, date]] = set()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for site in self._sites:
            around = self._around_now(site)
            kept.update((site, day) for day in around.days)
            if around.starts[2] - now <= MADE_AHEAD_MS:
                self._salts.setdefault((site, around.days[2]), self._shared(site, around.days[2]))
        self._destroy_certain({*self._salts.keys() - kept, *self._files_over()})
        for site, day in self._salts.keys() & kept:
            path = self.folder / file_name(site, day)
            if not path.exists():
                self._make(path, self._salts[site, day])

    def assert_own(self) -> None:
        """Write this process's salts over different ones in the folder, once it is known that the deployment uses
        these.

        Processes that start later then find them. Raises OSError.
        """
        for (site, day), salt in self._salts.items():
            path = self.folder / file_name(site, day)
            if path.exists() and path.read_bytes() != salt and day >= self._around_now(site).days[0]:
                making = self._written(path, salt)
                with path.open("r+b") as other:
                    os.replace(making, path)
                    _overwrite(other)

    def _around_now(self, site: str) -> _Days:
        around = self._days.get(site)
        now = self._clock()
        if around is None or not around.starts[1] <= now < around.starts[2]:
            zone = self._sites[site]
            today = day_of(now, zone)
            yesterday, tomorrow, after = (today + timedelta(days=n) for n in (-1, 1, 2))
            starts = tuple(starts_at(day, zone) for day in (yesterday, today, tomorrow, after))
            around = self._days[site] = _Days((*starts,), (yesterday, today, tomorrow))  # type: ignore[arg-type]
        return around

    def _shared(self, site: str, day: date) -> bytes:
        """The salt shared by all workers: the first one that links its file determines it."""
        path = self.folder / file_name(site, day)
        if (found := read_salt(path)) is not None:
            return found
        self._make(path, secrets.token_bytes(SALT_BYTES))
        made = read_salt(path)
        if made is None:
            raise OSError(f"{path} was removed during its creation")
        return made

    def _make(self, path: Path, salt: bytes) -> None:
        """Create the file `path`, unless another worker was faster."""
        making = self._written(path, salt)
        try:
            os.link(making, path)
        except FileExistsError:
            with making.open("r+b") as file:
                _overwrite(file)
        finally:
            making.unlink(missing_ok=True)

    def _written(self, path: Path, salt: bytes) -> Path:
        """A complete temporary file, to be linked as `path`."""
        making = path.with_suffix(f".{secrets.token_hex(8)}{UNFINISHED}")
        descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(salt)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            making.unlink(missing_ok=True)
            raise
        return making

    def _files_over(self) -> list[Path]:
        days = {site_name(site): self._around_now(site).days[0] for site in self._sites}
        forgotten = day_of(self._clock(), ZoneInfo("UTC")) - timedelta(days=2)  # salts of a removed site
        over = []
        for path in self.folder.iterdir():
            found = NAME.fullmatch(path.name)
            if found and date.fromisoformat(found[2]) < days.get(found[1], forgotten):
                over.append(path)
            elif path.name.endswith(UNFINISHED) and _age_s(path) > 60:
                over.append(path)  # its worker was killed while it created it
        return over

    def _destroy_certain(self, over: set[tuple[str, date] | Path]) -> None:
        """Destroy what is expired now and was CERTAIN_S ago."""
        now = self._monotonic()
        self._over_since = {each: self._over_since.get(each, now) for each in over}
        for each in [each for each, since in self._over_since.items() if now - since >= CERTAIN_S]:
            if isinstance(each, Path):
                destroy(each)
            else:
                del self._salts[each]


def destroy(path: Path) -> None:
    """Overwrite a file and remove it; does nothing if another worker was faster."""
    try:
        with path.open("r+b") as file:
            _overwrite(file)
        path.unlink()
    except FileNotFoundError:
        return
    logger.info("an expired daily salt was destroyed")


def _overwrite(file: BinaryIO) -> None:
    file.write(secrets.token_bytes(SALT_BYTES))
    file.flush()
    os.fsync(file.fileno())


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
