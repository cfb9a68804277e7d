"""A page instance as JSON text, in two parts: the list of the fields of `Page`, in their order.

The interests are personal, so they are stored in a separate key that erasure can delete; the counted events stay, and
how far the page was scrolled and what it told of its speed, if it was and did. Earlier versions kept neither.
"""

from __future__ import annotations

NOTHING = "null,0"  # interests and pending of one that is about nothing
FORMER_NOTHING = "null,0.0"
ABOUT_NOTHING = f"[{NOTHING}]"
NO_MORE = ("", "0", "0,0")  # neither scrolled nor measured
NOT_MEASURED = ",0]"


def written(text: str) -> str:
    """A whole text as it is stored: without `measured` if that is 0."""
    return text.removesuffix(NOT_MEASURED) + "]" if text.endswith(NOT_MEASURED) else text


def split(text: str) -> tuple[str, str]:
    """The part with the counted events, and the part with the interests ("": none)."""
    counted, about, more = _parts(text)
    kept = counted if more in NO_MORE else f"{counted},{NOTHING},{more}"
    return f"{kept}]", "" if about in ("", NOTHING, FORMER_NOTHING) else f"[{about}]"


def joined(counted: str, about: str) -> str:
    first, _, more = _parts(counted)
    return f"{first},{about[1:-1]},{more or 0}]"


def without_interests(text: str) -> str:
    return split(text)[0]


def _parts(text: str) -> tuple[str, str, str]:
    """Without the last bracket: the first four fields; interests and pending; the rest ("" for what is not there)."""
    *counted, rest = text[:-1].split(",", 4)
    if len(counted) < 4:
        return text[:-1], "", ""
    end = rest.rfind("],") + 1 or len("null")  # of the interests, which may themselves have brackets and commas
    pending, _, more = rest[end + 1 :].partition(",")
    return ",".join(counted), f"{rest[:end]},{pending}", more
