"""A page instance is open from its latest heartbeat on, until it is left."""

from __future__ import annotations

import itertools

import pytest

from crm.out import Out
from crm.presence.signs import mark
from crm.sites import SiteFacts
from crm.state import Visitor, VisitorState
from tests.timeline import DAY, SITE, START, event
from wakeline.definitions import PRESENT_MS


@pytest.mark.parametrize("order", list(itertools.permutations([(10, True), (20, False), (30, True), (25, False)])))
def test_of_heartbeats_and_leaves_the_latest_is_kept_in_whatever_order_they_come(
    order: tuple[tuple[int, bool], ...],
) -> None:
    out = Out(decay_zero=START, half_life=DAY)
    out.enter(SiteFacts(SITE), START)
    visitor = Visitor("shop", "visitor-1", VisitorState(), {}, 0)
    for at, leave in order:
        sign = event("visitor-1", "page-a", 0, at, "engagement", leave=leave)
        out.now = out.received = sign.received
        mark(sign, visitor, out)
        latest = max(order[: order.index((at, leave)) + 1])
        page = visitor.page
        assert (page.left, page.last_heartbeat) == ((START + latest[0], 0) if latest[1] else (0, START + latest[0]))
        assert visitor.present == (0 if latest[1] else START + latest[0] + PRESENT_MS)


@pytest.mark.parametrize("type", ["web_vitals", "form_abandoned", "js_error"])
def test_what_a_page_tells_as_it_is_left_keeps_nobody_there(type: str) -> None:
    out = Out(decay_zero=START, half_life=DAY)
    out.enter(SiteFacts(SITE), START)
    visitor = Visitor("shop", "visitor-1", VisitorState(), {}, 0)
    signs = [event("visitor-1", "page-a", n, 10 + n, what) for n, what in enumerate(("page_view", type))]
    left = event("visitor-1", "page-a", 2, 12, "engagement", leave=True)
    late = event("visitor-1", "page-a", 3, 13, type)
    for sign in (*signs, left, late):
        out.now = out.received = sign.received
        mark(sign, visitor, out)
        assert visitor.present == (START + 10 + PRESENT_MS if sign in signs else 0)
