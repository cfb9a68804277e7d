"""Messages about visitors and customers, and readers for applications: docs/messages.md.

    with Messages("redis://127.0.0.1:6379/0") as messages:
        portion = messages.read(cursor, block_ms=10_000)
        ...  # portion.messages, portion.gap
        cursor = portion.cursor

`Messages` and `AsyncMessages` read one stream, from a cursor on that the application keeps. The processor is its only
writer.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from wakeline import keys
from wakeline.keys import FORGOTTEN
from wakeline.redis.reader import AsyncReader, Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORGOTTEN", "AsyncMessages", "Message", "Messages", "Portion"]

AT_ONCE = 100  # messages, unless a reader asks otherwise
BLOCK_MS = 1_000  # of one call: below the connection's own timeout
START = "0-0"


class Message(Struct, frozen=True):
    """A message about a visitor or a customer. Whatever is told again, after a restore, has the same `id`."""

    id: str  # "<site>/<lane>/<offset>/<step>/<number>": the moment in the log that caused it, and its number there
    site: str
    person: str  # id of a visitor, or "@customer"
    kind: str
    time: datetime  # of the log, UTC
    body: dict[str, Any]


class Portion(Struct, frozen=True):
    """What a read gives."""

    messages: tuple[Message, ...]
    cursor: str  # read on from here
    gap: timedelta | None = None  # for so long messages are missing before these: they were trimmed; None: none is


class Messages(Reader):
    """Reads messages. Has one connection pool; thread-safe. Every read raises redis-py's errors."""

    def read(self, after: str | None = None, *, limit: int = AT_ONCE, block_ms: int = 0) -> Portion:
        """The next messages behind the cursor `after`, oldest first; None: from the oldest that is kept on.

        If there are none it waits for them up to `block_ms`.
        """
        ends = time.monotonic() + block_ms / 1000
        while True:
            found = _portion(self._redis.eval(*_asked(after, limit)), after)
            if (left := _left(found, ends)) <= 0:
                return found
            self._redis.xread({keys.MESSAGES: after or START}, count=1, block=left)


class AsyncMessages(AsyncReader):
    """The same for asyncio."""

    async def read(self, after: str | None = None, *, limit: int = AT_ONCE, block_ms: int = 0) -> Portion:
        """See `Messages.read`."""
        ends = time.monotonic() + block_ms / 1000
        while True:
            reply: Any = self._redis.eval(*_asked(after, limit))
            found = _portion(await reply, after)
            if (left := _left(found, ends)) <= 0:
                return found
            await self._redis.xread({keys.MESSAGES: after or START}, count=1, block=left)


# ---- shared by both ------------------------------------------------------------------------------

# KEYS: MESSAGES, MESSAGES_TOLD; ARGV: cursor, number of messages.
READ = """
return {redis.call('HMGET', KEYS[2], 'began', 'trimmed'),
  redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])}
"""


def _asked(after: str | None, limit: int) -> tuple[Any, ...]:
    return READ, 2, keys.MESSAGES, keys.MESSAGES_TOLD, after or START, limit


def _left(found: Portion, ends: float) -> int:
    """For how many ms to wait for more."""
    if found.messages or found.gap is not None:
        return 0
    return min(BLOCK_MS, round((ends - time.monotonic()) * 1000))


def _portion(reply: Any, after: str | None) -> Portion:
    (began, trimmed), rows = reply
    cursor, gap = after or START, None
    if after is not None and trimmed is not None and _order(cursor) < _order(trimmed.decode()):
        since = max(_order(cursor)[0], int(began or 0))
        gap = timedelta(milliseconds=_order(trimmed.decode())[0] - since)
        cursor = trimmed.decode()
    return Portion(tuple(_message(flat) for _, flat in rows), rows[-1][0].decode() if rows else cursor, gap)


def _order(cursor: str) -> tuple[int, int]:
    ms, _, number = cursor.partition("-")
    return int(ms), int(number)


def _message(flat: list[bytes]) -> Message:
    words = [word.decode() for word in flat]
    fields: Mapping[str, str] = dict(zip(words[::2], words[1::2], strict=True))
    site, _, person = fields["who"].partition("/")
    return Message(
        id=fields["id"],
        site=site,
        person=person,
        kind=fields["kind"],
        time=datetime.fromtimestamp(int(fields["time"]) / 1000, UTC),
        body=msgspec.json.decode(fields["body"], type=dict[str, Any]),
    )
