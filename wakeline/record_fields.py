"""A customer's record as applications read it, from what is stored of the facts about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from wakeline.event import CONSENT
from wakeline.kept import Kept
from wakeline.profile_fields import Consent, Preference, Record
from wakeline.told import CHANNEL, CURRENCY, NAMED, TAGGED, TOPIC, TRAIT, stored_name
from wakeline.vocabulary.money import major_units

ORDERS, VALUE = stored_name("orders_before"), stored_name("value_before")


def read_record(facts: Sequence[Kept]) -> Record | None:
    """The record that the facts in a customer's stored state make; None if nothing was told."""
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
