"""The log: an append-only, ordered list of records per lane. Records are durable when `append` returns.

opening.py        opens the log named in the settings, and waits while it is down
chain.py          several consecutive logs as one; links.py the links of a chain
redis_streams.py  on Redis Streams, the engine of one machine
fsync.py          when its server's reply means "on disk"
kafka.py          on Apache Kafka, for more than one machine; its URL: kafka_address.py, its topic: kafka_topic.py,
                  its clients: kafka_reader.py, kafka_cluster.py, kafka_metadata.py
memory.py         in memory, for tests of pure logic
All logs pass tests/test_wakeline_log.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct


class LogUnavailable(Exception):
    """The log is unreachable or cannot guarantee durability now. The records may not be stored; retry."""


class LogGap(Exception):
    """An offset outside the log: records that were never read are gone, or it is another log."""


class LogMismatch(Exception):
    """The log belongs to another deployment, or is configured so that it cannot be durable; the message has the fix."""


class Entry(Struct, gc=False):  # made three times as fast as a NamedTuple
    """One record in a lane."""

    offset: int  # 0, 1, 2 ... without gaps
    time: int  # append time by the log's clock, ms since 1970; never decreases within a lane
    value: bytes  # the record, JSON


class Bounds(NamedTuple):
    """A lane's range of offsets: first .. end-1."""

    first: int
    end: int


class Log(Protocol):
    """The interface of all logs. All methods raise LogUnavailable if the server cannot be reached."""

    async def identity(self) -> str:
        """A random id created with the log, to detect when it is replaced by another."""

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        """Append (lane, record) pairs in order, in one write; they are on disk when it returns.

        Returns for each of their lanes the offset after the last of them.
        """

    async def read(self, places: Mapping[int, int], *, limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        """Up to `limit` records per lane, from each lane's place on; waits up to `wait_ms` if there are none.

        Raises LogGap if a place is outside its lane's bounds.
        """

    async def bounds(self, lanes: Sequence[int]) -> dict[int, Bounds]:
        """First and end offset of each lane."""

    async def trim(self, lane: int, *, upto: int) -> None:
        """Delete the records before offset `upto`; the caller ensures that all readers have passed it."""

    async def append_time(self, lane: int, offset: int) -> int | None:
        """Append time of one record, ms; None if the log does not hold it."""

    async def close(self) -> None: ...
