"""Requests to Kafka's brokers for one topic, in Kafka's protocol.

aiokafka's consumer takes 4 us per record and prefetches records that may never be needed; this takes 1 us per record
and only requests what the caller wants.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import CorruptRecordException, KafkaConnectionError, KafkaError, LeaderNotAvailableError, for_code
from aiokafka.protocol.admin import DeleteRecordsRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords

from wakeline.log import Bounds, Entry
from wakeline.log.kafka_address import KafkaAddress
from wakeline.log.kafka_metadata import MetadataRequest, TopicMetadata, read_metadata

REQUEST_MS = 3_000  # of one request: below the collector's deadline
LEAST_FETCH_BYTES, MOST_FETCH_BYTES = 1_048_576, 4_194_304  # per lane: at least one whole batch
RECORD_BYTES = 512  # typical size of a record
ANSWER_BYTES = 33_554_432  # of all lanes of a broker: limits memory
EARLIEST, LATEST = -2, -1


class Fetched(NamedTuple):
    """A broker's answer. A lane without news is in neither field."""

    entries: dict[int, list[Entry]]
    failed: dict[int, KafkaError]


class _LastWord(logging.Handler):
    """Keeps aiokafka's last log message: its errors give no reason, and its log is noisy while a broker is down."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said = record.getMessage()


_last_word = _LastWord(logging.WARNING)
_logger = logging.getLogger("aiokafka")
_logger.addHandler(_last_word)
_logger.propagate = False


class Cluster:
    """Every method raises KafkaError or OSError if a broker cannot be reached."""

    def __init__(self, address: KafkaAddress) -> None:
        self.is_lost = False  # no known broker answers: only a new `Cluster` uses the URL again
        self._topic = address.topic
        self._client = AIOKafkaClient(request_timeout_ms=REQUEST_MS, **address.client)
        self._refreshing: asyncio.Task[None] | None = None
        self._answering: int | None = None  # the broker that answered last: others may hang

    async def start(self) -> None:
        _last_word.said = ""
        try:
            await self._client.bootstrap()
        except KafkaConnectionError as error:
            raise KafkaConnectionError(_last_word.said or str(error)) from error

    async def close(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
        await self._client.close()

    def any_broker(self) -> int:
        """The number of a broker that probably answers."""
        node = self._client.get_random_node() if self._answering is None else self._answering
        if node is None:
            raise KafkaConnectionError("the cluster has no brokers yet")
        return int(node)

    async def metadata(self) -> TopicMetadata | None:
        """The topic's metadata; None if it does not exist."""
        return read_metadata(await self._ask(self.any_broker(), MetadataRequest(self._topic)))

    async def bounds(self, lanes: Iterable[int]) -> dict[int, Bounds]:
        async def of(node: int, mine: list[int]) -> None:
            # one after the other on one connection: an end requested first could be before a new beginning
            first, end = await asyncio.gather(self._offsets(node, mine, EARLIEST), self._offsets(node, mine, LATEST))
            found.update({lane: Bounds(first[lane], end[lane]) for lane in mine})

        found: dict[int, Bounds] = {}
        await asyncio.gather(*(of(node, mine) for node, mine in (await self.leaders(lanes)).items()))
        return found

    async def _offsets(self, node: int, lanes: list[int], time: int) -> dict[int, int]:
        answer = await self._ask(node, OffsetRequest(-1, 0, [(self._topic, [(lane, time) for lane in lanes])]))
        ((_, partitions),) = answer.topics
        for _, code, *_ in partitions:
            self._raise_for(code)
        return {lane: offset for lane, _, _, offset in partitions}

    async def delete_before(self, lane: int, offset: int) -> None:
        for node in await self.leaders([lane]):
            answer = await self._ask(node, DeleteRecordsRequest([(self._topic, [(lane, offset)])], REQUEST_MS))
            for _, partitions, *_ in answer.topics:
                for _, _, code, *_ in partitions:
                    self._raise_for(code)

    async def fetch(
        self, node: int, places: Mapping[int, int], *, limit: int, wait_ms: int, alone: bool = True
    ) -> Fetched:
        """Fetch records from these places, in lanes that `node` leads; waits there for up to `wait_ms` if there are
        none.

        If not `alone`, it shares the connection with other requests, which then wait for its answer.
        """
        most = min(max(limit * RECORD_BYTES, LEAST_FETCH_BYTES), MOST_FETCH_BYTES)
        wanted = [(self._topic, [(lane, place, most) for lane, place in places.items()])]
        group = ConnectionGroup.COORDINATION if alone else ConnectionGroup.DEFAULT
        answer = await self._ask(node, FetchRequest(wait_ms, 1, ANSWER_BYTES, 0, wanted), group)
        fetched = Fetched({}, {})
        for _, partitions in answer.topics:
            for lane, code, _, *_, records in partitions:
                if code:
                    self.refresh()
                    fetched.failed[lane] = for_code(code)(f"lane {lane}")
                elif records and (entries := _entries(records, places[lane], limit)):
                    fetched.entries[lane] = entries
        return fetched

    async def leaders(self, lanes: Iterable[int]) -> dict[int, list[int]]:
        """Broker -> lanes that it leads."""
        if self._client.cluster.partitions_for_topic(self._topic) is None:
            self._client.set_topics([self._topic])
            await self._client.force_metadata_update()
        found: defaultdict[int, list[int]] = defaultdict(list)
        for lane in lanes:
            leader = self._client.cluster.leader_for_partition(TopicPartition(self._topic, lane))
            if leader is None or leader < 0:
                self.refresh()
                raise LeaderNotAvailableError(f"lane {lane} has no leader")
            found[leader].append(lane)
        return found

    async def _ask(self, node: int, request: Any, group: ConnectionGroup = ConnectionGroup.DEFAULT) -> Any:
        try:
            answer = await self._client.send(node, request, group=group)
        except (KafkaError, OSError):
            if node == self._answering:
                self._answering = None
            self.refresh()
            raise
        self._answering = node
        return answer

    def _raise_for(self, code: int) -> None:
        if code:
            self.refresh()
            raise for_code(code)(self._topic)

    def refresh(self) -> None:
        """Refresh in the background who leads which lane, and whether any broker answers."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        self.is_lost = not await self._client.force_metadata_update()


def _entries(data: bytes, place: int, limit: int) -> list[Entry]:
    """Records from `place` on: a broker sends whole batches, including earlier records, and truncates the last one."""
    records = MemoryRecords(data)
    found: list[Entry] = []
    while len(found) < limit and records.has_next():
        batch: Any = records.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException(f"the batch at offset {batch.base_offset} does not match its checksum")
        if not batch.is_control_batch:
            found += [Entry(record.offset, record.timestamp, record.value or b"") for record in batch]
            if found and found[0].offset < place:
                found = [entry for entry in found if entry.offset >= place]
    return found[:limit]
