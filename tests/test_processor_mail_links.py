"""What facts of links do: who agreed to `contact` is asked for in what is folded, and a click is in that profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collector.agreed import Agreed
from reports import Query, ask
from tests.sealed import seal
from tests.telling import fact
from tests.timeline import DAY, MINUTE, START, timeline
from wakeline.record import Fact

WHO = "@" + "1" * 32
MAIL, UNNAMED = "#sent:" + "a" * 32, "#sent:" + "b" * 32


async def test_who_agreed_is_known_until_that_is_taken_back(redis_server: Any) -> None:
    agreed = Agreed(redis_server.url, lanes=lambda: 4)
    found = []
    async with timeline(redis_server) as made:
        for number, said in enumerate(
            (
                {"level": "full", "purposes": ["personalise"]},
                {"level": "full", "purposes": ["personalise", "contact"]},
                {"level": "full", "purposes": []},
                {"level": "full", "purposes": ["contact"]},
                {"level": "anonymous", "purposes": ["contact"]},
            )
        ):
            await made.append(fact(WHO, "consent", number * MINUTE, id=f"{number:012x}0000", **said))
            await made.run()
            found.append(await agreed.to("contact", "shop", WHO))
        assert not await agreed.to("contact", "shop", "@" + "2" * 32)
    await agreed.close()
    assert found == [False, True, False, True, False]


def told() -> list[Fact]:
    of = {"campaign": "spring"}
    return [
        fact(MAIL, "campaign_sent", 0, id="1" * 16, customer=WHO, **of),
        fact(UNNAMED, "campaign_clicked", 20 * MINUTE, id="2" * 16, **of),  # of who did not agree
        fact(MAIL, "campaign_opened", 25 * MINUTE, id="3" * 16, machine=True, **of),
    ]


async def test_only_a_click_of_who_agreed_is_in_the_profile(redis_server: Any) -> None:
    async with timeline(redis_server) as made:

        async def seen() -> int:
            await made.run()
            await made.pass_time(MINUTE)  # lanes tell each other
            key = made.store.keys.profile(made.lane(WHO), "shop", WHO)
            return int(await made.redis.hget(key, "last_seen")) - START

        await made.append(*told(), at=DAY)
        assert await seen() == 0
        click = fact(MAIL, "campaign_clicked", 30 * MINUTE, id="4" * 16, customer=WHO, campaign="spring")
        await made.append(click, at=DAY + MINUTE)
        assert await seen() == 30 * MINUTE


def test_sql_ties_an_unnamed_click_to_nobody(tmp_path: Path) -> None:
    history = seal(tmp_path, [(START + DAY, each) for each in told()])
    sql = (
        "select customer, sent is not null, clicked is not null, opened_by_machine is not null from sends order by all"
    )
    with ask(history, Query(sql), zones={}, sites=[]) as found:
        assert list(found.rows(9)) == [(WHO, True, False, True), (None, False, True, False)]
    with ask(history, Query("select sent, clicked, opened from campaigns"), zones={}, sites=[]) as found:
        assert list(found.rows(9)) == [(1, 1, 0)]
