"""The log on Apache Kafka: one topic, one partition per lane, one record per event, with broker timestamps."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from wakeline.log import Bounds, Entry, LogGap, LogUnavailable
from wakeline.log.kafka_address import KafkaAddress, kafka_address
from wakeline.log.kafka_cluster import REQUEST_MS, Cluster
from wakeline.log.kafka_metadata import TopicMetadata
from wakeline.log.kafka_reader import Reader
from wakeline.log.kafka_topic import open_topic

METHOD_S = 4.0  # of a method with several requests: below the collector's deadline
OPEN_S = 10.0  # more, if the topic must be created
CHECKED_EVERY_S = 5.0  # how often to check that the topic is still the same
BATCH_BYTES = 900_000  # below a broker's default limit on messages

_leaving: set[asyncio.Task[None]] = set()  # connections being closed in the background


class Named(msgspec.Struct):
    """The fields of a record that form its key."""

    kind: str = ""
    site: str = ""
    visitor: str = ""
    id: str = ""


_named = msgspec.json.Decoder(Named).decode


class KafkaLog:
    """See `Log`. After a failure connections are replaced, so that it cannot block later calls."""

    def __init__(self, address: KafkaAddress, lanes: int) -> None:
        self._address = address
        self._lanes = lanes
        self._reader: Reader | None = None
        self._producer: AIOKafkaProducer | None = None
        self._starting_reader, self._appending = asyncio.Lock(), asyncio.Lock()
        self._identity = ""
        self._check_due = 0.0

    @classmethod
    async def open(cls, url: str, lanes: int) -> Self:
        """Creates the topic if it is missing. Raises LogUnavailable, and LogMismatch if it is unsuitable."""
        log = cls(kafka_address(url), lanes)
        try:
            async with log._unavailable(OPEN_S):
                topic = await open_topic(await log._cluster(), log._address, lanes)
                log._identity = topic.identity
        except BaseException:
            await log.close()
            raise
        return log

    async def identity(self) -> str:
        async with self._unavailable():
            return (await self._topic()).identity

    # ---- appending ----------------------------------------------------------------------------

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        lanes: defaultdict[int, list[bytes]] = defaultdict(list)
        for lane, value in records:
            lanes[lane].append(value)
        sent: list[asyncio.Future[Any]] = []
        counts: list[int] = []  # records in each
        producer: Any = None
        try:
            async with self._unavailable():
                async with self._appending:  # batches enter the queue in order, but may be in flight together
                    await self._check_identity(LogUnavailable)
                    producer = await self._started_producer()
                    for lane, values in lanes.items():
                        for batch in _batches(producer, values):
                            counts.append(batch.record_count())
                            sent.append(await producer.send_batch(batch, self._address.topic, partition=lane))
                await _all(sent)
        except BaseException:
            self._drop(producer)
            raise
        placed = zip((one.result() for one in sent), counts, strict=True)
        return {batch.partition: batch.offset + count for batch, count in placed}  # of the last of a lane

    def _drop(self, failed: Any) -> None:
        producer = self._producer
        if producer is not None and producer is failed:
            self._producer = None
            _leave(_stopped(producer))

    async def _started_producer(self) -> Any:
        if self._producer is None:
            producer = AIOKafkaProducer(
                acks="all",
                enable_idempotence=True,
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=REQUEST_MS,
                **self._address.client,
            )
            try:
                await producer.start()
            except BaseException:
                _leave(_stopped(producer))
                raise
            self._producer = producer
        return self._producer

    # ---- reading ------------------------------------------------------------------------------

    async def read(self, places: Mapping[int, int], *, limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        async with self._unavailable(wait_ms / 1000):
            await self._check_identity(LogGap)
            await self._cluster()
            assert self._reader is not None
            try:
                return await self._reader.read(places, limit=limit, wait_ms=wait_ms)
            except OffsetOutOfRangeError:
                for lane, bounds in (await self.bounds(list(places))).items():
                    if not bounds.first <= places[lane] <= bounds.end:
                        said = f"lane {lane}: place {places[lane]}, the log holds {bounds.first} to {bounds.end}"
                        raise LogGap(said) from None
                return {}

    async def bounds(self, lanes: Sequence[int]) -> dict[int, Bounds]:
        async with self._unavailable():
            return await (await self._cluster()).bounds(lanes)

    async def trim(self, lane: int, *, upto: int) -> None:
        async with self._unavailable():
            cluster = await self._cluster()
            bounds = (await cluster.bounds([lane]))[lane]
            if bounds.first < (upto := min(upto, bounds.end)):
                await cluster.delete_before(lane, upto)

    async def append_time(self, lane: int, offset: int) -> int | None:
        async with self._unavailable():
            cluster = await self._cluster()
            (node,) = await cluster.leaders([lane])
            fetched = await cluster.fetch(node, {lane: offset}, limit=1, wait_ms=0, alone=False)
            for error in fetched.failed.values():
                if not isinstance(error, OffsetOutOfRangeError):
                    raise error
            entries = fetched.entries.get(lane)
            return entries[0].time if entries and entries[0].offset == offset else None

    # ---- the cluster --------------------------------------------------------------------------

    async def _cluster(self) -> Cluster:
        async with self._starting_reader:
            if self._reader is not None and self._reader.cluster.is_lost:
                _leave(self._reader.close())
                self._reader = None
            if self._reader is None:
                cluster = Cluster(self._address)
                try:
                    await cluster.start()
                except BaseException:
                    _leave(cluster.close())
                    raise
                self._reader = Reader(cluster)
            return self._reader.cluster

    async def _topic(self) -> TopicMetadata:
        topic = await (await self._cluster()).metadata()
        if topic is None:
            raise LogUnavailable(f"the topic {self._address.topic} does not exist any more")
        return topic

    async def _check_identity(self, error: type[LogGap | LogUnavailable]) -> None:
        """Raises `error` if the topic was recreated, since its offsets would mean other records."""
        if time.monotonic() < self._check_due:
            return
        if (found := (await self._topic()).identity) != self._identity:
            raise error(f"the topic {self._address.topic} was recreated: it is {found}, not {self._identity}")
        self._check_due = time.monotonic() + CHECKED_EVERY_S

    async def close(self) -> None:
        if self._producer is not None:
            _leave(_stopped(self._producer))
        if self._reader is not None:
            _leave(self._reader.close())
        self._producer = self._reader = None
        if _leaving:
            await asyncio.wait(_leaving, timeout=METHOD_S)

    @asynccontextmanager
    async def _unavailable(self, more_s: float = 0.0) -> AsyncIterator[None]:
        """Turn failures of the cluster or the network, and timeouts, into LogUnavailable."""
        try:
            async with asyncio.timeout(METHOD_S + more_s):
                yield
        except TimeoutError as error:
            raise LogUnavailable(f"the log on Kafka does not answer within {METHOD_S:g} s") from error
        except (KafkaError, OSError) as error:
            self._check_due = 0.0
            raise LogUnavailable(f"the log on Kafka is unavailable: {error or type(error).__name__}") from error


async def _all(sent: Sequence[Awaitable[Any]]) -> None:
    """Wait for all, then raise the first error."""
    for outcome in await asyncio.gather(*sent, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _batches(producer: AIOKafkaProducer, values: Sequence[bytes]) -> Iterator[Any]:
    batch = producer.create_batch()
    for value in values:
        key, headers = _labels(value)
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)
    yield batch


def _labels(value: bytes) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    """Key and headers for other tools and people; Wakeline does not read them."""
    try:
        named = _named(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None, []
    id = named.visitor or named.id
    return (f"{named.site}/{id}".encode() if id else None), [("kind", named.kind.encode())]


def _leave(closing: Coroutine[Any, Any, None]) -> None:
    """Close in the background, since it takes long if a broker is down."""
    _leaving.add(task := asyncio.create_task(closing))
    task.add_done_callback(_leaving.discard)


async def _stopped(producer: Any) -> None:
    """Stop a producer without sending its queued records, which `stop` would do first."""
    with suppress(KafkaError, OSError):
        await producer._sender.close()
    await producer.client.close()
    producer._closed = True
