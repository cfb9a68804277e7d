"""Dead letters: records that cannot be folded, and the people they name, with whose erasure they are deleted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from crm.state import Visitor
from wakeline.named import ids, parts, replace_ids
from wakeline.record import Delta, Erase, Event, Fact, Record, Unlink, decode_record, encode_record
from wakeline.vocabulary.things import is_thing

Who = tuple[str, str]  # site, id; the site is "" if the record does not name it

PLAIN = re.compile(r"[!-~]{1,128}")  # a searchable id or site
SITE = re.compile(r'"site"\s*:\s*"([!-~]{1,128}?)"')
ID = re.compile(r'"(?:visitor|customer|home|id)"\s*:\s*"([!-~]{1,128}?)"')
TIME = re.compile(r'"(?:time|since)"\s*:\s*(\d{1,16})\b')
SEARCHED = 100_000  # characters of an undecodable value
MOST_NAMED = 8  # ids in an undecodable value
NOBODY = "-"
WIDTH = 16  # digits of a time
LEFT_OUT = "(left out)"


class DeadLetter(NamedTuple):
    """One record that was set aside. `about`: a line "<site>/<id> <time, ms>" for each person it names."""

    offset: int
    reason: str
    value: bytes
    error: str  # traceback, for `bug`
    about: tuple[str, ...]
    is_cut: bool = False  # parts of `value` were left out; the log has the whole record

    def is_about(self, site: str, id: str, upto: int) -> bool:
        """Whether it names this person with a time up to `upto` (ms) or without a time."""
        return any(whose(line) in (f"{site}/{id}", f"/{id}") and _time(line) <= upto for line in self.about)


class Named(NamedTuple):
    """The people a record names, and its time in ms (0: unknown)."""

    people: tuple[Who, ...]
    time: int


def named_by(value: bytes, *, most: int | None = MOST_NAMED) -> Named:
    """The people a dead record names: by its fields or, if it cannot be decoded, up to `most` matches in its text."""
    record = _record(value)
    if record is None:
        return _looks_like(value.decode("utf-8", "backslashreplace")[:SEARCHED], most)
    if isinstance(record, Event | Erase | Unlink | Fact):
        return _named(record.site, (id for id in ids(record) if not is_thing(id)), record.time)
    return Named((), 0)


def is_forgotten(named: Named, people: Iterable[Any], at: int) -> bool:
    """Whether a person named by a record appended at `at` (ms) was forgotten after the record's time."""
    return any(
        person.tombstone >= max(named.time, 1) or (isinstance(person, Visitor) and person.state.withheld >= at)
        for person in people
    )


def letter(
    offset: int,
    reason: str,
    value: bytes,
    error: str = "",
    *,
    is_forgotten: bool = False,
    lives_here: Callable[[Who], bool] = lambda who: True,
) -> DeadLetter:
    """The dead letter of a record. If its person is already forgotten, it keeps only the reason.

    A delta keeps no shares; the log has them. Ids that belong to other lanes are left out, because this lane would
    not learn of their erasure.
    """
    if is_forgotten:
        return DeadLetter(offset, reason.partition(":")[0], b"", "", (NOBODY,))
    record = _record(value)
    if isinstance(record, Delta):
        for part in parts(record):
            error = _without(ids(part), error)
        frame = msgspec.structs.replace(record, shares=[], facts=[])
        return DeadLetter(offset, reason, encode_record(frame), error, (NOBODY,))
    elsewhere = {id for site, id in named_by(value, most=None).people if not lives_here((site, id))}
    if not elsewhere:
        return DeadLetter(offset, reason, value, error, about(value))
    value = _left_out(value, record, elsewhere)
    return DeadLetter(offset, reason, value, _without(elsewhere, error), about(value), is_cut=True)


def _left_out(value: bytes, record: Record | None, elsewhere: set[str]) -> bytes:
    """The record with these ids replaced in its id fields, or in its text if it cannot be decoded."""
    if record is not None:
        for part in parts(record):
            replace_ids(part, lambda id: LEFT_OUT if id in elsewhere else id)
        return encode_record(record)
    text = value.decode("utf-8", "backslashreplace")
    return ID.sub(
        lambda found: found[0].replace(f'"{found[1]}"', f'"{LEFT_OUT}"') if found[1] in elsewhere else found[0], text
    ).encode()


def _without(named: Iterable[str], text: str) -> str:
    for id in named:
        text = text.replace(id, LEFT_OUT) if id else text
    return text


def about(value: bytes) -> tuple[str, ...]:
    """The people a record names, as lines of `DeadLetter.about`."""
    people, time = named_by(value)
    return tuple(f"{site}/{id} {padded(time)}" for site, id in people) or (NOBODY,)


def padded(time: int) -> str:
    """A time as text that sorts like the number."""
    return str(min(max(time, 0), 10**WIDTH - 1)).zfill(WIDTH)


def whose(line: str) -> str:
    return line.partition(" ")[0]


def _time(line: str) -> int:
    return int(line.partition(" ")[2] or 0)


def _record(value: bytes) -> Record | None:
    try:
        record: Record = decode_record(value)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    return record


def _looks_like(text: str, most: int | None) -> Named:
    site, time = SITE.search(text), TIME.search(text)
    found = [id for id in dict.fromkeys(ID.findall(text)) if not is_thing(id)][:most]
    return _named(site[1] if site else "", found, int(time[1]) if time else 0)


def _named(site: str, named: Iterable[str], time: int) -> Named:
    if site and ("/" in site or not PLAIN.fullmatch(site)):
        site = ""
    return Named(tuple((site, id) for id in named if PLAIN.fullmatch(id)), time)
