"""Decodes an event of a server or an import as the Struct of its type; what is wrong is said in words, with its field.

No message contains a value: it may be a person's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import Struct

from collector.clean import clean_text
from collector.names import clean_name
from wakeline.event import MAX_NAME, Refusal, without_lone_surrogates
from wakeline.vocabulary.fields import FIELDS, Custom, Told
from wakeline.vocabulary.things import MAX_THING_ID
from wakeline.vocabulary.types import BY_NAME, By

CLOSE = 0.8  # likeness of a type's name to a known one, from which on it is taken for a slip; 1: the same
MAX_FIELD = 120  # characters of a field's path in an answer: an unknown name may be of any length
Decode = Callable[[bytes], Told]

TYPE_SAID = re.compile(rb'"type"\s*:\s*"([a-z_]{1,64})"')
"""Nearly always the event's own. A field of the same name further inside is found out, see `decode_told`."""

DECODERS: dict[str, Decode] = {
    type: without_lone_surrogates(msgspec.json.Decoder(struct).decode) for type, struct in FIELDS.items()
}
decode_custom: Decode = without_lone_surrogates(msgspec.json.Decoder(Custom).decode)


class Bad(Exception):
    """Why an event is refused: see `server_events.Rejected`."""

    def __init__(self, reason: Refusal, field: str, message: str) -> None:
        super().__init__(reason, field, message)
        self.reason, self.field, self.message = reason, field, message


class Head(Struct):
    """What can be known of an event that cannot be decoded as its type."""

    id: Any = None
    type: Any = None


decode_head = without_lone_surrogates(msgspec.json.Decoder(Head).decode)


def decode_told(text: bytes | msgspec.Raw) -> Told:
    """The event in this JSON, its type cleaned and one that servers may say. Raises Bad."""
    raw = memoryview(text)  # of both
    seen = TYPE_SAID.search(raw)
    decoder = DECODERS.get(seen[1].decode()) if seen is not None else None
    if decoder is not None and seen is not None:
        try:
            event = decoder(raw)  # type: ignore[arg-type]  # the decoders take any buffer
            if event.type == seen[1].decode():
                return event
        except (ValueError, RecursionError):
            pass  # what is wrong is found below, by its true type
    return _decoded(bytes(raw))


def convert_told(fields: Mapping[str, Any], by: By, *, is_text: bool = False) -> Told:
    """The event with these fields, its type cleaned and one that `by` may say. Raises Bad.

    `is_text`: numbers, and yes or no, may be texts.
    """
    name = _type_for(by, fields.get("type"))
    try:
        event: Told = msgspec.convert(fields, FIELDS.get(name, Custom), strict=not is_text)
    except msgspec.ValidationError as error:
        raise _said(str(error), name, by) from None
    except (ArithmeticError, ValueError, RecursionError):
        raise Bad(Refusal.BAD_EVENT, "", "cannot be read: nested too deeply, or too large a number") from None
    event.type = name
    return event


def id_of(text: bytes | msgspec.Raw) -> str | None:
    """The id of an event that cannot be decoded, if it has one that an event may have."""
    try:
        id = decode_head(bytes(memoryview(text))).id
    except (ValueError, RecursionError):
        return None
    return id if isinstance(id, str) and len(id) <= MAX_THING_ID else None


def _decoded(raw: bytes) -> Told:
    """The same, with the type read first."""
    try:
        head = decode_head(raw)
    except (ValueError, RecursionError):
        raise Bad(Refusal.BAD_EVENT, "", "is not a JSON object, or nested too deeply") from None
    type = head.type
    name = _type_for(By.SERVER, type)
    try:
        event = DECODERS.get(type, decode_custom)(raw)
    except msgspec.ValidationError as error:
        raise _said(str(error), type, By.SERVER) from None
    except (ValueError, RecursionError):
        raise Bad(Refusal.BAD_EVENT, "", "cannot be read: no UTF-8, nested too deeply, or too large a number") from None
    event.type = name
    return event


def _type_for(by: By, type: Any) -> str:
    """The cleaned name of a type that `by` may say. Raises Bad."""
    if type is None:
        raise Bad(Refusal.BAD_EVENT, "type", "is missing")
    if not isinstance(type, str):
        raise Bad(Refusal.BAD_EVENT, "type", "is not a text")
    known = BY_NAME.get(type)
    if known is None:
        return _own_name(type)
    if by not in known.by:
        raise Bad(Refusal.NOT_YOURS, "type", f"{WHO[by]} do not say {type}: {_who_says(known.by)}")
    return type


