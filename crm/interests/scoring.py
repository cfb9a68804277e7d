"""Scores a visitor's interests: of pages by URL rule and by their own tags, of products by category.

A page view has weight 1, and each half minute of engagement adds 1; a product's category weighs more the closer
the event is to a purchase.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from crm.out import Out
from crm.sites import interest_name
from crm.state import Visitor
from wakeline.decay import stored
from wakeline.event import ENGAGEMENT, PAGE_VIEW
from wakeline.numbers import TOP_INTERESTS
from wakeline.record import Event

ENGAGED_MS_PER_WEIGHT = 30_000
MAX_AT_ONCE = 16  # interests of one event; those of the site's rules come first
LONGEST_MS = 1_800_000  # of one engagement event: a longer one is an error of the page
WEIGHT_OF_EVENT = {
    "add_to_cart": 3.0,
    "begin_checkout": 3.0,
    "purchase": 5.0,
    "checkout": 3.0,  # the former name of begin_checkout, in logs
}
OF_ITEM = (
    *("item_category", "item_category2", "item_category3", "item_category4", "item_category5"),
    "category",  # the former name, in logs
)


def weigh(event: Event, visitor: Visitor, out: Out) -> None:
    """Adds to the visitor's interests, and a view to the site's top list of interests."""
    if event.type == PAGE_VIEW:
        _view(event, visitor, out)
    elif event.type == ENGAGEMENT:
        if event.engaged_ms and visitor.may_profile:
            _engage(event, visitor, out)
    elif event.props and visitor.may_profile and (names := categories(event.props)):
        amount = _stored(WEIGHT_OF_EVENT.get(event.type, 1.0), event, out)
        for name in names:
            visitor.add_interest(name, amount)


def _view(event: Event, visitor: Visitor, out: Out) -> None:
    names: Sequence[str] = out.site.interests_of_path(event.path)
    if event.interests:
        names = list(dict.fromkeys([*names, *filter(None, map(interest_name, event.interests))]))
    if len(names) > MAX_AT_ONCE:
        names = names[:MAX_AT_ONCE]
    if not event.continued:
        for name in names:
            out.top(TOP_INTERESTS, name)
    if not visitor.may_profile:
        return
    page = visitor.page
    page.interests = list(names)
    amount = _stored(1.0, event, out) + page.pending
    page.pending = 0
    for name in names:
        visitor.add_interest(name, amount)


def _engage(event: Event, visitor: Visitor, out: Out) -> None:
    page = visitor.page
    amount = _stored(min(event.engaged_ms, LONGEST_MS) / ENGAGED_MS_PER_WEIGHT, event, out)
    if page.interests is None:  # the page view arrives later: a beacon at hide overtakes a retry
        page.pending += amount
        return
    for name in page.interests:
        visitor.add_interest(name, amount)


def _stored(weight: float, event: Event, out: Out) -> float:
    """The stored score. An event dated after its append (a wrong collector clock) counts as of its append."""
    return stored(weight, at=min(event.time, out.now), zero=out.decay_zero, half_life=out.half_life)


def categories(props: dict[str, Any]) -> list[str]:
    """Product categories of an event, at most MAX_AT_ONCE, from props.category and each item's categories."""
    found = [props.get("category")]
    items = props.get("items")
    if isinstance(items, list):
        found += [item.get(name) for item in items if isinstance(item, dict) for name in OF_ITEM]
    names = dict.fromkeys(name for text in found if isinstance(text, str) and (name := interest_name(text)))
    return list(islice(names, MAX_AT_ONCE))
