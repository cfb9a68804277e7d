"""The stored names of a fact's fields, and what their values may be, by what `vocabulary.fields` declares.

Names of what each order has are short. A field of another fact's type, or of a later version of Wakeline, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import isfinite
from typing import Any

from msgspec import inspect

from wakeline import told
from wakeline.kept import Fields
from wakeline.record import FOR_GOOD
from wakeline.told import stored_name
from wakeline.vocabulary.fields import AMOUNTS, FIELDS, MAX_ITEMS, MAX_TEXT, MAX_TRAITS, PERSONAL, Told
from wakeline.vocabulary.things import MAX_THING_ID
from wakeline.vocabulary.types import BY_NAME

MOST_MINOR = 10**17  # minor units: `amounts.MAX_AMOUNT` in the currency with the most decimals

Form = Callable[[Any], Any]
"""Returns a value as it is stored; raises ValueError for one that cannot be."""
Table = Mapping[str, tuple[str, Form]]
"""Field of a fact -> its stored name and its form."""


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or abs(value) > FOR_GOOD:
        raise ValueError("no number")
    return int(value) if value == int(value) else value


def amount(value: Any) -> int:
    """Minor units."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_MINOR:
        raise ValueError("no amount in minor units")
    return value


def time(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= FOR_GOOD:
        raise ValueError("no time")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError("no text, or one that is too long")
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def texts(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_TRAITS:
        raise ValueError("no list of texts, or one that is too long")
    return [text(one) for one in value]


def scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    return text(value) if isinstance(value, str) else number(value)


def scalars(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > MAX_TRAITS:
        raise ValueError("no names with values, or too many")
    return {text(name): scalar(one) for name, one in value.items()}


ITEM_FORMS: Mapping[str, Form] = {"price": amount, "quantity": number, "discount": amount, "cost": amount}
ITEM: tuple[tuple[str, Form], ...] = tuple((name, ITEM_FORMS.get(name, text)) for name in told.ITEM)


def items(value: Any) -> list[list[Any]]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise ValueError("no list of items, or too many")
    return [_item(one) for one in value]


def _item(value: Any) -> list[Any]:
    if not isinstance(value, dict) or not value.get("item_id") or len(str(value["item_id"])) > MAX_THING_ID:
        raise ValueError("an item without an id, or with a long one")
    found = [None if value.get(name) in (None, "") else form(value[name]) for name, form in ITEM]
    while found[-1] is None:
        found.pop()
    return found


MONEY_FORMS: Mapping[str, Form] = {**dict.fromkeys(AMOUNTS, amount), "items": items, "parts": items, "currency": text}
FORMS: Mapping[type, Form] = {
    inspect.StrType: text, inspect.LiteralType: text, inspect.EnumType: text, inspect.BoolType: flag,
    inspect.IntType: number, inspect.FloatType: number, inspect.ListType: texts, inspect.DictType: scalars,
    inspect.UnionType: time,
}  # fmt: skip
"""By the type that `vocabulary.fields` gives a field; `Time` is its only union beside `Amount`, see `MONEY_FORMS`."""


def table(type: str, *, without: Collection[str] = ()) -> Table:
    """The fields of a type of fact, `without` those that its rule reads itself.

    What every event has is in no table, nor are personal values, and the id of a thing, which is the home.
    """
    thing = BY_NAME[type].thing
    others = {*Told.__struct_fields__, *without, *(PERSONAL if thing is None else (thing.id_field,))}
    fields = {field.name: field.type for field in inspect.type_info(FIELDS[type]).fields}  # type: ignore[attr-defined]
    return {
        name: (stored_name(name), MONEY_FORMS.get(name) or FORMS[kind.__class__])
        for name, kind in fields.items()
        if name not in others
    }


def taken(body: Mapping[str, Any], known: Table) -> Fields:
    """The fields of a fact's body as they are stored. Raises ValueError, which names the field."""
    found = {}
    for name, value in body.items():
        if name in known:
            stored, form = known[name]
            try:
                found[stored] = form(value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
    return found


def field(body: Mapping[str, Any], name: str, form: Form) -> Any:
    """One field. Raises ValueError, which names it."""
    try:
        return form(body.get(name))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
