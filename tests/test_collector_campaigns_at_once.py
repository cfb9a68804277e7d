"""Campaigns over HTTP of which many are changed at once, or one again and again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from collector import plans
from tests.collector_stand import Stand
from tests.test_collector_campaigns import ask, collector, put, records
from wakeline import applied, keys
from wakeline.planned import name_of
from wakeline.redis.connect import connect

__all__ = ["collector"]


async def test_lanes_keep_former_words_of_so_many_bytes(
    collector: Stand, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They know the latest nine of each: one after the other could be long, and the campaign deleted again."""
    long = {"elements": [f"{number:03}" * 33 for number in range(90)]}
    await put(collector, **long)
    await ask(collector, "DELETE", "winter")
    noted = [applied.Noted(version, version, msgspec.Raw(json.dumps("x" * 20_000).encode())) for version in range(9)]
    async with connect(redis_server.url) as redis:
        field = applied.field_of(("demo", name_of("winter")))
        await redis.hset(keys.Keys(1).definitions(0), field, applied.encode_known(applied.Known(noted)))
    assert (await put(collector, **long))[0] == 201
    monkeypatch.setattr(plans, "MOST_BYTES_NOTED", 150_000)
    assert (await put(collector, "summer", **long))[1]["reason"] == "too_many_campaigns"
    assert (await put(collector, "summer"))[0] == 201, "a short one takes the place of a long one"


async def test_of_two_at_once_the_one_that_get_answers_holds_in_every_lane(
    collector: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the other one is in the log, and answered, after it."""
    is_first, may_go = asyncio.Event(), asyncio.Event()

    async def slowly(*told: Any) -> None:
        if not is_first.is_set():
            is_first.set()
            await may_go.wait()
        await applied.append(*told)

    monkeypatch.setattr(plans, "append", slowly)
    first = asyncio.create_task(put(collector, goal="first"))
    await is_first.wait()
    assert (await put(collector, goal="second"))[0] == 200
    may_go.set()
    await first
    assert (await ask(collector, "GET", "winter"))[1]["campaign"]["goal"] == "second"
    for entries in (await records(collector)).values():
        assert [(version, body["goal"]) for version, body in entries] == [(2, "second"), (1, "first")]
