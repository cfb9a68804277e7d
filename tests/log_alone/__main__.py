"""python -m tests.log_alone URL FIRST CASES STEP: every STEPth of so many cases from seed FIRST on, all four claims.

A line of JSON for each case: its seed, and of one that breaks also `lines` and `smallest`, as people read them. The
database that URL names is emptied again and again.
"""

from __future__ import annotations

import asyncio
import json
import logging

import click

from tests.log_alone.cases import Case, case
from tests.log_alone.checks import broken
from tests.log_alone.reducing import reduced


@click.command()
@click.argument("url")
@click.argument("first", type=int)
@click.argument("cases", type=int)
@click.argument("step", type=int)
def main(url: str, first: int, cases: int, step: int) -> None:
    logging.disable(logging.CRITICAL)  # dead letters and lost replies are part of it
    asyncio.run(_run(url, range(first, first + cases, step)))


async def _run(url: str, seeds: range) -> None:
    async def breaks(one: Case) -> bool:
        return bool(await broken(url, one))

    for seed in seeds:
        said: dict[str, object] = {"seed": seed}
        if lines := await broken(url, case(seed)):
            said |= {"lines": lines, "smallest": str(await reduced(case(seed), breaks))}
        click.echo(json.dumps(said))


if __name__ == "__main__":
    main()
