"""Cards on the command line: `profile --personal`, `erase`, and backups, which keep them apart and for 30 days."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.backup import cards as backed_up
from ops.backup.making import make
from ops.backup.manifest import BackupRefused, check, read, write
from ops.backup.restoring import restore
from ops.cli import main
from tests.cards import ALICE, BEN, EMAIL, LANES, NAME, PHONE, Desk, card, desk_on, holds
from tests.timeline import MINUTE, START
from wakeline import card_keys, keys
from wakeline.identity import customer_id
from wakeline.lanes import lane_of
from wakeline.log.chain import chained
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import Erase, encode_record
from wakeline.redis.connect import connect
from wakeline.settings import Config, Settings

SECRET = "0123456789abcdef"
JO = customer_id(SECRET, "jo")
FILE = f'[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\nsecret = "{SECRET}"\n'


async def written(url: str, folder: Path, *told: Any) -> None:
    async with connect(url) as redis:
        desk = await desk_on(redis, url, folder)
        await desk.write(*told)
        await desk.reader.close()


# ---- commands -------------------------------------------------------------------------------------


@pytest.fixture
def command(configured: Callable[[str], None], redis_server: Any, tmp_path: Path) -> Callable[..., Result]:
    """Any, where Jo has a card beside whose configuration the key lies."""
    configured(FILE)
    asyncio.run(written(redis_server.url, tmp_path, card(JO, 0, own_id="jo", email=EMAIL, name="\x1b[31mJo")))
    return lambda *words: CliRunner().invoke(main, [*words, "--redis", redis_server.url])


def test_the_card_is_shown_to_who_has_the_key(command: Any, tmp_path: Path) -> None:
    said = command("profile", "jo", "--customer", "--personal")
    assert said.exit_code == 0, said.output
    assert EMAIL in said.output
    assert "2027-01-15" in said.output
    assert "\x1b" not in said.output
    assert command("profile", "show", "jo", "--customer", "--personal").output == said.output
    shown = json.loads(command("profile", JO, "--personal", "--json").output)
    assert shown["personal"]["values"]["email"] == {"text": EMAIL, "time": "2027-01-15T08:00:00Z"}
    assert command("profile", "jo", "--customer").exit_code == 1  # there is no profile
    (tmp_path / "wakeline.key").unlink()
    said = command("profile", "jo", "--customer", "--personal")
    assert (said.exit_code, "set card_key to where it lies" in said.output) == (1, True)
    assert not (tmp_path / "wakeline.key").exists()
    assert command("profile", "jo", "--customer", "--personal", "--watch").exit_code == 2
    assert command("profile", "nobody", "--customer", "--personal").exit_code == 1


def test_who_has_only_a_card_can_be_erased(command: Any) -> None:
    said = command("erase", "jo", "--customer", "--yes")
    assert said.exit_code == 0, said.output
    assert "is being forgotten, and the card with personal values deleted" in said.output
    said = command("erase", "other", "--customer", "--yes")
    assert (said.exit_code, "is unknown" in said.output) == (1, True)


def test_the_key_is_checked(command: Any, tmp_path: Path) -> None:
    path = tmp_path / "wakeline.key"
    kept = path.read_text()
    assert "the key of the cards is in wakeline.key" in _said(command)
    path.chmod(0o640)
    assert "chmod 600" in _said(command)
    path.write_text("cd" * 32)
    assert "add its lines below those of this one" in _said(command)
    path.write_text("cd" * 32 + "\n" + kept)
    assert "add its lines" not in _said(command)
    path.unlink()
    assert "events with personal values are refused" in _said(command)


def _said(command: Any) -> str:
    return str(command("check").output)


def test_the_key_must_not_lie_with_the_data(configured: Any) -> None:
    configured('card_key = "data/wakeline.key"\n' + FILE)
    said = CliRunner().invoke(main, ["check"])
    assert said.exit_code == 2
    assert "card_key lies in the data folder" in said.output


# ---- backups --------------------------------------------------------------------------------------


@pytest.fixture
def config(own_server: Any, tmp_path: Path) -> Config:
    settings = Settings(redis=own_server.url, embedded_port=own_server.port, data=tmp_path / "data", lanes=LANES)
    return Config(settings, {})


@pytest.fixture
async def desk(own_server: Any, tmp_path: Path) -> AsyncIterator[Desk]:
    """Of a deployment with a log, whose server's files lie in the data folder."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "redis").symlink_to(own_server.folder)
    client = connect(own_server.url)
    made = await desk_on(client, own_server.url, tmp_path)
    log = RedisStreamsLog(own_server.url, LANES)
    await chained(log, None, client, LANES)
    await log.append([(0, b'{"kind":"tick"}')])
    await log.close()
    yield made
    await made.reader.close()
    await client.aclose()


async def backup(config: Config, name: str, **more: Any) -> Path:
    folder = config.settings.data.parent / "backups" / name
    await asyncio.to_thread(make, config, folder, **more)
    check(folder, read(folder))
    return folder


async def brought_back(config: Config, desk: Desk, server: Any, folder: Path) -> list[str]:
    """What a restore says; afterwards the server runs on what it restored."""
    said: list[str] = []
    server.kill()
    await asyncio.to_thread(lambda: restore(config, folder, say=said.append))
    server.folder = config.settings.data / "redis"
    server.start()
    for client in (desk.redis, desk.reader._redis):
        await client.connection_pool.disconnect()
    return said


