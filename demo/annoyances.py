"""What annoys simulated visitors, as wakeline.usability.js would tell it. Pure: each page has chances of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator

from wakeline.event import Props

RAGED = {"category": (0.02, "img#"), "product": (0.015, "button#add"), "/cart": (0.04, "button#pay")}
"""By kind of page: of page instances, and what is clicked again and again."""
DEAD = {"product": (0.05, "img#photo"), "/": (0.03, "h2#"), "/account": (0.04, "a#orders")}
FAILED = {"/search": (0.03, "TypeError"), "/cart": (0.02, "TypeError"), "product": (0.004, "NetworkError")}
SEARCH_LEFT = {"/": 0.02, "category": 0.03, "product": 0.01}  # words were typed into the search field, and no more


def annoyances(kind: str, page: str) -> Iterator[tuple[str, Props]]:
    """(type, props) of the events of a page instance of this kind: its path, "category" or "product"."""
    chance = random.Random(f"{page} annoys")
    for type, told, name in (
        ("rage_click", RAGED, "element"),
        ("dead_click", DEAD, "element"),
        ("js_error", FAILED, "error"),
    ):
        share, what = told.get(kind, (0.0, ""))
        if chance.random() < share:
            yield type, {name: what}
    if chance.random() < SEARCH_LEFT.get(kind, 0.0):
        yield "form_abandoned", {"form": "", "fields": ["q"]}
