"""The store: the only writer of data derived from the log. One atomic script call per batch.

The script compares the lane's revision before it writes and increments it afterwards, so a lane has one effective
writer, and a write whose answer was lost can be recognised by its stamp.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from redis.asyncio import Redis

from crm.page_text import joined
from processor import metrics
from processor.batch import Who
from processor.command import Command
from processor.deadlines import Due, time_of, whose
from processor.former_letters import name_all
from processor.lane_protocol import (
    CLAIM,
    COMMANDS,
    DIED,
    KEYS_OF,
    LOAD,
    PLACE,
    RECALL,
    WRITE,
    LanePlace,
)
from processor.loaded import Asked
from processor.memory import LaneMemory, Naming
from processor.messages import SAY_HELD, id_of
from processor.rewriting import note_erasure
from wakeline import keys
from wakeline.record import ANONYMOUS_PREFIX
from wakeline.redis.failures import failures_as


class StoreUnavailable(Exception):
    """Redis is down, or its answer was lost: the outcome of the write is unknown; retry."""


class LaneLost(Exception):
    """Another writer changed the lane's revision: the cached state is invalid."""


class LaneMoved(LaneLost):
    """A replay holds the lane: it continues in key version `to`, or here after it is rebuilt."""

    def __init__(self, message: str, to: str) -> None:
        super().__init__(message)
        self.to = to


class LaneTorn(Exception):
    """A write stopped half-way: the lane's numbers are wrong until it is rebuilt from the log."""


RECALLED_AT_ONCE = 400  # per command, see `command.MOST_PAIRS`

OWED_AT_ONCE = 1_000

_pack = msgspec.msgpack.Encoder().encode


Owed = tuple[bytes, int, bytes]
"""A record that waits in the outbox: its id there, the lane for which it is, the record."""


class Written(NamedTuple):
    """What a write says. `owed`: what the outbox has of it, in order; None: not known, as the answer was lost."""

    next_due: int | None  # the lane's next deadline, ms
    owed: list[Owed] | None
    lowest: dict[str, float | None]  # key of a list of the best -> its lowest amount; None: it is not full


