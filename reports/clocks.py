"""Local time of sites in SQL: their offsets from UTC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from wakeline.durations import DAY_MS, QUARTER_MS


def ahead(zones: Mapping[str, ZoneInfo], since: int, until: int) -> str:
    """An expression of `site` and `at_ms` (ms since 1970): ms to add for the site's local time; 0 for other sites.

    Valid from `since` to `until`, ms.
    """
    cases = [f"WHEN {quoted(site)} THEN {_of_zone(zone, since, until)}" for site, zone in zones.items()]
    return f"CASE site {' '.join(cases)} ELSE 0 END" if cases else "0"


def _of_zone(zone: ZoneInfo, since: int, until: int) -> str:
    *changes, (_, last) = offsets(zone, since, until)
    if not changes:
        return str(last)
    return f"CASE {' '.join(f'WHEN at_ms < {end} THEN {offset}' for end, offset in changes)} ELSE {last} END"


def offsets(zone: ZoneInfo, since: int, until: int) -> Iterator[tuple[int, int]]:
    """(end, offset) of each period with a constant offset from UTC, ms; the last ends at `until` or later."""
    begin = since // QUARTER_MS * QUARTER_MS
    offset = _offset(zone, begin)
    for day in range(begin, until + DAY_MS, DAY_MS):
        begin = day
        while (after := _offset(zone, day + DAY_MS)) != offset:  # no zone changes twice in a day
            low, high = begin, day + DAY_MS
            while high - low > QUARTER_MS:
                middle = (low + high) // (2 * QUARTER_MS) * QUARTER_MS
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            yield high, offset
            begin, offset = high, _offset(zone, high)
            if offset == after:
                break
    yield until + DAY_MS, offset


def _offset(zone: ZoneInfo, ms: int) -> int:
    ahead = datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone).utcoffset()
    assert ahead is not None
    return ahead // timedelta(milliseconds=1)


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
