"""A new key for the cards: all are encrypted with it, whoever writes meanwhile, and the former ones are retired."""

from __future__ import annotations

import asyncio
import os
import stat
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as aioredis

from benchmarks.waiting import until
from collector import customer_cards as customer_cards_module
from collector.app import work
from ops.imports.people import People
from tests.cards import ALICE, BEN, DEPLOYMENT, EMAIL, LANES, NAME, PHONE, Desk, card, desk_on, keys_in_use, rotated
from tests.cards import desk as desk
from tests.cards import either as either
from tests.test_collector_customer_cards import Stand
from wakeline import card_keys
from wakeline.cards import CardsUnavailable, CardWriter, NoCardKey, check_key, read_ring
from wakeline.cards.key import put_new_key, say_replaced
from wakeline.cards.rotating import rotate
from wakeline.cards.sealing import sealed
from wakeline.cards.writing import FormerKey
from wakeline.redis.connect import connect
from wakeline.settings import Config, Settings


async def test_all_cards_are_encrypted_with_the_new_key(either: Desk, tmp_path: Path) -> None:
    path = tmp_path / "wakeline.key"
    former = either.ring
    await either.write(card(own_id="jo", email=EMAIL, name=NAME, phone=PHONE), card(BEN, 5, email=EMAIL, name="Ben"))
    await either.write(card(BEN, 6, name=""))
    index = await either.index()
    done = await rotated(either, path)
    assert (done.cards, done.unreadable) == (2, 0)
    assert await keys_in_use(either.redis) == {done.key} == {either.ring.encrypts.id}
    assert await either.redis.smembers(card_keys.FINGERPRINTS) == {done.key.encode()}  # type: ignore[misc]
    assert await either.values() == {"own_id": "jo", "email": EMAIL, "name": NAME, "phone": PHONE}
    assert await either.values(BEN) == {"email": EMAIL}
    assert sorted(await either.find(EMAIL)) == [ALICE, BEN]
    assert await either.find("jo", "own_id") == await either.find("van") == [ALICE]
    now = await either.index()
    assert (len(now), set(now) & set(index)) == (len(index), set())
    path.write_text("\n".join(line for line in path.read_text().splitlines() if line != _line(former, path)) + "\n")
    await check_key(path, either.redis)  # the former key is no longer required
    either.reader._ring = read_ring(path)
    assert len(either.reader._ring.keys) == 1
    assert (await either.values())["email"] == EMAIL
    assert await either.find(EMAIL, "email") == sorted((ALICE, BEN))


