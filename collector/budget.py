"""Limits new profiles per address and day; beyond the limit unknown visitors are only counted.

Ids cost nothing to invent, but a profile is kept for 400 days. The collector cannot know who has a profile already: it
remembers the visitors seen from an address today, and marks events of visitors beyond the budget. The mark is stored in
the record, and the processor then creates no profile; existing profiles are updated. Days are in UTC. Everything is in
memory and per process: several processes have separate budgets, and a restart resets them.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from functools import lru_cache

from collector.addresses import sender
from collector.memory import Memory, Step
from wakeline.durations import DAY_MS

MOST_ADDRESSES = 65_536  # addresses to remember: 10 MB
MOST_IDS = 131_072  # ids per generation, of which there are two: 26 MB
CACHED = 4_096


class Short(StrEnum):
    """What is exhausted, so that an event may not create a profile."""

    ADDRESS = "address"  # the daily budget of its address
    MEMORY = "memory"  # the server's memory, see `memory`


class NewProfiles:
    """`a_day` for each address or IPv6 /64; 0: no limit. Addresses that are not public have none: all visitors may be
    behind.
    """

    def __init__(self, a_day: int, *, memory: Memory) -> None:
        self._a_day = a_day
        self._memory = memory
        self._sender = lru_cache(CACHED)(sender)
        self._day = 0
        self._spent: OrderedDict[int, int] = OrderedDict()
        self._ids: set[int] = set()
        self._ids_before: set[int] = set()

    def short_of(self, address: str, site: str, visitor: str, *, now: int) -> Short | None:
        """Why an event of `visitor` from `address`, received at `now` (ms), may not create a profile, or None."""
        if self._memory.step is not Step.ROOM:
            return Short.MEMORY
        if not self._a_day or (who := self._sender(address)) is None:
            return None
        if now // DAY_MS != self._day:
            self._begin(now // DAY_MS)
        known = hash((who, site, visitor))  # keyed at random per process, against provoked collisions
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
        self._spent.move_to_end(who)  # addresses without new visitors are evicted first
        if len(self._spent) > MOST_ADDRESSES:
            self._spent.popitem(last=False)

    def _remember(self, known: int) -> None:
        if len(self._ids) >= MOST_IDS:
            self._ids, self._ids_before = set(), self._ids
        self._ids.add(known)
