"""What is kept of a record that could not be folded, and whom it is about: with its person it goes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from wakeline.record import Delta, Erase, Event, decode_record, encode_record

Who = tuple[str, str]  # site, id; the site is "" where the record does not say it

PLAIN = re.compile(r"[!-~]{1,128}")  # an id or a site that can be looked for
SITE = re.compile(r'"site"\s*:\s*"([!-~]{1,128}?)"')
ID = re.compile(r'"(?:visitor|customer|id)"\s*:\s*"([!-~]{1,128}?)"')
TIME = re.compile(r'"(?:time|since)"\s*:\s*(\d{1,16})\b')
SEARCHED = 100_000  # characters of what is no record
MOST_NAMED = 8  # in what is no record
NOBODY = "-"
WIDTH = 16  # digits of a time
GONE = "(forgotten)"


class DeadLetter(NamedTuple):
    """One record that is set aside. `about`: lines "<site>/<id> <time, ms>" of those whom it names."""

    offset: int
    reason: str
    value: bytes
    error: str  # traceback, for `bug`
    about: tuple[str, ...]

    def is_about(self, site: str, id: str, upto: int) -> bool:
        """Whether it names this person, at `upto` (ms) or before, or at a time that it does not say."""
        return any(whose(line) in (f"{site}/{id}", f"/{id}") and _time(line) <= upto for line in self.about)


class Named(NamedTuple):
    """Whom a record names, and when it happened, ms; 0 where it does not say."""

    people: tuple[Who, ...]
    time: int


def named_by(value: bytes) -> Named:
    """Whom a record names that could not be folded: by its fields, or by what looks like them."""
    try:
        record = decode_record(value)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return _looks_like(value.decode("utf-8", "backslashreplace")[:SEARCHED])
    if isinstance(record, Event):
        return _named(record.site, (record.visitor, record.customer), record.time)
    if isinstance(record, Erase):
        return _named(record.site, (record.id, record.customer), record.time)
    return Named((), 0)


def letter(offset: int, reason: str, value: bytes, error: str = "", *, is_forgotten: bool = False) -> DeadLetter:
    """Of who is forgotten already only the reason is kept; of a delta only which one it is: the log has the rest."""
    if is_forgotten:
        return DeadLetter(offset, reason.partition(":")[0], b"", "", (NOBODY,))
    try:
        record = decode_record(value)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        record = None
    if isinstance(record, Delta):
        for share in record.shares:
            for id in (share.customer, share.visitor):
                error = error.replace(id, GONE) if id else error
        frame = Delta(source=record.source, after=record.after, upto=record.upto)
        return DeadLetter(offset, reason, encode_record(frame), error, (NOBODY,))
    return DeadLetter(offset, reason, value, error, about(value))


def about(value: bytes) -> tuple[str, ...]:
    """Those whom a record names, as lines of `DeadLetter.about`."""
    people, time = named_by(value)
    return tuple(f"{site}/{id} {padded(time)}" for site, id in people) or (NOBODY,)


def padded(time: int) -> str:
    """In the order of times, as texts."""
    return str(min(max(time, 0), 10**WIDTH - 1)).zfill(WIDTH)


def whose(line: str) -> str:
    return line.partition(" ")[0]


def _time(line: str) -> int:
    return int(line.partition(" ")[2] or 0)


def _looks_like(text: str) -> Named:
    site, time = SITE.search(text), TIME.search(text)
    return _named(
        site[1] if site else "", list(dict.fromkeys(ID.findall(text)))[:MOST_NAMED], int(time[1]) if time else 0
    )


def _named(site: str, ids: Iterable[str], time: int) -> Named:
    if site and ("/" in site or not PLAIN.fullmatch(site)):
        site = ""
    return Named(tuple((site, id) for id in ids if PLAIN.fullmatch(id)), time)
