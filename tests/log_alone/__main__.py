"""python -m tests.log_alone URL FIRST CASES STEP: every STEPth of so many cases from seed FIRST on, all four claims.

A line of JSON for each case: its seed, and of one that breaks also `lines` and `smallest`, as people read them. Of
seeds one in `SERVED` is folded on the server at URL, the others on Redis in memory, which costs a third. The database
that URL names is emptied again and again.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging

import click

from tests.log_alone.cases import Case, case
from tests.log_alone.checks import broken
from tests.log_alone.memory_redis import MEMORY
from tests.log_alone.reducing import reduced

SERVED = 21  # odd, so that each of two processes has its share


@click.command()
@click.argument("url")
@click.argument("first", type=int)
@click.argument("cases", type=int)
@click.argument("step", type=int)
def main(url: str, first: int, cases: int, step: int) -> None:
    logging.disable(logging.CRITICAL)  # dead letters and lost replies are part of it
    asyncio.run(_run(url, range(first, first + cases, step)))


async def _run(url: str, seeds: range) -> None:
    gc.set_threshold(100_000, 50, 100)
    for seed in seeds:
        where = url if seed % SERVED == 0 else MEMORY

        async def breaks(one: Case, where: str = where) -> bool:
            return bool(await broken(where, one))

        said: dict[str, object] = {"seed": seed}
        if lines := await broken(where, case(seed)):
            said |= {"lines": lines, "smallest": str(await reduced(case(seed), breaks))}
        click.echo(json.dumps(said))


if __name__ == "__main__":
    main()
