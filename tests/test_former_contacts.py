"""A customer whose contacts an earlier version was told, and did not note."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.replay_stand import Stand
from tests.test_processor_contacts import JO, MAIL, MAY, OTHER, SENT, contacts, say
from tests.timeline import DAY, START, fact, timeline
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.stored_state import PART


async def test_of_contacts_before_this_version_only_a_replay_knows(redis_server: Any) -> None:
    """Its customers know none; a mail of then that bounces takes out nothing."""
    async with timeline(redis_server) as made:
        await made.redis.hset(DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START - DAY, "half_life": 7 * DAY})
        other = fact(OTHER, "campaign_sent", 5, MAY, customer=JO)
        await say(made, MAIL, other)
        key = made.store.keys.state(made.lane(JO), "shop", JO)
        stored = msgspec.msgpack.decode(await made.redis.get(key))
        del stored[PART["account"]]
        await made.redis.set(key, msgspec.msgpack.encode(stored))
        await made.start()
        await say(made, fact(SENT, "campaign_bounced", 9, MAY))
        assert await contacts(made) == 0
        await say(made, fact("#sent:" + "f" * 32, "campaign_sent", 9, MAY, customer=JO))
        assert await contacts(made) == 1
        replayed = Stand(made, redis_server.url)
        await replayed.switch(2)
        await made.run()
        assert await contacts(made, keys=Keys(2)) == 2
        await replayed.redis.aclose()
