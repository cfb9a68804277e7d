"""The table of fields in docs/segments.md, from `wakeline.segments.fields`.

`python -m dashboards.rules` writes it; a test fails if it is out of date.
"""

from __future__ import annotations

from pathlib import Path

from wakeline.segments.fields import FIELDS, FUNCTIONS

FILE = Path(__file__).parents[1] / "docs" / "segments.md"
HEAD = "| field | kind | what it is |\n|---|---|---|\n"


def page(text: str) -> str:
    """`text`, with the table that it ends with as it is now."""
    fields = [(f'{name}["..."]' if field.of_each else name, field) for name, field in FIELDS.items()]
    rows = [(name, field.kind, field.help) for name, field in fields]
    rows += [(function.call, function.kind, function.help) for function in FUNCTIONS.values()]
    table = "".join(f"| `{name}` | {kind.value} | {help} |\n" for name, kind, help in rows)
    return text.partition(HEAD)[0] + HEAD + table


if __name__ == "__main__":
    FILE.write_text(page(FILE.read_text()))
    print(FILE)
