"""Dead letters: records that could not be folded and were set aside, see `keys.Keys.dead`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from wakeline.clock import now_ms
from wakeline.definitions import LATE_MS
from wakeline.keys import Keys
from wakeline.log import Log

READ_AT_ONCE = 500
READ_WAIT_MS = 5_000  # for a record that is known to exist
NOBODY = "-"
FACT = "fact"  # kind of records that may be as old as what they are about is kept
SITE = re.compile(r'"site":\s*"([^"]*)"')
DERIVED = re.compile(r'"kind":\s*"(delta|tick)"')


class DeadLetter(Struct, frozen=True):
    """A record that was set aside; `id` is its lane and its offset in the log."""

    id: str
    lane: int
    at: int  # ms since 1970 when it was set aside, by a replay: when the replay did
    reason: str
    record: str  # bytes that are not UTF-8 as \x..
    is_text: bool  # if false, no log accepts it
    error: str  # traceback, for `bug`
    stored: str  # its id in the dead-letter stream
    about: tuple[str, ...] = ()  # lines "<site>/<id> <time>" of the people it names

    @property
    def is_forgotten(self) -> bool:
        """Its person was erased before it was set aside: only the reason was kept."""
        return not self.record and NOBODY in self.about

    is_cut: bool = False  # v is incomplete (too long, or names people of other lanes): the log has the whole record

    @property
    def is_derived(self) -> bool:
        """Made by the processor itself. Later records are applied already, so a retry would count as a duplicate."""
        return bool(DERIVED.search(self.record[:200]))

    def is_too_late(self, now: int | None = None) -> bool:
        """Whether it is an event that would be rejected as too late if it were appended now (`now`: ms)."""
        try:
            record = msgspec.json.decode(self.record, type=dict)
        except (msgspec.MsgspecError, RecursionError):
            return False
        now = now_ms() if now is None else now
        at = record.get("time", 0)
        return record.get("kind") != FACT and isinstance(at, int) and 0 < at < now - LATE_MS


async def dead_letters(
    redis: Redis, live: Keys, lanes: Iterable[int], choice: Callable[[DeadLetter], bool]
) -> list[DeadLetter]:
    """The dead letters selected by `choice`, newest first. Raises redis-py's errors."""
    found = []
    for lane in lanes:
        start = "-"
        while rows := await _rows(redis, live, lane, start):
            found += [letter for id, fields in rows if choice(letter := _letter(lane, id.decode(), fields))]
            start = f"({rows[-1][0].decode()}"
    return sorted(found, key=lambda letter: [int(part) for part in letter.stored.split("-")], reverse=True)


async def _rows(redis: Redis, live: Keys, lane: int, start: str) -> Any:
    return await redis.xrange(live.dead(lane), start, "+", count=READ_AT_ONCE)


def _letter(lane: int, id: str, fields: dict[bytes, bytes]) -> DeadLetter:
    text = {name.decode(): value.decode(errors="backslashreplace") for name, value in fields.items()}
    return DeadLetter(
        id=f"{lane}:{text['offset']}",
        lane=lane,
        at=int(id.partition("-")[0]),
        reason=text["reason"],
        record=text["v"],
        is_text=text["v"].encode() == fields[b"v"],
        is_cut="cut" in text,
        error=text["error"],
        stored=id,
        about=tuple(text.get("about", "").split("\n")),
    )


async def retry(redis: Redis, live: Keys, log: Log, letters: Sequence[DeadLetter]) -> None:
    """Append their records to the log again, oldest first, and remove them from the list.

    Each is appended before it is removed: if interrupted, it is appended twice and counts once. Raises redis-py's
    errors and LogUnavailable.
    """
    oldest_first = letters[::-1]
    for start in range(0, len(letters), READ_AT_ONCE):
        part = oldest_first[start : start + READ_AT_ONCE]
        await log.append([(letter.lane, letter.record.encode()) for letter in part])
        await drop(redis, live, part)


async def completed(redis: Redis, live: Keys, log: Log, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """The same letters, with incomplete records completed from the log.

    A record stays incomplete if the log no longer holds it, or is another log. Raises redis-py's errors and
    LogUnavailable.
    """
    identity = await log.identity()

    async def whole(letter: DeadLetter) -> DeadLetter:
        lane, offset = letter.lane, int(letter.id.partition(":")[2])
        [named] = await redis.hmget(live.lane(lane), ["log"])
        bounds = (await log.bounds([lane]))[lane]
        if named != identity.encode() or not bounds.first <= offset < bounds.end:
            return letter
        entries = (await log.read({lane: offset}, limit=1, wait_ms=READ_WAIT_MS)).get(lane)
        if not entries or entries[0].offset != offset:
            return letter
        return msgspec.structs.replace(letter, record=entries[0].value.decode(), is_cut=False)

    return [await whole(letter) if letter.is_cut else letter for letter in letters]


async def drop(redis: Redis, live: Keys, letters: Sequence[DeadLetter]) -> None:
    """Remove them from the list. Raises redis-py's errors."""
    for letter in letters:
        await redis.xdel(live.dead(letter.lane), letter.stored)
        await redis.zrem(live.dead_about(letter.lane), *(f"{line} {letter.stored}" for line in letter.about))


async def forget(redis: Redis, live: Keys, lanes: Iterable[int], site: str, id: str) -> int:
    """Remove all dead letters that contain a person's id, in any lane and form; returns their number.

    The processor removes those listed for the person in the person's own lane; this searches all. Raises redis-py's
    errors.
    """
    word = re.compile(rf"(?<![\w~@-]){re.escape(id)}(?![\w-])")

    def holds(letter: DeadLetter) -> bool:
        if word.search(letter.record) is None and word.search(letter.error) is None:
            return False
        said = SITE.search(letter.record)
        return said is None or said[1] == site

    letters = await dead_letters(redis, live, lanes, holds)
    await drop(redis, live, letters)
    return len(letters)
