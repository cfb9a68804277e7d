"""Personal values are on the card, in the spool and in the backup's cards, encrypted; after an erasure nowhere else but
in older backups of cards. A search that has the key looks at keys and values of Redis, and at every file.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver import erased
from benchmarks.waiting import until, wait_until
from ops.backup.cards import Row
from ops.backup.staged import lay_out, served
from tests.integration.up import Up, up_in
from tests.personal import Searcher, in_files, in_redis
from tests.timeline import MINUTE
from wakeline import card_keys
from wakeline.history import History
from wakeline.identity import customer_id
from wakeline.log.opening import open_log
from wakeline.record import Fact, decode_record, encode_record
from wakeline.redis.connect import connect
from wakeline.settings import Settings

ANN = {"own_id": "customer-ann-7781", "email": "ann.other@mail.example"}
BEN = {"own_id": "customer-ben-2210", "email": "ben.else@mail.example"}
VISITOR = "v" * 22
SECRET = "0123456789abcdef"  # of the site


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    up = up_in(tmp_path, "archive_seal_s = 1\nlanes = 4\n")
    up.start()
    yield up
    up.stop()


def typed(up: Up, *words: str) -> str:
    ended = up.command(*words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


class Shop:
    """A server of the shop, which tells of its customers."""

    def __init__(self, up: Up) -> None:
        self._up = up
        self._key = typed(up, "key", "make", "--label", "till").strip()
        self._next = 0

    def tell(self, who: dict[str, str], type: str = "customer", **fields: Any) -> int:
        self._next += 1
        event = {"id": f"e{self._next}", "type": type, "time": time.time_ns() // 1_000_000, "customer": who["own_id"]}
        request = urllib.request.Request(
            self._up.url("port", "/v1/server/events"),
            json.dumps({"events": [event | fields]}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


class Places:
    """All places of a deployment that a search can look at."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self.url = f"redis://127.0.0.1:{up.ports['embedded_port']}/0"
        self.data = up.folder / "data"

    async def redis(self) -> dict[str, bytes]:
        async with connect(self.url, timeout=10.0) as client:
            return await in_redis(client)

    def files(self) -> dict[str, bytes]:
        """But for those of Redis, whose content `redis` reads, and the backups."""
        return {name: data for name, data in in_files(self.data).items() if not name.startswith("redis/")}

    def said(self) -> dict[str, bytes]:
        """By all processes."""
        while not self.up._queue.empty():
            self.up.lines.append(self.up._queue.get())
        return {"process logs": "\n".join(self.up.lines).encode()}

    async def backup(self, folder: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """(its cards, everything else), as a server reads them."""
        scratch = folder.parent / f"{folder.name}-scratch"
        lay_out(folder / "redis.rdb", scratch)
        async with served(scratch) as url, connect(url, timeout=10.0) as client:
            others = await in_redis(client)
            await client.flushall()
            for line in (folder / "cards.jsonl").read_bytes().splitlines():
                row = msgspec.json.decode(line, type=Row)
                await client.restore(row.key, 0, b64decode(row.dump))
            cards = await in_redis(client)
        files = {name: data for name, data in in_files(folder).items() if name not in ("cards.jsonl", "redis.rdb")}
        return cards, others | files

    async def rewritten(self) -> dict[str, bytes]:
        """The files of Redis after the rewrite that the processor has done within an hour."""
        async with connect(self.url, timeout=10.0) as client:
            await client.bgrewriteaof()
            while True:
                found = await client.info("persistence")
                if not found["aof_rewrite_in_progress"] and not found.get("aof_rewrite_scheduled"):
                    break
                await asyncio.sleep(0.05)
        await until(lambda: len(list((self.data / "redis").glob("appendonlydir/*"))) == 3, "former files are deleted")
        return in_files(self.data / "redis")


async def test_personal_values_are_where_they_may_be_and_nowhere_else(up: Up, tmp_path: Path) -> None:
    shop, places = Shop(up), Places(up)
    wait_until(lambda: shop.tell(ANN, **ANN, traits={"plan": "gold"}) == 202, "the key is known")
    assert shop.tell(BEN, **BEN) == 202
    assert shop.tell(ANN, "purchase", transaction_id="A-1", value="89.00", currency="EUR") == 202
    assert shop.tell(ANN, "contact", contact_id="C-1", channel="phone") == 202
    assert up.send_page_view(VISITOR, "page-0001") == 202
    ann = Searcher(tmp_path / "wakeline.key", "shop", ANN)
    ben = Searcher(tmp_path / "wakeline.key", "shop", BEN)
    await _until_named(places)
    await _into_the_dead_letters(places)

    spool = _spooled(up, shop, places)
    assert set().union(*ann.places(spool).values()) == {"own_id", "email"}, "the spool"
    assert b"ann.other" not in b"".join(spool.values()).lower(), "in plain text"
    wait_until(lambda: up.number("wakeline_ledger_records", state="pending") == 0, "all is applied")
    await until(lambda: _archived(places) >= 5, "all is archived")

    def is_card(key: str) -> bool:
        return ":card:" in key or key.endswith(":card-index")

    held = ann.places(await places.redis())
    assert held
    assert all(map(is_card, held))
    assert all(b"ann.other" not in data.lower() for data in (await places.redis()).values()), "in plain text"
    assert any(":dead" in key for key in await places.redis())
    files = places.files()
    assert any(name.startswith("archive/") for name in files)
    assert ann.places(files) == ann.places(places.said()) == {}
    typed(up, "backup", "first")
    cards, others = await places.backup(tmp_path / "first")
    assert set().union(*ann.places(cards).values()) == {"own_id", "email"}, "the backup's cards"
    assert ann.places(others) == {}

    said = typed(up, "profile", "erase", ANN["own_id"], "--customer", "--yes")
    assert "personal values deleted" in said
    await _until_gone(places, ann)
    await _is_nowhere(places, ann, ben)
    assert ann.places(await places.rewritten()) == {}
    cards, others = await places.backup(tmp_path / "first")
    assert ann.places(cards), "an older backup keeps it"
    typed(up, "backup", "second")
    cards, others = await places.backup(tmp_path / "second")
    assert ben.places(cards)
    assert ann.places(cards | others) == {}

    await _night(up, places)

    assert shop.tell(ANN, **ANN) == 202  # a nightly export goes on
    typed(up, "replay", "--from", "start", "--yes")
    wait_until(lambda: up.number("wakeline_ledger_records", state="pending") == 0, "the new version is live")
    assert any(key.startswith("wl2:") for key in await places.redis())
    await _until_gone(places, ann)
    await _is_nowhere(places, ann, ben)
    assert json.loads(typed(up, "query", "select count(*) as n from orders", "--json")) == {"n": 1}


QUESTION = """
with counted as (select concat_ws(' ', type, day, path, count(*)) as line from events group by type, day, path)
select (select string_agg(line, ';' order by line) from counted) as days,
    (select count(distinct visitor) from events) as visitors, (select count(*) from sessions) as visits,
    (select sum(value) from orders) as value, (select count(*) from order_items) as items,
    (select count(*) from contacts) as contacts
"""


async def _night(up: Up, places: Places) -> None:
    """The archiver rewrites the history, as it does when it starts: the pseudonyms are gone, and no number changes."""
    typed(up, "profile", "erase", VISITOR, "--yes")
    pseudonyms = {VISITOR.encode(), customer_id(SECRET, ANN["own_id"]).encode()}
    await until(lambda: any(b'"erase"' in value and VISITOR.encode() in value for value in _values(places)), "sealed")
    wait_until(lambda: up.number("wakeline_ledger_records", state="pending") == 0, "all is applied")
    await _until_sealed(places)
    held = b"\n".join(_values(places))
    assert all(pseudonym in held for pseudonym in pseudonyms)
    before, count = typed(up, "query", QUESTION, "--json"), len(_values(places))
    up.stop()
    up.start()
    await until(lambda: _is_rewritten(places), "the history is rewritten")
    live = in_files(places.data / "archive")
    for pseudonym in pseudonyms:
        assert not [name for name, data in live.items() if pseudonym in data]
        assert not [value for value in _values(places) if pseudonym in value]
    assert typed(up, "query", QUESTION, "--json") == before
    assert len(_values(places)) >= count


async def _until_sealed(places: Places) -> None:
    log = await open_log(Settings(redis=places.url), 4)
    ends = {lane: bounds.end for lane, bounds in (await log.bounds(range(4))).items() if bounds.end}
    await log.close()

    def is_sealed() -> bool:
        history = History(str(places.data / "archive"))
        return all(history.bounds(lane).end >= end for lane, end in ends.items())

    await until(is_sealed, "all is sealed")


def _is_rewritten(places: Places) -> bool:
    path = places.data / "archive" / erased.NAME
    return path.exists() and not json.loads(path.read_bytes())["waiting"]


async def _is_nowhere(places: Places, ann: Searcher, ben: Searcher) -> None:
    held = await places.redis()
    assert ann.places(held) == ann.places(places.files()) == ann.places(places.said()) == {}
    assert set().union(*ben.places(held).values()) == {"own_id", "email"}, "of others all is there"


async def _until_gone(places: Places, ann: Searcher) -> None:
    for _ in range(200):
        if not ann.places(await places.redis()):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(ann.places(await places.redis()))


def _spooled(up: Up, shop: Shop, places: Places) -> dict[str, bytes]:
    """The spool's files while Redis does not answer, and Ann's values are told again."""
    server = next(pid for pid, command in up.family().items() if f":{up.ports['embedded_port']}" in command)
    os.kill(server, signal.SIGSTOP)
    try:
        assert shop.tell(ANN, **ANN) == 202
        found = in_files(places.data / "spool")
    finally:
        os.kill(server, signal.SIGCONT)
    return found


async def _until_named(places: Places) -> None:
    """Wait until the order names its customer: it is in the lane of the order."""
    for _ in range(200):
        if any(":naming:@" in key for key in await places.redis()):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no thing names a customer")


async def _into_the_dead_letters(places: Places) -> None:
    """A fact about Ann that no version can apply."""
    async with connect(places.url) as client:
        name = next(key.decode() for key in await client.keys(card_keys.CARDS))
    lane, site, customer = card_keys.whose_card(name)
    log = await open_log(Settings(redis=places.url), 4)
    broken = encode_record(
        Fact(site=site, home=customer, type="customer", id="0" * 16, time=MINUTE, received=MINUTE, customer=customer)
    ).replace(b'"customer","id"', b'"customer","id":1,"id"')
    await log.append([(lane, broken[:-1])])
    await log.close()


def _values(places: Places) -> list[bytes]:
    history = History(str(places.data / "archive"))
    return [
        entry.value
        for lane in history.lanes()
        for segment in history.segments(lane)
        for some in history.entries(segment)
        for entry in some
    ]


def _archived(places: Places) -> int:
    found = 0
    for value in _values(places):
        try:
            found += isinstance(decode_record(value), Fact)
        except (msgspec.MsgspecError, ValueError):
            continue
    return found
