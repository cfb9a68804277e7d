"""A page instance as text, and what it is about apart from it: [upto, above, sign, left, interests, pending].

What somebody read lies in a key of its own, so that forgetting can remove it; which events were counted stays.
"""

from __future__ import annotations

NOTHING = "null,0.0]"  # interests and pending of one that is about nothing


def split(text: str) -> tuple[str, str]:
    """Which of its events were counted, and what it is about; "" where that is nothing."""
    *counted, about = text.split(",", 4)
    if len(counted) < 4:
        return text, ""
    return ",".join(counted) + "]", "" if about == NOTHING else "[" + about


def joined(counted: str, about: str) -> str:
    return f"{split(counted)[0][:-1]},{about[1:]}"


def without_interests(text: str) -> str:
    return split(text)[0]
