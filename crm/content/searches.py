"""Searches on the site, and pages that do not exist."""

from __future__ import annotations

from crm.out import Out
from crm.sites import typed_name
from crm.state import Visitor
from wakeline.numbers import NOT_FOUND, SEARCHES, SEARCHES_EMPTY, TOP_NOT_FOUND, TOP_SEARCHES, TOP_SEARCHES_EMPTY
from wakeline.record import Event

SEARCH, LOST = "search", "not_found"
TERM, RESULTS = "search_term", "results"


def count(event: Event, visitor: Visitor, out: Out) -> None:
    """Counts a search by its term, as `typed_name` spells it, and whether it found nothing; or a page that does not
    exist.

    Only the number 0 is no result: a page that does not tell `results` says nothing about it.
    """
    if event.type == LOST:
        out.count(NOT_FOUND)
        out.top(TOP_NOT_FOUND, event.path)
        return
    if event.type != SEARCH:
        return
    results, term = event.props.get(RESULTS), event.props.get(TERM)
    is_empty = results == 0 and isinstance(results, (int, float)) and not isinstance(results, bool)
    out.count(SEARCHES)
    if is_empty:
        out.count(SEARCHES_EMPTY)
    name = typed_name(str(term)) if isinstance(term, (str, int, float)) else ""
    if name:
        out.top(TOP_SEARCHES, name)
        if is_empty:
            out.top(TOP_SEARCHES_EMPTY, name)
