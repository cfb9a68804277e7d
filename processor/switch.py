"""The switch that ends a replay: each lane continues in the new version exactly where the live one stopped.

    announce   the deployment records the switch and its token
    freeze     each live lane's hash gets `moved`: no processor can write it any more
    settle     the frozen lanes' outboxes are appended to the log: the only records a replay appends
    advance    the new lanes are folded up to the end of the log, beyond all deltas of the live lanes
    hand over  from here on only processors write the new lanes
    flip       the deployment names the new version: processors start on it, readers follow

After an interruption at any point all steps can be repeated; until the flip they can be reverted.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from redis.asyncio import Redis

from processor.lane_protocol import SENT, text_of
from processor.replay import Replay, patiently
from processor.replay_protocol import ANNOUNCE, FLIP, FREEZE, HAND_OVER, TAKE_BACK, THAW
from processor.store import LaneLost, Store, unavailable
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.lanes import FIELDS, NoDeployment, stored_deployment
from wakeline.log import Log
from wakeline.record import Delta, Position, decode_record
from wakeline.redis.failures import FAILURES

NEAR_S = 1.0  # after a pass of this duration the new version is at most this far behind
MOST_PASSES = 8  # if the live version is as fast as the new one, it has to pause for the rest
OWED_AT_ONCE = 100
ASKED_EVERY_S = 1.0


class SwitchRefused(Exception):
    """Another switch is in progress, or this one was reverted; the message says what to do."""


class Frozen(NamedTuple):
    """A lane that no processor can write any more."""

    offset: int
    step: int
    torn: bool


class Switch:
    """From the version `live` to `into`. Every method waits while Redis or the log is down."""

    def __init__(self, redis: Redis, log: Log, *, live: Keys, into: Keys, lanes: int) -> None:
        self._redis = redis
        self._log = log
        self._live = live
        self._into = into
        self._lanes = range(lanes)
        self._token = secrets.token_hex(8)
        self._owed = Store(redis, key_space=live)
        self._announce = redis.register_script(ANNOUNCE)
        self._freeze = redis.register_script(FREEZE)
        self._hand_over = redis.register_script(HAND_OVER)
        self._flip = redis.register_script(FLIP)

    async def places(self) -> list[int]:
        """The offset of each live lane.

        Before the switch, a version that does not cross is not folded beyond it, because later records have not sent
        their deltas yet.
        """
        return [await patiently(partial(self._place, lane)) for lane in self._lanes]

    async def _place(self, lane: int) -> int:
        with unavailable():
            return int(await self._redis.hget(self._live.lane(lane), "offset") or 0)

    async def approach(self, replay: Replay, ahead: Callable[[int], None] = lambda records: None) -> None:
        """Fold every lane until the new version is about a second behind the live one.

        `ahead` is called repeatedly with the number of records still to fold.
        """
        for _ in range(MOST_PASSES):
            began = time.monotonic()
            places = await self.places()
            ahead(sum(places) - sum([(await replay.place(lane)).offset for lane in self._lanes]))
            await replay.advance(dict(enumerate(places)))
            if time.monotonic() - began < NEAR_S:
                return

    async def run(self, replay: Replay) -> None:
        """Switch. Raises SwitchRefused, and errors of `Replay.advance`: then repeat it, or `take_back`."""
        await patiently(self._begin)
        frozen = [await patiently(partial(self._frozen, lane)) for lane in self._lanes]
        for lane in self._lanes:
            await self._settle(lane, frozen[lane])
        ends = await patiently(lambda: self._log.bounds(self._lanes))
        await replay.advance({lane: ends[lane].end if replay.crosses else frozen[lane].offset for lane in self._lanes})
        for lane in self._lanes:
            await self._take_over(lane, frozen[lane], replay)
        await patiently(self._end)

    async def _begin(self) -> None:
        args: list[Any] = [self._live.version, self._into.version, self._token]
        with unavailable():
            version, moving = map(int, await self._announce(keys=[DEPLOYMENT], args=args))
        if version != self._live.version:
            raise SwitchRefused(f"key version {version} is live now, because of another replay")
        if moving != self._into.version:
            raise SwitchRefused(
                f"a switch to key version {moving} is in progress: `wakeline replay --into {moving}` completes it, "
                "`wakeline replay --abort` reverts it"
            )

    async def _frozen(self, lane: int) -> Frozen:
        args: list[Any] = [self._into.version, self._token, f"replay:{self._token}"]
        with unavailable():
            moved, offset, step, torn = await self._freeze(keys=[self._live.lane(lane)], args=args)
        to = int(moved.partition(b" ")[0])
        if to == self._live.version:
            raise SwitchRefused(f"lane {lane} is being rebuilt: first complete `wakeline replay --lane {lane}`")
        if to != self._into.version:
            raise SwitchRefused(f"lane {lane} waits for key version {to}: `wakeline replay --abort` lets it continue")
        return Frozen(int(offset), int(step), int(torn) == 1)

    async def _settle(self, lane: int, frozen: Frozen) -> None:
        if frozen.torn:
            place = frozen.offset, frozen.step
            await take_back_deltas(self._redis, self._owed, lane, place=place, hash=self._live.lane(lane))
        while owed := await patiently(lambda: self._owed.outbox(lane, most=OWED_AT_ONCE)):
            await patiently(lambda: self._log.append([(target, value) for _, target, value in owed]))
            await patiently(lambda: self._owed.sent({lane: [id for id, _, _ in owed]}))

    async def _take_over(self, lane: int, frozen: Frozen, replay: Replay) -> None:
        place = await replay.place(lane)
        if place.offset < frozen.offset or (place.offset > frozen.offset and not replay.crosses):
            raise SwitchRefused(
                f"lane {lane} of key version {self._into.version} is at {place.offset}, the live one at "
                f"{frozen.offset}: `wakeline replay --abort`, then rebuild it after --drop {self._into.version}"
            )
        sent = [] if replay.crosses else await patiently(lambda: self._sent(lane))
        args = [place.revision, place.offset, f"replay:{self._token}", *sent]
        if not await patiently(lambda: self._handed_over(lane, args)):
            raise LaneLost(f"lane {lane} of key version {self._into.version} was written by another replay")
        replay.release(lane)

    async def _handed_over(self, lane: int, args: list[Any]) -> bool:
        with unavailable():
            return bool(await self._hand_over(keys=[self._into.lane(lane)], args=args))

    async def _sent(self, lane: int) -> list[bytes]:
        with unavailable():
            fields: Any = await self._redis.hgetall(self._live.lane(lane))
        return [word for field, upto in fields.items() if field.startswith(SENT.encode()) for word in (field, upto)]

    async def _end(self) -> None:
        args: list[Any] = [self._live.version, self._into.version, self._token]
        with unavailable():
            version = int(await self._flip(keys=[DEPLOYMENT], args=args))
        if version != self._into.version:
            await thaw(self._redis, live=self._live, lanes=len(self._lanes), token=self._token)
            raise SwitchRefused("the switch was reverted or taken over meanwhile")


async def take_back_deltas(redis: Redis, store: Store, lane: int, *, place: Position, hash: str) -> None:
    """Remove deltas that a torn write had put into the lane's outbox before it moved the place.

    Folding their records again creates them again. `hash` holds the lane's sent:<lane>.
    """
    script = redis.register_script(TAKE_BACK)

    async def take(id: bytes, target: int, after: Position) -> None:
        with unavailable():
            await script(keys=[hash, store.keys.outbox(lane)], args=[id, f"{SENT}{target}", text_of(after)])

    owed = await patiently(lambda: store.owed(lane))
    for id, target, value in reversed(owed):  # backwards, so that it can be repeated after an interruption
        record = decode_record(value)
        if isinstance(record, Delta) and (record.upto, record.upto_step) > place:
            await patiently(partial(take, id, target, (record.after, record.after_step)))


async def thaw(redis: Redis, *, live: Keys, lanes: int, token: str = "") -> None:
    """Let the lanes of the live version continue; with a `token` only those that it froze."""
    script = redis.register_script(THAW)

    async def let_go(lane: int) -> None:
        with unavailable():
            await script(keys=[live.lane(lane)], args=[live.version, token])

    for lane in range(lanes):
        await patiently(partial(let_go, lane))


async def take_back(redis: Redis, *, live: Keys, lanes: int) -> bool:
    """Revert a switch in progress; returns whether there was one. Raises redis-py's errors."""
    was_begun = bool(await redis.hdel(DEPLOYMENT, "moving"))  # first, so that a running switch cannot flip any more
    await thaw(redis, live=live, lanes=lanes)
    return was_begun


async def until_switched(redis: Redis, version: int) -> int:
    """Returns the live version, once it differs from `version`."""
    while True:
        try:
            values: Any = await redis.hmget(DEPLOYMENT, FIELDS)
            found = stored_deployment(values).version
        except (*FAILURES, NoDeployment):
            found = version
        if found != version:
            return found
        await asyncio.sleep(ASKED_EVERY_S)
