"""A Faust transport over `wakeline.log`: one message per poll, whose value is the entries of each lane.

Faust's cost is per message, not per byte, so all that a poll finds is one message, of the partition of one of its
lanes. Faust's own commits are not used: the place of a lane is in Redis, updated in the same write as its data.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any, NamedTuple

from faust.transport import base
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.producer import Producer as BaseProducer
from faust.types import TP, ConsumerMessage

from wakeline.log import Entry, LogGap, LogUnavailable

if TYPE_CHECKING:
    from processor.stream import ProcessorApp

logger = logging.getLogger("wakeline.processor")

BATCH_RECORDS = 8_000  # of one lane per poll: the longer a batch, the fewer writes per visitor
BEHIND_AT_ONCE = 2  # lanes that get such batches in one poll: limits memory
# The next poll waits so long for each record of the last one, but no longer than this: a poll costs as much as many
# records, and while few come nobody waits.
WAIT_S, MOST_WAIT_S = 0.0005, 0.04
PAUSE_S = 0.5  # between polls while the log is down


class Read(NamedTuple):
    """The result of one read of all lanes, and the generation of owned lanes that it is for."""

    generation: int
    found: dict[int, list[Entry]]


class Consumer(BaseConsumer):
    """Reads the lanes that its app's `Lanes` own, all in one call."""

    app: ProcessorApp

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._subscribed = False
        self._topic = ""
        self._assigned: set[TP] = set()
        self._next: dict[int, int] = {}  # lane -> next offset
        self._behind: deque[int] = deque()  # lanes that may hold more than a batch, next one first
        self._reading: asyncio.Task[Read] | None = None
        self._read_due = 0.0  # by the loop's clock

    # ---- what Faust asks for ------------------------------------------------------------------

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Starts to own lanes; must not wait for them, as Faust would deadlock."""
        if not self._subscribed:
            (self._topic,) = topics
            self._subscribed = True
            self.add_future(self._own())

    async def _own(self) -> None:
        try:
            await self.app.lanes.run(self._assign)
        except Exception as error:
            self.app.lanes.fail(error)

    async def _assign(self, lanes: Set[int]) -> None:
        self.app.on_rebalance_start()
        self.app.consumer_generation_id = self.app.lanes.generation
        await self.on_partitions_revoked(self._assigned)
        self._assigned = {TP(self._topic, lane) for lane in lanes}
        await self.on_partitions_assigned(self._assigned, self.app.consumer_generation_id)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Every lane starts at its place in Redis."""
        self._next = self.app.lanes.places()
        self._behind = deque(self._next)
        self._drop_read()
        return {tp: self._next[tp.partition] for tp in self._assigned if tp.partition in self._next}

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        """The last read's result; the next read starts at once, concurrently with Faust's work."""
        tps = {tp.partition: tp for tp in (active_partitions or self._assigned) if tp.partition in self._next}
        if not self.app.lanes.owned or not tps:
            await asyncio.sleep(timeout)
            return {}
        reading = self._reading or self._read_ahead(tps, timeout)
        try:
            generation, found = await reading
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():
                return {}  # the read was dropped: the lanes have changed
            self._drop_read()
            raise
        if reading is self._reading:
            self._reading = None
            if found:
                self._read_ahead(tps, timeout)
        ours = {lane: entries for lane, entries in found.items() if lane in tps}
        return {tps[next(iter(ours))]: [Read(generation, ours)]} if ours else {}

    def _read_ahead(self, lanes: Iterable[int], timeout: float) -> asyncio.Task[Read]:
        self._reading = asyncio.create_task(self._read(lanes, timeout))
        return self._reading

    def _drop_read(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def _read(self, lanes: Iterable[int], timeout: float) -> Read:  # noqa: ASYNC109
        generation = self.app.lanes.generation
        loop = asyncio.get_running_loop()
        if not self._behind and (early := self._read_due - loop.time()) > 0:
            await asyncio.sleep(early)
        left_out = {lane for index, lane in enumerate(self._behind) if index >= BEHIND_AT_ONCE}
        try:
            found = await self.app.record_log.read(
                {lane: self._next[lane] for lane in lanes if lane not in left_out},
                limit=BATCH_RECORDS,
                wait_ms=0 if left_out else round(timeout * 1000),
            )
        except LogUnavailable as error:
            logger.debug("%s", error)
            await asyncio.sleep(PAUSE_S)
            return Read(generation, {})
        except LogGap as error:
            if self.app.lanes.owned:  # otherwise their next owner detects it
                self.app.lanes.fail(error)
            await asyncio.sleep(PAUSE_S)
            return Read(generation, {})
        self._read_due = loop.time() + min(MOST_WAIT_S, WAIT_S * sum(map(len, found.values())))
        asked = [self._behind.popleft() for _ in range(min(BEHIND_AT_ONCE, len(self._behind)))]
        for lane, entries in found.items():
            self._next[lane] = entries[-1].offset + 1
        self._behind.extend(lane for lane in asked if len(found.get(lane, ())) == BATCH_RECORDS)
        self._behind.extend(
            lane for lane, entries in found.items() if len(entries) == BATCH_RECORDS and lane not in self._behind
        )
        return Read(generation, found)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        read: Any = record
        last = read.found[tp.partition][-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            timestamp=last.time / 1000,
            timestamp_type=1,
            headers=[],
            key=None,
            value=read.found,
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=0,
            tp=tp,
            generation_id=read.generation,
        )

    # ---- backpressure: a full buffer holds the next read up. What Faust adds would leave lanes out of a read,
    # ---- which may then wait a second for the records of the others

    def on_buffer_full(self, tp: TP) -> None:
        pass

    def on_buffer_drop(self, tp: TP) -> None:
        pass

    # ---- commits: none, see above, and no acks to commit, see `stream` --------------------------

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return True

    def ack(self, message: Any) -> bool:
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    # ---- positions ----------------------------------------------------------------------------

    async def _seek(self, partition: TP, offset: int) -> None:
        self._next[partition.partition] = offset

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        for tp, offset in partitions.items():
            await self.seek(tp, offset)

    async def position(self, tp: TP) -> int | None:
        return self._next.get(tp.partition)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        bounds = await self.app.record_log.bounds([tp.partition for tp in partitions])
        return {tp: bounds[tp.partition].first for tp in partitions}

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        bounds = await self.app.record_log.bounds([tp.partition for tp in partitions])
        return {tp: bounds[tp.partition].end for tp in partitions}

    def highwater(self, tp: TP) -> int:
        return self._next.get(tp.partition, 0)

    def assignment(self) -> set[TP]:
        return set(self._assigned)

    def topic_partitions(self, topic: str) -> int | None:
        return self.app.lanes.count

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        return partition

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: lanes exist as soon as something is appended."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Does nothing: Faust would check its commits; `Lanes.watch` checks the places instead."""

    def close(self) -> None:
        self._drop_read()


class Producer(BaseProducer):
    """Required by Faust but unused: deltas are sent through the outbox."""

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("records are appended through wakeline.log")

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("records are appended through wakeline.log")

    def key_partition(self, topic: str, key: bytes) -> TP:
        raise NotImplementedError("lanes are chosen by wakeline.lanes.lane_of")

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: lanes exist as soon as something is appended."""

    async def flush(self) -> None:
        pass


class Transport(base.Transport):
    """Registered in pyproject.toml as the `faust.transports` entry point of the scheme `wakeline`."""

    Consumer = Consumer
    Producer = Producer
    default_port = 6379
    driver_version = "wakeline"
