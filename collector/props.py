"""Cleans the properties of an event; invalid ones are dropped and reported.

Valid are texts, numbers, booleans and null; lists of these; and objects of these in a list, such as a purchase's
`items`. Pages send more, such as nested lists or whole data layers, which is no reason to lose a purchase.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Any

from collector.cards import is_card_number
from collector.clean import clean_text, clean_thing
from collector.fields import ADDRESSES, is_one_word, names_thing
from collector.links import plain_link
from wakeline.amounts import amount_of
from wakeline.commerce import AMOUNTS, OWN_FIELDS, QUANTITY
from wakeline.event import MAX_ITEM_PROPS, MAX_PROP_NAME, MAX_PROP_TEXT, MAX_PROPS
from wakeline.labels import REDACTED
from wakeline.vocabulary.names import visible

LEAST_TEXT = 6  # a@b.de: no shorter text contains an e-mail address
EXACT = 1 << 63  # integers below it stay integers; larger ones from browsers are imprecise anyway


class Dropped(StrEnum):
    """Why a part of an accepted event's properties was dropped: the metric's label."""

    NO_OBJECT = "no_object"  # `props` is not an object
    TOO_MANY = "too_many"  # beyond MAX_PROPS or MAX_ITEM_PROPS
    BAD_NAME = "bad_name"  # empty, or longer than MAX_PROP_NAME
    TOO_LONG = "too_long"  # a text was cut to MAX_PROP_TEXT
    NESTED = "nested"  # a list or an object where none is allowed
    BAD_NUMBER = "bad_number"  # too large to represent
    BAD_AMOUNT = "bad_amount"  # an invalid price or quantity; where a purchase is counted by it, the event is rejected
    BAD_CURRENCY = "bad_currency"  # not three letters
    NO_VALUE = "no_value"  # a text such as "undefined" as an order number or a product id


LEFT_OUT = object()


Link = Callable[[str, str], str]


def clean_props(props: Any, dropped: list[Dropped], link: Link = plain_link) -> dict[str, Any]:
    """The redacted valid properties; the reasons for all dropped ones are added to `dropped`.

    `link` cleans URLs; it gets the property's name and text.
    """
    if not isinstance(props, dict):
        dropped.append(Dropped.NO_OBJECT)
        return {}
    kept = {}
    for name, value in _bounded(props, MAX_PROPS, dropped).items():
        name = _name(name)
        clean = _list(name, value, dropped, link) if type(value) is list else clean_value(name, value, dropped, link)
        if clean is not LEFT_OUT:
            kept[name] = clean
    return kept


def _list(name: str, values: list[Any], dropped: list[Dropped], link: Link) -> list[Any]:
    cleaned = (
        _object(each, dropped, link) if type(each) is dict else clean_value(name, each, dropped, link)
        for each in values
    )
    return [each for each in cleaned if each is not LEFT_OUT]


def _object(fields: dict[str, Any], dropped: list[Dropped], link: Link) -> dict[str, Any]:
    kept = {}
    for name, value in _bounded(fields, MAX_ITEM_PROPS, dropped).items():
        name = _name(name)
        clean = clean_value(name, value, dropped, link)
        if clean is not LEFT_OUT:
            kept[name] = clean
    return kept


def _bounded(fields: dict[str, Any], most: int, dropped: list[Dropped]) -> dict[str, Any]:
    """Up to `most` fields with valid names, those with a predefined meaning first."""
    for name in fields:
        if not 0 < len(name) <= MAX_PROP_NAME:
            named = {name: value for name, value in fields.items() if 0 < len(name) <= MAX_PROP_NAME}
            dropped += [Dropped.BAD_NAME] * (len(fields) - len(named))
            fields = named
            break
    if len(fields) <= most:
        return fields
    dropped += [Dropped.TOO_MANY] * (len(fields) - most)
    names = sorted(fields, key=lambda name: name not in OWN_FIELDS)[:most]
    return {name: fields[name] for name in names}


def clean_value(name: str, value: Any, dropped: list[Dropped], link: Link = plain_link) -> Any:
    """One property's value, redacted; LEFT_OUT if it is none."""
    kind = type(value)
    if kind is str:
        return clean_prop_text(name, value, dropped, link)
    if kind is int or kind is float:
        return _number(name, value, dropped)
    if value is None or kind is bool:
        return value
    dropped.append(Dropped.NESTED)
    return LEFT_OUT


def clean_prop_text(name: str, text: str, dropped: list[Dropped], link: Link = plain_link) -> str:
    """A text, redacted as its name asks for: an address as one, an object's id without looking for cards."""
    if name in ADDRESSES:
        text = link(name, text)
    elif len(text) < LEAST_TEXT:
        return visible(text)
    elif (name in AMOUNTS or name == QUANTITY) and amount_of(text) is not None:
        return visible(text)  # decimals, as of 0.1 + 0.2, may look like a card number
    elif names_thing(name) and is_one_word(text):
        text = clean_thing(text)
    else:
        text = clean_text(text)
    if len(text) > MAX_PROP_TEXT:
        dropped.append(Dropped.TOO_LONG)
        return text[:MAX_PROP_TEXT]
    return text


def _number(name: str, value: float, dropped: list[Dropped]) -> Any:
    if not -EXACT < value < EXACT and type(value) is int:
        try:
            value = float(value)
        except OverflowError:
            dropped.append(Dropped.BAD_NUMBER)
            return LEFT_OUT
    return REDACTED if is_card_number(value) and not names_thing(name) else value


@lru_cache(4_096)
def _name(name: str) -> str:
    return clean_text(name)
