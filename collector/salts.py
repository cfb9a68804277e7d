"""Daily secrets that anonymous visitor ids are hashed with. When a salt is gone, so is the way back to a person.

A site's day begins at 04:00 of its time zone. The salts of today and yesterday are kept: a visit may go
on over that hour, and a retry may come later. They lie in files that all workers of a machine share,
never in Redis, whose append-only file would keep what was deleted.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.addresses import household
from wakeline import keys
from wakeline.record import ANONYMOUS_PREFIX

logger = logging.getLogger("wakeline.collector")

DAY_STARTS = clock_time(4)
SALT_BYTES = 32
MADE_AHEAD_MS = 3_600_000  # tomorrow's salt is made in the hour before: no request waits for the disk
NAME = re.compile(r"([0-9a-f]{32})_(\d{4}-\d{2}-\d{2})\.salt")
UNFINISHED = ".making"


def starts_at(day: date, zone: ZoneInfo) -> int:
    """When `day` begins in `zone`, ms since 1970."""
    return int(datetime.combine(day, DAY_STARTS, zone).timestamp() * 1000)


def day_of(ms: int, zone: ZoneInfo) -> date:
    """The day that `ms` belongs to: before 04:00 it is still the one before."""
    local = datetime.fromtimestamp(ms / 1000, zone)
    return local.date() if local.timetz().replace(tzinfo=None) >= DAY_STARTS else local.date() - timedelta(days=1)


def anonymous_id(salt: bytes, *, site: str, address: str, user_agent: str) -> str:
    """ "~" and 32 hex digits: the same for one browser on one day, and nothing else is known of it.

    Of an IPv6 address the /64 counts. Who comes by IPv4 and by IPv6 is two: nothing joins them.
    """
    text = f"{site}\0{household(address)}\0{user_agent}".encode()
    return ANONYMOUS_PREFIX + hashlib.blake2b(text, key=salt, digest_size=16).hexdigest()


class SaltUnavailable(Exception):
    """A salt can be neither read nor made: nothing can be said of anonymous visitors."""


class _Days(NamedTuple):
    """The three days around now of one site."""

    starts: tuple[int, int, int, int]  # of yesterday, today, tomorrow and the day after, ms
    days: tuple[date, date, date]


class Salts:
    """The salts of `sites` (key -> time zone) in `folder`; `clock` gives ms since 1970."""

    def __init__(
        self,
        folder: Path,
        sites: dict[str, ZoneInfo],
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.folder = folder
        self._sites = sites
        self._clock = clock
        self._days: dict[str, _Days] = {}
        self._salts: dict[tuple[str, date], bytes] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def oldest(self, site: str) -> int:
        """Start of yesterday, ms: before it there is no salt any more."""
        return self._around_now(site).starts[0]

    def salt(self, site: str, at: int) -> bytes:
        """The salt of the day that `at` (ms, not before `oldest`, not after now) lies in. Raises SaltUnavailable."""
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
        """Key in Redis -> mark, of each salt there is; today's are made. Raises OSError."""
        for site in self._sites:
            today = self._around_now(site).days[1]
            if (site, today) not in self._salts:
                self._salts[site, today] = self._shared(site, today)
        return {**marks_in(self.folder, self._sites, self._clock()), **_marks(self._salts)}

    def keep(self) -> None:
        """Destroy what is over, in memory and on disk, and make tomorrow's in time; to be called each minute.

        Raises OSError.
        """
        now = self._clock()
        kept: set[tuple[str, date]] = set()
        for site in self._sites:
            around = self._around_now(site)
            kept.update((site, day) for day in around.days)
            if around.starts[2] - now <= MADE_AHEAD_MS:
                self._salts.setdefault((site, around.days[2]), self._shared(site, around.days[2]))
        for over in self._salts.keys() - kept:
            del self._salts[over]
        self._destroy_over(self.folder.iterdir())

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
        """The salt that all workers agree on: whoever links its file first has made it."""
        path = self.folder / _file(site, day)
        if (found := _read(path)) is not None:
            return found
        making = path.with_suffix(f".{secrets.token_hex(8)}{UNFINISHED}")
        descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(secrets.token_bytes(SALT_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(making, path)
            except FileExistsError:
                _overwrite(making)
        finally:
            making.unlink(missing_ok=True)
        made = _read(path)
        if made is None:
            raise OSError(f"{path} was removed while it was made")
        return made

    def _destroy_over(self, paths: Iterable[Path]) -> None:
        days = {_name(site): self._around_now(site).days[0] for site in self._sites}
        forgotten = day_of(self._clock(), ZoneInfo("UTC")) - timedelta(days=2)  # of a site that is no more
        for path in paths:
            found = NAME.fullmatch(path.name)
            if found and date.fromisoformat(found[2]) < days.get(found[1], forgotten):
                destroy(path)
            elif path.name.endswith(UNFINISHED) and _age_s(path) > 60:
                destroy(path)  # its worker was killed while it made it


def marks_in(folder: Path, sites: Mapping[str, ZoneInfo], now: int) -> dict[str, str]:
    """Key in Redis -> mark, of the salts in a folder for yesterday, today and tomorrow; makes none. Raises OSError."""
    found: dict[tuple[str, date], bytes] = {}
    for site, zone in sites.items():
        today = day_of(now, zone)
        for day in (today + timedelta(days=n) for n in (-1, 0, 1)):
            if (salt := _read(folder / _file(site, day))) is not None:
                found[site, day] = salt
    return _marks(found)


def _marks(salts: Mapping[tuple[str, date], bytes]) -> dict[str, str]:
    return {keys.salts(site, day.isoformat()): mark(salt) for (site, day), salt in salts.items()}


def mark(salt: bytes) -> str:
    """32 hex digits by which two salts can be told apart; no way back to them."""
    return hashlib.blake2b(b"mark", key=salt, digest_size=16).hexdigest()


def destroy(path: Path) -> None:
    """Overwrite a file and remove it. Where another worker was faster there is nothing to do."""
    try:
        _overwrite(path)
        path.unlink()
    except FileNotFoundError:
        return
    logger.info("a daily salt is over and was destroyed")


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(SALT_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes | None:
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(found) != SALT_BYTES:
        raise OSError(f"{path} holds {len(found)} bytes instead of {SALT_BYTES}: remove it")
    return found


def _file(site: str, day: date) -> str:
    return f"{_name(site)}_{day.isoformat()}.salt"


def _name(site: str) -> str:
    """A file name for any site key."""
    return hashlib.sha256(site.encode()).hexdigest()[:32]


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
