"""What a request tells of cards is on disk before its records; while Redis alone is away, only such requests wait."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from redis.exceptions import ResponseError

from benchmarks.waiting import until
from collector import customer_cards as customer_cards_module
from collector import writer as writer_module
from collector.customer_cards import CustomerCards
from collector.metrics import Metrics
from collector.spool import Spool
from collector.spool_folder import SpoolFolder
from collector.spool_frames import CARD, encode_frames
from collector.writer import GroupCommit
from tests.cards import ALICE, BEN, EMAIL, LANES, NAME, PHONE, Desk, card, desk_on, holds
from tests.collector_stand import FaultyLog
from tests.timeline import START, event
from wakeline.cards import Card
from wakeline.lanes import lane_of
from wakeline.log import Log
from wakeline.log.kafka import KafkaLog
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import Erase, Fact, decode_record, encode_record
from wakeline.redis.connect import connect

TEXTS = (EMAIL, NAME, PHONE, "jo.doe", "1234567")


class Stand:
    """A group commit over a log in memory, as on Kafka, with cards on a real server that may go away alone."""

    def __init__(self, folder: Path, server: Any, *, spools: bool = True, log: Any = None) -> None:
        self.folder, self.server = folder, server
        self.log = log or FaultyLog(LANES)
        self.spools = spools

    async def start(self) -> None:
        self.metrics = Metrics()
        limit = 10**7 if self.spools else 0
        spool = Spool(self.folder / "data" / "spool", 0, workers=1, limit=limit, metrics=self.metrics)
        self.cards = CustomerCards(self.server.url, self.folder / "wakeline.key")

        async def opening() -> tuple[Log, int]:
            if isinstance(self.log, FaultyLog):
                await self.log.identity()
                return self.log, LANES
            found = await self.log() if callable(self.log) else RedisStreamsLog(self.server.url, LANES)
            await found.identity()
            return found, LANES

        self.commit = GroupCommit(opening, self.metrics, spool=spool, cards=self.cards, lanes=spool.known_lanes(LANES))
        self.task = asyncio.create_task(self.commit.run())

    async def until_open(self) -> None:
        await until(lambda: self.commit.is_open)

    async def stop(self) -> None:
        assert not self.task.done(), self.task.exception()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def submit(self, n: int, *cards: Card) -> asyncio.Future[bool]:
        """An event number n, and what it tells."""
        value = encode_record(event("visitor", "page", n, n))
        return self.commit.submit([(lane_of("shop", "visitor", LANES), value)], len(value), cards)

    async def stored(self) -> list[int]:
        """Numbers of the events in the log."""
        found = await self.log.read(dict.fromkeys(range(LANES), 0), limit=100_000, wait_ms=0)
        return [decode_record(one.value).n for entries in found.values() for one in entries]  # type: ignore[union-attr]

    def balances(self) -> bool:
        metrics = self.metrics
        return metrics.waiting == metrics.waiting_bytes == 0 and metrics.spool_records == 0


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_cards_module, "REST_S", 0.05)


@pytest.fixture
async def stand(own_server: Any, tmp_path: Path) -> AsyncIterator[Stand]:
    made = Stand(tmp_path, own_server)
    await made.start()
    await made.until_open()
    yield made
    await made.stop()


@pytest.fixture
async def desk(own_server: Any, tmp_path: Path) -> AsyncIterator[Desk]:
    """Made before the collector's first card, so that both have the same key."""
    client = connect(own_server.url)
    made = await desk_on(client, own_server.url, tmp_path)
    yield made
    await made.reader.close()
    await client.aclose()


async def test_a_card_is_on_disk_before_its_event(stand: Stand, desk: Desk) -> None:
    stand.log.gate.clear()
    done = stand.submit(0, card())
    await until(lambda: stand.log.groups)
    assert (await desk.values())["email"] == EMAIL  # its event is not yet appended
    assert not done.done()
    stand.log.gate.set()
    assert await done
    assert await stand.submit(1)
    assert await stand.stored() == [0, 1]


async def test_the_key_is_made_by_the_first_card(own_server: Any, tmp_path: Path) -> None:
    made = Stand(tmp_path, own_server)
    await made.start()
    await made.until_open()
    assert await made.submit(0)
    assert not (tmp_path / "wakeline.key").exists()
    assert await made.submit(1, card())
    assert (tmp_path / "wakeline.key").exists()
    await made.stop()


