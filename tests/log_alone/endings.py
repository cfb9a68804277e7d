"""A rule that tells a customer of each visit that ended: what a deadline emits has to arrive, once.

None of the rules in `crm` emits at a deadline yet. This one makes its share as they make theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from crm.changes import Changes
from crm.identity import customers
from crm.state import Session, Visitor
from crm.visits import sessions
from wakeline.profile_fields import EVENTS


@contextmanager
def telling_ends() -> Iterator[None]:
    """A visit that ended counts as an event in the profile of its visitor, and so in that of its customer."""
    close = sessions.close

    def closes(session: Session, visitor: Visitor, changes: Changes) -> None:
        close(session, visitor, changes)
        if session.unshown or not visitor.state.first_seen:
            return
        is_open = visitor.share is not None
        if not is_open:
            customers.open_share(None, visitor, changes)  # type: ignore[arg-type]
        visitor.count(EVENTS)
        share = visitor.share
        if share is not None:
            share.since = min(share.since or session.last, session.last)
            share.first_seen = share.since
        if not is_open:
            customers.send_share(visitor, changes)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sessions, "close", closes)
        yield
