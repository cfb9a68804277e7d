"""From what a caller says to the JSON of an event.

Only what would be ambiguous is an error here, such as a time without a zone. Whether fields and values are right is for
the collector to say, which may be newer than this client.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec

from wakeline.clock import now_ms
from wakeline.server_events import MAX_BODY_BYTES, MAX_EVENTS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
SURELY_MS = 10**11  # a time below it is given in seconds, or lies before March 1973
MAX_DEPTH = 16
ENVELOPE_BYTES = 1_000  # kept free in a body for what surrounds the events

NO_ZONE = (
    "has no time zone, so nobody knows which moment it is. For now: datetime.now(UTC); "
    'for local time: .replace(tzinfo=ZoneInfo("Europe/Berlin"))'
)
NO_TIME = "is a day without time and zone: give a datetime, or a text where a text is meant"

_encode = msgspec.json.Encoder().encode


class BadEvent(ValueError):
    """An event that cannot be sent as it is; the message names the field and never its value."""


class Prepared(NamedTuple):
    """An event ready to be sent, as often as it takes."""

    id: str
    type: str
    body: bytes  # JSON

    def as_dict(self) -> dict[str, Any]:
        event: dict[str, Any] = msgspec.json.decode(self.body)
        return event


def prepare(said: Mapping[str, object]) -> Prepared:
    """The event with an id and a time, if it has none: new ones here, the same in every attempt. Raises BadEvent."""
    type = said.get("type")
    if not isinstance(type, str) or not type:
        raise BadEvent("an event needs a `type`, as a text")
    id = _id(said.get("id"))
    event: dict[str, Any] = {"id": id, "type": str(type), "time": _time(said.get("time"))}
    for name, value in said.items():
        if name not in event and value is not None:
            event[name] = _plain(value, name, MAX_DEPTH)
    try:
        body = _encode(event)
    except UnicodeEncodeError:
        raise BadEvent("a text is not Unicode: it has half a character") from None
    if len(body) > MAX_BODY_BYTES - ENVELOPE_BYTES:
        raise BadEvent(f"an event of {len(body):,} bytes is too large: the limit is 1 MB")
    return Prepared(id, type, body)


def batches(events: list[Prepared]) -> Iterable[list[Prepared]]:
    """`events` in order, in runs that fit into a request."""
    while events:
        number = first_batch(events)
        yield events[:number]
        events = events[number:]


def first_batch(events: Iterable[Prepared]) -> int:
    """How many of the first `events` fit into one request; at least one, if there is any."""
    number, room = 0, MAX_BODY_BYTES - ENVELOPE_BYTES + 1
    for event in events:
        room -= len(event.body) + 1
        if room < 0 or number == MAX_EVENTS:
            break
        number += 1
    return number


def _id(id: object) -> str:
    if id is None:
        return uuid4().hex
    if isinstance(id, (str, UUID)) or (isinstance(id, int) and not isinstance(id, bool)):
        text = str(id)
        if text:
            return text
    raise BadEvent("`id` has to be a text or a whole number, and not empty; without one, a new one is made")


def _time(time_: object) -> object:
    if time_ is None:
        return now_ms()
    if isinstance(time_, (str, datetime, date)):
        return _plain(time_, "time", 1)
    if isinstance(time_, int) and abs(time_) >= SURELY_MS:
        return time_
    if isinstance(time_, (int, float)):
        raise BadEvent("`time` seems to be in seconds: give a datetime with a zone, or whole milliseconds since 1970")
    raise BadEvent("`time` has to be a datetime with a zone, or whole milliseconds since 1970")


def _plain(value: object, name: str, depth: int) -> object:
    """`value` as JSON has it. Decimals become texts, which keep every digit; datetimes ms since 1970."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (str, UUID)):
        return str(value)
    if isinstance(value, (float, Decimal)):
        if not math.isfinite(value):
            raise BadEvent(f"`{name}` is not a finite number")
        return format(value, "f") if isinstance(value, Decimal) else value
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise BadEvent(f"`{name}` {NO_ZONE}")
        return (value - EPOCH) // MILLISECOND
    if isinstance(value, date):
        raise BadEvent(f"`{name}` {NO_TIME}")
    if not depth:
        raise BadEvent(f"`{name}` is nested too deeply")
    if isinstance(value, Mapping):
        return {_key(key, name): _plain(each, f"{name}.{key}", depth - 1) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_listed(each, f"{name}[{index}]", depth - 1) for index, each in enumerate(value)]
    raise BadEvent(f"`{name}` is a {type(value).__name__}, which has no form in JSON")


def _key(key: object, name: str) -> str:
    if not isinstance(key, str):
        raise BadEvent(f"`{name}` has a key that is not a text")
    return key


def _listed(value: object, name: str, depth: int) -> object:
    """An entry of a list. One such as an item has a field or not, as events have: None leaves it out."""
    plain = _plain(value, name, depth)
    if isinstance(plain, dict):
        return {key: each for key, each in plain.items() if each is not None}
    return plain