def _line(ring: Any, path: Path) -> str:
    """The line of a ring's first key."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return next(line for line, key in zip(lines, read_ring(path).keys, strict=True) if key.id == ring.encrypts.id)


async def test_a_value_that_is_written_meanwhile_stays(desk: Desk, tmp_path: Path) -> None:
    """Between reading a card and writing it again."""
    await desk.write(card(email=EMAIL, name=NAME))
    original = type(desk.redis).eval
    told = False

    async def slow(self: Any, script: str, *words: Any) -> Any:
        nonlocal told
        if "ARGV[j + 3]" in script and not told:
            told = True
            desk.ring = read_ring(tmp_path / "wakeline.key")
            await desk.write(card(at=9, email="new@x.example"))
        return await original(self, script, *words)

    desk.redis.eval = slow.__get__(desk.redis)  # type: ignore[method-assign]
    await rotated(desk, tmp_path / "wakeline.key")
    assert told
    assert await desk.values() == {"email": "new@x.example", "name": NAME}
    assert (await desk.find(EMAIL), await desk.find("new@x.example")) == ([], [ALICE])


async def test_a_former_key_is_refused_as_a_whole(either: Desk, tmp_path: Path) -> None:
    await either.write(card())
    former = either.ring
    await rotated(either, tmp_path / "wakeline.key")
    told = [sealed(card(BEN, at=7), either.ring), sealed(card(at=8, email="old@x.example"), former)]
    writer = CardWriter(either.redis)
    with pytest.raises(FormerKey, match="copy the file"):
        await writer.write(told[1:], lanes=LANES)
    with pytest.raises(FormerKey):
        await writer.write(told, lanes=LANES)
    assert (await either.values())["email"] == EMAIL
    assert await writer.write(told[1:], lanes=LANES, takes_former=True) == 0
    assert (await either.values())["email"] == "old@x.example"
    await writer.close()


async def test_a_rotation_that_was_begun_goes_on_with_its_key(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "wakeline.key"
    await desk.write(card())
    put_new_key(path, today=date(2026, 1, 1))  # and then it was killed
    begun = read_ring(path).encrypts.id
    assert (await rotated(desk, path)).key == begun
    assert (await rotated(desk, path)).key != begun


async def test_a_key_that_was_replaced_does_not_come_back(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "wakeline.key"
    former = path.read_text()
    await desk.write(card())
    await rotated(desk, path)
    path.write_text(former + "\n".join(line for line in path.read_text().splitlines() if line[0] != "#") + "\n")
    with pytest.raises(NoCardKey, match="was replaced before"):
        await rotate(path, desk.redis, LANES, ahead=lambda _: None, done=lambda _: None)


async def test_values_that_no_key_reads_are_counted_and_left(desk: Desk, tmp_path: Path) -> None:
    await desk.write(card(email=EMAIL))
    (tmp_path / "other.key").write_text("ab" * 32 + "\n")
    desk.ring = read_ring(tmp_path / "other.key")
    await desk.write(card(BEN))
    assert await rotated(desk, tmp_path / "wakeline.key") == (desk.ring.encrypts.id, 2, 3)
    assert (await desk.values())["email"] == EMAIL


def test_the_file_says_until_when_former_keys_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "wakeline.key"
    path.write_text(f"# words\n{'ab' * 32}\n")
    path.chmod(0o640)
    (tmp_path / "link").symlink_to(path)
    put_new_key(tmp_path / "link", today=date(2026, 1, 1))
    assert (tmp_path / "link").is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    say_replaced(path, until=date(2026, 1, 31))
    say_replaced(path, until=date(2026, 2, 20))  # it was interrupted, and goes on later
    lines = path.read_text().splitlines()
    assert (lines[0], lines[2], lines[3]) == ("# words", lines[2], "ab" * 32)
    assert lines[2].endswith("need it until 2026-01-31")
    put_new_key(path, today=date(2026, 1, 31))
    assert len(read_ring(path).keys) == 3
    put_new_key(path, today=date(2026, 2, 1))
    assert "ab" * 32 not in path.read_text()
    assert "2026-01-31" not in path.read_text()
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["link", "wakeline.key"]


# ---- collectors -----------------------------------------------------------------------------------


async def test_collectors_take_the_new_key_from_the_file(
    own_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was spooled before with the former one, too: its file is read before the rotation, and drained after."""
    monkeypatch.setattr(customer_cards_module, "REST_S", 0.05)
    stand = Stand(tmp_path, own_server)
    await stand.start()
    await stand.until_open()
    async with connect(own_server.url) as client:
        desk = await desk_on(client, own_server.url, tmp_path)
        assert await stand.submit(0, card())
        stand.log.is_away = True
        own_server.kill()
        assert await stand.submit(1, card(BEN, email="ben@x.example"))
        await stand.stop()  # the spool stays
        own_server.start()
        stand.log.is_away = False
        await client.connection_pool.disconnect()
        done = await rotated(desk, tmp_path / "wakeline.key")
        await stand.start()
        await stand.until_open()
        await until(lambda: stand.metrics.spool_records == 0)
        assert await stand.submit(2, card(at=5, name="Jo New"))
        assert await desk.values(BEN) == {"email": "ben@x.example"}
        assert (await desk.values())["name"] == "Jo New"
        assert await keys_in_use(client) == {done.key}
        done = await rotated(desk, tmp_path / "wakeline.key")  # while it runs
        assert await stand.submit(3, card(at=6, name="Jo Newer"))
        assert await keys_in_use(client) == {done.key}
        assert await client.smembers(card_keys.FINGERPRINTS) == {done.key.encode()}  # type: ignore[misc]
        await desk.reader.close()
    await stand.stop()