async def test_while_redis_alone_is_away_events_with_cards_wait_and_others_go_on(stand: Stand, desk: Desk) -> None:
    assert await stand.submit(0, card())
    stand.server.kill()
    assert await stand.submit(1, card(at=1, email="new@x.example"))
    assert await stand.submit(2)
    assert await stand.submit(3, card(BEN, 2))
    assert await stand.submit(4)
    assert stand.commit.is_open
    assert await stand.stored() == [0, 2, 4]
    assert stand.metrics.spool_records == 2
    assert holds(stand.folder / "data", *TEXTS, "new@x.example") == {}
    assert holds(stand.folder / "data", ALICE, BEN)
    stand.server.start()
    await until(lambda: not stand.cards.are_away)
    assert await stand.stored() == [0, 2, 4, 1, 3]
    assert [(await desk.values(who))["email"] for who in (ALICE, BEN)] == ["new@x.example", EMAIL]
    assert await stand.submit(5, card(at=3, email="newer@x.example"))
    assert (await desk.values())["email"] == "newer@x.example"
    assert (stand.metrics.spooled, stand.metrics.drained, stand.metrics.accepted) == (2, 2, 6)
    assert stand.balances()


async def test_on_kafka_others_go_on_too(own_server: Any, tmp_path: Path, desk: Desk, kafka: Any, topic: str) -> None:
    url = f"{kafka.url}/{topic}"
    made = Stand(tmp_path, own_server, log=lambda: KafkaLog.open(url, LANES))
    await made.start()
    await made.until_open()
    assert await made.submit(0, card())
    own_server.kill()
    assert await made.submit(1, card(BEN, 1))
    assert await made.submit(2)
    assert made.commit.is_open
    assert made.metrics.spool_records == 1
    own_server.start()
    await until(lambda: not made.cards.are_away)
    await made.stop()
    made.log = await KafkaLog.open(url, LANES)
    assert await made.stored() == [0, 2, 1]
    assert (await desk.values(BEN))["email"] == EMAIL
    await made.log.close()


async def test_while_redis_hangs_only_the_first_has_to_wait(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "PATIENCE_S", 0.6)
    assert await stand.submit(0, card())
    with stand.server.paused():
        assert await stand.submit(1, card())
        began = time.monotonic()
        for n in range(2, 30):
            assert await stand.submit(n, *([card(at=n)] if n % 2 else []))
        assert time.monotonic() - began < 14 * 0.3  # half of it if each waited
    await until(lambda: not stand.cards.are_away)
    assert sorted(await stand.stored()) == list(range(30))


async def test_what_waits_is_drained_under_a_load_that_never_pauses(stand: Stand, desk: Desk) -> None:
    sent = 0
    is_over = False

    async def sender() -> None:
        nonlocal sent
        while not is_over:
            sent += 1
            n = sent
            assert await stand.submit(n, *([card(at=n, email=f"jo{n}@x.example")] if n % 3 == 0 else []))

    senders = [asyncio.create_task(sender()) for _ in range(20)]
    await until(lambda: sent > 100)
    stand.server.kill()
    await until(lambda: stand.metrics.spooled > 1_200)
    stand.server.start()
    await until(lambda: not stand.cards.are_away)
    count = sent
    await until(lambda: sent > count + 100)
    is_over = True
    await asyncio.gather(*senders)
    await until(lambda: not stand.cards.are_away)
    assert sorted(await stand.stored()) == list(range(1, sent + 1))
    assert await desk.values() == {"email": f"jo{sent // 3 * 3}@x.example"}
    assert stand.balances()


async def test_without_a_spool_events_with_cards_are_refused_meanwhile(own_server: Any, tmp_path: Path) -> None:
    made = Stand(tmp_path, own_server, spools=False)
    await made.start()
    await made.until_open()
    assert await made.submit(0, card())
    own_server.kill()
    assert [await made.submit(n, card(at=n)) for n in (1, 2)] == [False, False]
    assert await made.submit(3)
    own_server.start()
    await until(lambda: not made.cards.are_away)
    assert await made.submit(4, card(at=4))
    assert await made.stored() == [0, 3, 4]
    await made.stop()


