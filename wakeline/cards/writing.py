"""Writes cards, by one script: they are on disk when a call returns."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, PipelineCommand, RedisCluster
from redis.exceptions import MovedError, ResponseError

from wakeline import card_keys, keys
from wakeline.card_ending import ENDING
from wakeline.cards.sealing import Sealed, sealed_with
from wakeline.lanes import lane_of
from wakeline.log import LogUnavailable
from wakeline.log.fsync import FSYNC_MS, appendfsync, waits_for_fsync
from wakeline.redis.failures import failures_as

KNOWN_S = 5.0  # how long it is taken as known whether a node of a cluster has replicas
AT_ONCE = 200  # cards in one call: a script blocks the server while it runs

# Puts a customer on the index by hashes, separated by spaces; of `most` at most per hash.
LISTING = """
local function list(index, customer, hashes, most)
  for hash in string.gmatch(hashes, '%S+') do
    if redis.call('ZLEXCOUNT', index, '[' .. hash .. ':', '(' .. hash .. ';') < most then
      redis.call('ZADD', index, 0, hash .. ':' .. customer)
    end
  end
end
"""

# KEYS: card, tombstone, index and former keys of each card. ARGV: the cards as one msgpack argument, each as customer,
# time, "1" if the customer returns, fingerprint of its key ("": any), then name, hashes and encrypted value of each
# field; most fields of a card, most customers of a hash, lifetime (ms), the field of a return. Returns how many were
# refused: those that are not later than their customer's tombstone, and all others of who was erased until one says
# that the customer returns. -1: nothing was written, as a card has a former key.
WRITE = (
    ENDING
    + LISTING
    + """
local cards, refused = cmsgpack.unpack(ARGV[1]), 0
for i, c in ipairs(cards) do
  if c[4] ~= '' and redis.call('HGET', KEYS[i * 4], c[4]) then return -1 end
end
for i, c in ipairs(cards) do
  local card, index = KEYS[i * 4 - 3], KEYS[i * 4 - 1]
  local customer, time = c[1], tonumber(c[2])
  local erased = tonumber(redis.call('GET', KEYS[i * 4 - 2]) or 0)
  local returned = tonumber(string.match(redis.call('HGET', card, ARGV[5]) or '', '^%d+')) or 0
  if time <= erased or (erased > 0 and c[3] == '' and returned <= erased) then
    refused = refused + 1
  else
    if c[3] ~= '' and time > returned then redis.call('HSET', card, ARGV[5], c[2] .. '::') end
    for j = 5, #c, 3 do
      local former = redis.call('HGET', card, c[j])
      local is_later = not former or time >= (tonumber(string.match(former, '^%d+')) or 0)
      if is_later and (former or redis.call('HLEN', card) < tonumber(ARGV[2])) then
        if former then unlist(index, customer, former) end
        list(index, customer, c[j + 1], tonumber(ARGV[3]))
        redis.call('HSET', card, c[j], c[2] .. ':' .. c[j + 1] .. ':' .. c[j + 2])
      end
    end
    redis.call('PEXPIRE', card, ARGV[4])
  end
