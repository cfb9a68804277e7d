"""Kafka's consumer group: it shares the lanes among the processors, and is told their places.

Its consumer reads nothing: all of its partitions are paused. Records come by `wakeline.log`, from the places in
Redis; what is committed here only makes the group's lag true for whoever looks at it with ordinary tools.
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

SESSION_MS = 10_000  # without a sign of life, before the others get the lanes of a processor
HEARTBEAT_MS = 2_000
REBALANCE_MS = 20_000  # for the others to let go of theirs: above Lanes' own patience
POLL_MS = 1_000
RETRY_S = 1.0


class Group(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member: see `Ownership`.

    `name` is the same after a restart and nobody else's: who comes back within SESSION_MS has its lanes at once.
    `begins`: the places at which this log's offset 0 lies, see `log.chain`.
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
            await consumer.getmany(timeout_ms=POLL_MS)  # it raises what befell the membership
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
        self._consumer = consumer  # the group may share out its lanes before it has started
        try:
            await consumer.start()
        except KafkaError:
            await consumer.stop()
            raise
        return consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The group is being shared out anew; it waits for this."""
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
        self._committed = {}
        await self._on_revoked()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Does not wait until the lanes are open: with Redis away that may take long, and the group goes on."""
        partitions = list(assigned)
        assert self._consumer is not None
        self._consumer.pause(*partitions)
        self._taking = asyncio.ensure_future(self._on_assigned(frozenset(one.partition for one in partitions)))

    async def commit(self, places: Mapping[int, int]) -> None:
        """Commit what changed; what fails is committed with the next change."""
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
        """Its lanes stay its own for SESSION_MS, so that a restart moves none."""
        if self._taking is not None:
            self._taking.cancel()
        if self._consumer is not None:
            await self._consumer.stop()
