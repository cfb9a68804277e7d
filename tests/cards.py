"""Cards for tests: a key in a file, a deployment, and what of a card Redis holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.timeline import DAY, START
from wakeline import card_keys, keys
from wakeline.cards import AsyncCards, Card, CardWriter, Ring, open_ring, read_ring
from wakeline.cards.rotating import Rotated, rotate
from wakeline.cards.sealing import Field, Sealed, sealed, sealed_with
from wakeline.lanes import Deployment, lane_of
from wakeline.redis.connect import connect

LANES = 4
DEPLOYMENT = Deployment(lanes=LANES, decay_zero=START, half_life=7 * DAY)
ALICE, BEN = "@" + "a" * 32, "@" + "b" * 32
EMAIL, NAME, PHONE = "Jo.Doe@Mail.example", "Jo van Døe", "+49 (171) 123-45 67"


def card(customer: str = ALICE, at: int = 0, site: str = "shop", *, returns: bool = False, **values: str) -> Card:
    """Said `at` ms after START."""
    return Card(site, customer, START + at, values or {"email": EMAIL, "name": NAME, "phone": PHONE}, returns)


async def write_cards(redis: Redis, ring: Ring, deployment: Deployment, cards: Iterable[Card]) -> int:
    """See `CardWriter.write`."""
    writer = CardWriter(redis)
    try:
        return await writer.write([sealed(card, ring) for card in cards], lanes=deployment.lanes)
    finally:
        await writer.close()


class Desk:
    """Writes and reads cards of a deployment."""

    def __init__(self, redis: Redis, url: str, ring: Ring) -> None:
        self.redis, self.ring, self.reader = redis, ring, AsyncCards(url, ring)

    async def write(self, *cards: Card) -> int:
        return await write_cards(self.redis, self.ring, DEPLOYMENT, cards)

    async def values(self, customer: str = ALICE, site: str = "shop") -> dict[str, str]:
        found = await self.reader.read(site, customer)
        assert found is None or not found.unreadable
        return {name: value.text for name, value in found.values.items()} if found else {}

    async def find(self, text: str, by: str = "", site: str = "shop") -> list[str]:
        return await self.reader.find(site, text, by=by)

    async def entomb(self, at: int, customer: str = ALICE) -> None:
        """Somebody was erased, as the processor notes it, but with the card left as it is."""
        await self.redis.set(keys.tombstone(lane_of("shop", customer, LANES), "shop", customer), START + at)

    async def index(self) -> list[str]:
        """Everything that finds customers of the shop."""
        found: list[str] = []
        for lane in range(LANES):
            found += [one.decode() for one in await self.redis.zrange(card_keys.index(lane, "shop"), 0, -1)]
        return found


async def desk_on(redis: Redis, url: str, folder: Path) -> Desk:
    fields = {"lanes": LANES, "decay_zero": START, "half_life": 7 * DAY}
    await redis.hset(keys.DEPLOYMENT, mapping=fields)  # type: ignore[misc]
    return Desk(redis, url, await open_ring(folder / "wakeline.key", redis))


def holds(folder: Path, *texts: str) -> dict[str, list[str]]:
    """By text: the files below the folder in whose bytes it is, in any case."""
    files: dict[Path, bytes] = {path: path.read_bytes().lower() for path in folder.rglob("*") if path.is_file()}
    found: dict[str, Any] = {}
    for text in texts:
        if named := [str(path) for path, data in files.items() if text.lower().encode() in data]:
            found[text] = named
    return found


async def rotated(desk: Desk, path: Path) -> Rotated:
    """And the desk has the new key."""
    counted: list[int] = []
    found = await rotate(path, desk.redis, LANES, ahead=counted.append, done=lambda n: counted.append(-n))
    assert sum(counted) == 0
    desk.ring = desk.reader._ring = read_ring(path)
    return found


async def keys_in_use(redis: Redis) -> set[str]:
    """Fingerprints of the keys that encrypted what Redis holds."""
    found = set()
    async for name in redis.scan_iter(match=card_keys.CARDS):
        for value in (await redis.hgetall(name)).values():  # type: ignore[misc]
            if text := value.decode().split(":", 2)[2]:
                found.add(sealed_with(_one(text)))
    return found


def _one(text: str) -> Sealed:
    return Sealed("", "", 0, [Field("", "", text)])


@pytest.fixture
async def desk(redis: Redis, redis_server: Any, tmp_path: Path) -> AsyncIterator[Desk]:
    made = await desk_on(redis, redis_server.url, tmp_path)
    yield made
    await made.reader.close()


@pytest.fixture
async def either(state: Any, tmp_path: Path) -> AsyncIterator[Desk]:
    """On one server, and on a cluster."""
    client = connect(state.url)
    made = await desk_on(client, state.url, tmp_path)
    yield made
    await made.reader.close()
    await client.aclose()
