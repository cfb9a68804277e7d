"""Converts text or TOML to values of a setting's declared type."""

from __future__ import annotations

import math
import types
from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo, available_timezones

from wakeline.settings import (
    CampaignRule,
    DayCostRule,
    InterestRule,
    MarginRule,
    PageGroupRule,
    SegmentRule,
    Site,
    TargetRule,
)


class WrongValue(ValueError):
    """The problem with a value and its fix, worded to follow the setting's name."""

    def __init__(self, what: str, index: int | None = None) -> None:
        super().__init__(what)
        self.index = index  # of the element in a list


def from_text(kind: Any, text: str) -> Any:
    """The value of a flag or an environment variable. Lists are comma-separated. Raises WrongValue."""
    if is_list(kind):
        return from_toml(kind, [part.strip() for part in text.split(",") if part.strip()])
    if kind in (int, float):
        try:
            return from_toml(kind, kind(text))
        except ValueError:
            raise WrongValue(f"{quoted(text)} is not {NAMES[kind]}") from None
    return from_toml(kind, text)


def from_toml(kind: Any, value: Any) -> Any:
    """The value of a key in wakeline.toml, converted to `kind`. Raises WrongValue."""
    if is_list(kind):
        return _list(get_args(kind)[0], value)
    if kind in TABLES:
        return _table(kind, value)
    kind = _required(kind)
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < TOO_GREAT else math.inf
    written = kind if kind in NAMES else str
    if type(value) is not written:
        raise WrongValue(f"must be {NAMES[written]}, not {shown(value)}{_unquoted(written, value)}")
    return _converted(kind, value)


def is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """`; did you mean X?` for the most similar known word, or ""."""
    by_lower = {item.lower(): item for item in known}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=likeness)
    return f"; did you mean {by_lower[found[0]]}?" if found else ""


def quoted(text: str) -> str:
    return f'"{text if len(text) <= 60 else text[:57] + "..."}"'


def shown(value: Any) -> str:
    if isinstance(value, str):
        return f"text {quoted(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    return number(value) if isinstance(value, int | float) else str(value)


def number(value: float) -> str:
    """A number in plain digits, up to 20 of them."""
    if isinstance(value, int):
        return str(value) if abs(value) < TOO_GREAT else "a number of more than 20 digits"
    return str(int(value)) if value.is_integer() and abs(value) < TOO_GREAT else repr(value)


TOO_GREAT = 10**20


class Table(NamedTuple):
    """A setting of a site that is a table of its own."""

    name: str
    what: str  # it must have
    needed: tuple[str, ...]  # the fields of that


TABLES: dict[Any, Table] = {
    InterestRule: Table("interests", "a path and an interest", ("path", "interest")),
    PageGroupRule: Table("page_groups", "a path and a group", ("path", "group")),
    MarginRule: Table("margins", "a category and a rate", ("category", "rate")),
    CampaignRule: Table(
        "campaigns", "an id, a type, and the days on which it starts and ends", ("id", "type", "starts", "ends")
    ),
    SegmentRule: Table("segments", "a name and a rule", ("name", "rule")),
    TargetRule: Table("targets", "a name, a number and a goal", ("name", "number", "goal")),
    DayCostRule: Table("campaigns.costs", "a first and a last day, and the cost of each", ("first", "last", "cost")),
}
NAMES: dict[Any, str] = {
    bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes",
    date: "a day without quotes, like 2026-12-01",
}  # fmt: skip
EXAMPLES: dict[Any, str] = {str: '"..."', float: "0.4", date: "2026-12-01"}


def _list(kind: Any, value: Any) -> tuple[Any, ...]:
    if type(value) is not list:
        if kind in TABLES:
            raise WrongValue(f"must be a list: {_written(kind)}")
        raise WrongValue(f"must be a list: write [{quoted(value)}]" if isinstance(value, str) else "must be a list")
    found = []
    for index, item in enumerate(value):
        try:
            found.append(from_toml(kind, item))
        except WrongValue as wrong:
            raise WrongValue(str(wrong), index) from None
    return tuple(found)


def _written(kind: Any) -> str:
    return f"write [[site.{TABLES[kind].name}]] with {TABLES[kind].what}"


def _table(kind: Any, value: Any) -> Any:
    """One of TABLES: the fields that it needs, and no others than it has."""
    if not isinstance(value, dict):
        raise WrongValue(f"must be tables, not {shown(value)}: {_written(kind)}")
    types = get_type_hints(kind)
    for name in value:
        if name not in types:
            at_home = f": it belongs to the site, above its first [[site.{TABLES[kind].name}]]"
            fix = at_home if name in Site.__annotations__ else nearest(name, types)
            *most, last = types
            raise WrongValue(f"allow only {', '.join(most)} and {last}, not {name}{fix}")
    for name in TABLES[kind].needed:
        if name not in value or (types[name] is str and not isinstance(value[name], str)):
            are_texts = ", both as text" if set(types.values()) == {str} else ""
            raise WrongValue(f"need {TABLES[kind].what}{are_texts}: write {name} = {EXAMPLES[types[name]]}")
    return kind(**{name: _field(name, types[name], one) for name, one in value.items()})


def _field(name: str, type: Any, value: Any) -> Any:
    try:
        return from_toml(type, value)
    except WrongValue as wrong:
        raise WrongValue(f"{name} {wrong}") from None


def _required(kind: Any) -> Any:
    """X for `X | None`; a union of networks is unchanged."""
    if get_origin(kind) in (types.UnionType, Union) and type(None) in get_args(kind):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


def _unquoted(kind: Any, value: Any) -> str:
    said = value.strip().lower() if isinstance(value, str) else ""
    if (kind is int and said.isdecimal()) or (kind is bool and said in ("true", "false")):
        return f": omit the quotes, {said}"
    return ""


def _converted(kind: Any, value: Any) -> Any:
    if kind == IPv4Network | IPv6Network:
        return _network(value)
    if kind is ZoneInfo:
        return _zone(value)
    if kind is Path:
        return _path(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _member(kind, value)
    return value


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise WrongValue(f"{quoted(text)} begins with the home folder of an unknown user") from None


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        fix = f"; did you mean {ip_interface(text).network}?"
    except ValueError:
        fix = ": write it like 192.0.2.0/24 or 2001:db8::/32"
    raise WrongValue(f"{quoted(text)} is not an address range{fix}")


def _zone(text: str) -> ZoneInfo:
    if text in _zones():
        return ZoneInfo(text)
    raise WrongValue(f"{quoted(text)} is not a time zone{nearest(text, _zones()) or ': write it like Europe/Berlin'}")


@cache
def _zones() -> set[str]:
    return available_timezones()


def _member(kind: type[StrEnum], text: str) -> StrEnum:
    try:
        return kind(text)
    except ValueError:
        choice = ", ".join(kind)
        raise WrongValue(f"{quoted(text)} is not one of {choice}{nearest(text, list(kind))}") from None
