"""The lanes' ledgers: they balance, and no fault is hidden."""

from __future__ import annotations

import pytest

from api.ledger import PENDING, SETTLED, Ledger
from crm.out import Verdict

Lane = tuple[dict[str, int], int]


def entered(*lanes: Lane) -> Ledger:
    ledger = Ledger()
    for fields, end in lanes:
        ledger.add({name.encode(): str(value).encode() for name, value in fields.items()}, end=end)
    return ledger


@pytest.mark.parametrize(
    ("lanes", "pending", "difference"),
    [
        pytest.param([], 0, 0, id="no lane"),
        pytest.param([({}, 0)], 0, 0, id="a lane that nothing was written to"),
        pytest.param([({}, 5)], 5, 0, id="a log that nobody read yet"),
        pytest.param([({"offset": 5, "applied": 4, "dead": 1}, 5)], 0, 0, id="all settled"),
        pytest.param([({"offset": 5, "applied": 5}, 9)], 4, 0, id="some pending"),
        pytest.param([({"offset": 5, "applied": 4}, 5)], 0, 1, id="a record that no row explains"),
        pytest.param([({"offset": 5, "applied": 6}, 5)], 0, 1, id="a record that was counted twice"),
        pytest.param(
            [({"offset": 5, "applied": 4}, 5), ({"offset": 5, "applied": 6}, 5)], 0, 2, id="two faults do not cancel"
        ),
        pytest.param([({"offset": 5, "applied": 5}, 3)], 0, 2, id="a place beyond the log's end"),
    ],
)
def test_the_books(lanes: list[Lane], pending: int, difference: int) -> None:
    ledger = entered(*lanes)
    assert (ledger.records[PENDING], ledger.difference) == (pending, difference)


def test_every_row_counts_towards_the_place() -> None:
    rows = {state: i + 1 for i, state in enumerate(SETTLED)}
    ledger = entered(({"offset": sum(rows.values()), **rows}, sum(rows.values())))
    assert ledger.records == rows | {PENDING: 0}
    assert ledger.difference == 0


def test_the_rows_are_what_the_processor_writes() -> None:
    assert set(SETTLED) == {verdict.value for verdict in Verdict}
