"""A page instance as JSON text, [upto, seen_bitmap, last_heartbeat, left, interests, pending, scroll], in two parts.

The interests are personal, so they are stored in a separate key that erasure can delete; the counted events stay, and
how far the page was scrolled, if it was. Earlier versions kept no scroll.
"""

from __future__ import annotations

NOTHING = "null,0"  # interests and pending of one that is about nothing
FORMER_NOTHING = "null,0.0"
ABOUT_NOTHING = f"[{NOTHING}]"
UNSCROLLED = ("", "0")


def split(text: str) -> tuple[str, str]:
    """The part with the counted events, and the part with the interests ("": none)."""
    counted, about, scroll = _parts(text)
    kept = counted if scroll in UNSCROLLED else f"{counted},{NOTHING},{scroll}"
    return f"{kept}]", "" if about in ("", NOTHING, FORMER_NOTHING) else f"[{about}]"


def joined(counted: str, about: str) -> str:
    first, _, scroll = _parts(counted)
    return f"{first},{about[1:-1]},{scroll or 0}]"


def without_interests(text: str) -> str:
    return split(text)[0]


def _parts(text: str) -> tuple[str, str, str]:
    """Without the last bracket: the first four fields; interests and pending; scroll ("" for what is not there)."""
    *counted, about = text[:-1].split(",", 4)
    if len(counted) < 4:
        return text[:-1], "", ""
    first = ",".join(counted)
    head, _, last = about.rpartition(",")
    if head == "null" or head.endswith("]"):  # interests are a list, pending is a number
        return first, about, ""
    return first, head, last
