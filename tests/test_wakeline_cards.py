"""Cards: encrypted values that nobody can move, of which the later one stays, and by which customers are found."""

from __future__ import annotations

import asyncio
import itertools
import random
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as aioredis
from redis.exceptions import ConnectionError

from benchmarks.machine import find_free_ports
from benchmarks.waiting import until
from ops.cli.options import demo_file
from tests.cards import ALICE, BEN, DEPLOYMENT, EMAIL, LANES, NAME, PHONE, Desk, card, desk_on, holds, write_cards
from tests.cards import desk as desk
from tests.cards import either as either
from tests.cluster import ClusterNode
from tests.timeline import START
from wakeline import card_keys
from wakeline.cards import Cards, CardsUnavailable, CardWriter, NoCardKey, key_file, open_ring, read_ring
from wakeline.cards.sealing import sealed
from wakeline.lanes import lane_of
from wakeline.redis.connect import connect
from wakeline.settings import Config, Settings

LANE = lane_of("shop", ALICE, LANES)
CARD = card_keys.card(LANE, "shop", ALICE)


# ---- values ---------------------------------------------------------------------------------------


async def test_a_card_is_read_as_it_was_told(either: Desk) -> None:
    assert await either.write(card(), card(BEN, 5, email="ben@mail.example")) == 0
    assert await either.values() == {"email": EMAIL, "name": NAME, "phone": PHONE}
    found = await either.reader.read_many("shop", [ALICE, BEN, "@nobody"])
    assert {who: one.values["email"].time.timestamp() * 1000 - START for who, one in found.items()} == {
        ALICE: 0,
        BEN: 5,
    }
    assert await either.reader.read("other", ALICE) is None


def test_applications_without_asyncio_read_the_same(redis_server: Any, tmp_path: Path) -> None:
    async def told() -> None:
        client = connect(redis_server.url)
        made = await desk_on(client, redis_server.url, tmp_path)
        await made.write(card(), card(BEN, 5, email="ben@mail.example"))
        await made.reader.close()
        await client.aclose()

    asyncio.run(told())
    with Cards(redis_server.url, read_ring(tmp_path / "wakeline.key")) as cards:
        found = cards.read("shop", ALICE)
        assert found is not None
        assert found.values["name"].text == NAME
        assert cards.read_many("shop", [ALICE, BEN]).keys() == {ALICE, BEN}
        assert cards.find("shop", "BEN@mail.example") == [BEN]
        assert cards.read_many("shop", []) == {}


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
async def test_of_two_values_the_later_one_stays_in_whatever_order_they_come(
    desk: Desk, order: tuple[int, ...]
) -> None:
    told = [card(at=0, email="a@x.example", phone="1"), card(at=1, email="b@x.example"), card(at=2, phone="3")]
    for number in order:
        await desk.write(told[number])
    assert await desk.values() == {"email": "b@x.example", "phone": "3"}
    assert [await desk.find(text) for text in ("a@x.example", "b@x.example", "1", "3")] == [[], [ALICE], [], [ALICE]]


async def test_many_writers_at_once_leave_the_latest(desk: Desk) -> None:
    rng = random.Random(1)
    told = [card(at=at, email=f"jo{at}@x.example", name=f"Jo Number{at}") for at in range(60)]
    rng.shuffle(told)
    await asyncio.gather(*(desk.write(*told[start : start + 5]) for start in range(0, 60, 5)))
    assert await desk.values() == {"email": "jo59@x.example", "name": "Jo Number59"}
    assert len(await desk.index()) == 3


async def test_of_the_same_time_the_one_written_last_stays(desk: Desk) -> None:
    await desk.write(card(email="a@x.example"))
    await desk.write(card(email="b@x.example"))
    assert await desk.values() == {"email": "b@x.example"}


async def test_a_value_that_is_removed_does_not_come_back(desk: Desk) -> None:
    await desk.write(card(at=5, email=EMAIL, name=NAME))
    await desk.write(card(at=6, email=""))
    await desk.write(card(at=5, email=EMAIL))
    assert await desk.values() == {"name": NAME}
    assert await desk.find(EMAIL) == []
    await desk.write(card(at=7, email=EMAIL, name=""), card(at=8, email=""))
    assert await desk.reader.read("shop", ALICE) is None


