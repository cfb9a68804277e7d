"""JSON lines: one event a line, with the fields of `vocabulary.fields` as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ops.imports.cells import Said, identified
from ops.imports.problems import Problems
from ops.imports.text import Text, opened

MOST_LINE = 1 << 20  # characters of an event
ENDINGS = (".jsonl", ".ndjson", ".json")
FIX = "write one JSON object a line"

decode = msgspec.json.Decoder(dict[str, Any]).decode


def is_json(text: Text) -> bool:
    """By its name, without that of its packing, or by its first character."""
    name = (
        text.path.name.lower().removesuffix(text.path.suffix.lower())
        if text.path.suffix in (".gz", ".bz2", ".xz")
        else text.path.name
    )
    if name.lower().endswith(ENDINGS):
        return True
    with opened(text) as file:
        return file.read(64).lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def read_json(text: Text, problems: Problems, at: Callable[[int], None]) -> Iterator[Said]:
    """What the lines say; `at` gets the number of each."""
    with opened(text) as file:
        number = 0
        while line := file.readline(MOST_LINE + 1):
            number += 1
            at(number)
            if len(line) > MOST_LINE:
                problems.error(number, "", f"a line of more than {MOST_LINE:,} characters", FIX)
                while line and not line.endswith(("\n", "\r")):
                    line = file.readline(MOST_LINE)
                continue
            plain = line.strip("\ufeff \t\r\n")
            if not plain:
                continue
            try:
                fields = decode(plain)
            except (msgspec.DecodeError, UnicodeEncodeError):
                whole = number == 1 and plain.startswith("[")
                problems.error(number, "", "is not one JSON object", "`jq -c .[]` writes a list so" if whole else FIX)
                continue
            yield identified(number, fields)
