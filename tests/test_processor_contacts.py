"""How often a customer was contacted in the last days, as mails and contacts tell. Real server, in-memory log."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.sealed import seal
from tests.test_reports_customer_value import rows
from tests.timeline import DAY, MINUTE, START, Timeline, fact, timeline
from wakeline.keys import Keys
from wakeline.record import Erase, Fact
from wakeline.stored_state import part_of

JO, BEN, ANN = "@" + "1" * 32, "@" + "2" * 32, "@" + "3" * 32
SENT, OTHER, CALL = "#sent:" + "a" * 32, "#sent:" + "b" * 32, "#contact:" + "c" * 32
MAY = {"campaign": "may"}
OUT, IN = {"channel": "phone", "direction": "out"}, {"channel": "phone", "direction": "in"}


async def contacts(made: Timeline, id: str = JO, *, now: int = START + DAY, keys: Keys | None = None) -> int:
    key = (keys or made.store.keys).state(made.lane(id), "shop", id)
    part = part_of(await made.redis.get(key))
    if part.into:
        return await contacts(made, part.into, now=now, keys=keys)
    return part.account.contacts_7d(now) if part.account else 0


async def say(made: Timeline, *records: Any, at: int = DAY) -> None:
    for record in records:
        await made.append(record, at=at)
        await made.run()


MAIL = fact(SENT, "campaign_sent", 0, MAY, id="1" * 16, customer=JO)
TOLD: dict[str, tuple[list[Fact], int]] = {
    "a mail that was sent": ([MAIL], 1),
    "one that is told twice": ([MAIL, MAIL], 1),
    "one that two systems tell": ([MAIL, fact(SENT, "campaign_sent", 9, MAY, customer=JO)], 1),
    "one that was opened": ([MAIL, fact(SENT, "campaign_opened", 9, MAY, customer=JO)], 1),
    "one of which only an opening is told": ([fact(SENT, "campaign_opened", 9, MAY, customer=JO)], 0),
    "one that bounces later": ([MAIL, fact(SENT, "campaign_bounced", 9, MAY)], 0),
    "one whose bounce comes first": ([fact(SENT, "campaign_bounced", 9, MAY), MAIL], 0),
    "two": ([MAIL, fact(OTHER, "campaign_sent", 5, MAY, customer=JO)], 2),
    "one of another customer": ([MAIL, fact(SENT, "campaign_sent", 9, MAY, customer=BEN)], 0),
    "a call of ours": ([fact(CALL, "contact", 0, OUT, customer=JO)], 1),
    "a call of the customer's": ([fact(CALL, "contact", 0, IN, customer=JO)], 0),
    "one of which nobody says whose it was": ([fact(CALL, "contact", 0, {"channel": "chat"}, customer=JO)], 0),
    "an answer": ([fact(CALL, "contact", 0, IN, customer=JO), fact(CALL, "contact", 9, OUT, customer=JO)], 0),
    "a call of ours that is answered": (
        [fact(CALL, "contact", 9, IN, customer=JO), fact(CALL, "contact", 0, OUT, customer=JO)],
        1,
    ),
}


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("row", TOLD)
async def test_what_reached_a_customer(redis_server: Any, row: str, backwards: bool) -> None:
    records, wanted = TOLD[row]
    async with timeline(redis_server) as made:
        await say(made, *(reversed(records) if backwards else records))
        assert await contacts(made) == wanted
        assert await contacts(made, now=START + 8 * DAY) == 0


async def test_a_mail_that_goes_to_another_customer_counts_there(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, MAIL, fact(SENT, "campaign_sent", 9, MAY, customer=BEN))
        assert (await contacts(made, JO), await contacts(made, BEN)) == (0, 1)


@pytest.mark.parametrize("joins_first", [False, True])
async def test_ids_of_one_customer_add_up(redis_server: Any, joins_first: bool) -> None:
    join = fact(BEN, "alias", 0, {"other": JO})
    told = [MAIL, fact(OTHER, "campaign_sent", 5, MAY, customer=BEN)]
    async with timeline(redis_server) as made:
        await say(made, *([join, *told] if joins_first else [*told, join]))
        assert await contacts(made, BEN) == await contacts(made, JO) == 2
        await say(made, fact(OTHER, "campaign_bounced", 9, MAY))
        assert await contacts(made) == 1


async def test_an_erasure_takes_them_and_a_later_word_brings_one_back(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, MAIL, fact(OTHER, "campaign_sent", 5, MAY, customer=JO))
        await say(made, Erase("shop", JO, START + 2 * MINUTE))
        assert await contacts(made) == 0
        await say(made, fact(OTHER, "campaign_opened", 3 * MINUTE, MAY, customer=JO))
        assert await contacts(made) == 1


async def test_nothing_is_stored_of_old_mails(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, MAIL, at=30 * DAY)
        assert part_of(await made.redis.get(made.store.keys.state(made.lane(JO), "shop", JO))).account is None


def anything(rng: random.Random) -> list[Fact]:
    told: list[Fact] = []
    for number in rng.sample(range(1 << 62), 40):
        home = rng.choice((SENT, OTHER, *(f"#sent:{n:032x}" for n in range(3)), CALL, CALL[:-1] + "d"))
        type = rng.choice(("sent", "sent", "sent", "opened", "bounced")) if home[1] == "s" else ""
        body = MAY if type else rng.choice((OUT, OUT, IN, {"channel": "chat"}))
        at = -rng.randrange(9 * 24) * 60 * MINUTE
        who = rng.choice((JO, BEN, ANN, ""))
        told.append(fact(home, f"campaign_{type}" if type else "contact", at, body, id=f"{number:016x}", customer=who))
    return told


QUESTION = """
select customer, count(*) from (
    select customer, sent as time from sends where bounced is null
    union all select customer, reached from contacts
) where customer is not null and time > make_timestamp({now} * 1000) - interval 7 days group by customer
"""


@pytest.mark.parametrize("seed", range(6))
async def test_in_any_order_and_in_sql_it_is_the_same(redis_server: Any, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    records = anything(rng)
    found = []
    for _ in range(2):
        rng.shuffle(records)
        async with timeline(redis_server) as made:
            await say(made, *records, *rng.sample(records, 10))
            found.append({id: n for id in (JO, BEN, ANN) if (n := await contacts(made, id))})
    assert found[0] == found[1]
    history = seal(tmp_path, [(START + DAY, each) for each in records])
    counted = rows(history, QUESTION.format(now=START + DAY))
    assert found[0] == {str(customer): int(n) for customer, n in counted}