async def test_without_the_new_file_they_wait_for_it(
    own_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine has a file of its own."""
    monkeypatch.setattr(customer_cards_module, "REST_S", 0.05)
    async with connect(own_server.url) as client:
        desk = await desk_on(client, own_server.url, tmp_path)
        there = tmp_path / "there"
        there.mkdir()
        (there / "wakeline.key").write_text((tmp_path / "wakeline.key").read_text())
        stand = Stand(there, own_server)
        await stand.start()
        await stand.until_open()
        assert await stand.submit(0, card())
        await rotated(desk, tmp_path / "wakeline.key")
        assert await stand.submit(1, card(at=1, email="new@x.example"))
        assert stand.metrics.spool_records == 1
        assert (await desk.values())["email"] == EMAIL
        text = (tmp_path / "wakeline.key").read_text()
        (there / "copied").write_text(text)
        os.replace(there / "copied", there / "wakeline.key")
        await until(lambda: stand.metrics.spool_records == 0)
        assert (await desk.values())["email"] == "new@x.example"
        await stand.stop()
        await desk.reader.close()


async def test_a_spooled_card_whose_key_is_gone_holds_up_nobody(own_server: Any, tmp_path: Path) -> None:
    async with connect(own_server.url) as client:
        desk = await desk_on(client, own_server.url, tmp_path)
        await desk.write(card())
        told = [sealed(card(BEN, 1), desk.ring)]
        former = (tmp_path / "wakeline.key").read_text()
        await rotated(desk, tmp_path / "wakeline.key")
        first = next(line for line in (tmp_path / "wakeline.key").read_text().splitlines() if line[0] != "#")
        (tmp_path / "wakeline.key").write_text(first + "\n")
        cards = customer_cards_module.CustomerCards(own_server.url, tmp_path / "wakeline.key")
        await cards.write([*told, sealed(card(at=3, name="Jo New"), desk.ring)], lanes=LANES)
        desk.reader._ring = read_ring(tmp_path / "wakeline.key")
        assert (await desk.values())["name"] == "Jo New"
        (tmp_path / "wakeline.key").write_text(first + "\n" + former)
        desk.reader._ring = read_ring(tmp_path / "wakeline.key")
        assert (await desk.values(BEN))["email"] == EMAIL
        await cards.close()
        await desk.reader.close()


async def test_an_import_takes_the_new_key_too(desk: Desk, redis_server: Any, tmp_path: Path) -> None:
    config = Config(Settings(redis=redis_server.url, data=tmp_path / "data"), {}, path=tmp_path / "wakeline.toml")
    await desk.write(card())
    people = await People.opened(config, desk.redis, DEPLOYMENT)
    done = await rotated(desk, tmp_path / "wakeline.key")
    await people.write([card(BEN, 1, email="ben@x.example")])
    assert await desk.values(BEN) == {"email": "ben@x.example"}
    assert await keys_in_use(desk.redis) == {done.key}
    await rotated(desk, tmp_path / "wakeline.key")
    (tmp_path / "wakeline.key").unlink()
    with pytest.raises(CardsUnavailable, match="put back your copy"):
        await people.write([card(BEN, 2, email="later@x.example")])
    await people.close()


def test_a_collector_without_the_key_does_not_start(
    redis_server: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(redis=redis_server.url, data=tmp_path / "data", lanes=LANES)
    config = Config(settings, {}, path=tmp_path / "wakeline.toml")

    async def told() -> None:
        async with connect(redis_server.url) as client:
            desk = await desk_on(client, redis_server.url, tmp_path)
            await desk.write(card())
            await desk.reader.close()

    asyncio.run(told())
    (tmp_path / "wakeline.key").write_text("cd" * 32)
    assert work(config, 0) == 1
    assert "add its lines below those of this one" in caplog.text
    (tmp_path / "wakeline.key").unlink()
    caplog.clear()
    assert work(config, 0) == 1
    assert "the collector does not start" in caplog.text
    assert "put back your copy of it" in caplog.text
    assert not (tmp_path / "data").exists()


async def test_without_redis_or_cards_nothing_is_checked(
    redis: aioredis.Redis, redis_server: Any, tmp_path: Path
) -> None:
    check = customer_cards_module.check_key_at_start
    await check("redis://127.0.0.1:1/0", tmp_path / "none")
    await check(redis_server.url, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    await redis.sadd(card_keys.FINGERPRINTS, "0123456789abcdef")  # type: ignore[misc]
    with pytest.raises(NoCardKey, match="0123456789abcdef"):
        await check(redis_server.url, tmp_path / "none")