@pytest.mark.parametrize("log", ["memory", "redis"])
async def test_what_was_spooled_is_drained_after_a_restart(
    own_server: Any, tmp_path: Path, desk: Desk, log: str
) -> None:
    """The log is away too, or was all the time that the collector ran."""
    made = Stand(tmp_path, own_server, log=None if log == "memory" else RedisStreamsLog(own_server.url, LANES))
    await made.start()
    await made.until_open()
    assert await made.submit(0, card())
    own_server.kill()
    if log == "memory":
        made.log.is_away = True
    assert all([await made.submit(n, card(at=n, email=f"jo{n}@x.example")) for n in range(1, 4)])
    assert await made.submit(4)
    await made.stop()
    await made.start()
    assert await made.submit(5, card(BEN, 5))
    assert made.metrics.spool_records == 5
    await made.stop()
    assert holds(tmp_path / "data", *TEXTS, "jo3@x.example") == {}
    own_server.start()
    if log == "memory":
        made.log.is_away = False
    await made.start()
    await made.until_open()
    assert sorted(await made.stored()) == [0, 1, 2, 3, 4, 5]
    assert (await desk.values())["email"] == "jo3@x.example"
    assert (await desk.values(BEN))["email"] == EMAIL
    assert made.balances()
    await made.stop()
    await made.log.close()


async def test_a_drained_card_is_written_before_its_event_and_not_after_an_erasure(stand: Stand, desk: Desk) -> None:
    await desk.entomb(5)
    stand.server.kill()
    assert await stand.submit(0, card(at=5))
    assert await stand.submit(1, card(BEN, at=5))
    stand.log.gate.clear()
    stand.server.start()
    await until(lambda: stand.log.groups)
    assert (await desk.values(BEN))["email"] == EMAIL
    assert await stand.stored() == []
    stand.log.gate.set()
    await until(lambda: not stand.cards.are_away)
    assert await stand.stored() == [0, 1]  # the event of who was erased is as good as any
    assert await desk.values() == {}


async def test_a_card_that_is_refused_does_not_stop_its_event(stand: Stand, desk: Desk) -> None:
    await desk.entomb(10)
    assert await stand.submit(0, card(at=10), card(BEN, at=1))
    assert await stand.stored() == [0]
    assert await desk.values() == {}
    assert (await desk.values(BEN))["email"] == EMAIL


