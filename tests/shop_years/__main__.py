"""python -m tests.shop_years"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.shop_years.comparing import SHOWN
from tests.shop_years.playing import Options, Result, play

FOLDER = Path("build/shop_years")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--seed", default=1, show_default=True, help="The same seed decides the same two years, up to now.")
@click.option("--customers", type=click.IntRange(1), default=3_000, show_default=True, help="Some fifteen orders each.")
@click.option("--no-kills", is_flag=True, help="Leave the processor and the replay alone.")
@click.option("--no-replay", is_flag=True, help="Read what was told, and end.")
@click.option("--later", is_flag=True, help="Tell some of it after the orders are settled of which it tells.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=FOLDER,
    show_default=True,
    help="Emptied at the start. truth/ holds what is true, told/ what was imported, stage/ what the processes said.",
)
def main(seed: int, customers: int, no_kills: bool, no_replay: bool, later: bool, folder: Path) -> None:
    """Two years of a shop that a seed decides, told to a real deployment, and read back: all of it must be true.

    What the shop decided is written to truth/ first: each order with its value, what was taken back and its margin,
    each product, each customer with what it brought and cost, and the site's totals. Then pages, tills and imports
    tell it, in any order, some of it late or twice, while the processor is killed at random moments. In the end
    every order, product, customer, visit and total is compared, and of campaigns what they brought, cost and are
    owed; and once more after `wakeline replay`. The exit code is 1
    if any of them differs.

    \b
    make test-history                                        all of it: seven to ten minutes on two cores
    make test-history HISTORY_ARGS="--customers 150"         40 seconds
    make test-history HISTORY_ARGS="--customers 150 --seed 7 --no-kills --no-replay"
    """
    console = Console(stderr=True)
    shutil.rmtree(folder, ignore_errors=True)
    options = Options(seed, customers, kills=not no_kills, replays=not no_replay, later=later)
    result = asyncio.run(play(folder.absolute(), options, lambda words: console.print(words, highlight=False)))
    show(result, Console())
    sys.exit(0 if result.is_true else 1)


def show(result: Result, console: Console) -> None:
    table = Table(box=None, show_header=False)
    for name, figure in result.figures.items():
        table.add_row(name, f"{figure:,}")
    console.print(table)
    for when, kinds in result.differences.items():
        for kind, found in kinds.items():
            console.print(f"{when}: {kind}: {len(found):,} differ", highlight=False, style="red" if found else "")
            for words in found[:SHOWN]:
                console.print(f"    {words}", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
