"""What visitors chose when they were asked for consent: each of them counts once as one who agreed, or declined.

The script tells a change of the level under the former one. What was agreed to it tells under the new one, where the
page goes on as `continued`: as another visitor, whom nobody may link with the first. So there it is no choice of its
own. A visitor that withdraws is counted in `crm.identity.consent`.
"""

from __future__ import annotations

from crm.out import Out
from crm.state import Visitor
from wakeline.event import CONSENT, ConsentLevel
from wakeline.numbers import AGREED, DECLINED, TOP_PURPOSES, Count
from wakeline.record import Event

# bits of `VisitorState.choices`
HAS_AGREED = 1
HAS_DECLINED = 2
GOES_ON = 4  # a page of it continues what began under another level: the choice was told there
WAITS = 8  # a choice that came before the view of its page
HAS_PURPOSES = 16

PURPOSES = "purposes"


def count(event: Event, visitor: Visitor, out: Out) -> None:
    """Counts who agreed and who declined, and the purposes agreed to when a visitor first names some."""
    state = visitor.state
    if event.type != CONSENT:
        if event.continued:
            state.choices = (state.choices | GOES_ON) & ~WAITS
        elif state.choices & WAITS:
            state.choices &= ~WAITS
            _said(visitor, out)
        return
    is_full = event.level == ConsentLevel.FULL
    if visitor.is_anonymous == is_full or event.level == ConsentLevel.OFF:
        if visitor.is_anonymous and not (is_full and event.gpc):  # GPC keeps what was said from taking effect
            _once(HAS_AGREED if is_full else HAS_DECLINED, AGREED if is_full else DECLINED, visitor, out)
        return
    if is_full:
        _purposes(event, visitor, out)
    if visitor.page.upto or event.n == 0:
        _said(visitor, out)
    else:
        state.choices |= WAITS


def _said(visitor: Visitor, out: Out) -> None:
    """What is told under the level that applies from then on."""
    if not visitor.state.choices & GOES_ON:
        is_full = not visitor.is_anonymous
        _once(HAS_AGREED if is_full else HAS_DECLINED, AGREED if is_full else DECLINED, visitor, out)


def _once(mark: int, number: Count, visitor: Visitor, out: Out) -> None:
    if not visitor.state.choices & mark:
        visitor.state.choices |= mark
        out.count(number)


def _purposes(event: Event, visitor: Visitor, out: Out) -> None:
    purposes = event.props.get(PURPOSES)
    if not isinstance(purposes, list) or visitor.state.choices & HAS_PURPOSES:
        return
    visitor.state.choices |= HAS_PURPOSES
    for purpose in {one: None for one in purposes if isinstance(one, str) and one}:
        out.top(TOP_PURPOSES, purpose)
