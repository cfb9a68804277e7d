"""Searches on the site, and pages that do not exist."""

from __future__ import annotations

from functools import lru_cache

from crm.out import Out
from crm.sites import interest_name
from crm.state import Visitor
from wakeline.numbers import NOT_FOUND, SEARCHES, SEARCHES_EMPTY, TOP_NOT_FOUND, TOP_SEARCHES, TOP_SEARCHES_EMPTY
from wakeline.record import Event
from wakeline.telephones import redact_telephones

SEARCH, LOST = "search", "not_found"
TERM, RESULTS = "search_term", "results"
REMEMBERED_TERMS = 4_096


def count(event: Event, visitor: Visitor, out: Out) -> None:
    """Counts a search by its term, in small letters and without telephone numbers, and whether it found nothing; or a
    page that does not exist.

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
    name = _label(str(term)) if isinstance(term, (str, int, float)) else ""
    if name:
        out.top(TOP_SEARCHES, name)
        if is_empty:
            out.top(TOP_SEARCHES_EMPTY, name)


@lru_cache(REMEMBERED_TERMS)
def _label(term: str) -> str:
    return interest_name(redact_telephones(term))
