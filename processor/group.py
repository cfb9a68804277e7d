"""Kafka's consumer group: divides the lanes among the processors, and shows their places.

Its consumer reads nothing: all its partitions are paused. Records are read with `wakeline.log`, from the places in
Redis; the commits only make the group's lag accurate for other tools.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from processor.ownership import OnAssigned, OnRevoked
from wakeline.log.kafka_address import KafkaAddress
from wakeline.patience import patiently

logger = logging.getLogger("wakeline.processor")

SESSION_MS = 10_000  # without a heartbeat, before other processors get its lanes
HEARTBEAT_MS = 2_000
REBALANCE_MS = 20_000  # for the others to release their lanes: above the timeout in Lanes
POLL_MS = 1_000
RETRY_S = 1.0


class Group(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of the group: see `Ownership`.

    `name` is unique and the same after a restart: a process that returns within SESSION_MS gets its lanes back at once.
    `begins`: the places of this log's offset 0, see `log.chain`.
    """

    def __init__(self, address: KafkaAddress, *, name: str, begins: Sequence[int]) -> None:
        self._address = address
        self._name = name
        self._begins = begins
        self._consumer: AIOKafkaConsumer | None = None
        self._taking: asyncio.Future[None] | None = None
        self._committed: dict[int, int] = {}
        self._on_assigned: OnAssigned
        self._on_revoked: OnRevoked

    async def run(self, on_assigned: OnAssigned, on_revoked: OnRevoked) -> None:
        """See `Ownership`."""
        self._on_assigned, self._on_revoked = on_assigned, on_revoked
        consumer = await patiently(self._join, (KafkaError,), logger, "waiting for Kafka", pause_s=RETRY_S)
        while True:
            await consumer.getmany(timeout_ms=POLL_MS)  # raises errors of the membership
            if self._taking is not None and self._taking.done():
                self._taking.result()
                self._taking = None

    async def _join(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            group_id=f"{self._address.topic}-processor",
            group_instance_id=self._name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # nothing is read from there
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_MS,
            **self._address.client,
        )
        consumer.subscribe([self._address.topic], listener=self)
        self._consumer = consumer  # the group may assign lanes before `start` returns
        try:
            await consumer.start()
        except KafkaError:
            await consumer.stop()
            raise
        return consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The group is rebalancing, and waits for this."""
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
        self._committed = {}
        await self._on_revoked()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Does not wait until the lanes are open: with Redis down that may take long, and the group continues."""
        partitions = list(assigned)
        assert self._consumer is not None
        self._consumer.pause(*partitions)
        self._taking = asyncio.ensure_future(self._on_assigned(frozenset(one.partition for one in partitions)))

    async def commit(self, places: Mapping[int, int]) -> None:
        """Commit what changed; a failed commit is repeated with the next change."""
        changed = {lane: place for lane, place in places.items() if self._committed.get(lane) != place}
        if not changed or self._consumer is None:
            return
        topic, begins = self._address.topic, self._begins
        offsets = {TopicPartition(topic, lane): max(0, place - begins[lane]) for lane, place in changed.items()}
        try:
            await self._consumer.commit(offsets)
        except KafkaError as error:
            logger.debug("places not committed: %s", error)
        else:
            self._committed |= changed

    async def close(self) -> None:
        """Its lanes stay assigned for SESSION_MS, so that a restart moves none."""
        if self._taking is not None:
            self._taking.cancel()
        if self._consumer is not None:
            await self._consumer.stop()