async def test_what_is_not_later_than_an_erasure_is_refused(either: Desk) -> None:
    await either.entomb(10)
    assert await either.write(card(at=9), card(at=10), card(BEN, 1, email=EMAIL)) == 2
    assert await either.values() == {}
    assert await either.find(EMAIL) == [BEN]
    assert await either.write(card(at=11)) == 1
    assert await either.write(card(at=11, returns=True)) == 0
    assert (await either.values())["email"] == EMAIL


async def test_a_card_has_no_more_than_so_many_values(desk: Desk) -> None:
    await desk.write(card(**{f"code{number}": "x" for number in range(100)}))
    assert len(await desk.values()) == card_keys.FIELDS
    await desk.write(card(at=1, code1="y"))
    assert (await desk.values())["code1"] == "y"


async def test_any_text_can_be_told(desk: Desk) -> None:
    texts = ["\x00", "a:b:c", "\ud83d", "😀" * 1_000, "x" * 4_000, ":", " ", "'\"\\"]
    await desk.write(*(card(at=at, name=text, own_id=text, phone=text, email=text) for at, text in enumerate(texts)))
    assert set((await desk.values()).values()) == {texts[-1]}
    await desk.write(card(at=99, name="\ud83d"))
    assert (await desk.values())["name"] == "?"


# ---- what Redis and disks see ---------------------------------------------------------------------


async def test_without_the_key_nothing_can_be_read(own_server: Any, tmp_path: Path) -> None:
    """Neither in the server, nor in its files, nor the index; with another key the reader says so."""
    client = connect(own_server.url)
    desk = await desk_on(client, own_server.url, tmp_path / "keys")
    await desk.write(card(own_id="customer-1042", text="calls on Mondays", email=EMAIL, name=NAME, phone=PHONE))
    dump = b"".join([(await client.dump(name) or b"") + name async for name in client.scan_iter()])
    texts = ("customer-1042", "Mondays", EMAIL, "jo.doe", "mail.example", NAME, "van Døe", PHONE, "491711234567")
    assert [text for text in texts if text.lower().encode() in dump.lower()] == []
    await client.save()
    assert holds(own_server.folder, *texts) == {}
    assert holds(own_server.folder, ALICE)  # these are all its files
    other = await _other_ring(tmp_path)
    desk.reader._ring = other
    found = await desk.reader.read("shop", ALICE)
    assert found is not None
    assert (found.values, found.unreadable) == ({}, ["email", "name", "own_id", "phone", "text"])
    assert await desk.reader.find("shop", EMAIL) == []
    await desk.reader.close()
    await client.aclose()


async def _other_ring(folder: Path) -> Any:
    (folder / "other.key").write_text("ab" * 32 + "\n")
    return read_ring(folder / "other.key")


async def test_the_same_value_is_encrypted_anew_each_time(desk: Desk, redis: aioredis.Redis) -> None:
    await desk.write(card(email=EMAIL))
    first = await redis.hget(CARD, "email")
    await desk.write(card(email=EMAIL))
    second = await redis.hget(CARD, "email")
    assert first is not None
    assert second is not None
    assert first.split(b":")[:2] == second.split(b":")[:2]
    assert first != second


async def test_a_value_cannot_be_moved_or_made_newer(desk: Desk, redis: aioredis.Redis) -> None:
    await desk.write(card(email=EMAIL, phone=PHONE), card(BEN, email="ben@x.example"))
    stored = await redis.hget(CARD, "email")
    assert stored is not None
    bens = card_keys.card(lane_of("shop", BEN, LANES), "shop", BEN)
    other_site = card_keys.card(lane_of("other", ALICE, LANES), "other", ALICE)
    changed = stored[:-8] + (b"AAAAAAA=" if stored[-8:] != b"AAAAAAA=" else b"BBBBBBB=")
    for key, name, value, site, who in (
        (bens, "email", stored, "shop", BEN),
        (CARD, "phone", stored, "shop", ALICE),
        (other_site, "email", stored, "other", ALICE),
        (CARD, "email", stored.replace(str(START).encode(), str(START + 1).encode(), 1), "shop", ALICE),
        (CARD, "email", changed, "shop", ALICE),
        (CARD, "email", stored.rpartition(b":")[0] + b":no base64", "shop", ALICE),
    ):
        await redis.hset(key, name, value)  # type: ignore[arg-type]
        found = await desk.reader.read(site, who)
        assert found is not None
        assert found.unreadable == [name], (site, who, name)
        await desk.write(card(email=EMAIL, phone=PHONE))


# ---- finding --------------------------------------------------------------------------------------


