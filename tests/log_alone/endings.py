"""A rule that tells a customer of each visit that ended: what a deadline emits has to arrive, once.

None of the rules in `crm` emits at a deadline yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from crm import rules
from crm.out import Out
from crm.state import Visitor
from crm.visits import sessions
from crm.visits.state import deadline
from wakeline.profile_fields import EVENTS


def end(visitor: Visitor, out: Out) -> None:
    """A visit that ended counts as an event in the profile of its visitor, and so in that of its customer."""
    session = min(visitor.state.sessions, key=deadline)
    sessions.end(visitor, out)
    if visitor.state.first_seen and not session.unshown:
        visitor.count(EVENTS)


@contextmanager
def telling_ends() -> Iterator[None]:
    """In place of the rule that only ends visits."""
    ends = rules.DEADLINES[Visitor][0]
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(rules.DEADLINES, Visitor, (rules.Deadline(ends.kind, ends.next, end, ends.happened),))
        yield
