"""Campaigns that were planned over HTTP, as the processor meets them: live and in a replay."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from tests.replay_stand import Stand
from tests.test_processor_account import JO, SENT, sums
from tests.timeline import DAY, START, Timeline, fact, timeline
from wakeline.account import Sums
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.planned import body_of, name_of
from wakeline.record import Definition, encode_record
from wakeline.settings import CampaignRule

PLAN = CampaignRule(id="may", type="letter", starts=date(2026, 12, 1), ends=date(2026, 12, 5), send_cost=0.5)


async def tell(made: Timeline, version: int, body: bytes) -> None:
    record = encode_record(Definition("shop", name_of("may"), version, msgspec.Raw(body)))
    await made.log.append([(lane, record) for lane in range(made.deployment.lanes)])
    await made.run()


async def send(made: Timeline, number: int) -> None:
    await made.append(fact(SENT[:-1] + str(number), "campaign_sent", number, {"campaign": "may"}, customer=JO))
    await made.run()


async def test_it_holds_from_its_record_on_and_so_in_a_replay(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.redis.hset(DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START - DAY, "half_life": 7 * DAY})
        await tell(made, 1, b"null")
        await send(made, 1)
        await tell(made, 2, body_of(PLAN))
        await send(made, 2)
        await send(made, 3)
        await tell(made, 3, body_of(None))
        await send(made, 4)
        assert await sums(made) == Sums(cost=2 * 50)
        assert (await made.ledger())["dead"] == 0
        replayed = Stand(made, redis_server.url)
        await replayed.switch(2)
        await made.run()
        assert await sums(made, keys=Keys(2)) == Sums(cost=2 * 50)
        await replayed.redis.aclose()


async def test_one_that_cannot_be_is_a_dead_letter(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        for number, body in enumerate((b"7", b'{"id":"may"}', body_of(PLAN).replace(b"0.5", b"-1"))):
            await tell(made, number + 1, body)
        assert (await made.ledger())["dead"] == 3 * made.deployment.lanes
        await send(made, 1)
        assert await sums(made) is None