async def test_customers_are_found_by_whole_values_and_words_of_a_name(either: Desk) -> None:
    both = card(BEN, email="ben@mail.example", name="Ben van Rees", phone="0049 30 5", own_id="Ben-7")
    await either.write(card(own_id="42", email=EMAIL, name=NAME, phone=PHONE), both)
    for text, by, wanted in (
        (" jo.doe@MAIL.example ", "email", [ALICE]),
        ("0049171 1234567", "phone", [ALICE]),
        ("+49305", "", [BEN]),
        ("VAN", "", [ALICE, BEN]),
        ("rees, van", "name", [BEN]),
        ("van nobody", "name", []),
        ("døe", "", [ALICE]),
        ("Ben-7", "own_id", [BEN]),
        ("ben-7", "own_id", []),
        ("jo.doe", "email", []),
        ("42", "phone", []),
        ("42", "", [ALICE]),
        ("", "", []),
        ("...", "name", []),
    ):
        assert await either.find(text, by) == wanted, (text, by)
    assert await either.find(EMAIL, site="other") == []


async def test_two_customers_with_one_address_are_both_found(desk: Desk) -> None:
    await desk.write(card(), card(BEN))
    assert await desk.find(EMAIL, "email") == [ALICE, BEN]
    assert await desk.reader.find("shop", EMAIL, most=1) == [ALICE]


async def test_of_a_name_that_very_many_have_so_many_are_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_keys, "OF_A_HASH", 5)
    await desk.write(*(card(f"@{number:032x}", name="Maria", own_id=str(number)) for number in range(100)))
    found = await desk.reader.find("shop", "maria", most=1_000)
    assert len(found) == 5 * LANES
    assert await desk.find("77", "own_id") == [f"@{77:032x}"]
    await desk.write(*(card(who, 1, name="") for who in found))
    assert await desk.find("maria") == []


# ---- on disk --------------------------------------------------------------------------------------


async def test_a_card_is_on_disk_when_it_is_written(stopped_server: Any, tmp_path: Path) -> None:
    """Under everysec this server confirms too early, so none is written; without a file none can be."""
    stopped_server.appendfsync = "everysec"
    stopped_server.start()
    client = connect(stopped_server.url)
    desk = await desk_on(client, stopped_server.url, tmp_path)
    with pytest.raises(CardsUnavailable, match="CONFIG SET appendfsync always"):
        await desk.write(card())
    await client.config_set("appendfsync", "always")
    await desk.write(card())
    stopped_server.kill()
    with pytest.raises(CardsUnavailable):
        await desk.write(card(at=1))
    stopped_server.start()
    assert (await desk.values())["email"] == EMAIL
    await client.config_set("appendonly", "no")
    with pytest.raises(CardsUnavailable, match="WAITAOF"):
        await desk.write(card(at=1))
    await desk.reader.close()
    await client.aclose()


async def test_a_managed_server_is_asked_to_confirm(own_server: Any, tmp_path: Path) -> None:
    """One that does not say how it syncs."""
    admin = connect(own_server.url)
    desk = await desk_on(admin, own_server.url, tmp_path)
    await admin.execute_command("ACL SETUSER managed on >pw ~* +@all -config")
    client = connect(own_server.url.replace("redis://", "redis://managed:pw@"))
    await write_cards(client, desk.ring, DEPLOYMENT, [card()])
    assert "cmdstat_waitaof" in await admin.info("commandstats")
    assert (await desk.values())["email"] == EMAIL
    for each in (desk.reader, client, admin):
        await (each.close() if each is desk.reader else each.aclose())  # type: ignore[union-attr]


async def test_on_a_cluster_a_replica_has_it_too(own_cluster: Any, tmp_path: Path) -> None:
    client = connect(own_cluster.url)
    desk = await desk_on(client, own_cluster.url, tmp_path)
    await desk.write(card())
    replica = ClusterNode(*find_free_ports(2), tmp_path / "replica")
    own_cluster.add(replica, replica_of=own_cluster.owner(CARD))
    try:
        await desk.write(card(at=1, email="copied@x.example"))
        assert holds(replica.folder, "customer") == {}
        assert holds(replica.folder, f":card:{ALICE}")
        with replica.paused(), pytest.raises(CardsUnavailable, match="no replica of Redis had"):
            await desk.write(card(at=2))
        await desk.write(card(at=3))
    finally:
        replica.kill()
        await desk.reader.close()
        await client.aclose()


