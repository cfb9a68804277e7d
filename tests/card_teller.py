"""A process that tells cards as a collector does: one event and card per customer, whose numbers it prints when they
are on disk. Run as `python -c`, with the server's URL, a folder and the first number; it goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
from pathlib import Path

from collector.customer_cards import CustomerCards
from collector.metrics import Metrics
from collector.spool import Spool
from collector.writer import GroupCommit
from tests.cards import LANES
from wakeline.cards import Card
from wakeline.lanes import lane_of
from wakeline.log import Log
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import Fact, encode_record

SENDERS = 5


def customer(n: int) -> str:
    return f"@{n:032x}"


def email(n: int) -> str:
    return f"customer-number-{n}@mail.example"


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    url, folder, first = sys.argv[1:]
    asyncio.run(_tell(url, Path(folder), int(first)))


async def _tell(url: str, folder: Path, first: int) -> None:
    metrics = Metrics()
    spool = Spool(folder / "data" / "spool", 0, workers=1, limit=10**8, metrics=metrics)
    cards = CustomerCards(url, folder / "wakeline.key")

    async def opened() -> tuple[Log, int]:
        log = RedisStreamsLog(url, LANES)
        await log.identity()
        return log, LANES

    commit = GroupCommit(opened, metrics, spool=spool, lanes=spool.known_lanes(LANES), cards=cards)
    writing = asyncio.create_task(commit.run())
    numbers = itertools.count(first)

    async def sender() -> None:
        for n in numbers:
            fact = Fact(
                site="shop", home=customer(n), type="customer", id=f"{n:016x}", time=n + 1, received=n + 1,
                customer=customer(n), told=["email"],
            )  # fmt: skip
            value, told = encode_record(fact), Card("shop", customer(n), n + 1, {"email": email(n)})
            while not await commit.submit([(lane_of("shop", customer(n), LANES), value)], len(value), [told]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            print(n, flush=True)

    await asyncio.gather(writing, *(sender() for _ in range(SENDERS)))
