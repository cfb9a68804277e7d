"""Restores lists that arrive as text, so that the snippet does not have to.

An old library (Prototype.js 1.6) adds a `toJSON` to every array of a page, which turns it into a text. Only fields that
must be lists are parsed, and only if the text is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from wakeline.commerce import ITEMS
from wakeline.event import without_lone_surrogates

Read = Callable[[bytes], list[Any]]

OBJECTS: Read = without_lone_surrogates(msgspec.json.Decoder(list[dict[str, Any]]).decode)
TEXTS: Read = without_lone_surrogates(msgspec.json.Decoder(list[str]).decode)

FORM_SUBMIT, FORM_ABANDONED, FIELDS = "form_submit", "form_abandoned", "fields"

OF_ANY: dict[str, Read] = {ITEMS: OBJECTS}
OF_TYPE: dict[str, dict[str, Read]] = {
    FORM_SUBMIT: {FIELDS: TEXTS},
    FORM_ABANDONED: {FIELDS: TEXTS},
    "web_vitals": {"server_timing": OBJECTS},
}


def with_lists(type: str, props: Any) -> Any:
    """The properties that a page sent, with such lists restored."""
    if isinstance(props, dict):
        for name, read in OF_TYPE.get(type, OF_ANY).items():
            values = _list(props.get(name), read)
            if values is not None:
                props = {**props, name: values}
        if type in (FORM_SUBMIT, FORM_ABANDONED) and isinstance(props.get(FIELDS), list):
            props = {**props, FIELDS: _names(props[FIELDS])}
    return props


def interests_of(sent: Any) -> list[str]:
    """The interests of a page view: the texts in a list, or a JSON or comma-separated text.

    Other values mean none: an element of that name that is not a `meta` makes it an object.
    """
    if isinstance(sent, str):
        values = _list(sent, TEXTS)
        return list(filter(None, map(str.strip, sent.split(",")))) if values is None else values
    return [value for value in sent if isinstance(value, str)] if isinstance(sent, list) else []


def _names(values: list[Any]) -> list[Any]:
    """The names of a form's fields, without empty and repeated ones: 200 radio buttons may share a name."""
    kept, seen = [], {""}
    for value in values:
        if isinstance(value, str):
            if value in seen:
                continue
            seen.add(value)
        if value is not None:
            kept.append(value)
    return kept


def _list(value: Any, read: Read) -> list[Any] | None:
    if not isinstance(value, str) or not value.startswith("["):
        return None
    try:
        return read(value.encode())
    except (ValueError, RecursionError):
        return None
