"""The latest visits of a visitor that a campaign brought; others touch nobody's decision to come."""

from __future__ import annotations

from crm.state import Visitor
from crm.visits.state import Touch
from wakeline.definitions import MOST_TOUCHES


def note(visitor: Visitor, touch: Touch | None, *was: Touch) -> None:
    """Keep where a visit came from, instead of what was known of it before; None: it is no visit of its own."""
    state = visitor.state
    touches = [one for one in state.touches if one not in was]
    if touch is not None and touch.campaign and touch not in touches:
        touches = sorted((*touches, touch), key=lambda one: (one.time, one.campaign))[-MOST_TOUCHES:]
    if touches != state.touches:
        state.touches = touches
        visitor.traits_changed = True
