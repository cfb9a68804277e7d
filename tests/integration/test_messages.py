"""Real processes that say what they fold, on both logs: whatever is killed, each message is told once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.machine import find_free_ports
from tests.integration.kill.books import LANES
from tests.integration.kill.load import load
from tests.integration.kill.services import AS_INSTALLED, Deployment, deployment, until
from tests.integration.kill.traffic import SITE
from wakeline.keys import MESSAGES_LEASE, Keys
from wakeline.messages import Message, Messages
from wakeline.redis.connect import connect_blocking

pytestmark = pytest.mark.kill

SAYS_VIEWS = """
from crm import rules

def view(event, visitor, out):
    if visitor.may_profile:
        out.say("viewed", visitor, {"page": event.page, "n": event.n})

rules.RULES = (*rules.RULES, ("views", view, ("page_view",)))
"""


async def test_each_view_is_told_once(log: str, tmp_path: Path, own_server: Any) -> None:
    """On Redis one process owns all lanes and is the teller; on Kafka two share them, and one of them is it."""
    with deployment(tmp_path, own_server, find_free_ports(4), log) as made:
        for service in (made.processor, made.standby):
            service.launcher = SAYS_VIEWS + AS_INSTALLED
        made.collector.start()
        made.processor.start()
        await until(lambda: "owning" in made.processor.said(), "the first is there")
        made.standby.start()
        await until(
            lambda: "standing by" in made.standby.said() or "owning" in made.standby.said(), "the second is there"
        )
        with connect_blocking(own_server.url) as redis, Messages(own_server.url) as messages:
            async with load(300, made.port):
                for _ in range(3):
                    await asyncio.sleep(2)
                    await until(lambda: redis.get(MESSAGES_LEASE) is not None, "one of them tells")
                    made.processor.kill()
                    made.processor.start()
                    await asyncio.sleep(2)
                    made.standby.kill()
                    made.standby.start()
            await settled(made)
            views = dict(profiles(redis))
            assert sum(views.values()) > 300
            await until(lambda: Counter(one.person for one in viewed(messages)) == views, "all is told")
            found = viewed(messages)
            assert len({one.id for one in found}) == len(found)
            assert len({(one.person, one.body["page"], one.body["n"]) for one in found}) == len(found)


def profiles(redis: Any) -> Iterator[tuple[str, int]]:
    """Visitors that have one, and how many views are in it: nobody else is named in a message."""
    for lane in range(LANES):
        for key in redis.scan_iter(Keys().profile(lane, SITE, "*"), count=1_000):
            id = key.decode().partition(":profile:")[2]
            if id[0] != "@" and (views := int(redis.hget(key, "page_views") or 0)):
                yield id, views


async def settled(made: Deployment) -> None:
    def is_drained() -> bool:
        made.processor.revive()
        made.standby.revive()
        return made.books.are_settled()

    await until(is_drained, "all is applied", within=90)


def viewed(messages: Messages) -> list[Message]:
    portion = messages.read(limit=1_000_000)
    assert portion.gap is None
    return [one for one in portion.messages if one.kind == "viewed"]