class Store:
    """Lanes in Redis. Every method raises StoreUnavailable if the server is down.

    `moved`: only lanes whose field `moved` has this value are claimed and written: by default those not held by a
    replay.
    """

    def __init__(self, redis: Redis, *, key_space: keys.Keys, moved: str = "") -> None:
        self.keys = key_space
        self.moved = moved
        self._redis = redis
        self._write = redis.register_script(WRITE)
        self._load = redis.register_script(LOAD)
        self._recall = redis.register_script(RECALL)
        self._place = redis.register_script(PLACE)
        self._claim = redis.register_script(CLAIM)
        self._died = redis.register_script(DIED)
        self._say_held = redis.register_script(SAY_HELD)

    async def claim(self, lane: int, memory: LaneMemory, *, writer: str) -> LanePlace:
        """Make `writer` the lane's only writer and return its place; also loads the lane's hops, definitions and
        imports into `memory`.

        Raises LaneMoved if a replay holds the lane. A torn lane is not claimed either: see its place.
        """
        with unavailable():
            found = await self._claim(keys=self._of_place(lane), args=[writer, self.moved, *COMMANDS])
        place = memory.placed(found)
        if place.moved != self.moved:
            raise self._moved(lane, place.moved)
        return place

    async def place(self, lane: int, memory: LaneMemory) -> LanePlace:
        """The lane's place; also loads its hops, definitions and imports into `memory`."""
        with unavailable():
            found = await self._place(keys=self._of_place(lane))
        return memory.placed(found)

    def _of_place(self, lane: int) -> list[str]:
        return [self.keys.lane(lane), self.keys.hop(lane), self.keys.definitions(lane), self.keys.imports(lane)]

    async def is_lost(self, lane: int, *, place: LanePlace) -> bool:
        """Whether another process wrote the lane since it was at `place`; false if a replay holds it."""
        with unavailable():
            found: Any = await self._redis.hmget(self.keys.lane(lane), "revision", "writer", "moved")
        revision, writer, moved = ((value or b"").decode() for value in found)
        return moved == self.moved and (int(revision or 0), writer) != (place.revision, place.writer)

    async def load(
        self,
        lane: int,
        who: Iterable[Who],
        top_lists: Iterable[str],
        memory: LaneMemory,
        *,
        elsewhere: Collection[Who] = (),
    ) -> None:
        """Load people, things and top lists into `memory`, in one call. Of people who live `elsewhere` a lane has only
        the tombstone.
        """
        asked = Asked(self.keys, lane, who, list(top_lists), elsewhere)
        if asked.is_nothing:
            return
        with unavailable():
            reply = await self._load(keys=asked.keys, args=asked.words)
        people, tops = asked.read(reply)
        memory.remember(people)
        memory.tops.loaded |= tops

    async def naming(self, lane: int, person: Who, *, after: str, most: int) -> Naming:
        """What of the lane names a person, those first whose ids come after one, in order."""
        key, start = self.keys.naming(lane, *person), f"({after}" if after else "-"
        with unavailable():
            found: Any = await self._redis.zrange(key, start, "+", bylex=True, offset=0, num=most + 1)
        return Naming([id.decode() for id in found[:most]], len(found) <= most, most)

    async def recall(self, lane: int, asked: Mapping[Who, tuple[list[int], list[str]]], memory: LaneMemory) -> None:
        """Load page instances that are stored outside their visitors' states into `memory`, in one call.

        Asked by visitor: days, latest first, and page ids.
        """
        asks = [
            (who, kind, [kind(lane, *who, day), *ids[start : start + RECALLED_AT_ONCE]])
            for who, (days, ids) in asked.items()
            for day in days[::-1]
            for start in range(0, len(ids), RECALLED_AT_ONCE)
            for kind in (self.keys.pages, self.keys.page_interests)
            if kind == self.keys.pages or who[1][0] != ANONYMOUS_PREFIX
        ]
        names = dict.fromkeys(words[0] for _, _, words in asks)
        with unavailable():
            rows = await self._recall(keys=list(names), args=[_pack([words for _, _, words in asks])])
        found: dict[Who, dict[str, str]] = {who: {} for who in asked}
        for (who, kind, words), texts in zip(asks, rows, strict=True):  # the latest day comes last, and wins
            pages = found[who]
            for id, text in zip(words[1:], texts, strict=True):
                if text is not None and kind == self.keys.pages:
                    pages[id] = text.decode()
                elif text is not None and id in pages:
                    pages[id] = joined(pages[id], text.decode())
        for who, pages in found.items():
            memory.recall(who, pages)

    async def write(self, lane: int, commands: list[Command], *, place: LanePlace, stamp: str) -> Written:
        """Apply all commands at the revision of `place`, which is incremented.

        Raises LaneLost if the lane has another revision or writer, LaneMoved if a replay holds it, LaneTorn if an
        earlier write was interrupted.
        """
        revision = place.revision
        lane_key = self.keys.lane(lane)
        due = self.keys.due(lane)
        names = dict.fromkeys([lane_key, due])
        ended_cards = []
        told, stored, end = commands.copy(), [], 0
        for index, command in enumerate(commands):
            names[command[1]] = None
            if command[0] == "SET":
                _, key, value, _, lives = command
                told[index] = ["STORE", key, end + 1, end + len(value), lives]
                stored.append(value)
                end += len(value)
            elif command[0] in KEYS_OF:
                names |= dict.fromkeys(command[KEYS_OF[command[0]]])
                if command[0] == "CARD":
                    ended_cards.append(command[1])
        args: list[Any] = [revision, revision + 1, stamp, _pack(told), keys.TOP_MEMBERS, keys.OTHER, due]
        args += [self.moved, place.writer, b"".join(stored)]
        with unavailable():
            if ended_cards and await self._redis.exists(*ended_cards):
                await note_erasure(self._redis)  # before the write, after which a crash would forget it
            reply = await self._write(keys=list(names), args=args)
        if reply[0] == -1:
            raise LaneTorn(f"lane {lane} was left half-written at revision {revision}")
        if reply[0] == -2:
            raise self._moved(lane, reply[1].decode())
        if reply[0] == 0:
            if int(reply[1]) == revision + 1 and reply[2].decode() == stamp:  # this write, whose answer was lost
                return Written(await self.next_due(lane), None, {})
            raise LaneLost(f"lane {lane} is at revision {int(reply[1])} by {reply[2].decode()}, not at {revision}")
        _, first, owed, lowest, *counts = reply
        _count(*counts)
        sent = [command for command in commands if command[0] == "XADD"]  # see `writes`: to the outbox
        return Written(
            time_of(float(first[1])) if first else None,
            [(id, int(command[4]), command[6].encode()) for id, command in zip(owed, sent, strict=True)],
            {
                key.decode(): float(score) if score else None
                for key, score in zip(lowest[::2], lowest[1::2], strict=True)
            },
        )

    def _moved(self, lane: int, to: str) -> LaneMoved:
        to = to.partition(" ")[0]
        if to in ("", str(self.keys.version)):
            return LaneMoved(f"lane {lane} is being rebuilt: `wakeline replay --lane {lane}` completes it", to)
        return LaneMoved(
            f"lane {lane} continues in key version {to}, not live yet: `wakeline replay --into {to}` completes an "
            "interrupted switch, `wakeline replay --abort` reverts it",
            to,
        )

    async def say_held(self, lane: int, *, place: LanePlace) -> None:
        """Say what a replay has left to say; whatever comes before the place is not said again."""
        names = [self.keys.held(lane), keys.lane_messages(lane), keys.lane_said(lane)]
        args: list[Any] = [id_of(place.offset, place.step), keys.MESSAGES_OF_A_LANE]
        is_more = 1
        while is_more:
            with unavailable():
                is_more, *counts = await self._say_held(keys=names, args=args)
            _count(*counts)

    async def next_due(self, lane: int) -> int | None:
        """Append time (ms) of the lane's next deadline."""
        with unavailable():
            found = await self._redis.zrange(self.keys.due(lane), 0, 0, withscores=True)
        return time_of(found[0][1]) if found else None

    async def due(self, lane: int, *, upto: int, most: int) -> list[Due]:
        """The first entries of the due set that are not later than append time `upto`, in its order."""
        with unavailable():
            found: Any = await self._redis.zrangebyscore(
                self.keys.due(lane), "-inf", upto, start=0, num=most, withscores=True
            )
        due = [
            (time_of(at), name, whose(name))
            for name, at in ((member.decode(errors="replace"), at) for member, at in found)
        ]
        if nobody := [member for (member, _), (_, _, who) in zip(found, due, strict=True) if not all(who)]:
            with unavailable():
                await self._redis.zrem(self.keys.due(lane), *nobody)
        return [one for one in due if all(one[2])]

    async def died(self, lane: int, *, offset: int) -> int:
        """Record that folding the records after `offset` killed the process; returns how often it did."""
        with unavailable():
            return int(await self._died(keys=[self.keys.lane(lane)], args=[offset]))

    async def name_dead_letters(self, lane: int) -> None:
        """See `former_letters`."""
        with unavailable():
            await name_all(self._redis, self.keys.dead(lane), self.keys.dead_about(lane))

    async def outbox(self, lane: int, *, most: int) -> list[Owed]:
        """The first records waiting to be appended, in order."""
        with unavailable():
            found: Any = await self._redis.xrange(self.keys.outbox(lane), count=most)
        return [(id, int(fields[b"target"]), fields[b"v"]) for id, fields in found]

    async def owed(self, lane: int) -> list[Owed]:
        """The whole outbox, see `outbox`."""
        start, owed = "-", []
        while True:
            with unavailable():
                rows: Any = await self._redis.xrange(self.keys.outbox(lane), start, "+", count=OWED_AT_ONCE)
            owed += [(id, int(fields[b"target"]), fields[b"v"]) for id, fields in rows]
            if len(rows) < OWED_AT_ONCE:
                return owed
            start = f"({rows[-1][0].decode()}"

    async def sent(self, sent: Mapping[int, list[bytes]]) -> None:
        """Remove these from the outboxes of their lanes: they are in the log."""
        with unavailable():
            pipe = self._redis.pipeline(transaction=False)
            for lane, ids in sent.items():
                pipe.xdel(self.keys.outbox(lane), *ids)
            await pipe.execute()


def _count(said: int, cut: int) -> None:
    metrics.MESSAGES_SAID.inc(said)
    metrics.MESSAGES_TRIMMED.labels("lane").inc(cut)


def unavailable() -> failures_as:
    """Turns errors of an unavailable server into StoreUnavailable; other errors would not be cured by a retry."""
    return failures_as(StoreUnavailable, "Redis is away", only_away=True)
