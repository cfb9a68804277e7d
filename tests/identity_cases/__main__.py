"""python -m tests.identity_cases FIRST CASES STEP: every STEPth of so many cases from seed FIRST on.

Redis is in memory. A line of JSON for each case: its seed, and of one that breaks also `lines` and `smallest`, as
people read them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging

import click

from tests.identity_cases.checks import broken, shown, smallest
from tests.identity_cases.said import story
from tests.log_alone.memory_redis import MEMORY


@click.command()
@click.argument("first", type=int)
@click.argument("cases", type=int)
@click.argument("step", type=int)
def main(first: int, cases: int, step: int) -> None:
    logging.disable(logging.CRITICAL)
    gc.set_threshold(100_000, 50, 100)
    asyncio.run(_run(range(first, first + cases, step)))


async def _run(seeds: range) -> None:
    for seed in seeds:
        said: dict[str, object] = {"seed": seed}
        made = story(seed)
        if lines := await broken(MEMORY, made):
            said |= {"lines": lines, "smallest": shown(await smallest(MEMORY, made))}
        click.echo(json.dumps(said))


if __name__ == "__main__":
    main()
