"""The quick rows of the table of abuses: `make test-abuse` runs them all, see tests/abuse/."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.abuse.rows import ROWS, Row
from tests.abuse.stage import staged
from tests.faults.outcome import Outcome

QUICK = [row for row in ROWS if row.is_quick]


@pytest.mark.parametrize("row", QUICK, ids=[row.name for row in QUICK])
async def test_it_holds_whatever_strangers_send(row: Row, tmp_path: Path) -> None:
    outcome = Outcome()
    async with staged(tmp_path / "stage") as stage:
        await row.run(stage, outcome)
    assert not outcome.failures
