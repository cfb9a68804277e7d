"""Erased people are rewritten under a random id: nothing names them, and every number stays, whatever is killed."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

import tests.test_processor_erased_numbers as erasing
from crm.sites import SiteFacts
from processor.replay import replay
from tests.replay_stand import stand
from tests.rewritten import (
    ANN,
    BEN,
    OTHER,
    PHONE,
    TABLET,
    T,
    answers,
    content,
    life,
    made,
    night,
    raw,
    records,
    sealed,
    told,
    visit_over_it,
    visitors,
)
from tests.sealed import LANES
from tests.thorough import cases
from tests.timeline import DAY, MINUTE, START, event
from wakeline.history import History, HistoryLog
from wakeline.history.identity import store_identity
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.record import Erase, Event

# ---- what is left --------------------------------------------------------------------------------


def test_nothing_names_who_was_erased(tmp_path: Path) -> None:
    made(tmp_path)
    before = content(tmp_path)
    assert before.count(ANN.encode()) == 12
    night(tmp_path)
    after = content(tmp_path)
    for gone in (ANN, PHONE, "page-one", "page-two", "Tromso"):
        assert gone.encode() not in after, gone
    assert b"Shoes" in after
    assert visitors(tmp_path) >= {TABLET, OTHER}, "a browser that is somebody else's too stays"
    assert len(visitors(tmp_path)) == 3
    assert BEN.encode() in after


def test_a_record_that_nobody_can_read_names_nobody_either(tmp_path: Path) -> None:
    """The last one of `life` goes to the dead letters, and still does."""
    made(tmp_path, [*life(), *told(b'{"kind":"event","visitor":"%b"' % PHONE.encode(), at=T)])
    unread = [len(re.findall(pattern, content(tmp_path))) for pattern in (rb'"was":"', rb'"raw":"')]
    night(tmp_path)
    assert [len(re.findall(pattern, content(tmp_path))) for pattern in (rb'"was":"', rb'"raw":"')] == unread == [1, 1]
    assert not [entry for entry in raw(tmp_path) if ANN.encode() in entry or PHONE.encode() in entry]


def test_the_random_ids_are_of_the_same_lane_and_new_each_time(tmp_path: Path) -> None:
    found = set()
    for name in "ab":
        made(tmp_path / name)
        lanes = [lane_of("shop", id, LANES) for id in sorted(visitors(tmp_path / name))]
        night(tmp_path / name)
        assert sorted(lanes) == sorted(lane_of("shop", id, LANES) for id in visitors(tmp_path / name))
        found |= visitors(tmp_path / name) - {TABLET, OTHER}
    assert len(found) == 2


def test_a_withdrawal_alone_erases_nobody(tmp_path: Path) -> None:
    came = told(
        event(PHONE, "page-one", 0, 0),
        event(PHONE, "page-one", 1, MINUTE, "identify", customer=ANN),
        event(PHONE, "page-one", 2, 2 * MINUTE, "consent", level="off"),
        Erase("shop", OTHER, START + T, ANN, withdrawn=True),
    )
    made(tmp_path, came)
    night(tmp_path)
    assert {getattr(record, "visitor", "") for record in records(tmp_path)} >= {PHONE}
    assert ANN.encode() in content(tmp_path)


def test_what_a_person_does_after_the_erasure_is_its_own(tmp_path: Path) -> None:
    """But for the visit that went on meanwhile, which stays one."""
    made(tmp_path, visit_over_it())
    before = answers(tmp_path)
    night(tmp_path)
    mine = [record for record in records(tmp_path) if isinstance(record, Event) and record.visitor == PHONE]
    assert [record.page for record in mine] == ["page-new"]
    assert answers(tmp_path) == before


# ---- numbers -------------------------------------------------------------------------------------


def test_the_numbers_of_every_day_stay(tmp_path: Path) -> None:
    made(tmp_path)
    before = answers(tmp_path)
    assert len(before[0]) > 8
    night(tmp_path)
    assert answers(tmp_path) == before


@pytest.mark.parametrize("seed", range(cases(4)))
async def test_a_replay_from_what_is_left_gives_the_same_numbers_and_no_profile(
    redis_server: Any, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no tombstone is left."""
    monkeypatch.setattr(erasing, "VISITORS", 60)
    monkeypatch.setattr(erasing, "CUSTOMERS", 15)
    rng = random.Random(seed)
    came, gone = erasing.story(rng)
    lived = [one for one in came if not isinstance(one[1], Erase)]
    end = erasing.DAYS * DAY
    lived += [(end, Erase("shop", id, START + end)) for id in gone]
    async with stand(redis_server) as live:
        line, redis = live.made, live.redis
        line.sites = {"shop": SiteFacts(erasing.SITE)}
        await line.start()
        await erasing.live_through(live, lived, rng)
        wanted = await erasing.numbers(live, Keys(1))
        history = await sealed(line, tmp_path)
        store_identity(history.store, await line.log.identity())
        before = content(tmp_path)
        night(tmp_path)
        after = content(tmp_path)
        for id in gone:
            assert not re.search(rb'"%b"' % id.encode(), after), id
        assert sum(id.encode() in before for id in gone) > 15
        if seed:
            await redis.delete(*[key async for key in redis.scan_iter(match="wl:*:tombstone:*")])
        for lane, bounds in (await line.log.bounds(range(LANES))).items():
            await line.log.trim(lane, upto=bounds.end if seed else bounds.end // 2)
        both = HistoryLog(History(str(tmp_path)), line.log)
        await replay(both, redis, sites=line.sites, deployment=line.deployment, key_space=Keys(2), batch_records=50)
        assert await erasing.numbers(live, Keys(2)) == wanted
        profiles = [
            {key.partition(b":profile:")[2] async for key in redis.scan_iter(match=f"wl{version}:*:profile:*")}
            for version in (1, 2)
        ]
        assert profiles[0] == profiles[1] != set()


async def test_a_visit_that_went_on_has_no_profile_after_a_replay(redis_server: Any, tmp_path: Path) -> None:
    async with stand(redis_server) as live:
        line, redis = live.made, live.redis
        for at, record in sorted(visit_over_it(), key=lambda one: one[0]):
            if getattr(record, "page", "") != "page-new":
                await line.append(record, at=at - START)  # type: ignore[arg-type]
        await line.run()
        await line.pass_time(DAY)
        wanted = await erasing.numbers(live, Keys(1))
        history = await sealed(line, tmp_path)
        store_identity(history.store, await line.log.identity())
        night(tmp_path)
        both = HistoryLog(History(str(tmp_path)), line.log)
        await replay(both, redis, sites=line.sites, deployment=line.deployment, key_space=Keys(2))
        assert await erasing.numbers(live, Keys(2)) == wanted != {}
        assert [key async for key in redis.scan_iter(match="wl1:*:profile:*")]
        assert not [key async for key in redis.scan_iter(match="wl2:*:profile:*")]
