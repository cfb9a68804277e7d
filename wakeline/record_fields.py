"""A customer's record as applications read it, from what is stored of the facts about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct, field

from wakeline.event import CONSENT
from wakeline.kept import Kept
from wakeline.profile_fields import Consent, Preference, Record
from wakeline.told import CHANNEL, CURRENCY, NAMED, TAGGED, TOPIC, TRAIT, stored_name
from wakeline.vocabulary.money import major_units

ORDERS, VALUE = stored_name("orders_before"), stored_name("value_before")

RECORD = "r"  # the stored name of a customer's record
JSON = b"{"  # how stored states of earlier versions begin; those of this one are msgpack


class Stored(Struct):
    """The part of a customer's state that is its record; see `keys.Keys.state`."""

    record: list[Kept] = field(name=RECORD, default_factory=list)
    former: list[Kept] = field(name="record", default_factory=list)  # as earlier versions called it


_unpack = msgspec.msgpack.Decoder(Stored).decode
_decode = msgspec.json.Decoder(Stored).decode


def read_record(state: bytes) -> Record | None:
    """The record in a customer's stored state; None if nothing was told."""
    found = _decode(state) if state[:1] == JSON else _unpack(state)
    facts = found.record or found.former
    if not facts:
        return None
    traits: dict[str, Any] = {}
    preferences: dict[str, dict[str, Preference]] = {TOPIC: {}, CHANNEL: {}}
    tags: list[str] = []
    others: dict[str, Any] = {}
    for fact in facts:
        at = datetime.fromtimestamp(fact.time / 1000, UTC)
        for stored, value in fact.fields.items():
            kind, colon, name = stored.partition(NAMED)
            start = kind + colon
            if start == TRAIT:
                traits[name] = value
            elif start == TAGGED:
                tags += [name] if value else []
            elif start in preferences:
                preferences[start][name] = msgspec.convert(value | {"time": at}, Preference)
            elif stored == CONSENT:
                others["consent"] = msgspec.convert(value | {"time": at}, Consent)
            elif stored == ORDERS:
                others["orders_before"] = value
            elif stored == VALUE:
                others["currency"] = currency = fact.fields.get(CURRENCY, "")
                others["value_before"] = major_units(value, currency)
    return Record(
        traits=dict(sorted(traits.items())),
        tags=tuple(sorted(tags)),
        topics=preferences[TOPIC],
        channels=preferences[CHANNEL],
        **others,
    )
