"""Runs each row on its own deployment, with a time limit, and returns its measurements."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.abuse.rows import Row
from tests.abuse.stage import staged
from tests.faults.outcome import Outcome, in_words

PATIENCE = 4.0  # times a row's usual time: a machine may be slow
LEAST_S = 60.0


async def once(row: Row, folder: Path) -> Outcome:
    """An error raised by a row is a failure of the row."""
    outcome = Outcome()
    most = max(LEAST_S, row.seconds * PATIENCE)
    try:
        async with asyncio.timeout(most), staged(Path(tempfile.mkdtemp(dir=folder))) as stage:
            await row.run(stage, outcome)
    except TimeoutError:
        outcome.note(f"not done within {most:g} s")
    except Exception as error:  # the other rows are still worth running
        outcome.note(in_words(error, places=1))
    return outcome
