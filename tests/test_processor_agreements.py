"""What a page says was agreed to is in the record of the visitor's customer, below what servers say of consent."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.replay_stand import Stand
from tests.thorough import chosen
from tests.timeline import DAY, MINUTE, START, Timeline, event, fact
from wakeline.keys import DEPLOYMENT
from wakeline.profile_fields import Consent, Record
from wakeline.record import Agreed, CustomerShare, Delta, Erase, Event
from wakeline.record_fields import read_record
from wakeline.stored_state import part_of

JO, BEN = "@jo", "@ben"
SAID = {"version": "2", "wording": "May we remember you?", "purposes": ["personalise"]}


def agrees(browser: str, at: int, version: str = "2", **more: Any) -> Event:
    props = SAID | {"version": version} | more
    return event(browser, f"{browser}-{at}", 0, at, "consent", level="full", props=props)


def withdraws(browser: str, at: int, level: str = "off") -> Event:
    return event(browser, f"{browser}-{at}", 0, at, "consent", level=level)


def signs_in(browser: str, at: int, customer: str = JO) -> Event:
    return event(browser, f"{browser}-{at}", 0, at, "identify", customer=customer)


async def record_of(made: Timeline, customer: str = JO) -> Record | None:
    """As applications read it, once lanes have heard each other."""
    for _ in range(3):
        await made.run()
    stored = await made.redis.get(made.store.keys.state(made.lane(customer), "shop", customer))
    return read_record(part_of(stored).record)


async def consent_of(made: Timeline, customer: str = JO) -> Consent | None:
    record = await record_of(made, customer)
    return record.consent if record else None


async def version_of(made: Timeline, customer: str = JO) -> str:
    consent = await consent_of(made, customer)
    return consent.version if consent else ""


async def arrive(made: Timeline, *events: Any) -> None:
    """One after the other, each folded, with all that lanes tell each other."""
    for one in events:
        await made.append(one, at=None if isinstance(one, Event) else made.now - START)
        await record_of(made)


@pytest.mark.parametrize("link", [2, 9], ids=["after the link", "before it"])
async def test_it_has_what_was_agreed_to_and_when(made: Timeline, link: int) -> None:
    await arrive(made, *sorted([agrees("phone", 5), signs_in("phone", link)], key=lambda one: one.time))
    consent = await consent_of(made)
    assert consent is not None
    assert (consent.level, consent.version, consent.wording) == ("full", "2", "May we remember you?")
    assert consent.purposes == ("personalise",)
    assert consent.time.timestamp() * 1000 == START + 5


async def test_it_is_the_latest_in_whichever_order_all_arrives(made: Timeline) -> None:
    """Of one browser before and after its link, and of another one."""
    told = [agrees("phone", 5, "1"), agrees("phone", 9, "3"), agrees("laptop", 7, "2")]
    orders = list(itertools.permutations([*told, signs_in("phone", 6), signs_in("laptop", 8)]))
    for events in chosen(orders, by="consent"):
        await made.redis.flushall()
        made.log._lanes = [[] for _ in made.log._lanes]
        await made.start()
        await arrive(made, *events)
        assert await version_of(made) == "3", [(one.visitor, one.time - START) for one in events]


async def test_what_a_server_says_stands_above_it(made: Timeline) -> None:
    server = fact(JO, "consent", 2, {"level": "full", "version": "till"})
    await arrive(made, signs_in("phone", 1), server, agrees("phone", 5))
    assert await version_of(made) == "till"


@pytest.mark.parametrize("props", [{}, {"other": 1}])
async def test_a_level_alone_says_no_more_than_that(made: Timeline, props: dict[str, Any]) -> None:
    alone = event("phone", "p", 0, 5, "consent", level="full", props=props)
    await arrive(made, signs_in("phone", 1), agrees("phone", 3), alone)
    assert await version_of(made) == "2"


async def test_what_is_invalid_is_left_out(made: Timeline) -> None:
    await arrive(made, signs_in("phone", 1), agrees("phone", 5, wording=["no text"], purposes="no list"))
    consent = await consent_of(made)
    assert consent is not None
    assert (consent.version, consent.wording, consent.purposes) == ("2", "", ())


async def test_of_a_shared_browser_each_customer_has_what_was_told_while_it_was_theirs(made: Timeline) -> None:
    await arrive(made, agrees("tablet", 1, "1"), signs_in("tablet", 2, BEN), signs_in("tablet", 3))
    assert (await version_of(made, BEN), await version_of(made)) == ("1", "")
    await arrive(made, agrees("tablet", 4, "4"))
    assert (await version_of(made, BEN), await version_of(made)) == ("1", "4")


@pytest.mark.parametrize("level", ["anonymous", "off"])
async def test_a_withdrawal_on_a_page_ends_it_and_nothing_that_others_told(made: Timeline, level: str) -> None:
    tagged = fact(JO, "tag", 1, {"tag": "vip"})
    await arrive(made, tagged, signs_in("phone", 1), signs_in("laptop", 2), agrees("phone", 5))
    await arrive(made, event("laptop", "l", 0, 3), withdraws("phone", 9, level))
    assert await consent_of(made) is None
    profile = await made.profile("laptop")
    assert (profile.get("customer"), profile["page_views"]) == (None, "1"), "unlinked, but not forgotten"
    record = await record_of(made)
    assert record is not None
    assert record.tags == ("vip",)
    await arrive(made, agrees("laptop", 15, "3"), signs_in("laptop", 20))
    assert await version_of(made) == "3"


async def test_what_was_agreed_to_before_a_withdrawal_does_not_come_back(made: Timeline) -> None:
    await arrive(made, signs_in("phone", 1), agrees("laptop", 5), withdraws("phone", 9), signs_in("laptop", 20))
    assert await consent_of(made) is None


@pytest.mark.parametrize("is_late", [False, True])
async def test_what_was_agreed_to_before_a_withdrawal_is_told_to_nobody_else(made: Timeline, is_late: bool) -> None:
    """The browser that another one's withdrawal unlinked belongs to somebody else then."""
    before = [] if is_late else [agrees("laptop", 5)]
    await arrive(made, signs_in("phone", 1), signs_in("laptop", 2), *before, withdraws("phone", 9))
    await arrive(made, *([agrees("laptop", 5)] if is_late else []), signs_in("laptop", 20, BEN))
    assert await consent_of(made, BEN) is None


