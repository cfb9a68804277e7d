"""A page instance as JSON text, [upto, seen_bitmap, last_heartbeat, left, interests, pending], in two parts.

The interests are personal, so they are stored in a separate key that erasure can delete; the counted events stay.
"""

from __future__ import annotations

NOTHING = "null,0]"  # interests and pending of one that is about nothing
FORMER_NOTHING = "null,0.0]"
ABOUT_NOTHING = f"[{NOTHING}"


def split(text: str) -> tuple[str, str]:
    """The part with the counted events, and the part with the interests ("": none)."""
    *counted, about = text.split(",", 4)
    if len(counted) < 4:
        return text, ""
    return ",".join(counted) + "]", "" if about in (NOTHING, FORMER_NOTHING) else "[" + about


def joined(counted: str, about: str) -> str:
    return f"{split(counted)[0][:-1]},{about[1:]}"


def without_interests(text: str) -> str:
    return split(text)[0]
