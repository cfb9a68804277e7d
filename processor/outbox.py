"""Sends what lanes owe each other: one append for all that waits, with one in flight.

A lane goes on meanwhile, up to MOST_OWED records ahead. Redis has the outbox of each lane until what it holds is in the
log, so whatever is lost here is sent by the next owner of the lane; what is sent twice counts once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from processor.store import Owed, Store, StoreUnavailable
from wakeline.log import Log, LogUnavailable
from wakeline.patience import patiently

logger = logging.getLogger("wakeline.processor")

MOST_OWED = 2_000  # of a lane: beyond it the lane waits
SENT_AT_ONCE = 1_000  # records in one append: a script blocks the server while it runs
GATHER_S = 0.005  # for which records of several lanes wait for each other
CLEAR_S = 0.05  # between two removals of what is in the log
PAUSE_S = 0.2  # before the next attempt while Redis or the log is away


class Outbox:
    """The outboxes of this process's lanes. `run` sends; it raises what is not an outage."""

    def __init__(self, store: Store, log: Log) -> None:
        self._store = store
        self._log = log
        self._owed: dict[int, list[Owed]] = {}  # lane -> what is not in the log yet, in order
        self._sent: dict[int, list[bytes]] = {}  # lane -> ids that are in the log and still in Redis
        self._clearing = False
        self._woken = asyncio.Event()
        self._progress = asyncio.Condition()

    async def put(self, lane: int, owed: list[Owed]) -> None:
        """Have records sent after all that the lane put before; waits while it is too far ahead."""
        if owed:
            self._owed.setdefault(lane, []).extend(owed)
            self._woken.set()
        if len(self._owed.get(lane, ())) > MOST_OWED:
            async with self._progress:
                await self._progress.wait_for(lambda: len(self._owed.get(lane, ())) <= MOST_OWED)

    def forget(self, lane: int) -> None:
        """The lane is opened: what is in its outbox is read from Redis."""
        self._owed.pop(lane, None)
        self._sent.pop(lane, None)

    async def empty(self) -> None:
        """Until all is sent, and gone from Redis."""
        async with self._progress:
            await self._progress.wait_for(lambda: not (self._owed or self._sent or self._clearing))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send())
            tasks.create_task(self._clear())

    async def _send(self) -> None:
        while True:
            await self._woken.wait()
            await asyncio.sleep(GATHER_S)
            self._woken.clear()
            while group := self._group():
                records = [(target, value) for owed in group.values() for _, target, value in owed]
                await _patiently(partial(self._log.append, records))
                for lane, owed in group.items():
                    left = self._owed.get(lane, [])
                    if left[: len(owed)] == owed:  # otherwise the lane was opened again meanwhile
                        del left[: len(owed)]
                        self._sent.setdefault(lane, []).extend(id for id, _, _ in owed)
                        if not left:
                            del self._owed[lane]
                await self._tell()

    def _group(self) -> dict[int, list[Owed]]:
        """The first records of each lane, SENT_AT_ONCE at most."""
        group, room = {}, SENT_AT_ONCE
        for lane, owed in self._owed.items():
            if room > 0:
                group[lane] = owed[:room]
                room -= len(group[lane])
        return group

    async def _clear(self) -> None:
        """Remove what is in the log from Redis: seldom, as each such call is one more write to its disk."""
        while True:
            await asyncio.sleep(CLEAR_S)
            if sent := self._sent:
                self._sent, self._clearing = {}, True
                await _patiently(partial(self._store.sent, sent))
                self._clearing = False
                await self._tell()

    async def _tell(self) -> None:
        async with self._progress:
            self._progress.notify_all()


async def _patiently(call: Callable[[], Awaitable[object]]) -> None:
    missing = StoreUnavailable, LogUnavailable
    await patiently(call, missing, logger, "records for other lanes wait", pause_s=PAUSE_S)
