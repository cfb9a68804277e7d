"""Cleans the fields of what a server says: texts redacted, amounts in minor units, ids of others as keyed hashes.

Which rule a field has follows from its name and its kind of value, alike in every type of event. Personal fields, ids
of the thing it is about and times are handled before, in `facts`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from collector.cards import is_card_number
from collector.clean import clean_thing
from collector.fields import is_one_word
from collector.props import LEFT_OUT, Dropped, clean_prop_text, clean_props, clean_value
from collector.told import Bad
from wakeline.event import Refusal
from wakeline.labels import REDACTED
from wakeline.vocabulary.fields import AMOUNTS
from wakeline.vocabulary.money import FACTORS, BadAmount, minor_units
from wakeline.vocabulary.names import is_name
from wakeline.vocabulary.things import MAX_THING_ID, ORDER, own_id, part_id, thing_id

CACHED, CACHED_LENGTH = 16_384, 128  # texts, which recur: names of products, channels; 5 MB

LISTS_OF_ITEMS = frozenset(("items", "parts"))
ROUNDED = frozenset(("price", "cost"))  # may be finer than the currency is, as for one screw or one mail
OBJECTS = frozenset(("item_id", "campaign", "offer", "slot", "decision_id", "survey", "promotion"))
"""Ids and names of objects: not searched for card numbers, as long as they are one word."""

NEEDED = frozenset(("item_id", "tag", "topic", "channel", "campaign", "survey", "promotion", "decision_id"))
"""Texts that may not be empty once what is invisible is gone."""


class Fields:
    """Cleans fields for one site."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def cleaned(self, said: dict[str, Any], dropped: list[Dropped]) -> dict[str, Any]:
        """What is kept of the fields. Raises Bad."""
        currency = said.get("currency", "")
        if currency and currency not in FACTORS:
            currency = said["currency"] = known_currency(currency)
        body: dict[str, Any] = {}
        for name, value in said.items():
            if name in AMOUNTS:
                body[name] = amount(value, currency, name, rounds=name in ROUNDED)
                continue
            kind = type(value)
            if kind is str:
                kept: Any = self._text(name, value)
            elif kind is list:
                kept = items(name, value, currency) if name in LISTS_OF_ITEMS else labels(name, value)
            elif kind is dict:
                kept = clean_props(value, dropped) if name == "props" else traits(name, value)
            else:
                kept = number(value)
            if kept != "" and kept != {}:
                body[name] = kept
        return body

    def _text(self, name: str, value: str) -> str:
        if name == "order":
            return thing_id(self._secret, ORDER, strict_id(value, name))
        if name == "refund_id":
            return part_id(self._secret, "refund", strict_id(value, name))
        if name == "code":
            code = own_id(value)
            return part_id(self._secret, "promotion", code) if code is not None else ""
        if name in ("currency", "other"):
            return value  # made by us
        return text(name, value, name)


def items(name: str, values: list[dict[str, Any]], currency: str) -> list[dict[str, Any]]:
    """The lines of an order. Raises Bad."""
    kept = []
    for index, item in enumerate(values):
        line: dict[str, Any] = {}
        for field, value in item.items():
            if field in AMOUNTS:
                line[field] = amount(value, currency, name, index, field, rounds=True)
            elif type(value) is str:
                if cleaned := text(field, value, name, index):
                    line[field] = cleaned
            else:
                line[field] = number(value)
        kept.append(line)
    return kept


def text(name: str, value: str, field: str, index: int = -1) -> str:
    """A text, redacted. Raises Bad if it is empty and must not be; `field` and `index`: where it is."""
    cleaned = clean_cached(name, value) if len(value) <= CACHED_LENGTH else clean(name, value)
    if not cleaned and name in NEEDED:
        path = field if index < 0 else f"{field}[{index}].{name}"
        raise Bad(Refusal.BAD_EVENT, path, "is empty, or says that there is no value")
    return cleaned


def clean(name: str, value: str) -> str:
    """The text, redacted; "" for an item's id that is none."""
    if name in OBJECTS and is_one_word(value):
        cleaned = clean_thing(value)
    else:
        cleaned = clean_prop_text("url" if name == "image" else name, value, []).strip()
    if name == "item_id":
        return cleaned[:MAX_THING_ID] if is_name(cleaned) else ""
    return cleaned


clean_cached = lru_cache(CACHED)(clean)


def labels(name: str, values: list[str]) -> list[str]:
    return [cleaned for value in values if (cleaned := text(name, value, name))]


def traits(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Traits of a customer, attributes of a product, elements of a campaign. Raises Bad for a name that is none."""
    kept = {}
    for label, value in values.items():
        cleaned = clean_cached("", label)
        if not cleaned:
            raise Bad(Refusal.BAD_EVENT, name, "has a field whose name is empty")
        found = clean_prop_text(label, value, []) if type(value) is str else clean_value(label, whole(value), [])
        if found is not LEFT_OUT:
            kept[cleaned] = found
    return kept


def number(value: Any) -> Any:
    """A number, without card numbers; anything else as it is."""
    value = whole(value)
    return REDACTED if type(value) is int and is_card_number(value) else value


def whole(value: Any) -> Any:
    """2 for 2.0; anything else as it is."""
    return int(value) if type(value) is float and value.is_integer() else value


def amount(
    value: float | str, currency: str, field: str, index: int = -1, inner: str = "", *, rounds: bool = False
) -> int:
    """An amount in minor units. Raises Bad."""
    if not currency:
        path = field if index < 0 else f"{field}[{index}].{inner}"
        raise Bad(Refusal.BAD_AMOUNT, "currency", f"is missing: {path} is an amount")
    try:
        return minor_units(value, currency, rounds=rounds)
    except BadAmount as error:
        path = field if index < 0 else f"{field}[{index}].{inner}"
        raise Bad(Refusal.BAD_AMOUNT, path, str(error)) from None


def known_currency(text: str) -> str:
    """The currency's code in capitals. Raises Bad."""
    code = text.strip().upper()
    if code not in FACTORS:
        raise Bad(Refusal.BAD_AMOUNT, "currency", "is no currency of ISO 4217, such as EUR")
    return code


def strict_id(id: str, field: str) -> str:
    """The site's own id of a thing. Raises Bad for a placeholder, which others would share."""
    own = own_id(id)
    if own is None:
        raise Bad(Refusal.BAD_EVENT, field, "is empty, or says that there is no value")
    return own
