"""What `wakeline.server` makes of what a caller says, and what it refuses at once."""

from __future__ import annotations

import inspect
import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.listeners import PAID, WRONG_KEY, Lines
from wakeline.server import BadEvent, Server
from wakeline.server.client import Options
from wakeline.server.events import prepare


class Channel(StrEnum):
    MAIL = "mail"


def body(**fields: object) -> Any:
    return msgspec.json.decode(prepare({"type": "t", "id": "i", "time": 1_796_574_600_000, **fields}).body)


def test_an_event_says_what_was_meant() -> None:
    berlin = timezone(timedelta(hours=1))
    said = body(
        value=Decimal("154.80"),
        tiny=Decimal("1E-7"),
        at=datetime(2026, 12, 6, 17, 30, 0, 999_999, tzinfo=berlin),
        channel=Channel.MAIL,
        order=UUID(int=7),
        topic=None,
        traits={"plan": None, "age": 7, "new": True},
        items=[{"item_id": "x", "price": Decimal("0.10"), "coupon": None}],
    )
    assert said == {
        "id": "i",
        "type": "t",
        "time": 1_796_574_600_000,
        "value": "154.80",
        "tiny": "0.0000001",
        "at": 1_796_574_600_999,
        "channel": "mail",
        "order": str(UUID(int=7)),
        "traits": {"plan": None, "age": 7, "new": True},
        "items": [{"item_id": "x", "price": "0.10"}],
    }
    assert body(time=datetime(2026, 12, 6, 16, 30, tzinfo=UTC))["time"] == 1_796_574_600_000
    assert body(time="2026-12-06T17:30:00+01:00")["time"] == "2026-12-06T17:30:00+01:00"
    assert abs(body(time=None)["time"] - time.time() * 1_000) < 10_000
    assert [body(id=id)["id"] for id in (7, UUID(int=7))] == ["7", str(UUID(int=7))]
    assert body(id=None)["id"] != body(id=None)["id"]


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"time": datetime(2026, 12, 6)}, r"`time` has no time zone.*ZoneInfo"),
        ({"items": [{"at": datetime(2026, 12, 6)}]}, r"`items\[0\].at` has no time zone"),
        ({"time": date(2026, 12, 6)}, "`time` is a day without time"),
        ({"start": date(2026, 12, 6)}, "`start` is a day without time"),
        ({"time": 1_796_574_600}, "`time` seems to be in seconds"),
        ({"time": 1_796_574_600_000.0}, "`time` seems to be in seconds"),
        ({"time": [1]}, "`time` has to be"),
        ({"value": float("nan")}, "`value` is not a finite number"),
        ({"value": Decimal("Infinity")}, "`value` is not a finite number"),
        ({"traits": {"of": {1, 2}}}, "`traits.of` is a set"),
        ({"traits": {1: 2}}, "`traits` has a key that is not a text"),
        ({"text": b"secret words"}, "`text` is a bytes"),
        ({"text": "secret words \ud83d"}, "half a character"),
        ({"props": {"deep": CYCLE}}, "nested too deeply"),
        ({"text": "secret words" * 100_000}, r"1,200,\d+ bytes is too large"),
        ({"id": ""}, "`id` has to be"),
        ({"id": True}, "`id` has to be"),
        ({"type": None}, "needs a `type`"),
        ({"type": 7}, "needs a `type`"),
    ],
)
def test_what_is_ambiguous_is_an_error_where_it_is_said(lines: Lines, fields: dict[str, Any], words: str) -> None:
    with Server(lines.url, lines.key) as server:
        with pytest.raises(BadEvent, match=words) as bad:
            server.send([PAID, {**PAID, **fields}])
        assert "secret" not in str(bad.value)
        if "type" not in fields:
            with pytest.raises(BadEvent, match=words):
                server.event("t", **fields)
    assert lines.requests == [], "nothing is sent"


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("stats.shop.example", WRONG_KEY, "`url` has to be"),
        ("ftp://stats.shop.example", WRONG_KEY, "`url` has to be"),
        ("https://", WRONG_KEY, "`url` has to be"),
        ("https://stats.shop.example?x=1", WRONG_KEY, "`url` has to be"),
        ("https://me:secret@stats.shop.example", WRONG_KEY, "has a user in it"),
        ("https://stats.shop.example:port", WRONG_KEY, "[Pp]ort"),
        ("https://stats.shop.example", "wk_secret", "not a whole key"),
        ("https://stats.shop.example", WRONG_KEY + "\nsecret", "not a whole key"),
    ],
)
def test_a_wrong_address_or_key_is_said_at_once(url: str, key: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        Server(url, key)
    assert "secret" not in str(error.value)


def test_the_options_of_asyncio_are_those_of_the_server() -> None:
    assert list(Options.__annotations__) == list(inspect.signature(Server).parameters)[2:]


def test_ids_are_new_each_time() -> None:
    assert len({prepare(PAID).id for _ in range(100)}) == 100
    assert UUID(prepare(PAID).id).version == uuid4().version
