"""The collector's copy of the API keys: renewed from Redis, kept in a file for a start without Redis."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.waiting import until
from collector import keyring as module
from collector.keyring import Keyring
from tests.server_stand import KEY, KEYS, NAME, STORED, written
from wakeline import data_folder
from wakeline.api_keys import add, last_used, new_key, revoke
from wakeline.redis.connect import connect
from wakeline.stopping import cancelled

AWAY = "redis://127.0.0.1:1/0"
HEADER = f"Bearer {KEY}"


def ring(folder: Path, url: str = AWAY) -> Keyring:
    return Keyring(folder / "api_keys", url, clock=lambda: 123)


async def closed(*rings: Keyring) -> None:
    for one in rings:
        await one.close()


async def test_keys_of_redis_are_known_and_a_revoked_one_no_longer(
    redis: Any, redis_server: Any, tmp_path: Path
) -> None:
    one = ring(tmp_path, redis_server.url)
    assert one.verified(HEADER) is None
    assert not one.is_ready
    await add(redis, NAME, STORED)
    await one.renew()
    assert one.verified(HEADER) == (NAME, STORED)
    assert one.is_ready
    assert len(one) == 1
    await revoke(redis, NAME, now=5)
    await one.renew()
    assert one.verified(HEADER) is None
    assert len(one) == 0
    await closed(one)


async def test_a_revoked_key_stops_within_five_seconds_by_itself(redis: Any, redis_server: Any, tmp_path: Path) -> None:
    assert module.RENEW_S + module.PATIENCE_S < 5
    await add(redis, NAME, STORED)
    one = ring(tmp_path, redis_server.url)
    task = asyncio.create_task(one.keep_up())
    await until(lambda: one.verified(HEADER) is not None, "the key is known")
    await revoke(redis, NAME, now=5)
    async with asyncio.timeout(5):
        await until(lambda: one.verified(HEADER) is None, "it is unknown")
    await cancelled([task])


async def test_a_start_without_redis_knows_the_keys_of_the_last_run(
    redis: Any, redis_server: Any, tmp_path: Path
) -> None:
    await add(redis, NAME, STORED)
    first = ring(tmp_path, redis_server.url)
    await first.renew()
    await closed(first)
    second = ring(tmp_path)
    await second.renew()  # in vain
    assert second.is_ready
    assert second.verified(HEADER) == (NAME, STORED)
    assert second.age_s < 60
    await closed(second)


async def test_the_file_is_ours_alone_and_holds_no_secret(redis: Any, redis_server: Any, tmp_path: Path) -> None:
    await add(redis, NAME, STORED)
    one = ring(tmp_path, redis_server.url)
    await one.renew()
    (path,) = (tmp_path / "api_keys").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert KEY[-43:] not in path.read_text()
    assert data_folder.not_ours(tmp_path) == []
    before = path.stat().st_mtime_ns
    await one.renew()
    assert path.stat().st_mtime_ns == before  # it is written if it changed
    await closed(one)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"x": 7}', b"\xff\xfe", None])
async def test_a_damaged_file_is_ignored_and_replaced(
    redis: Any, redis_server: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: bytes | None
) -> None:
    whole = written(tmp_path, KEYS).read_bytes()
    path = written(tmp_path, KEYS)
    path.write_bytes(whole[: len(whole) // 2] if text is None else text)
    one = ring(tmp_path, redis_server.url)
    assert one.verified(HEADER) is None
    assert "it is damaged" in caplog.text
    await add(redis, NAME, STORED)
    await one.renew()
    assert ring(tmp_path).verified(HEADER) == (NAME, STORED)
    await closed(one)


async def test_several_workers_share_the_file(redis: Any, redis_server: Any, tmp_path: Path) -> None:
    """One with an older copy writes it only once: the next renewal corrects that."""
    rings = [ring(tmp_path, redis_server.url) for _ in range(4)]
    for _ in range(5):
        name, _, key = new_key("demo", "one more", ["events"], now=1)
        await add(redis, name, key)
        await asyncio.gather(*(one.renew() for one in rings))
    assert len(ring(tmp_path)) == 5
    assert [path.name for path in (tmp_path / "api_keys").iterdir()] == ["keys.json"]
    await closed(*rings)


async def test_what_a_process_left_that_died_while_it_wrote_is_removed(
    redis: Any, redis_server: Any, tmp_path: Path
) -> None:
    path = written(tmp_path, {})
    dead, alive = path.with_name("keys.json.4194305"), path.with_name(f"keys.json.{os.getppid()}")
    for left in (dead, alive):
        left.write_bytes(b"{")
    await add(redis, NAME, STORED)
    one = ring(tmp_path, redis_server.url)
    await one.renew()
    assert (dead.exists(), alive.exists()) == (False, True)
    await closed(one)


async def test_a_disk_that_refuses_costs_no_key(
    redis: Any, redis_server: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "api_keys").write_text("a file where the folder should be")
    await add(redis, NAME, STORED)
    one = ring(tmp_path, redis_server.url)
    for _ in range(2):
        await one.renew()
    assert one.verified(HEADER) == (NAME, STORED)
    assert caplog.text.count("cannot be written") == 1
    await closed(one)


async def test_the_last_use_is_stored_once_a_minute(redis: Any, redis_server: Any, tmp_path: Path) -> None:
    now = [1_000.0]
    one = Keyring(tmp_path / "api_keys", redis_server.url, clock=lambda: 123, monotonic=lambda: now[0])
    await add(redis, NAME, STORED)
    await one.renew()
    one.verified(HEADER)
    await one.renew()
    assert await last_used(redis) == {NAME: 123}
    await redis.delete("wl:api_keys:used")
    one.verified(HEADER)
    one.verified("Bearer x")
    await one.renew()
    assert await last_used(redis) == {}
    now[0] += 60
    await one.renew()
    assert await last_used(redis) == {NAME: 123}
    await closed(one)


async def test_who_may_not_read_keys_is_told_and_keeps_its_copy(
    redis: Any, redis_server: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.execute_command("ACL SETUSER", "collector", "on", ">password", "~wl*", "+client|setinfo", "+hset")
    try:
        written(tmp_path, KEYS)
        one = ring(tmp_path, redis_server.url.replace("redis://", "redis://collector:password@"))
        for _ in range(2):
            await one.renew()
        assert one.verified(HEADER) == (NAME, STORED)
        assert caplog.text.count("docs/redis.md") == 1
        await closed(one)
    finally:
        await redis.execute_command("ACL DELUSER", "collector")


async def test_a_key_that_another_wrote_is_known_at_once_on_both(redis_server: Any, redis: Any, tmp_path: Path) -> None:
    """Two collectors of one Redis with folders of their own."""
    rings = [ring(tmp_path / name, redis_server.url) for name in "ab"]
    async with connect(redis_server.url) as other:
        await add(other, NAME, STORED)
    for one in rings:
        await one.renew()
        assert one.verified(HEADER) is not None
    await closed(*rings)
