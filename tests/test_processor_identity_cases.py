"""What is known of a person depends on what was said, not on the order in which it arrived: generated cases.

tests/identity_cases generates them; `make test-faults FAULTS_ARGS='--only identity'` runs ten thousand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.identity_cases.checks import broken, shown, smallest
from tests.identity_cases.oracle import DEPENDS
from tests.identity_cases.said import story
from tests.log_alone.memory_redis import MEMORY
from tests.thorough import cases

CASES, AT_ONCE = cases(240), 20
ON_A_SERVER = 4


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
async def test_however_it_arrives_the_same_is_known_of_each_person(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        if lines := await broken(MEMORY, story(seed)):
            least = await smallest(MEMORY, story(seed))
            assert not lines, f"seed {seed}\n{shown(least)}\n{await broken(MEMORY, least)}"


async def test_so_it_is_on_a_server(unsynced_server: Any) -> None:
    for seed in range(ON_A_SERVER):
        assert not await broken(unsynced_server.url, story(seed))


def test_what_depends_on_the_order_is_in_the_docs() -> None:
    text = Path("docs/privacy.md").read_text()
    rows = text.partition("## What depends on the order in which things arrive")[2].partition("\n## ")[0]
    assert [line for line in rows.splitlines() if line.startswith("| ")][1:] == [
        f"| {what} | {why} |" for what, why in DEPENDS.items()
    ]