async def test_on_a_cluster_no_card_is_lost_with_a_node(own_cluster: Any, tmp_path: Path) -> None:
    """Its replica takes over, and has what was written."""
    client = connect(own_cluster.url)
    desk = await desk_on(client, own_cluster.url, tmp_path)
    replica, primary = ClusterNode(*find_free_ports(2), tmp_path / "replica"), own_cluster.owner(CARD)
    own_cluster.add(replica, replica_of=primary)
    writer = CardWriter(client)
    try:
        await writer.write([sealed(card(), desk.ring)], lanes=LANES)
        await asyncio.to_thread(primary.kill)

        async def is_written() -> bool:
            with suppress(CardsUnavailable):
                await writer.write([sealed(card(at=1, name="Jo"), desk.ring)], lanes=LANES)
                return True
            return False

        await until(is_written, within=60)
        with Cards(f"redis+cluster://127.0.0.1:{replica.port}", desk.ring) as cards:
            found = cards.read("shop", ALICE)
        assert found is not None
        assert {name: value.text for name, value in found.values.items()} == {
            "email": EMAIL, "name": "Jo", "phone": PHONE,
        }  # fmt: skip
    finally:
        replica.kill()
        await writer.close()
        await desk.reader.close()
        await client.aclose()


async def test_on_a_cluster_every_node_has_to_sync(own_cluster: Any, tmp_path: Path) -> None:
    client = connect(own_cluster.url)
    desk = await desk_on(client, own_cluster.url, tmp_path)
    node = own_cluster.owner(CARD)
    node.ask("CONFIG SET", "appendfsync", "everysec")
    with pytest.raises(CardsUnavailable, match="CONFIG SET appendfsync always"):
        await desk.write(card())
    node.ask("CONFIG SET", "appendfsync", "always")
    await desk.write(card())
    node.kill()
    with pytest.raises(CardsUnavailable):
        await desk.write(card(at=1))
    node.start()
    own_cluster.until_ok()
    await desk.reader.close()
    await client.aclose()


async def test_on_a_cluster_a_lane_that_moves_is_followed(own_cluster: Any, tmp_path: Path) -> None:
    """The first call may fail, the next one knows the new node."""
    client = connect(own_cluster.url)
    desk = await desk_on(client, own_cluster.url, tmp_path)
    writer = CardWriter(client)
    told = [sealed(card(), desk.ring)]
    await writer.write(told, lanes=LANES)
    before = own_cluster.owner(CARD)
    other = next(node for node in own_cluster.nodes if node is not before)
    own_cluster.begin_to_move(CARD, other)
    own_cluster.move_all_keys(CARD, before, other)
    with suppress(CardsUnavailable):
        await writer.write(told, lanes=LANES)
    own_cluster.end_move(CARD, before, other)
    with suppress(CardsUnavailable):
        await writer.write(told, lanes=LANES)
    assert await writer.write(told, lanes=LANES) == 0
    assert (await desk.values())["email"] == EMAIL
    await writer.close()
    await desk.reader.close()
    await client.aclose()


# ---- the key --------------------------------------------------------------------------------------