def _own_name(type: str) -> str:
    """The cleaned name of a custom event."""
    name = clean_name(type)
    if name is None or (name != type and name in BY_NAME):
        raise Bad(
            Refusal.BAD_EVENT, "type", "has no visible character, more than 64, or looks like another type's name"
        )
    return name


def _who_says(by: By) -> str:
    return ", ".join(words for who, words in WHO.items() if who in by) + " may"


WHO = {
    By.PAGE: "pages",
    By.SERVER: "servers",
    By.IMPORT: "imports",
    By.CONSOLE: "people at the console",
    By.API: "Wakeline itself",
}


# ---- msgspec's errors in words ---------------------------------------------------------------------

AT = re.compile(r"^(?P<what>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>.*)`)?$", re.DOTALL)
MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
OTHER_TYPE = re.compile(r"Expected `(.*?)`, got `(.*?)`")
LENGTH = re.compile(r"Expected `(\w+)` of length (>=|<=) (\d+)")
BOUND = re.compile(r"Expected `\w+` (>=|<=|>|<) (\S+)")
PATTERN = re.compile(r"Expected `str` matching regex")

WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
UNITS = {"str": "characters", "array": "entries", "object": "fields"}


def _said(error: str, type: str, by: By) -> Bad:
    """A validation error of this type's Struct."""
    parts = AT.match(error)
    what, path, is_key = (parts["what"], parts["path"] or "", parts["key"]) if parts else (error, "", None)
    path, _, inside = path.removeprefix(".").partition("[...]")
    if found := MISSING.match(what):
        return Bad(Refusal.BAD_EVENT, _joined(path, found[1]), "is missing")
    if found := UNKNOWN.match(what):
        if not path and (meant := _meant(type, by)):
            return Bad(Refusal.BAD_EVENT, "type", f"unknown type `{type}`: did you mean `{meant}`?")
        where = "an item" if path else type if type in FIELDS else "an event of your own"
        hint = "" if path or type in FIELDS else ": put fields of your own into props"
        return Bad(Refusal.BAD_EVENT, _joined(path, found[1]), f"is no field of {where}{hint}")
    message = _in_words(what, type, path)
    if is_key or inside or error.endswith("[...]`"):
        message = f"has a {'field whose name' if is_key else 'value that'} {message}"
    return Bad(Refusal.BAD_EVENT, path, message)


def _meant(type: str, by: By) -> str:
    """The type that `by` may say and that an unknown one is a slip of; "" if there is none.

    Only asked where an event of the site's own has another type's fields: its name may be like any other.
    """
    if type in FIELDS or len(type) > MAX_NAME:
        return ""
    names = [name for name, known in BY_NAME.items() if by in known.by]
    return next(iter(get_close_matches(type.lower(), names, 1, CLOSE)), "")


def _joined(path: str, name: str) -> str:
    name = clean_text(name)[:MAX_FIELD]
    return f"{path}.{name}" if path else name


def _in_words(what: str, type: str, path: str) -> str:
    if found := OTHER_TYPE.match(what):
        wanted = " or ".join(WORDS.get(kind, kind) for kind in found[1].split(" | "))
        return f"is {WORDS.get(found[2], found[2])}; it must be {wanted}"
    if found := LENGTH.match(what):
        kind, side, number = found.groups()
        if side == ">=" and number == "1":
            return "is empty"
        return f"has {'less' if side == '>=' else 'more'} than {int(number):,} {UNITS.get(kind, 'entries')}"
    if found := BOUND.match(what):
        side = {">=": "below", ">": "not above", "<=": "above", "<": "not below"}[found[1]]
        return f"is {side} {float(found[2]):,.10g}"
    if PATTERN.match(what):
        return "is no id of a visitor: 8 to 36 letters, digits, _ and -"
    if what.startswith("Invalid enum value"):
        allowed = ALLOWED.get((type, path), ())
        return f"must be one of {', '.join(allowed)}" if allowed else "is none of the values allowed"
    return "is too large a number" if "out of range" in what else "is not valid"


def _allowed() -> dict[tuple[str, str], tuple[str, ...]]:
    """(type, field) -> its values, of fields with few."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for type, struct in FIELDS.items():
        for field in msgspec.inspect.type_info(struct).fields:  # type: ignore[attr-defined]  # of a Struct
            for kind in getattr(field.type, "types", (field.type,)):
                kind = getattr(kind, "key_type", kind)
                if isinstance(kind, msgspec.inspect.LiteralType):
                    found[type, field.name] = tuple(map(str, kind.values))
                elif isinstance(kind, msgspec.inspect.EnumType):
                    found[type, field.name] = tuple(str(each.value) for each in kind.cls)
    return found


ALLOWED = _allowed()
