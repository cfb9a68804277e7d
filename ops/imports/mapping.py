"""The map of a table: which column is which field, and how its cells are read. A TOML file that people may edit."""

from __future__ import annotations

import codecs
import hashlib
import json
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from ops.imports.names import KINDS, OPEN_ENDED, field_of

NUMBERING = 2  # of what a file says, part of a batch's identity: raise it where the order or number of that changes


NET, GROSS = "net", "gross"


class BadMap(ValueError):
    """The map cannot be used; the message says where and why."""


class Map(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """How a file is read. JSON lines have one with a kind only."""

    kind: str  # see names.KINDS; "json" for JSON lines
    columns: dict[str, str] = {}  # field -> name of the column
    constants: dict[str, str] = {}  # field -> what holds for every row
    separator: str = ","
    encoding: str = ""  # "": found out
    decimal: str = ""  # "." or ","
    dates: str = ""  # "day first", "month first", "iso"
    zone: str = ""  # of dates without one
    prices: str = ""  # NET or GROSS, if the value and the items of orders include the tax; "": taken for NET

    def name_of(self, field: str) -> str:
        """What people call a field of this table: its column."""
        return self.columns.get(field, field)


def batch_of(digest: str, map: Map) -> str:
    """The id of an import: 32 hex digits, of the file's bytes and how they are read."""
    read = json.dumps([NUMBERING, digest, msgspec.to_builtins(map)], sort_keys=True)
    return hashlib.sha256(read.encode()).hexdigest()[:32]


HEAD = """\
# How `wakeline import` reads {name}. Edit it, and import the file again: with another map it counts as another import.
# Fields of {kind}: {fields}
"""


def written(map: Map, name: str) -> str:
    """The map as TOML."""
    fields = ", ".join(
        [*(one.name for one in KINDS[map.kind]), *(f"{start}X" for start in OPEN_ENDED.get(map.kind, ()))]
    )
    lines = [HEAD.format(name=name, kind=map.kind, fields=fields)]
    keys = ("kind", "separator", "encoding", "decimal", "dates", "zone")
    for key in (*keys, "prices") if map.kind == "orders" else keys:
        lines.append(f"{key} = {json.dumps(getattr(map, key))}")
    for key in ("columns", "constants"):
        lines += ["", f"[{key}]"]
        lines += [f"{json.dumps(field)} = {json.dumps(value)}" for field, value in getattr(map, key).items()]
    return "\n".join(lines) + "\n"


def read_map(path: Path) -> Map:
    """Raises BadMap."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Map)
    except (OSError, UnicodeDecodeError) as error:
        raise BadMap(f"the map {path} cannot be read: {error}") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadMap(f"the map {path} is not valid: {error}") from None
    if found.kind not in KINDS:
        raise BadMap(f"{path}: kind is none of {', '.join(KINDS)}")
    if len(found.separator) != 1:
        raise BadMap(f"{path}: separator must be one character, such as ; or \\t")
    for key, allowed in (
        ("decimal", ("", ".", ",")),
        ("dates", ("", "day first", "month first", "iso")),
        ("prices", ("", NET, GROSS) if found.kind == "orders" else ("",)),
    ):
        if getattr(found, key) not in allowed:
            raise BadMap(f"{path}: {key} is none of {', '.join(repr(one) for one in allowed)}")
    if found.prices == GROSS and "tax" not in {*found.columns, *found.constants}:
        raise BadMap(f'{path}: prices = "gross" needs a column for tax, which is taken off')
    _check_known(path, found)
    for name in (*found.columns, *found.constants):
        if field_of(found.kind, name) is None:
            raise BadMap(f"{path}: {found.kind} have no field {name}; their fields are listed at the top of a map")
    return found


def _check_known(path: Path, map: Map) -> None:
    try:
        if map.encoding:
            codecs.lookup(map.encoding)
    except LookupError:
        raise BadMap(f"{path}: there is no encoding {map.encoding}; write it as utf-8 or cp1252") from None
    try:
        if map.zone:
            ZoneInfo(map.zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadMap(f"{path}: there is no time zone {map.zone}; write it as Europe/Berlin") from None
