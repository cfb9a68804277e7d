"""What cannot be so is counted once, though it is told again."""

from __future__ import annotations

import pytest

from tests.test_crm_orders import Shop, bought, state
from wakeline.record import Fact


@pytest.mark.parametrize(
    ("told", "again", "counter", "wanted"),
    [
        pytest.param([state(1, "delivered"), state(2, "shipped")], state(3, "shipped"), "order_states_back", 1),
        pytest.param([bought(9, value=None), bought(5, value=None)], bought(7, value=None), "orders_unpriced", 2),
    ],
)
def test_what_leaves_no_trace_is_not_counted_each_time_that_it_is_told(
    told: list[Fact], again: Fact, counter: str, wanted: int
) -> None:
    """Only by its trace is a fact known that is told again, as by a sender that got no answer."""
    for one in (*told, again):
        one.body = {name: value for name, value in one.body.items() if value is not None}
    assert Shop().hear(*told, again, again, again, now=60_000).total()[counter] == wanted