async def test_without_the_key_nothing_else_is_affected(
    stand: Stand, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    path = stand.folder / "wakeline.key"
    kept = path.read_text()
    path.unlink()
    caplog.set_level(logging.INFO)
    with_both = asyncio.gather(stand.submit(0, card()), stand.submit(1), stand.submit(2, card(BEN)))
    assert await with_both == [False, True, False]
    assert not await stand.submit(3, card())
    said = [record.message for record in caplog.records if "personal values are refused" in record.message]
    assert len(said) == 1
    assert "put back your copy of it" in said[0]
    assert not path.exists()
    path.write_text(kept)
    await asyncio.sleep(0.1)
    assert await stand.submit(4, card())
    assert await stand.stored() == [1, 4]
    assert stand.metrics.unavailable == 3
    assert stand.metrics.waiting == 0


async def test_a_spooled_card_needs_no_redis_if_the_key_is_there(stand: Stand, desk: Desk) -> None:
    """A collector that starts while Redis is away; without the file it would have to make one."""
    stand.server.kill()
    path = stand.folder / "wakeline.key"
    path.rename(stand.folder / "kept.key")
    assert not await stand.submit(0, card())
    (stand.folder / "kept.key").rename(path)
    await asyncio.sleep(0.1)
    assert await stand.submit(1, card())
    stand.server.start()
    await until(lambda: not stand.cards.are_away)
    assert (await desk.values())["email"] == EMAIL


async def test_a_redis_that_hangs_keeps_nobody_from_using_the_key(stand: Stand, desk: Desk) -> None:
    """From the first card of the process on."""
    with stand.server.paused():
        assert await asyncio.wait_for(stand.submit(0, card()), 2)
        assert await asyncio.wait_for(stand.submit(1), 0.9)
    await until(lambda: not stand.cards.are_away)
    assert sorted(await stand.stored()) == [0, 1]
    assert (await desk.values())["email"] == EMAIL


async def test_an_error_names_no_value(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(card: Card, ring: Any) -> None:
        raise ValueError(f"cannot encrypt {card.values}")

    async def rejects(cards: Sequence[Any], *, lanes: int) -> None:
        raise ResponseError(f"no {EMAIL}")

    with monkeypatch.context() as broken:
        broken.setattr(customer_cards_module, "sealed", fails)
        assert not await stand.submit(0, card())
    with monkeypatch.context() as broken:
        broken.setattr(stand.cards, "write", rejects)
        assert await stand.submit(1, card())
    assert "ValueError" in caplog.text
    assert EMAIL not in caplog.text
    await until(lambda: not stand.cards.are_away)
    assert await stand.stored() == [1]


async def test_a_user_that_may_not_write_cards_says_so(
    own_server: Any, tmp_path: Path, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.redis.execute_command("ACL SETUSER default -zlexcount")
    made = Stand(tmp_path, own_server)
    await made.start()
    await made.until_open()
    assert await made.submit(0, card())
    assert await made.submit(1)
    assert "zlexcount" in caplog.text.lower()
    await desk.redis.execute_command("ACL SETUSER default +zlexcount")
    await until(lambda: not made.cards.are_away)
    assert sorted(await made.stored()) == [0, 1]
    await made.stop()


# ---- files of the spool ---------------------------------------------------------------------------


def test_segments_of_the_version_before_are_drained(tmp_path: Path) -> None:
    checked = b"WLSPOOL1" + LANES.to_bytes(4, "little")
    records = [(1, b"one"), (2, b"two")]
    path = tmp_path / "data" / "spool" / "0"
    path.mkdir(parents=True)
    data = checked + struct.pack("<I", crc32(checked)) + encode_frames(records)
    (path / "0000000001.spool").write_bytes(data)
    spool = _opened(path)
    assert spool.records == 2
    spool.append([(3, b"three")], lanes=LANES, cards=[b"card"])
    first = spool.read(10)
    assert first is not None
    assert (list(first.records), list(first.cards), first.lanes) == (records, [], LANES)
    spool.drained(first)
    second = spool.read(10)
    assert second is not None
    assert (list(second.records), list(second.cards)) == ([(3, b"three")], [b"card"])
    spool.drained(second)
    assert (spool.records, spool.read(10)) == (0, None)
    spool.close()


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_cards_come_no_later_than_their_records_and_are_not_counted_as_such(tmp_path: Path, limit: int) -> None:
    spool = _opened(tmp_path / "data" / "spool" / "0")
    spool.append([(0, b"a"), (1, b"b")], lanes=LANES, cards=[b"A", b"B"])
    spool.append([(2, b"c")], lanes=LANES)
    spool.append([(3, b"d")], lanes=LANES, cards=[b"D"])
    spool.close()
    spool = _opened(tmp_path / "data" / "spool" / "0")
    assert spool.records == 4
    seen: list[bytes] = []
    while (batch := spool.read(limit)) is not None:
        seen += [*batch.cards, *(value for _, value in batch.records)]
        spool.drained(batch)
    assert sorted(seen) == [b"A", b"B", b"D", b"a", b"b", b"c", b"d"]
    assert all(seen.index(value.upper()) < seen.index(value) for value in (b"a", b"b", b"d"))
    assert (spool.records, spool.bytes) == (0, 0)
    spool.close()


def test_a_card_is_not_taken_for_a_lane() -> None:
    assert CARD >= 1_024


async def test_a_card_that_cannot_be_read_is_set_aside_and_stops_nothing(stand: Stand, desk: Desk) -> None:
    stand.server.kill()
    assert await stand.submit(0, card())
    stand.commit._spool._own.append([], lanes=LANES, cards=[b"{}", b"no JSON"])  # type: ignore[union-attr]
    stand.server.start()
    await until(lambda: not stand.cards.are_away)
    assert await stand.stored() == [0]
    assert (stand.folder / "data/spool/0/refused.jsonl").read_bytes() == b"{}\nno JSON\n"


async def test_records_of_servers_find_their_lane_again(tmp_path: Path) -> None:
    """After the number of lanes in the spool's header turns out to be another deployment's."""
    log = FaultyLog(LANES)
    spool = Spool(tmp_path / "data" / "spool", 0, workers=1, limit=10**6, metrics=Metrics())
    fact = Fact(site="shop", home="#order", type="purchase", id="1", time=START, received=START)
    erase = Erase(site="shop", id=ALICE, time=START)
    assert await spool.append([(0, encode_record(fact)), (0, encode_record(erase))], lanes=9)
    await spool.drain(log, LANES, group=10)
    found = await log.read(dict.fromkeys(range(LANES), 0), limit=10, wait_ms=0)
    assert {lane: [decode_record(one.value) for one in entries] for lane, entries in found.items()} == {
        lane_of("shop", "#order", LANES): [fact],
        lane_of("shop", ALICE, LANES): [erase],
    }
    spool.close()


def _opened(path: Path) -> SpoolFolder:
    from collections import Counter

    spool = SpoolFolder(path, limit=1 << 20, troubles=Counter())
    spool.open()
    return spool
