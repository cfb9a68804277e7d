"""Steps from one page to another within a visit, and steps back: A, B, and A again.

A page view that comes late is put where it belongs as far as the visit still knows its neighbours: before all others,
or between the latest two. Where it lies further back, the step that leaves it out stays.
"""

from __future__ import annotations

from crm.out import Out
from crm.visits.state import Session
from wakeline.numbers import TOP_BACK, TOP_STEPS
from wakeline.paths import STEP

At = tuple[int, str]  # time and page instance of a page view, as in `Session.page_at`


def follow(path: str, at: At, session: Session, out: Out) -> None:
    """A page view of a session that has some; before the session takes it in."""
    before, page = session.before, session.page
    if at > session.page_at:
        if page != path:
            out.top(TOP_STEPS, page + STEP + path)
        session.went_back = before == path != page and session.before_at[0] > 0
        if session.went_back:
            out.top(TOP_BACK, path + STEP + page)
        session.before, session.before_at = page, session.page_at
    elif at < session.entry_at:
        _step(session.entry_at[0], path, session.entry, 1, out)
        if session.page_views == 1:
            session.before, session.before_at = path, at
        elif session.page_views == 2 and path == page != session.entry:
            session.went_back = True
            _back(session.page_at[0], page, session.entry, 1, out)
    elif (0, "") < session.before_at < at < session.page_at:
        time = session.page_at[0]
        _step(time, before, page, -1, out)
        _step(at[0], before, path, 1, out)
        _step(time, path, page, 1, out)
        if session.went_back:  # from the page before these two, which is the same as the last
            _back(time, page, before, -1, out)
            if path == page:
                _back(at[0], page, before, 1, out)
        session.went_back = before == page != path
        if session.went_back:
            _back(time, page, path, 1, out)
        session.before, session.before_at = path, at


def join(session: Session, other: Session, out: Out) -> None:
    """Two sessions become one; before `session` takes in the pages of the other."""
    earlier, later = sorted((other, session), key=lambda one: one.entry_at)
    before, before_at, went_back = later.before, later.before_at, later.went_back
    if earlier.page_views and earlier.page_at < later.entry_at:
        time = later.entry_at[0]
        _step(time, earlier.page, later.entry, 1, out)
        if earlier.before_at[0] and earlier.before == later.entry != earlier.page:
            _back(time, later.entry, earlier.page, 1, out)
            went_back = went_back or later.page_views == 1
        if later.page_views == 1:
            before, before_at = earlier.page, earlier.page_at
        elif later.page_views == 2 and earlier.page == later.page != later.entry:
            _back(later.page_at[0], later.page, later.entry, 1, out)
            went_back = True
    session.before, session.before_at, session.went_back = before, before_at, went_back


def _step(time: int, start: str, end: str, amount: int, out: Out) -> None:
    if start != end:
        out.top_at(time, TOP_STEPS, start + STEP + end, amount)


def _back(time: int, page: str, between: str, amount: int, out: Out) -> None:
    out.top_at(time, TOP_BACK, page + STEP + between, amount)
