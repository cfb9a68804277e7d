"""One lane of a replay: a worker that sends nothing, and the shares it receives from other lanes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from functools import partial

from crm.facts import Thing
from processor.batch import Item, Who, in_order, touched_by
from processor.changes import Changes
from processor.command import Command
from processor.crossing import Crossing
from processor.fold import Fold
from processor.lane_protocol import LanePlace
from processor.memory import LaneMemory
from processor.messages import held_back
from processor.store import Owed, Store, Written, unavailable
from processor.worker import LaneWorker
from wakeline import keys
from wakeline.durations import DAY_MS
from wakeline.lanes import lane_of
from wakeline.log import Log
from wakeline.record import CustomerShare, Delta, Position, Share, decode_record
from wakeline.vocabulary.things import is_thing

logger = logging.getLogger("wakeline.processor")

GRACE_MS = DAY_MS  # minimum lifetime of keys that have expired by now: the fold may need them again
WRITES_BETWEEN_CLEARINGS = 64  # writes after which the outbox is cleared


class HeardByLane:
    """Connects one lane to the `Crossing`."""

    def __init__(self, lane: int, lanes: int, crossing: Crossing) -> None:
        self.memory = LaneMemory()
        self._lane = lane
        self._lanes = lanes
        self._crossing = crossing
        self._told = 0  # shares of the present call that others know of
        self._impossible: Delta | None = None  # one that cannot be waited for
        self.tombstones: dict[Who, int] = {}  # of those of whom only deltas speak, see `unknown`

    def opened(self, place: LanePlace, memory: LaneMemory, waiting: Iterable[Share]) -> None:
        """Note that the lane starts at its written place; `waiting`: shares in its outbox."""
        self.memory, self._told = memory, 0
        self.tombstones.clear()
        at = place.offset, place.step
        self._crossing.opened(self._lane, at, memory.hops)
        self._crossing.made(self._lane, at, self._addressed(waiting))

    def made(self, at: Position, changes: Changes) -> None:
        """Note that the lane has reached `at`, in a call that is not yet written."""
        shares, self._told = changes.shares[self._told :], len(changes.shares)
        self._crossing.made(self._lane, at, self._addressed(shares))

    def _addressed(self, shares: Iterable[Share]) -> list[tuple[int, Share]]:
        return [(lane_of(*touched_by(share)[0], self._lanes), share) for share in shares]

    def written(self, changes: Changes) -> None:
        self._told = 0
        self.tombstones.clear()
        self._crossing.heard(self._lane, changes.hops)

    def is_taken(self, target: int, delta: Delta) -> bool:
        """Whether the target of a delta of this lane has applied and written it."""
        return self._crossing.written.get((self._lane, target), (0, 0)) >= (delta.upto, delta.upto_step)

    def is_ready(self, delta: Delta) -> bool:
        """See `crossing.Heard`: its source has come as far, and whom it speaks of is at hand."""
        is_reached = self._crossing.is_ahead(delta) or delta is self._impossible
        return is_reached and not self.unknown(delta) and not self.missing(delta)

    def unknown(self, delta: Delta) -> set[Who]:
        """Of whom a delta speaks, its source does not, and it is not known whether they are forgotten."""
        unmade = self._crossing.unmade(self._lane, delta, after=self._applied(delta))
        return {who for share in unmade if (who := _of_whom(share)) not in self.tombstones}

    def missing(self, delta: Delta) -> set[Who]:
        """Whom a delta speaks of and who is not at hand."""
        shares = self.shares(delta, after=self._applied(delta))
        return self.memory.unknown(who for share in shares for who in touched_by(share))

    def shares(self, delta: Delta, *, after: Position) -> list[Share]:
        """See `crossing.Heard`."""
        unmade = self._crossing.unmade(self._lane, delta, after=after)
        kept = [one for one in unmade if _is_of_forgotten(one, self.tombstones.get(_of_whom(one), 0))]
        return self._crossing.shares(self._lane, delta, after=after, kept=kept)

    def _applied(self, delta: Delta) -> Position:
        return self.memory.hops.get(delta.source, (0, 0))

    async def reached(self, delta: Delta) -> None:
        """Wait until the delta's source has reached its position."""
        await self._crossing.reached(self._lane, delta)
        if not self._crossing.is_ahead(delta):
            logger.error("lane %d: lane %d cannot reach %d: some shares are lost", self._lane, delta.source, delta.upto)
            self._impossible = delta


def _of_whom(share: CustomerShare) -> Who:
    """Whose erasure keeps the source of a share from making it again: a thing's lane names no erased customer."""
    return share.site, share.customer if is_thing(share.visitor) else share.visitor


