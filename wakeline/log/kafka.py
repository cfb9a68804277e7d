"""The log on Apache Kafka: one topic, one partition a lane, one record an event, whose time is the broker's."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from wakeline.log import Bounds, Entry, LogGap, LogUnavailable
from wakeline.log.kafka_address import KafkaAddress, kafka_address
from wakeline.log.kafka_topic import Topic

REQUEST_MS = 3_000  # of one request: below the collector's deadline
METHOD_S = 4.0  # of what takes several
OPEN_S = 10.0  # more, where the topic has to be made
BATCH_BYTES = 900_000  # below the broker's largest message by default
FETCH_BYTES = 4_194_304  # of one lane at once: some eight thousand records
FETCH_WAIT_MS = 50  # at the broker: a lane that has something waits so long for a request that asks for others
CHECKED_EVERY_S = 5.0  # that the cluster answers: where nothing comes, silence is no sign of it

for _name in ("aiokafka", "kafka"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # what matters of it is raised


class Named(msgspec.Struct):
    """What of a record makes its key."""

    kind: str = ""
    site: str = ""
    visitor: str = ""
    id: str = ""


_named = msgspec.json.Decoder(Named).decode


class KafkaLog:
    """See `Log`. The producer is made anew after a failure: nothing of a failed append may hold up the next one."""

    def __init__(self, address: KafkaAddress, lanes: int) -> None:
        self._address = address
        self._topic = address.topic
        self._tps = [TopicPartition(address.topic, lane) for lane in range(lanes)]
        self._admin: AIOKafkaAdminClient | None = None
        self._producer: AIOKafkaProducer | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._looker: AIOKafkaConsumer | None = None  # at single records
        self._leaving: set[asyncio.Task[None]] = set()  # producers that failed
        self._next: dict[int, int] = {}  # lane -> offset that the consumer hands over next
        self._check_due = 0.0

    @classmethod
    async def open(cls, url: str, lanes: int) -> Self:
        """Makes the topic if it is missing. Raises LogUnavailable, and LogMismatch where it is not as it must be."""
        log = cls(kafka_address(url), lanes)
        try:
            async with log._unavailable(OPEN_S):
                await Topic(await log._administrator(), log._address).open(lanes)
        except BaseException:
            await log.close()
            raise
        return log

    async def identity(self) -> str:
        async with self._unavailable():
            return await Topic(await self._administrator(), self._address).identity()

    # ---- appending ----------------------------------------------------------------------------

    async def append(self, records: Sequence[tuple[int, bytes]]) -> None:
        lanes: defaultdict[int, list[bytes]] = defaultdict(list)
        for lane, value in records:
            lanes[lane].append(value)
        try:
            async with self._unavailable():
                producer = await self._writer()
                sent: list[asyncio.Future[Any]] = []
                for lane, values in lanes.items():
                    for batch in _batches(producer, values):
                        sent.append(await producer.send_batch(batch, self._topic, partition=lane))
                for outcome in await asyncio.gather(*sent, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
        except BaseException:
            self._drop_writer()
            raise

    async def _writer(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = await _started(
                AIOKafkaProducer(
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=BATCH_BYTES,
                    max_request_size=BATCH_BYTES + 100_000,
                    request_timeout_ms=REQUEST_MS,
                    **self._address.client,
                )
            )
        return self._producer

    def _drop_writer(self) -> None:
        """What it still holds may yet arrive: nobody was told that it did, and what comes twice counts once."""
        if self._producer is not None:
            self._leaving.add(task := asyncio.create_task(_stopped(self._producer)))
            task.add_done_callback(self._leaving.discard)
            self._producer = None

    # ---- reading ------------------------------------------------------------------------------

    async def read(self, places: Mapping[int, int], *, limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        async with self._unavailable(wait_ms / 1000):
            consumer = await self._reader()
            if time.monotonic() >= self._check_due or not places.keys() <= self._next.keys():
                await self._check(places)
            for lane, place in places.items():
                if self._next.get(lane) != place:
                    consumer.seek(self._tps[lane], place)
                    consumer.resume(self._tps[lane])
                    self._next[lane] = place
            try:
                return await self._taken(consumer, places, limit, wait_ms)
            except OffsetOutOfRangeError:
                self._next.clear()
                await self._check(places)
                return {}

    async def _taken(
        self, consumer: AIOKafkaConsumer, places: Mapping[int, int], limit: int, wait_ms: int
    ) -> dict[int, list[Entry]]:
        found: dict[int, list[Entry]] = {}
        for lane in places:
            self._take(await consumer.getmany(self._tps[lane], timeout_ms=0, max_records=limit), found)
        if found or not places:
            return found
        wanted = [self._tps[lane] for lane in places]
        if not wait_ms:  # nothing has come yet, which does not mean that there is nothing
            ends = await consumer.end_offsets(wanted)
            wanted = [tp for tp in wanted if ends[tp] > places[tp.partition]]
            wait_ms = REQUEST_MS
        if wanted:
            self._take(await consumer.getmany(*wanted, timeout_ms=wait_ms, max_records=limit), found)
        return found

    def _take(self, records: Mapping[TopicPartition, Sequence[Any]], found: dict[int, list[Entry]]) -> None:
        for tp, taken in records.items():
            found[tp.partition] = [Entry(one.offset, one.timestamp, one.value or b"") for one in taken]
            self._next[tp.partition] = taken[-1].offset + 1

    async def _check(self, places: Mapping[int, int]) -> None:
        self._check_due = 0.0  # at once again, if this fails
        for lane, bounds in (await self.bounds(list(places))).items():
            if not bounds.first <= places[lane] <= bounds.end:
                raise LogGap(f"lane {lane}: place {places[lane]}, the log holds {bounds.first} to {bounds.end}")
        self._check_due = time.monotonic() + CHECKED_EVERY_S

    async def bounds(self, lanes: Sequence[int]) -> dict[int, Bounds]:
        tps = [self._tps[lane] for lane in lanes]
        if not tps:
            return {}
        async with self._unavailable():
            consumer = await self._reader()
            first, end = await asyncio.gather(consumer.beginning_offsets(tps), consumer.end_offsets(tps))
        return {tp.partition: Bounds(first[tp], end[tp]) for tp in tps}

    async def trim(self, lane: int, *, upto: int) -> None:
        bounds = (await self.bounds([lane]))[lane]
        upto = min(upto, bounds.end)
        if upto > bounds.first:
            async with self._unavailable():
                await (await self._administrator()).delete_records({self._tps[lane]: RecordsToDelete(upto)}, REQUEST_MS)
            self._next.pop(lane, None)  # what was fetched ahead is no longer there

    async def append_time(self, lane: int, offset: int) -> int | None:
        bounds = (await self.bounds([lane]))[lane]
        if not bounds.first <= offset < bounds.end:
            return None
        async with self._unavailable():
            looker = await self._looking()
            looker.assign([self._tps[lane]])
            looker.seek(self._tps[lane], offset)
            found = await looker.getone()
            looker.unsubscribe()
            return int(found.timestamp) if found.offset == offset else None

    async def _reader(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = await _started(self._without_group(FETCH_BYTES))
            self._consumer.assign(self._tps)
            for tp in self._tps:
                self._consumer.seek(tp, 0)
            self._consumer.pause(*self._tps)
        return self._consumer

    def _without_group(self, fetch_bytes: int) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            auto_offset_reset="none",
            enable_auto_commit=False,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=fetch_bytes,
            request_timeout_ms=REQUEST_MS,
            **self._address.client,
        )

    async def _looking(self) -> AIOKafkaConsumer:
        if self._looker is None:
            self._looker = await _started(self._without_group(1))  # a broker sends one batch all the same
        return self._looker

    async def _administrator(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            admin = AIOKafkaAdminClient(request_timeout_ms=REQUEST_MS, **self._address.client)
            try:
                await admin.start()
            except BaseException:
                await admin.close()
                raise
            self._admin = admin
        return self._admin

    async def close(self) -> None:
        self._drop_writer()
        clients = [client for client in (self._consumer, self._looker) if client is not None]
        await asyncio.gather(*(_stopped(client) for client in clients), *self._leaving)
        if self._admin is not None:
            await self._admin.close()

    @asynccontextmanager
    async def _unavailable(self, more_s: float = 0.0) -> AsyncIterator[None]:
        """Turns every failure of the cluster or the network, and silence, into LogUnavailable."""
        try:
            async with asyncio.timeout(METHOD_S + more_s):
                yield
        except TimeoutError as error:
            raise LogUnavailable(f"the log on Kafka does not answer within {METHOD_S:.0f} s") from error
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"the log on Kafka is away: {error or type(error).__name__}") from error


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
    """Key and headers, for people and other tools: nothing in Wakeline reads them."""
    try:
        named = _named(value)
    except (msgspec.MsgspecError, ValueError):
        return None, []
    id = named.visitor or named.id
    return (f"{named.site}/{id}".encode() if id else None), [("kind", named.kind.encode())]


async def _started(client: Any) -> Any:
    try:
        await client.start()
    except BaseException:
        await _stopped(client)
        raise
    return client


async def _stopped(client: Any) -> None:
    """Without a word: it is of no use to anybody any more."""
    try:
        async with asyncio.timeout(METHOD_S):
            await client.stop()
    except (KafkaError, OSError, TimeoutError):
        pass