async def test_the_key_is_made_once_and_for_its_owner_alone(redis: aioredis.Redis, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "wakeline.key"
    rings = await asyncio.gather(*(open_ring(path, redis) for _ in range(5)))
    assert len({ring.encrypts.id for ring in rings}) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["wakeline.key"]
    text = path.read_text()
    await open_ring(path, redis)
    assert path.read_text() == text
    assert await redis.smembers(card_keys.FINGERPRINTS) == {rings[0].encrypts.id.encode()}


async def test_a_key_that_is_lost_is_not_replaced(desk: Desk, redis: aioredis.Redis, tmp_path: Path) -> None:
    path = tmp_path / "wakeline.key"
    kept = path.read_text()
    await desk.write(card())
    path.unlink()
    with pytest.raises(NoCardKey, match=r"is missing, .* put back your copy of it") as lost:
        await open_ring(path, redis)
    assert desk.ring.encrypts.id in str(lost.value)
    assert not path.exists()
    path.write_text("cd" * 32)
    with pytest.raises(NoCardKey, match="put back your copy of that file, or add its lines below"):
        await open_ring(path, redis)
    path.write_text("cd" * 32 + "\n" + kept)
    assert len((await open_ring(path, redis)).keys) == 2


async def test_a_new_key_above_the_former_encrypts_from_then_on(
    desk: Desk, redis: aioredis.Redis, tmp_path: Path
) -> None:
    path = tmp_path / "wakeline.key"
    await desk.write(card(email=EMAIL, name=NAME))
    path.write_text("cd" * 32 + "\n" + path.read_text())
    former, desk.ring = desk.ring, await open_ring(path, redis)
    desk.reader._ring = desk.ring
    await desk.write(card(at=1, name="Jo Doe"), card(BEN, email=EMAIL))
    assert await desk.values() == {"email": EMAIL, "name": "Jo Doe"}
    assert sorted(await desk.find(EMAIL)) == [ALICE, BEN]
    desk.reader._ring = former
    found = await desk.reader.read("shop", ALICE)
    assert found is not None
    assert found.unreadable == ["name"]
    path.write_text("cd" * 32)
    with pytest.raises(NoCardKey, match=former.encrypts.id):
        await open_ring(path, redis)


@pytest.mark.parametrize("text", ["", "# nothing\n", "abc\n", "ab" * 31, "AB" * 32, "ab" * 32 + "\nx\n"])
async def test_a_file_that_is_no_key_is_named_and_left(redis: aioredis.Redis, tmp_path: Path, text: str) -> None:
    path = tmp_path / "wakeline.key"
    path.write_text(text)
    with pytest.raises(NoCardKey, match="put back your copy of it"):
        await open_ring(path, redis)
    assert path.read_text() == text


async def test_a_folder_that_cannot_hold_it_is_named(redis: aioredis.Redis, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NoCardKey, match="cannot be read: Not a directory"):
        await open_ring(tmp_path / "file" / "wakeline.key", redis)
    (tmp_path / "wakeline.key").write_bytes(b"\xff\xfe")
    with pytest.raises(NoCardKey, match="it is no text"):
        read_ring(tmp_path / "wakeline.key")
    with pytest.raises(NoCardKey, match="set card_key to where it lies"):
        read_ring(tmp_path / "none")


async def test_while_redis_is_away_no_key_is_made(tmp_path: Path, stopped_server: Any) -> None:
    client = connect(stopped_server.url)
    with pytest.raises(ConnectionError):
        await open_ring(tmp_path / "wakeline.key", client)
    assert not (tmp_path / "wakeline.key").exists()
    await client.aclose()


async def test_of_two_machines_that_make_one_the_second_says_so(
    redis: aioredis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps no file that encrypted nothing."""
    await open_ring(tmp_path / "one" / "wakeline.key", redis)
    monkeypatch.setattr(redis, "smembers", lambda _: asyncio.sleep(0, result=set()))
    with pytest.raises(NoCardKey, match="put back your copy of it"):
        await open_ring(tmp_path / "two" / "wakeline.key", redis)
    assert list((tmp_path / "two").iterdir()) == []


def test_the_key_lies_beside_the_configuration_but_not_with_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"

    def found(path: Path | None, **settings: Any) -> Path:
        return key_file(Config(Settings(data=data, **settings), {}, path=path))

    assert found(tmp_path / "wakeline.toml") == tmp_path / "wakeline.key"
    assert found(None) == Path("wakeline.key")
    assert found(data / "demo.toml") == found(demo_file()) == tmp_path / "data.key"
    assert found(tmp_path / "wakeline.toml", card_key=Path("/elsewhere/key")) == Path("/elsewhere/key")


async def test_a_key_that_a_version_before_made_in_the_working_folder_stays_in_use(
    desk: Desk, redis: aioredis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is gone, or belongs to a configuration that lies there too, no other one is made for its cards."""
    monkeypatch.chdir(tmp_path)
    await desk.write(card(email=EMAIL))
    settings, former = tmp_path / "wakeline.toml", tmp_path / "wakeline.key"
    data = tmp_path / "here" / "data"
    configs = [Config(Settings(data=data), {}, path=path) for path in (data / "demo.toml", demo_file())]
    for config in configs:
        assert (await open_ring(key_file(config), redis)).encrypts.id == desk.ring.encrypts.id
        settings.touch()
        with pytest.raises(NoCardKey, match=r"data\.key is missing, .* or set card_key to where it lies"):
            await open_ring(key_file(config), redis)
        settings.unlink()
    former.rename(tmp_path / "copy")
    with pytest.raises(NoCardKey, match=r"data\.key is missing, .* or set card_key to where it lies"):
        await open_ring(key_file(configs[0]), redis)
    assert not data.with_name("data.key").exists()
    data.parent.mkdir()
    (tmp_path / "copy").rename(data.with_name("data.key"))
    former.write_text("cd" * 32)
    assert (await open_ring(key_file(configs[0]), redis)).encrypts.id == desk.ring.encrypts.id
