"""One seed of the quick rows of the table of faults: `make test-faults` runs them all, on both logs.

The first row runs on both logs here too, the others by turns, on both with `--thorough`.

The rows lie in tests/faults/, and what they happen on here:

kill/traffic.py   seeded visitors, and what must come of them
kill/load.py      browsers that send it to the real collector
kill/ledger.py    what they were answered, in a file
kill/services.py  the processes that are killed
kill/proxy.py     a network that loses what it is told to lose
kill/books.py     what Redis holds in the end, and where that differs
kill/tail.py      what the log holds
kill/disk.py      what a disk holds after a loss of power
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import thorough
from tests.faults.outcome import Outcome
from tests.faults.rows import KAFKA, LOGS, Row, rows
from tests.faults.stage import staged

QUICK = [row for row in rows() if row.is_quick]
RUN = [
    pytest.param(row, log, id=f"{row.name}-{log}")
    for number, row in enumerate(QUICK)
    for place, log in enumerate(LOGS)
    if number == 0 or number % 2 == place or thorough.SHARE == 1
]

pytestmark = pytest.mark.kill


@pytest.mark.parametrize(("row", "log"), RUN)
async def test_what_was_answered_is_applied_once(
    row: Row, log: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Whatever the row does to the deployment."""
    broker = request.getfixturevalue("kafka") if log == KAFKA else None
    outcome = Outcome()
    async with staged(tmp_path, broker) as stage:
        await row.run(stage, 0, outcome)
    assert not outcome.failures
