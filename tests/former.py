"""A deployment in use, as an earlier version left it: `former.json.gz` beside this file, `former_later.json.gz` by one
whose deadlines had no step and whose rules were no records, `former_consent.json.gz` by one in which no consent that a
page told was in a customer's record: see tests/former_consent.py.

`python -m tests.former`, run in a checkout of an earlier version, writes the first: the content of Redis, with
remaining lifetimes, and of the log. tests/test_former_data.py continues with the first two on the current code.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import random
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from processor.worker import LaneWorker
from tests.cards import desk_on
from tests.dated_log import DatedLog
from tests.server import running_server
from tests.timeline import DAY, MINUTE, START, Timeline, a_week_of_visits, event, fact
from wakeline.cards import Card
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.log import Entry, Log
from wakeline.record import Erase, Event, Record

FILE = Path(__file__).with_name("former.json.gz")
LATER = Path(__file__).with_name("former_later.json.gz")
DAYS = [f"2027-01-{day}" for day in range(14, 25)]
IDS = [
    *(f"visitor-{number}" for number in range(6)),
    "twofold",
    "erased",
    "withdrawn",
    "@customer0",
    "@customer1",
    "@late",
]
HALF = 2 * DAY + DAY // 2  # the former code ran for so long
OFFICE = "~office"  # one id for all who sit behind one address


def before() -> list[Record | bytes]:
    """Records that arrived while the earlier version ran, in order."""
    rng = random.Random(2)
    found: list[Event] = [one for one in a_week_of_visits(rng) if one.time < START + HALF]
    found += [event(OFFICE, f"desk-{n:04}", 0, DAY + n * MINUTE, path=f"/desk/{n % 40}") for n in range(700)]
    found += [event("twofold", "page-a", 0, 0), event("twofold", "page-a", 1, 5, "identify", customer="@customer0")]
    found += [event("twofold", "page-b", 0, DAY), event("twofold", "page-b", 1, DAY + 5, "identify", customer="@late")]
    found += [event("erased", "page-e", 0, MINUTE, path="/shoes/red", interests=["Leather"])]
    found += [event("withdrawn", "page-w", 0, 0), event("withdrawn", "page-w", 1, 9, "consent", level="off")]
    found += [event("crawler1", "page-c", n, n, bot="Googlebot") for n in range(3)]
    found += [event("~reader00", "page-r", n, 2 * DAY + n, *more) for n, more in enumerate([(), ("web_vitals",)])]
    inner: list[Record | bytes] = sorted(found, key=lambda one: one.time)
    middle = len(inner) // 2
    unreadable = b'{"kind":"event","site":"nobody"}'
    return [*inner[:middle], Erase("shop", "erased", START + 2 * DAY), unreadable, *inner[middle:]]


def after() -> list[Record | bytes]:
    """Later records: from offline browsers, repeated ones, and new visits; and facts, new to the former code."""
    rng = random.Random(2)
    found: list[Event] = [one for one in a_week_of_visits(rng) if one.time >= START + HALF]
    again = [one for one in before() if isinstance(one, Event) and (one.visitor != OFFICE or one.page > "desk-0520")]
    found += rng.sample(again, k=len(again) // 2)
    found += [event(OFFICE, f"desk-{n:04}", 1, HALF + n, "engagement", engaged_ms=20_000) for n in range(500, 700)]
    found += [event("twofold", "page-b", 2, HALF + 10), event("twofold", "page-n", 0, HALF + MINUTE)]
    found += [event("withdrawn", "page-w", 2, HALF + 1), event("erased", "page-e", 1, 2 * MINUTE)]
    return [*found, *_facts()]


def _facts() -> list[Record | bytes]:
    """Pages, a server and an import tell of orders and customers, the forgotten ones included."""
    money = {"value": 1_250, "currency": "EUR"}
    ids = [f"#{n:032x}" for n in range(6)]
    bought = {"order": ids[0], "props": {"value": 9, "currency": "EUR"}}
    return [
        event("twofold", "page-o", 0, HALF + 1, "purchase", **bought),
        event("erased", "page-o", 0, MINUTE, "purchase", **(bought | {"order": ids[1]})),
        *(fact(id, "purchase", n * MINUTE, money, customer=f"@customer{n % 2}") for n, id in enumerate(ids)),
        *(fact(ids[n], "purchase", n, money, by="import", batch="1" * 32, line=n) for n in (1, 2, 2)),
        fact("@late", "customer", MINUTE, {"traits": {"plan": "gold"}}),
        fact("@customer0", "tag", MINUTE, {"tag": "vip"}),
        fact("twofold", "login", HALF),
        event("visitor-4", "page-last", 0, HALF + DAY, "consent", level="off"),
        fact("@late", "consent", HALF + 2 * MINUTE, {"level": "off"}),
    ]


async def arrive(made: Timeline, records: Sequence[Record | bytes]) -> None:
    for record in records:
        await made.append(record, at=None if isinstance(record, Event) else made.now - START)


async def left_behind(
    url: str, records: Sequence[Record | bytes], *, owes: int = 0, cards: Sequence[Card] = ()
) -> dict[str, Any]:
    """The state after the earlier version stopped, with the deltas of the last `owes` records still in the outbox."""
    made = Timeline(url)
    await made.redis.hset(DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START - DAY, "half_life": 7 * DAY})
    if cards:
        with tempfile.TemporaryDirectory() as folder:
            await (await desk_on(made.redis, url, Path(folder))).write(*cards)
    await made.start()
    await arrive(made, records[: len(records) - owes])
    for _ in range(2):  # what lanes told each other too
        await made.run(batch=50)

    async def stays(worker: LaneWorker, owed: object = None) -> None:
        """The process ends between its write and the sending of deltas."""

    if owes:
        LaneWorker._empty_outbox = stays  # type: ignore[method-assign]
        await arrive(made, records[len(records) - owes :])
        await made.run()
    rows = []
    for name in sorted(await made.redis.keys("*")):
        rows.append([name.decode(), await made.redis.pttl(name), b64encode(await made.redis.dump(name)).decode()])
    log = [[[entry.time, b64encode(entry.value).decode()] for entry in lane] for lane in made.log._lanes]
    found = {"now": made.now, "log": await made.log.identity(), "lanes": log, "keys": rows}
    await made.close()
    return found


def left_in(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))
    return found


async def brought_back(url: str, file: Path, log: Log | None = None) -> Timeline:
    """The deployment as it was left, with the current code started on it. `log`: an empty one for its records."""
    found = left_in(file)
    made = Timeline(url)
    await made.redis.flushall()
    for name, lives, value in found["keys"]:
        await made.redis.restore(name, max(lives, 0), b64decode(value))
    if log is None:
        bring_log(made, found)
    else:
        await bring_to(log, made, found)
    await made.start()
    return made


async def bring_to(log: Log, made: Timeline, found: dict[str, Any]) -> None:
    """As if the deployment had had this log all along."""
    made.log = DatedLog(log, len(found["lanes"]), lambda: made.now)  # type: ignore[assignment]
    records = [(time, lane, b64decode(value)) for lane, rows in enumerate(found["lanes"]) for time, value in rows]
    for time, of_it in itertools.groupby(sorted(records, key=lambda record: record[0]), key=lambda record: record[0]):
        made.now = time
        await made.log.append([(lane, value) for _, lane, value in of_it])
    made.now = found["now"]
    for lane in range(len(found["lanes"])):
        await made.redis.hset(Keys().lane(lane), "log", await log.identity())


def bring_log(made: Timeline, found: dict[str, Any]) -> None:
    made.now = made.log._latest = found["now"]
    made.log._id = found["log"]
    made.log._lanes = [
        [Entry(offset, time, b64decode(value)) for offset, (time, value) in enumerate(lane)] for lane in found["lanes"]
    ]


def write(file: Path, records: Sequence[Record | bytes], *, owes: int = 0, cards: Sequence[Card] = ()) -> None:
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        found = asyncio.run(left_behind(server.url, records, owes=owes, cards=cards))
    file.write_bytes(gzip.compress(json.dumps(found).encode(), 9, mtime=0))


if __name__ == "__main__":
    write(FILE, before(), owes=40)
