"""Limits open connections: beyond the limit a new one replaces the one that was quiet for longest.

A new visitor always gets in, and a closed one can reconnect; refusing new connections would lock everybody out while
somebody holds them. Idle connections are closed before those with a request in progress. Each address (or IPv6 /64) has
its own limit and replaces its own connections, so that pushing out others takes many addresses.
"""

from __future__ import annotations

import resource
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

MOST = 10_000  # in total; an idle one takes about 20 KB
MOST_OF_ONE = 256  # an office may be behind one address; idle browsers need no connection
SHARE_OF_ONE = 4  # with few files: at most a quarter of the total
RESERVED = 256  # file descriptors for Redis, Kafka, the spool, metrics, and connections accepted in one go


class Full(StrEnum):
    """The limit that caused a connection to be closed."""

    ALL = "all"
    ONE_ADDRESS = "one_address"


class Connection(Protocol):
    turn: int  # lower if nothing has begun or ended on it for longer
    is_working: bool  # a request is in progress
    counted_as: int | None  # its owner for the limit; None: not limited

    def give_way(self) -> None:
        """Close at once."""


def room(open_files: int) -> int:
    """Number of connections for a process with this limit of open files."""
    return min(MOST, open_files - min(RESERVED, open_files // 2))


def open_files() -> int:
    """This process's limit of open files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST + RESERVED if soft == resource.RLIM_INFINITY else soft


class Connections:
    """At most `most`. `made_room` is called for each connection that was closed for another."""

    def __init__(self, most: int, *, made_room: Callable[[Full], None] = lambda full: None) -> None:
        self.most = most
        self.most_of_one = max(1, min(MOST_OF_ONE, most // SHARE_OF_ONE))
        self._made_room = made_room
        self._turn = 0
        # The first of each was quiet for longest. An OrderedDict, because finding the first key of a plain dict scans
        # all deleted entries before it.
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._working: OrderedDict[Connection, None] = OrderedDict()
        self._of: dict[int, set[Connection]] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._working)

    def opened(self, connection: Connection, *, counted_as: int | None) -> None:
        """Register a new connection; may close another one."""
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
        """A request begins on it."""
        if connection in self._waiting:
            del self._waiting[connection]
            connection.is_working = True
            self._take_turn(connection, self._working)

    def waits(self, connection: Connection) -> None:
        """Its request is answered."""
        if connection in self._working:
            del self._working[connection]
            connection.is_working = False
            self._take_turn(connection, self._waiting)

    def closed(self, connection: Connection) -> None:
        """It is closed. Can be called again, also for one that was closed to make room."""
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
