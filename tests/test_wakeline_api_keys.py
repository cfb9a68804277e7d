"""API keys: their text, what is stored of it, and their hash in Redis."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec
import pytest

from wakeline import api_keys, keys
from wakeline.api_keys import ApiKey, TooManyKeys, add, found, given, last_used, new_key, revoke, say_used, stored_keys


def made(site: str = "shop") -> tuple[str, str, ApiKey]:
    return new_key(site, "till", ["events"], now=7)


def test_the_text_has_256_random_bits_and_only_a_hash_is_stored() -> None:
    name, text, key = made()
    assert re.fullmatch(rf"wk_{name}_[A-Za-z0-9_-]{{43}}", text)
    assert key.hash == hashlib.sha256(text[-43:].encode()).hexdigest()
    assert text[-43:] not in api_keys.encode_key(key).decode()
    assert len({made()[1] for _ in range(100)}) == 100


def test_a_key_is_found_by_its_text_alone() -> None:
    name, text, key = made()
    other, other_text, other_key = made()
    stored = {name: key, other: other_key}
    assert found(stored, text) == (name, key)
    assert found(stored, f"wk_{name}_{other_text[-43:]}") is None
    assert found({}, text) is None
    assert found({name: msgspec.structs.replace(key, revoked=8)}, text) is None


@pytest.mark.parametrize(
    "text", ["", "wk_", "wk_" + "a" * 12, "wk_" + "A" * 12 + "_" + "x" * 43, "x" * 10_000, "\udcff"]
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert given(text) is None


def test_a_secret_that_is_nothing_is_no_key() -> None:
    """Unknown names are compared with a hash too; nobody may have its secret."""
    assert found({}, f"wk_{'a' * 12}_{'x' * 43}") is None
    assert given("wk_" + "a" * 12 + "_") is None


async def test_keys_are_outside_the_key_versions(redis: Any) -> None:
    name, text, key = made()
    await add(redis, name, key)
    assert await redis.keys("*") == [keys.API_KEYS.encode()]
    assert found(await stored_keys(redis), text) == (name, key)
    assert text[-43:].encode() not in await redis.hget(keys.API_KEYS, name)


async def test_a_revoked_key_stays_revoked(redis: Any) -> None:
    name, text, key = made()
    await add(redis, name, key)
    assert await revoke(redis, name, now=8) == key
    assert found(await stored_keys(redis), text) is None
    again = await revoke(redis, name, now=9)
    assert again is not None
    assert again.revoked == 8
    assert (await stored_keys(redis))[name].revoked == 8
    assert await revoke(redis, "x" * 12, now=9) is None


async def test_there_is_a_limit(redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MOST_KEYS", 2)
    for _ in range(2):
        name, _, key = made()
        await add(redis, name, key)
    name, _, key = made()
    with pytest.raises(TooManyKeys):
        await add(redis, name, key)
    assert name not in await stored_keys(redis)


async def test_one_that_cannot_be_read_costs_no_other(redis: Any) -> None:
    name, _, key = made()
    await add(redis, name, key)
    await redis.hset(keys.API_KEYS, mapping={"x": "no JSON", b"\xff": b"{}", "of a later version": b'{"site": 7}'})
    later = {**msgspec.to_builtins(key), "limit": 5, "scopes": ["events", "read"]}
    await redis.hset(keys.API_KEYS, "later", msgspec.json.encode(later))
    assert set(await stored_keys(redis)) == {name, "later"}


async def test_the_last_use_is_stored_by_name(redis: Any) -> None:
    await say_used(redis, {"a": 1, "b": 2})
    await say_used(redis, {"a": 3})
    assert await last_used(redis) == {"a": 3, "b": 2}
