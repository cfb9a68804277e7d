"""New and returning visits: the first visit of a visitor is new, wherever others arrive before it.

Only of visitors who consented, as others are not remembered. A visit that went on after the choice counts here as well,
under the id that it got.
"""

from __future__ import annotations

from crm.out import Out
from crm.state import Visitor
from crm.visits.state import Session
from wakeline.numbers import VISITS_NEW, VISITS_RETURNING

SECOND_MS = 1_000
UNKNOWN = 0
TAKEN_BACK = -1  # the next one that is counted is the first
LONG_AGO = 1  # earlier versions counted visits of this visitor, but did not keep when


def count_kind(session: Session, visitor: Visitor, out: Out, amount: int) -> None:
    """Count a visit (1) as new or returning, or take it back (-1)."""
    if visitor.is_anonymous or session.returned:
        return
    state, time = visitor.state, session.entry_at[0]
    at, first, day = time // SECOND_MS, state.first_visit, out.site.day(time)
    if amount < 0:
        if first > UNKNOWN:
            out.count(VISITS_NEW if at == first else VISITS_RETURNING, -1, day=day)
        if at == first:
            state.first_visit = TAKEN_BACK
        return
    if first == UNKNOWN and state.visits:
        first = state.first_visit = LONG_AGO
    if UNKNOWN < first <= at:
        out.count(VISITS_RETURNING, day=day)
        return
    if first > UNKNOWN:
        former = out.site.day(first * SECOND_MS)
        out.count(VISITS_NEW, -1, day=former)
        out.count(VISITS_RETURNING, day=former)
    out.count(VISITS_NEW, day=day)
    state.first_visit = at
