"""Several ids of one person that was erased: the history names none of them, nor says that they are one."""

from __future__ import annotations

import random
import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.replay_stand import stand
from tests.rewritten import content, night, sealed
from tests.timeline import DAY, MINUTE, SECOND, event, fact
from wakeline.history import HistoryLog
from wakeline.history.identity import store_identity

IDS = ANN, BEN, CAT = ["@" + letter * 32 for letter in "abc"]
DAN = "@" + "d" * 32
PHONE = "phone-of-ann-000000001"


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("erased", IDS)
async def test_no_alias_of_who_was_erased_is_named(
    redis_server: Any, tmp_path: Path, erased: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the random ids is the smallest: so it may be another one that keeps what a replay knows of all."""
    rng = random.Random(seed)
    monkeypatch.setattr(secrets, "token_hex", lambda number: rng.randbytes(number).hex())
    async with stand(redis_server) as live:
        line = live.made
        for record in (
            fact(CAT, "tag", SECOND, {"tag": "vip"}),
            event(PHONE, "page-one", 0, MINUTE, interests=["Shoes"]),
            event(PHONE, "page-one", 1, 2 * MINUTE, "identify", customer=CAT),
            fact(BEN, "alias", 3 * MINUTE, {"other": CAT}),
            fact(CAT, "alias", 4 * MINUTE, {"other": ANN}),
            fact(DAN, "tag", 5 * MINUTE, {"tag": "vip"}),
            event(PHONE, "page-two", 0, 6 * MINUTE),
            fact(erased, "forget", DAY),
        ):
            await line.append(record)
            await line.run()
        history = await sealed(line, tmp_path)
        store_identity(history.store, await line.log.identity())
        before = content(tmp_path)
        assert all(id.encode() in before for id in (*IDS, PHONE))
        wanted = await line.numbers([*IDS, PHONE, DAN], ["2027-01-15"])
        night(tmp_path)
        after = content(tmp_path)
        for id in (*IDS, PHONE):
            assert id.encode() not in after, id
        assert DAN.encode() in after
        for lane, bounds in (await line.log.bounds(range(4))).items():
            await line.log.trim(lane, upto=bounds.end)
        live.log = HistoryLog(history, line.log)
        await live.switch(2)
        await line.run()
        assert await line.numbers([*IDS, PHONE, DAN], ["2027-01-15"]) == wanted
        profiles = [key async for key in live.redis.scan_iter(match="wl2:*:profile:*")]
        assert [DAN.encode() in key for key in profiles] == [True]
