"""How many new profiles one address may begin a day; beyond them its unknown visitors are only counted.

An id is made up for nothing, and a profile is kept for 400 days. The collector cannot know who has a profile already:
it remembers whom an address has named today, and marks the events of those beyond its budget. The mark stands in the
record, and the processor begins no profile by it; who has one goes on. The day is that of UTC. All is in memory and in
each process by itself: several have a budget each, and a new start begins it anew.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from functools import lru_cache

from collector.addresses import sender
from collector.memory import Memory, Step
from wakeline.durations import DAY_MS

MOST_ADDRESSES = 65_536  # whose spending is remembered: 10 MB
MOST_IDS = 131_072  # of a generation, of which there are two: 26 MB
CACHED = 4_096


class Short(StrEnum):
    """What is used up, so that an event may begin no profile."""

    ADDRESS = "address"  # the day's budget of its address
    MEMORY = "memory"  # the server's, see `memory`


class NewProfiles:
    """`a_day` for each address or IPv6 /64; 0: no budget. What is not public has none: behind it are all visitors."""

    def __init__(self, a_day: int, *, memory: Memory) -> None:
        self._a_day = a_day
        self._memory = memory
        self._sender = lru_cache(CACHED)(sender)
        self._day = 0
        self._spent: OrderedDict[int, int] = OrderedDict()
        self._ids: set[int] = set()
        self._ids_before: set[int] = set()

    def short_of(self, address: str, site: str, visitor: str, *, now: int) -> Short | None:
        """Why an event of `visitor` from `address`, received at `now` (ms), may begin no profile; None: it may."""
        if self._memory.step is not Step.ROOM:
            return Short.MEMORY
        if not self._a_day or (who := self._sender(address)) is None:
            return None
        if now // DAY_MS != self._day:
            self._begin(now // DAY_MS)
        known = hash((who, site, visitor))  # keyed anew in each process: nobody can aim at another's
        if known in self._ids:
            return None
        spent = self._spent.get(who, 0)
        if known not in self._ids_before:
            if spent >= self._a_day:
                self._spent.move_to_end(who)
                return Short.ADDRESS
            self._spend(who, spent + 1)
        self._remember(known)
        return None

    def _begin(self, day: int) -> None:
        self._day = day
        self._spent.clear()
        self._ids.clear()
        self._ids_before.clear()

    def _spend(self, who: int, spent: int) -> None:
        self._spent[who] = spent
        self._spent.move_to_end(who)  # who names nobody new goes first
        if len(self._spent) > MOST_ADDRESSES:
            self._spent.popitem(last=False)

    def _remember(self, known: int) -> None:
        if len(self._ids) >= MOST_IDS:
            self._ids, self._ids_before = set(), self._ids
        self._ids.add(known)
