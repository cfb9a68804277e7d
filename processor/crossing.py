"""Passes shares between the lanes of a replay.

A delta in the log says *when* its target heard of the source's records; *what* it heard is what the source's own fold
says in the version that is being made. So the lanes are folded side by side, and one that meets a delta waits until its
source has come as far. What no delta of the log covers lies in the source's outbox and is sent after the switch, as a
live lane sends it. Of a visitor that was forgotten since, what was forgotten is not known any more, nor which things
named a customer that was: what customers heard of it until then, and may have still, is what the delta says.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Protocol

from wakeline.record import CustomerShare, Delta, Position, Share

MOST_AHEAD = 20_000  # unreceived shares at which a lane pauses, unless another lane waits for it

_position = attrgetter("at", "step")
_whose = attrgetter("site", "visitor", "customer")
UNNOTED = (-1, 0)  # the position of shares of former code


class Heard(Protocol):
    """The shares that a lane of a replay receives from other lanes."""

    def is_ready(self, delta: Delta) -> bool: ...

    def shares(self, delta: Delta, *, after: Position) -> list[Share]: ...


class Crossing:
    """The lanes of one replay. `goals`: offset up to which each is folded; a delta may raise its source's goal."""

    def __init__(self, lanes: Iterable[int]) -> None:
        self.goals = dict.fromkeys(lanes, 0)
        self._own = dict(self.goals)  # as requested
        self.written: dict[tuple[int, int], Position] = {}  # source, target -> position up to which the target wrote it
        self._at: dict[int, Position] = dict.fromkeys(self.goals, (0, 0))
        self._shares: defaultdict[tuple[int, int], list[Share]] = defaultdict(list)  # source, target; in order
        self._waiting: dict[int, tuple[int, Position]] = {}  # lane -> the source it waits for, and the position
        self._resting: set[int] = set()  # lanes that have reached their goals
        self._paused: set[int] = set()  # lanes that are far ahead
        self._ended: set[int] = set()  # lanes at the end of the log
        self._is_stopped = False
        self._changed = asyncio.Event()

    def stop(self) -> None:
        """One lane has failed: the others end after their present call."""
        self._is_stopped = True
        self._tell()

    def start(self, goals: Mapping[int, int]) -> None:
        """Set the goals and let all lanes continue; lanes without a goal only as far as others need."""
        for lane in self.goals:
            self.goals[lane] = goals.get(lane, 0)
        self._own = dict(self.goals)
        self._is_stopped = False
        self._resting.clear()
        self._paused.clear()
        self._ended.clear()

    def end(self, lane: int) -> bool:
        """Note that a lane is at the end of the log; returns whether it has reached its requested goal."""
        self._ended.add(lane)
        self._tell()
        return self._at[lane] >= (self._own[lane], 0)

    # ---- how far each lane is

    def opened(self, lane: int, at: Position, hops: Mapping[int, Position]) -> None:
        """Note that a lane starts or restarts at its written place."""
        self._at[lane] = at
        self.written.update({(source, lane): upto for source, upto in hops.items()})
        for target in self.goals:
            self._shares.pop((lane, target), None)

    def made(self, lane: int, at: Position, shares: Iterable[tuple[int, Share]]) -> None:
        """Note that a lane has reached `at`; `shares`: those made since the last call, each with its target lane."""
        for target, share in shares:
            self._shares[lane, target].append(share)
        self._at[lane] = at
        self._tell()

    def heard(self, lane: int, hops: Mapping[int, Position]) -> None:
        """Note the deltas that a lane has applied and written: their shares are no longer needed."""
        for source, upto in hops.items():
            self.written[source, lane] = upto
            shares = self._shares[source, lane]
            del shares[: bisect_left(shares, upto, key=_position)]
        self._tell()

    async def turn(self, lane: int) -> bool:
        """Wait until a lane has to continue; False: all lanes have reached their goals."""
        while not self._is_stopped:
            if self._at[lane] >= (self.goals[lane], 0) or lane in self._ended:
                self._resting.add(lane)
                if len(self._resting) == len(self.goals):
                    self._tell()
                    return False
            else:
                self._resting.discard(lane)
                self._paused.discard(lane)
                if self._ahead(lane) < MOST_AHEAD or self._is_waited_for(lane) or not any(map(self._runs, self._at)):
                    return True
                self._paused.add(lane)
            await self._changed.wait()
        return False

    async def reached(self, lane: int, delta: Delta) -> None:
        """Wait until the source of a delta has reached its position, or cannot continue.

        The latter happens only if lanes wait for each other in a cycle: no live deployment writes such a log.
        """
        source, upto = delta.source, (delta.upto, delta.upto_step)
        if source not in self.goals:
            return
        self.goals[source] = max(self.goals[source], upto[0] + (upto[1] > 0))
        self._waiting[lane] = source, upto
        self._tell()
        try:
            while self._at[source] < upto and (self._paused or any(map(self._runs, self._at))):
                if self._is_stopped:
                    raise asyncio.CancelledError
                await self._changed.wait()
        finally:
            del self._waiting[lane]

    def _runs(self, lane: int) -> bool:
        """Whether a lane can continue and has not reached its goal."""
        if self._at[lane] >= (self.goals[lane], 0) or lane in self._paused or lane in self._ended:
            return False
        source, upto = self._waiting.get(lane, (lane, (0, 0)))
        return self._at[source] >= upto

    def _is_waited_for(self, lane: int) -> bool:
        return any(source == lane and self._at[lane] < upto for source, upto in self._waiting.values())

    def _ahead(self, lane: int) -> int:
        return sum(len(self._shares[lane, target]) for target in self.goals if target not in self._resting)

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # ---- the shares of a delta

    def is_ahead(self, delta: Delta) -> bool:
        """Whether the source has reached the delta's position."""
        return self._at.get(delta.source, (0, 0)) >= (delta.upto, delta.upto_step)

    def shares(self, lane: int, delta: Delta, *, after: Position, kept: Iterable[CustomerShare] = ()) -> list[Share]:
        """What a lane hears by a delta that has heard all before `after`, in order; `kept`: of the delta's own.

        Erasures are taken from the log's delta, not from the new fold.
        """
        found = [share for share in self._made(lane, delta, after) if not _is_erasure(share)]
        told = [share for share in _new(delta, after) if _is_erasure(share)]
        told += kept
        return sorted([*found, *told], key=_position) if told else found

    def unmade(self, lane: int, delta: Delta, *, after: Position) -> list[CustomerShare]:
        """What a delta says and its source's fold does not: other rules do not, or somebody is forgotten by now.

        Not what it says of things: a visitor that is forgotten still tells them.
        """
        found = [share for share in self._made(lane, delta, after) if isinstance(share, CustomerShare)]
        made = {(_whose(share), _position(share)) for share in found}
        made |= {(_whose(share), UNNOTED) for share in found}
        return [
            share
            for share in _new(delta, after)
            if not share.erased_at and (_whose(share), _position(share)) not in made
        ]

    def _made(self, lane: int, delta: Delta, after: Position) -> list[Share]:
        made = self._shares[delta.source, lane]
        begin = bisect_left(made, after, key=_position)
        return made[begin : bisect_left(made, (delta.upto, delta.upto_step), key=_position)]


def _is_erasure(share: Share) -> bool:
    """Of a visitor. What ids of one customer tell each other is made by the new fold."""
    return isinstance(share, CustomerShare) and share.erased_at > 0 and not share.via


def _new(delta: Delta, after: Position) -> list[CustomerShare]:
    """The shares of a delta that were made at `after` or later, and those that do not say when."""
    return [share for share in delta.shares if share.at < 0 or _position(share) >= after]
