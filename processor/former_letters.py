"""Names the people in dead letters of earlier versions, which did not, so that erasures find them."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from crm.dead import about

AT_ONCE = 200


async def name_all(redis: Redis, letters: str, named: str) -> None:
    """Name them in the set `named`. Raises redis-py's errors.

    From the newest to the oldest: when the oldest is done, all are; after an interruption the next start continues.
    """
    for id, fields in _rows(await redis.xrange(letters, count=1)):
        line = f"{about(fields[b'v'])[0]} {id.decode()}"
        if b"about" in fields or await redis.zscore(named, line) is not None:
            return
    start, lines = "-", []
    while rows := _rows(await redis.xrange(letters, start, "+", count=AT_ONCE)):
        for id, fields in rows:
            if b"about" not in fields:
                lines += [f"{line} {id.decode()}" for line in reversed(about(fields[b"v"]))]
        start = f"({rows[-1][0].decode()}"
    for end in range(len(lines), 0, -AT_ONCE):
        await redis.zadd(named, dict.fromkeys(lines[max(0, end - AT_ONCE) : end], 0))


def _rows(reply: Any) -> Any:
    return reply  # redis-py has one return type for all its protocols