end
return refused
"""
)

_pack = msgspec.msgpack.Encoder().encode


class CardsUnavailable(LogUnavailable):
    """Redis is down, or cannot guarantee that cards are on disk. They may be written; write them again."""


class FormerKey(CardsUnavailable):
    """A card was encrypted with a key that was replaced; write it again, encrypted with the new one."""

    def __init__(self) -> None:
        super().__init__(
            "the cards were encrypted with a key that `wakeline key rotate-cards` has replaced: copy the file with the "
            "new one (card_key) to this machine"
        )


class CardWriter:
    """Writes encrypted cards with `redis`, which has no retries of its own (see `redis.connect`)."""

    def __init__(self, redis: Redis) -> None:
        # one connection, as WAITAOF waits for the writes of its own
        self._redis: Any = redis if isinstance(redis, RedisCluster) else redis.client()
        self._is_cluster = isinstance(redis, RedisCluster)
        self._waits: bool | None = None  # whether each call waits for an fsync; determined once per outage
        self._copied: dict[str, tuple[bool, float]] = {}  # node -> whether it has a replica, until when that is known

    async def close(self) -> None:
        """Returns its connection; the client given stays open."""
        if not self._is_cluster:
            await self._redis.aclose()

    async def ready(self) -> None:
        """Raises CardsUnavailable if no card can be written now."""
        self._waits = None
        with _unavailable():
            if self._is_cluster:
                await self._redis.reload()
            self._waits = await _has_to_wait(self._redis)

    async def write(self, cards: Sequence[Sealed], *, lanes: int, takes_former: bool = False) -> int:
        """Write cards, on disk when it returns; how many were not written, as they are not later than an erasure.

        Of two values of a field the later one stays, in whatever order they are written. Raises CardsUnavailable, and
        FormerKey unless it `takes_former` keys too; writing them again changes nothing.
        """
        refused = 0
        try:
            if self._waits is None:
                await self.ready()
            call = self._on_cluster if self._is_cluster else self._on_server
            for start in range(0, len(cards), AT_ONCE):
                with _unavailable():
                    refused += await call(cards[start : start + AT_ONCE], lanes, takes_former)
        except CardsUnavailable:
            self._waits = None  # after a reconnect the configuration may be different
            raise
        return refused

    async def _on_server(self, cards: Sequence[Sealed], lanes: int, takes_former: bool) -> int:
        names, args = _arguments(cards, lanes, takes_former)
        refused = await self._redis.eval(WRITE, len(names), *names, *args)
        if refused < 0:
            raise FormerKey
        if self._waits:
            _confirm(await self._redis.waitaof(1, 0, FSYNC_MS))
        return int(refused)

    async def _on_cluster(self, cards: Sequence[Sealed], lanes: int, takes_former: bool) -> int:
        """One round trip to each node. Where a primary has replicas, one of them has the cards too."""
        cluster: RedisCluster = self._redis
        await cluster.initialize()
        nodes: defaultdict[str, list[PipelineCommand]] = defaultdict(list)
        for lane, part in _by_lane(cards, lanes).items():
            names, args = _arguments(part, lanes, takes_former)
            serving = cluster.nodes_manager.slots_cache.get(cluster.keyslot(names[0]))
            if not serving:
                raise CardsUnavailable(f"no node serves lane {lane}")
            commands = nodes[serving[0].name]
            commands.append(PipelineCommand(len(commands), "EVAL", WRITE, len(names), *names, *args))
        found = await asyncio.gather(
            *(self._on_node(_node(cluster, name), commands) for name, commands in nodes.items()),
            return_exceptions=True,
        )
        for error in found:
            if isinstance(error, MovedError):
                await cluster.nodes_manager.move_slot(error)
                raise CardsUnavailable("a lane has moved to another node") from error
            if isinstance(error, BaseException):
                raise error
        return sum(found)  # type: ignore[arg-type]

    async def _on_node(self, node: ClusterNode, calls: list[PipelineCommand]) -> int:
        """Both waits are for the writes of their own connection."""
        has_replica = await self._has_replica(node)
        to_disk = PipelineCommand(0, "WAITAOF", 1, 0, FSYNC_MS)
        to_replica = PipelineCommand(0, "WAIT", 1, FSYNC_MS)
        commands = [*calls, *([to_disk] if self._waits else []), *([to_replica] if has_replica else [])]
        await node.execute_pipeline(commands)
        for command in commands:
            if isinstance(command.result, Exception):
                raise command.result
        if self._waits:
            _confirm(to_disk.result)
        if has_replica and not to_replica.result:
            self._copied.pop(node.name, None)
            raise CardsUnavailable(f"no replica of Redis had the cards within {FSYNC_MS / 1000} s")
        found = [refused for command in calls if isinstance(refused := command.result, int)]
        if min(found, default=0) < 0:
            raise FormerKey
        return sum(found)

    async def _has_replica(self, node: ClusterNode) -> bool:
        """As the node itself sees it: other nodes learn of a replica late."""
        found, until = self._copied.get(node.name, (False, 0.0))
        if time.monotonic() >= until:
            told: Any = await node.execute_command("INFO", "replication")
            found = told["connected_slaves"] > 0
            self._copied[node.name] = found, time.monotonic() + KNOWN_S
        return found


def _node(cluster: RedisCluster, name: str) -> ClusterNode:
    found = cluster.nodes_manager.nodes_cache.get(name)
    if found is None:
        raise CardsUnavailable("the cluster is changing")
    return found


def _confirm(reply: Any) -> None:
    if reply[0] < 1:
        raise CardsUnavailable(f"Redis did not put cards on disk within {FSYNC_MS / 1000} s")


def _by_lane(cards: Sequence[Sealed], lanes: int) -> dict[int, list[Sealed]]:
    found: defaultdict[int, list[Sealed]] = defaultdict(list)
    for card in cards:
        found[lane_of(card.site, card.customer, lanes)].append(card)
    return found


def _arguments(cards: Sequence[Sealed], lanes: int, takes_former: bool) -> tuple[list[str], list[Any]]:
    names: list[str] = []
    rows = []
    for card in cards:
        lane = lane_of(card.site, card.customer, lanes)
        names.append(card_keys.card(lane, card.site, card.customer))
        names.append(keys.tombstone(lane, card.site, card.customer))
        names.append(card_keys.index(lane, card.site))
        names.append(card_keys.former(lane))
        key = "" if takes_former else sealed_with(card)
        words = [word for field in card.fields for word in (field.name, field.hashes, field.text)]
        rows.append([card.customer, str(card.time), "1" if card.returns else "", key, *words])
    return names, [_pack(rows), card_keys.FIELDS, card_keys.OF_A_HASH, card_keys.TTL_MS, card_keys.RETURNED]


async def _has_to_wait(redis: Any) -> bool:
    """Whether each call needs WAITAOF, as for the log in Redis. Raises CardsUnavailable where that proves nothing."""
    if isinstance(redis, RedisCluster):
        policies = [await _policy_of(node) for node in redis.get_primaries()]
        is_proved = False
    else:
        policies = [await appendfsync(redis)]
        is_proved = policies == ["everysec"] and await waits_for_fsync(redis)
    if not is_proved and any(policy not in ("always", None) for policy in policies):
        raise CardsUnavailable(
            "appendfsync is not always, and this server may confirm writes before they are on disk: "
            "CONFIG SET appendfsync always"
        )
    return any(policy != "always" for policy in policies)


async def _policy_of(node: ClusterNode) -> str | None:
    """See `fsync.appendfsync`."""
    try:
        words: Any = await node.execute_command("CONFIG", "GET", "append*")
    except ResponseError:
        return None  # a managed server
    pairs = words.items() if isinstance(words, dict) else zip(words[::2], words[1::2], strict=True)
    found = {_text(name): _text(value) for name, value in pairs}
    return found["appendfsync"] if found.get("appendonly") == "yes" else None


def _text(word: bytes | str) -> str:
    return word.decode() if isinstance(word, bytes) else word


def _unavailable() -> failures_as:
    """All failures, also a missing permission."""
    return failures_as(CardsUnavailable, "cards cannot be written")
