"""How many connections may be open: beyond that a new one takes the place of the one that was quiet for longest.

A new visitor always gets in, and whoever is pushed out only connects again: refusing what is new would shut the door
for as long as somebody holds it. An idle connection goes before one that a request is under way on. One address (or
IPv6 /64) has a cap of its own and makes room among its own, so that it takes many of them to push out others.
"""

from __future__ import annotations

import resource
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

MOST = 10_000  # in all; an idle one takes some 20 KB
MOST_OF_ONE = 256  # behind one address may be an office: a browser that is not sending needs no connection
SHARE_OF_ONE = 4  # and no more than the fourth part of all, where few files may be open
RESERVED = 256  # open files for Redis, Kafka, the spool and the metrics, and for what the kernel accepts at one stroke


class Full(StrEnum):
    """Which cap a connection made room for."""

    ALL = "all"
    ONE_ADDRESS = "one_address"


class Connection(Protocol):
    turn: int  # the lower, the longer nothing has begun or ended on it
    is_working: bool  # a request is under way
    counted_as: int | None  # whose it is; None: of nobody that is limited

    def give_way(self) -> None:
        """Close at once."""


def room(open_files: int) -> int:
    """Connections for a process that may open so many files."""
    return min(MOST, open_files - min(RESERVED, open_files // 2))


def open_files() -> int:
    """That this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST + RESERVED if soft == resource.RLIM_INFINITY else soft


class Connections:
    """At most `most`. `made_room` hears of each that was closed for another."""

    def __init__(self, most: int, *, made_room: Callable[[Full], None] = lambda full: None) -> None:
        self.most = most
        self.most_of_one = max(1, min(MOST_OF_ONE, most // SHARE_OF_ONE))
        self._made_room = made_room
        self._turn = 0
        # The first of each was quiet for longest. An OrderedDict, for a plain dict must search for its first key behind
        # the places of all that were deleted before it.
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._working: OrderedDict[Connection, None] = OrderedDict()
        self._of: dict[int, set[Connection]] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._working)

    def opened(self, connection: Connection, *, counted_as: int | None) -> None:
        """Takes a new one in; another may have to give way."""
        if counted_as is not None:
            mine = self._of.setdefault(counted_as, set())
            if len(mine) >= self.most_of_one:
                self._close(min(mine, key=lambda one: (one.is_working, one.turn)), Full.ONE_ADDRESS)
            self._of.setdefault(counted_as, mine).add(connection)
        if len(self) >= self.most:
            self._close(next(iter(self._waiting or self._working)), Full.ALL)
        connection.counted_as = counted_as
        connection.is_working = False
        self._take_turn(connection, self._waiting)

    def works(self, connection: Connection) -> None:
        """A request begins."""
        if connection in self._waiting:
            del self._waiting[connection]
            connection.is_working = True
            self._take_turn(connection, self._working)

    def waits(self, connection: Connection) -> None:
        """It is answered."""
        if connection in self._working:
            del self._working[connection]
            connection.is_working = False
            self._take_turn(connection, self._waiting)

    def closed(self, connection: Connection) -> None:
        """It is gone. May be called again, as for one that was closed to make room."""
        self._waiting.pop(connection, None)
        self._working.pop(connection, None)
        if connection.counted_as is not None:
            mine = self._of.get(connection.counted_as, set())
            mine.discard(connection)
            if not mine:
                self._of.pop(connection.counted_as, None)

    def _take_turn(self, connection: Connection, among: OrderedDict[Connection, None]) -> None:
        self._turn += 1
        connection.turn = self._turn
        among[connection] = None

    def _close(self, connection: Connection, full: Full) -> None:
        self.closed(connection)
        self._made_room(full)
        connection.give_way()
