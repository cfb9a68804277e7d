"""A page instance as JSON text, [upto, seen_bitmap, last_heartbeat, left, interests, pending, measured], in two parts.

The interests are personal, so they are stored in a separate key that erasure can delete; the counted events stay, and
what the page told of its speed. What is 0 at the end is left out.
"""

from __future__ import annotations

from typing import NamedTuple

NOTHING = "null,0"  # interests and pending of one that is about nothing
FORMER_NOTHING = "null,0.0"
ABOUT_NOTHING = f"[{NOTHING}]"
NOT_MEASURED = ",0]"


class Parts(NamedTuple):
    """Without brackets."""

    counted: str  # up to `left`
    about: str  # interests and pending; "": left out, or nothing
    measured: str  # "": 0


def written(text: str) -> str:
    """A whole text as it is stored."""
    return text.removesuffix(NOT_MEASURED) + "]" if text.endswith(NOT_MEASURED) else text


def split(text: str) -> tuple[str, str]:
    """The part with the counted events, and the part with the interests ("": none)."""
    counted, about, measured = _parts(text)
    return f"[{counted},{NOTHING},{measured}]" if measured else f"[{counted}]", f"[{about}]" if about else ""


def joined(counted: str, about: str) -> str:
    parts = _parts(counted)
    return f"[{parts.counted},{about[1:-1]},{parts.measured}]" if parts.measured else f"[{parts.counted},{about[1:]}"


def without_interests(text: str) -> str:
    return split(text)[0]


def _parts(text: str) -> Parts:
    *counted, rest = text[1:-1].split(",", 4)
    if len(counted) < 4:
        return Parts(text[1:-1], "", "")
    end = rest.rfind("],") + 1 or len("null")  # of the interests, which may themselves have brackets and commas
    pending, _, measured = rest[end + 1 :].partition(",")
    about = f"{rest[:end]},{pending}"
    return Parts(",".join(counted), "" if about in (NOTHING, FORMER_NOTHING) else about, measured)
