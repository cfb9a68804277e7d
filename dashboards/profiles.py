"""Generates docs/profiles.md: every field of a profile, from `wakeline.profile_fields`.

`python -m dashboards.profiles` writes it; a test fails if it is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from msgspec import Struct

from wakeline.profile_fields import Interest, Profile, Session, Source

FILE = Path(__file__).parents[1] / "docs" / "profiles.md"

HEAD = """# Profiles

The fields of a profile of one visitor, or of one customer over all its visitors. `wakeline.profiles` reads them;
`GET /v1/profiles/...` and `wakeline profile --json` return them as JSON. `make dashboards` writes this page.

In JSON, times are text in ISO 8601, and `None` is `null`. An empty field means that nothing is known.
"""

PARTS: dict[str, type[Struct]] = {"A profile": Profile, "Session": Session, "Source": Source, "Interest": Interest}


def page() -> str:
    return "\n".join([HEAD, *(line for title, kind in PARTS.items() for line in _table(title, kind))])


def _table(title: str, kind: type[Struct]) -> Iterator[str]:
    yield from (f"## {title}", "", "| field | type | unit | meaning |", "|---|---|---|---|")
    for name, hint in get_type_hints(kind, include_extras=True).items():
        declared, field = get_args(hint)
        yield f"| `{name}` | {_type(declared)} | {_unit(name, declared)} | {field.help} |"
    yield ""


def _type(declared: Any) -> str:
    parts = get_args(declared)
    if NoneType in parts:
        return " or ".join(_type(part) for part in parts)
    if parts:
        return f"list of {_type(parts[0])}"
    if declared is NoneType:
        return "`None`"
    title = next((title for title, kind in PARTS.items() if kind is declared), "")
    return f"[{title}](#{title.lower()})" if title else f"`{declared.__name__}`"


def _unit(name: str, declared: Any) -> str:
    return "UTC" if declared is datetime else "s" if name.endswith("_seconds") else ""


if __name__ == "__main__":
    FILE.write_text(page())
    print(FILE)