async def test_a_backup_holds_cards_in_a_file_of_their_own(config: Config, desk: Desk, own_server: Any) -> None:
    await desk.write(card(at=1), card(BEN, 1, email="ben@x.example"))
    before = await desk.values()
    folder = await backup(config, "first")
    assert holds(folder, EMAIL, NAME, PHONE) == {}
    assert holds(folder, ALICE) == {ALICE: [str(folder / "cards.jsonl")]}
    assert not [path for path in folder.rglob("*") if path.stat().st_mode & 0o077]
    assert sorted(path.name for path in folder.iterdir()) == ["cards.jsonl", "manifest.json", "redis.rdb"]
    await desk.write(card(at=2, email="later@x.example"))
    await brought_back(config, desk, own_server, folder)
    assert await desk.values() == before
    assert await desk.find(EMAIL) == [ALICE]
    assert await desk.redis.pttl(card_keys.card(lane_of("shop", ALICE, LANES), "shop", ALICE)) > 0


async def test_a_backup_without_cards_brings_back_everything_else(config: Config, desk: Desk, own_server: Any) -> None:
    await desk.write(card(at=1))
    folder = await backup(config, "first", with_cards=False)
    assert holds(folder, ALICE, "card-index") == {}
    assert not (folder / "cards.jsonl").exists()
    assert await brought_back(config, desk, own_server, folder) == []
    assert await desk.values() == {}
    assert (await desk.redis.xlen(keys.log_lane(0))) == 1
    assert await desk.redis.exists(card_keys.FINGERPRINTS)


async def test_a_backup_without_cards_knows_who_came_back(config: Config, desk: Desk, own_server: Any) -> None:
    """Otherwise all that they tell from then on would be refused, as they were erased once."""
    await desk.entomb(5)
    await desk.entomb(5, BEN)
    await desk.write(card(at=6, email=EMAIL, returns=True))
    folder = await backup(config, "first", with_cards=False)
    assert holds(folder, "card-index") == {}
    await brought_back(config, desk, own_server, folder)
    assert await desk.values() == {}
    assert await desk.redis.pttl(card_keys.card(lane_of("shop", ALICE, LANES), "shop", ALICE)) > 0
    assert await desk.write(card(at=7, email="new@x.example"), card(BEN, 7)) == 1
    assert await desk.values() == {"email": "new@x.example"}
    assert await desk.values(BEN) == {}


async def test_a_deployment_without_cards_needs_no_second_server(
    config: Config, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.redis.delete(card_keys.FINGERPRINTS)
    monkeypatch.setattr(backed_up, "served", None)
    folder = await backup(config, "first")
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "redis.rdb"]


@pytest.mark.parametrize("how", ["record", "tombstone"])
async def test_a_restore_leaves_out_who_was_erased_since(config: Config, desk: Desk, own_server: Any, how: str) -> None:
    await desk.write(card(at=1), card(BEN, 1))
    folder = await backup(config, "first")
    if how == "record":
        log = RedisStreamsLog(own_server.url, LANES)
        erasure = Erase(site="shop", id=ALICE, time=START + MINUTE)
        await log.append([(lane_of("shop", ALICE, LANES), encode_record(erasure))])
        await log.close()
    else:
        key = keys.tombstone(lane_of("shop", ALICE, LANES), "shop", ALICE)
        await desk.redis.set(key, START + MINUTE, px=10**9)
    await brought_back(config, desk, own_server, folder)
    assert await desk.values() == {}
    assert await desk.find(EMAIL) == [BEN]


def aged(folder: Path, days: int) -> None:
    manifest = read(folder)
    manifest.made = (datetime.now(UTC) - timedelta(days=days, hours=1)).isoformat(timespec="seconds")
    write(folder, manifest)


async def test_cards_leave_backups_after_30_days(config: Config, desk: Desk, own_server: Any) -> None:
    """The next backup deletes them in those beside it, and a restore does not use them."""
    await desk.write(card(at=1))
    old, young = await backup(config, "old"), await backup(config, "young")
    aged(old, 30)
    aged(young, 29)
    (config.settings.data.parent / "backups" / "no-backup").mkdir()
    (config.settings.data.parent / "backups" / "no-backup" / "cards.jsonl").touch()
    assert backed_up.forget_old(config.settings.data.parent / "backups" / "next") == [old]
    assert (young / "cards.jsonl").exists()
    assert (config.settings.data.parent / "backups" / "no-backup" / "cards.jsonl").exists()
    check(old, read(old))
    assert not (old / "cards.jsonl").exists()
    said = await brought_back(config, desk, own_server, old)
    assert said == ["the cards in this backup are older than 30 days, so they are not restored"]
    assert await desk.values() == {}


async def test_a_backup_whose_cards_were_deleted_is_whole(config: Config, desk: Desk, own_server: Any) -> None:
    await desk.write(card(at=1))
    folder = await backup(config, "first")
    (folder / "cards.jsonl").unlink()
    assert await brought_back(config, desk, own_server, folder) == ["cards.jsonl was deleted: no cards are restored"]


async def test_cards_that_are_damaged_are_refused(config: Config, desk: Desk, own_server: Any) -> None:
    await desk.write(card(at=1))
    folder = await backup(config, "first")
    path = folder / "cards.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BackupRefused, match=r"cards.jsonl in .* is damaged"):
        await brought_back(config, desk, own_server, folder)


async def test_a_backup_that_fails_leaves_no_card_behind(
    config: Config, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.write(card(at=1))

    async def fails(_: Any) -> None:
        raise OSError("as the test wants it")

    monkeypatch.setattr(backed_up, "_delete", fails)
    with pytest.raises(OSError, match="as the test wants it"):
        await backup(config, "first")
    folder = config.settings.data.parent / "backups" / "first"
    assert list(folder.iterdir()) == []
