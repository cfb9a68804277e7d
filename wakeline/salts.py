"""The daily salts as stored in their folder: the day of a time, file names, and the salts' marks.

A site's day begins at 04:00 in its time zone. A mark is a hash that identifies a salt.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from zoneinfo import ZoneInfo

from wakeline import keys

DAY_STARTS = clock_time(4)
SALT_BYTES = 32
NAME = re.compile(r"([0-9a-f]{32})_(\d{4}-\d{2}-\d{2})\.salt")


def starts_at(day: date, zone: ZoneInfo) -> int:
    """When `day` begins in `zone`, ms since 1970."""
    return int(datetime.combine(day, DAY_STARTS, zone).timestamp() * 1000)


def day_of(ms: int, zone: ZoneInfo) -> date:
    """The day that `ms` belongs to; times before 04:00 belong to the previous day."""
    local = datetime.fromtimestamp(ms / 1000, zone)
    return local.date() if local.timetz().replace(tzinfo=None) >= DAY_STARTS else local.date() - timedelta(days=1)


def file_name(site: str, day: date) -> str:
    return f"{site_name(site)}_{day.isoformat()}.salt"


def site_name(site: str) -> str:
    """Prefix of the file names of a site, for any site key."""
    return hashlib.sha256(site.encode()).hexdigest()[:32]


def read_salt(path: Path) -> bytes | None:
    """The salt in a file; None if it does not exist. Raises OSError, also if it is not a salt."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(found) != SALT_BYTES:
        raise OSError(f"{path} holds {len(found)} bytes instead of {SALT_BYTES}: remove it")
    return found


def marks_in(folder: Path, sites: Mapping[str, ZoneInfo], now: int) -> dict[str, str]:
    """Key in Redis -> mark, for a folder's salts of yesterday, today and tomorrow; creates none. Raises OSError."""
    found: dict[tuple[str, date], bytes] = {}
    for site, zone in sites.items():
        today = day_of(now, zone)
        for day in (today + timedelta(days=n) for n in (-1, 0, 1)):
            if (salt := read_salt(folder / file_name(site, day))) is not None:
                found[site, day] = salt
    return marks_of(found)


def marks_of(salts: Mapping[tuple[str, date], bytes]) -> dict[str, str]:
    """Key in Redis -> mark, for these salts."""
    return {keys.salts(site, day.isoformat()): mark(salt) for (site, day), salt in salts.items()}


def mark(salt: bytes) -> str:
    """32 hex digits that identify a salt without revealing it."""
    return hashlib.blake2b(b"mark", key=salt, digest_size=16).hexdigest()
