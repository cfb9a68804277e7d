"""The topic of a log on Kafka: made if it is missing, else held against what the log promises."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from wakeline.log import LogMismatch
from wakeline.log.kafka_address import KafkaAddress

LEAST_RETENTION_MS = 8 * 86_400_000  # a browser may keep an event for seven days
CONFIG = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    # Wakeline deletes records itself, once every reader has passed them
    "retention.ms": "-1",
    "retention.bytes": "-1",
}
MADE_S = 10.0


class _Uuid:
    """Of a topic: 16 bytes."""

    @classmethod
    def decode(cls, data: Any) -> bytes:
        return bytes(data.read(16))

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value


class _MetadataResponse(Response):  # type: ignore[misc]
    """aiokafka's own end before topics had ids. https://kafka.apache.org/protocol#The_Messages_Metadata"""

    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Metadata(Request[_MetadataStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_MetadataStruct]) -> _MetadataStruct:
        return request_struct_class([(bytes(16), self._topic, {})], False, False, False, {})


class Topic:
    """What the cluster says of the topic. Every method raises KafkaError where it is away."""

    def __init__(self, admin: AIOKafkaAdminClient, address: KafkaAddress) -> None:
        self._admin = admin
        self._address = address

    async def identity(self) -> str:
        """Cluster and topic: one that is made anew under the same name is another."""
        found = await self._admin._send_request(_Metadata(self._address.topic))
        (topic,) = found.topics
        if topic[0]:
            raise for_code(topic[0])(self._address.topic)
        return f"{found.cluster_id}/{base64.urlsafe_b64encode(topic[2]).decode().rstrip('=')}"

    async def open(self, lanes: int) -> None:
        """Make the topic, or check it. Raises LogMismatch, with the mend."""
        if not await self.exists():
            await self._make(lanes)
            while not await self.exists():  # noqa: ASYNC110  a broker may not have heard of it yet
                await asyncio.sleep(0.1)
        await self._check(lanes)

    async def exists(self) -> bool:
        (found,) = await self._admin.describe_topics([self._address.topic])
        if found["error_code"] == UnknownTopicOrPartitionError.errno:
            return False
        if found["error_code"]:
            raise for_code(found["error_code"])(self._address.topic)
        return True

    async def replication(self) -> tuple[int, int]:
        """(replicas of a partition, min.insync.replicas): the fewest."""
        (found,) = await self._admin.describe_topics([self._address.topic])
        fewest = min(len(partition["replicas"]) for partition in found["partitions"])
        return fewest, int((await self.config())["min.insync.replicas"])

    async def config(self) -> dict[str, str]:
        resource = ConfigResource(ConfigResourceType.TOPIC, self._address.topic)
        (answer,) = await self._admin.describe_configs([resource])
        (found,) = answer.resources
        if found[0]:
            raise for_code(found[0])(found[1])
        return {entry[0]: entry[1] for entry in found[4]}

    async def _make(self, lanes: int) -> None:
        wanted = NewTopic(self._address.topic, lanes, 1, topic_configs=dict(CONFIG))
        wanted.replication_factor = (
            self._address.replication_factor
        )  # which it would not take if it is the broker's own
        answer = await self._admin.create_topics([wanted], timeout_ms=round(MADE_S * 1000))
        for name, code, *rest in answer.topic_errors:
            if code and code != TopicAlreadyExistsError.errno:  # another process was first
                said = rest[0] if rest and rest[0] else for_code(code).__name__
                raise LogMismatch(f"the topic {name} could not be made: {said}")

    async def _check(self, lanes: int) -> None:
        name = self._address.topic
        (found,) = await self._admin.describe_topics([name])
        if found["error_code"] or not found["partitions"]:
            raise KafkaError(f"the topic {name} is not there yet")
        config = await self.config()
        if len(found["partitions"]) != lanes:
            raise LogMismatch(
                f"the topic {name} has {len(found['partitions'])} partitions, the deployment {lanes} lanes: they must "
                "be the same; name another topic, which is made as it must be"
            )
        for setting in ("message.timestamp.type", "cleanup.policy"):
            if config[setting] != CONFIG[setting]:
                raise LogMismatch(
                    f"the topic {name} has {setting}={config[setting]}, it needs {CONFIG[setting]}: "
                    + _mend(name, setting, CONFIG[setting])
                )
        retention = int(config["retention.ms"])
        if 0 <= retention < LEAST_RETENTION_MS:
            raise LogMismatch(
                f"the topic {name} keeps records for {retention / 3_600_000:.1f} hours, it needs "
                f"{LEAST_RETENTION_MS // 3_600_000} or more: " + _mend(name, "retention.ms", "-1")
            )


def _mend(topic: str, setting: str, value: str) -> str:
    return (
        f"kafka-configs.sh --bootstrap-server ... --alter --entity-type topics --entity-name {topic} "
        f"--add-config {setting}={value}"
    )