def _is_of_forgotten(share: CustomerShare, tombstone: int) -> bool:
    return share.since <= tombstone if is_thing(share.visitor) else tombstone > 0


class ReplayWorker(LaneWorker):
    """The worker of a replay: sends nothing to the log, and does not repeat metrics and log messages."""

    def __init__(
        self, fold: Fold, store: ReplayStore, log: Log, *, writer: str, heard: HeardByLane | None = None
    ) -> None:
        super().__init__(fold, store, log, writer=writer)
        self.fold = fold
        self.store = store
        self._heard = heard
        self._writes = 0

    async def _open(self) -> int:
        offset = await super()._open()
        await self._meet()
        return offset

    async def _meet(self) -> None:
        """Tell the other lanes this one's place, and the shares for them in its outbox."""
        if self._heard is not None:
            owed = [decode_record(value) for _, _, value in await self._retry(lambda: self._store.owed(self.lane))]
            waiting = [share for delta in owed if isinstance(delta, Delta) for share in in_order(delta)]
            self._heard.opened(self.place, self._memory, waiting)

    async def _reload(self) -> None:
        await super()._reload()
        await self._meet()

    async def _go_on(self, items: list[Item], changes: Changes) -> None:
        heard = self._heard
        await super()._go_on(items, changes)
        while heard is not None:
            done = changes.folded
            at = items[done].offset if done < len(items) else items[-1].offset + 1
            heard.made((at, changes.step), changes)
            if changes.waits_for is None:
                return
            await heard.reached(changes.waits_for)
            if people := heard.unknown(changes.waits_for):
                heard.tombstones |= await self._retry(partial(self.store.tombstones, people, self.fold.lanes))
            await self._load(heard.missing(changes.waits_for), set())
            await super()._go_on(items, changes)

    async def _write(self, changes: Changes, done: list[Item]) -> None:
        await super()._write(changes, done)
        if self._heard is not None:
            self._heard.written(changes)
            self._writes += 1
            if self._writes % WRITES_BETWEEN_CLEARINGS == 0:
                await self.clear_outbox()

    async def clear_outbox(self) -> None:
        """Remove the deltas that their targets have written."""
        heard = self._heard
        if heard is None:
            return
        done = []
        for id, target, value in await self._retry(lambda: self._store.owed(self.lane)):
            record = decode_record(value)
            if isinstance(record, Delta) and heard.is_taken(target, record):
                done.append(id)
        if done:
            await self._retry(lambda: self._store.sent({self.lane: done}))

    async def _empty_outbox(self, owed: list[Owed] | None = None) -> None:
        """Does nothing: after the switch the processor sends the outbox."""

    def _observe(self, items: list[Item], changes: Changes) -> None:
        pass


class ReplayStore(Store):
    """Writes keys with the remaining part of their lifetimes. `age`: ms since the records were appended."""

    age = 0

    async def load(
        self,
        lane: int,
        who: Iterable[Who],
        top_lists: Iterable[str],
        memory: LaneMemory,
        *,
        elsewhere: Collection[Who] = (),
    ) -> None:
        """See `Store.load`. Tombstones are shared with the live version and keep events out from the first record on.

        `erased` is this version's own: it reaches each erasure at the same record as the live version.
        """
        people = list(who)
        await super().load(lane, people, top_lists, memory, elsewhere=elsewhere)
        for one in people:
            person = memory.people[one]
            if not isinstance(person, Thing):
                person.erased = person.state.erased

    async def tombstones(self, people: Iterable[Who], lanes: int) -> dict[Who, int]:
        """Up to when these are forgotten today, ms; 0: they are not."""
        found = {}
        for site, id in people:
            with unavailable():
                found[site, id] = int(await self._redis.get(keys.tombstone(lane_of(site, id, lanes), site, id)) or 0)
        return found

    async def write(self, lane: int, commands: list[Command], *, place: LanePlace, stamp: str) -> Written:
        """See `Store.write`."""
        held = held_back(commands, into=self.keys.held(lane))
        aged = [_aged(command, self.age) for command in held]
        return await super().write(lane, aged, place=place, stamp=stamp)

    async def say_held(self, lane: int, *, place: LanePlace) -> None:
        """Does nothing: the processor says it when this version is live."""


def _aged(command: Command, age: int) -> Command:
    if command[0] not in ("PEXPIRE", "SET"):
        return command
    *rest, lifetime = command
    lives = int(lifetime)
    return [*rest, str(max(lives - age, min(lives, GRACE_MS)))]