async def test_what_came_before_the_erasure_of_a_browser_is_not_told(made: Timeline) -> None:
    await arrive(made, Erase("shop", "phone", START + 9), agrees("phone", 5), signs_in("phone", 20))
    assert await consent_of(made) is None


async def test_a_late_erasure_leaves_what_was_agreed_to_since(made: Timeline) -> None:
    await arrive(made, signs_in("phone", 1), signs_in("phone", 20), agrees("phone", 21), Erase("shop", JO, START + 9))
    assert await version_of(made) == "2"


async def test_a_late_withdrawal_leaves_what_was_agreed_to_since(made: Timeline) -> None:
    """As it leaves the link of a browser on which the customer signed in since."""
    await arrive(made, signs_in("phone", 1), signs_in("laptop", 20), agrees("laptop", 21), withdraws("phone", 9))
    assert (await made.profile("laptop"))["customer"] == JO
    assert await version_of(made) == "2"


async def test_an_erasure_ends_it_and_a_later_one_counts(made: Timeline) -> None:
    await arrive(made, signs_in("phone", 1), agrees("phone", 5), Erase("shop", JO, START + 9))
    assert await consent_of(made) is None
    await arrive(made, signs_in("phone", 20), agrees("phone", 21, "3"))
    assert await version_of(made) == "3"


async def test_bots_and_who_has_no_profile_tell_nothing(made: Timeline) -> None:
    robot = agrees("phone", 5)
    robot.bot = "Googlebot"
    await arrive(made, signs_in("phone", 1), robot, agrees("~nobody", 6))
    assert await consent_of(made) is None


async def test_a_replay_gives_the_same(made: Timeline, redis_server: Any) -> None:
    await made.redis.hset(DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START - DAY, "half_life": 7 * DAY})
    await arrive(made, agrees("phone", 5, "1"), signs_in("laptop", 8, BEN), signs_in("phone", 6))
    await arrive(
        made, agrees("laptop", 9, "2"), signs_in("third", 2, "@eve"), agrees("third", 3), withdraws("third", 9)
    )
    wanted = [await version_of(made, one) for one in (JO, BEN, "@eve")]
    assert wanted == ["1", "2", ""]
    replayed = Stand(made, redis_server.url)
    await replayed.switch(2)
    assert [await version_of(made, one) for one in (JO, BEN, "@eve")] == wanted
    await replayed.redis.aclose()


@pytest.mark.parametrize("fields", [{}, {"level": "off"}, {"level": "full", "version": 7}, {"level": "full", "x": "y"}])
async def test_a_share_that_no_record_can_hold_is_a_dead_letter(made: Timeline, fields: dict[str, Any]) -> None:
    share = CustomerShare("shop", JO, "phone", since=START, agreed=Agreed(START, "d" * 16, fields))
    await made.append(Delta(source=0, after=0, upto=1, shares=[share]), at=MINUTE)
    await made.run()
    assert (await made.ledger())["dead"] == 1
