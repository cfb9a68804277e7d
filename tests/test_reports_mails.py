"""Mails that people or machines opened and clicked: SQL and the site's numbers say the same, in whatever order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from reports import Query, ask
from tests.sealed import seal
from tests.telling import fact, numbers
from tests.timeline import DAY, MINUTE, START, timeline
from wakeline.definitions import SCANNED_MS
from wakeline.record import Fact

COLUMNS = ("opened", "clicked", "opens_by_machines", "clicks_by_machines", "sent", "bounced", "unsubscribed")
NUMBERS = {
    "opened": ("mails_opened", ""),
    "clicked": ("mails_clicked", "mails_clicked_back"),
    "opens_by_machines": ("opens_by_machines", ""),
    "clicks_by_machines": ("clicks_by_machines", "clicks_by_machines_back"),
    "sent": ("mails_sent", ""),
    "bounced": ("mails_bounced", ""),
    "unsubscribed": ("mails_unsubscribed", ""),
}


def mail(what: str, at: int, of: str = "a", **body: Any) -> Fact:
    id = f"{next(numbers):012x}0000"  # of which the first twelve digits count
    return fact(f"#sent:{of * 32}", f"campaign_{what}", at, id=id, campaign="spring", **body)


async def live(redis_server: Any, records: list[Fact]) -> dict[str, int]:
    async with timeline(redis_server) as made:
        for each in records:
            await made.append(each, at=DAY)
            await made.run()
        assert (await made.ledger())["dead"] == 0
        totals = await made.totals()
    return {name: totals.get(gained, 0) - totals.get(back, 0) for name, (gained, back) in NUMBERS.items()}


def in_sql(folder: Path, records: list[Fact], view: str = "campaigns") -> dict[str, int]:
    history = seal(folder, [(START + DAY, each) for each in records])
    sums = ", ".join(f"coalesce(sum({name}), 0)::BIGINT" for name in COLUMNS)
    with ask(history, Query(f"select {sums} from {view}"), zones={}, sites=[]) as found:
        ((*row,),) = found.rows(1)
    return dict(zip(COLUMNS, row, strict=True))


CASES = {
    "a person": ([("sent", 0), ("opened", MINUTE), ("clicked", MINUTE)], (1, 1, 0, 0)),
    "twice": ([("sent", 0), ("clicked", MINUTE), ("clicked", 2 * MINUTE), ("opened", 1), ("opened", 2)], (1, 1, 0, 0)),
    "in haste": ([("sent", 0), ("clicked", SCANNED_MS - 1)], (0, 0, 0, 1)),
    "just not": ([("sent", 0), ("clicked", SCANNED_MS)], (0, 1, 0, 0)),
    "in haste, then a person": ([("sent", 0), ("clicked", 1), ("clicked", MINUTE)], (0, 1, 0, 1)),
    "before the mailer told of it": ([("clicked", 1), ("sent", 0)], (0, 0, 0, 1)),
    "by another clock": ([("clicked", 5), ("sent", 2_000)], (0, 0, 0, 1)),
    "nobody told of the sending": ([("clicked", 1)], (0, 1, 0, 0)),
    "sent earlier, as is told later": ([("sent", MINUTE), ("clicked", MINUTE + 1), ("sent", 0)], (0, 1, 0, 0)),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_mail_counts_as_it_should(redis_server: Any, tmp_path: Path, name: str) -> None:
    told, wanted = CASES[name]
    records = [mail(what, at) for what, at in told]
    assert tuple((await live(redis_server, records)).values())[:4] == wanted
    assert tuple(in_sql(tmp_path, records).values())[:4] == wanted


async def test_what_machines_say_sets_nothing_else(redis_server: Any, tmp_path: Path) -> None:
    records = [mail("opened", MINUTE, machine=True), mail("clicked", MINUTE, machine=True)]
    assert tuple((await live(redis_server, records)).values()) == (0, 0, 1, 1, 0, 0, 0)
    assert tuple(in_sql(tmp_path, records).values()) == (0, 0, 1, 1, 0, 0, 0)


@pytest.mark.parametrize("seed", range(6))
async def test_sql_says_what_the_numbers_say(redis_server: Any, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    records = []
    for _ in range(80):
        what = rng.choice(("sent", "opened", "clicked", "clicked", "bounced", "unsubscribed"))
        more = {"machine": True} if what in ("opened", "clicked") and rng.random() < 0.3 else {}
        records.append(mail(what, rng.choice((0, 1, 3_000, 4_999, 5_000, 9_000, MINUTE)), rng.choice("abcdef"), **more))
    again = rng.sample(records, 10)
    first = await live(redis_server, [*records, *again])
    assert in_sql(tmp_path / "a", [*records, *again]) == first
    assert in_sql(tmp_path / "b", records, "campaign_days") == first
    rng.shuffle(records)
    assert await live(redis_server, records) == first
