"""Kafka's metadata of one topic: its id, partitions and replicas. Needs Kafka 2.8, which introduced topic ids."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from aiokafka.errors import NoError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

TEXT = CompactString("utf-8")


class Partition(NamedTuple):
    """One lane; numbers are broker ids."""

    leader: int | None  # None: no leader at present
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


class TopicMetadata(NamedTuple):
    """Metadata of an existing topic."""

    identity: str  # of cluster and topic: a recreated topic has another
    partitions: dict[int, Partition]
    brokers: int  # number of brokers that are up


class _Uuid:
    """16 bytes."""

    @classmethod
    def decode(cls, data: Any) -> bytes:
        return bytes(data.read(16))

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value


# https://kafka.apache.org/protocol#The_Messages_Metadata; aiokafka's own request ends with version 5


class _Answer(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node_id", Int32), ("host", TEXT), ("port", Int32), ("rack", TEXT), ("tags", TaggedFields)),
        ),
        ("cluster_id", TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", TEXT),
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
                        ("in_sync", CompactArray(Int32)),
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


class _Question(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", TEXT), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class MetadataRequest(Request[_Question]):  # type: ignore[misc]
    """Asks for one topic, and never makes it, however the broker is configured."""

    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class([(bytes(16), self._topic, {})], False, False, False, {})


def read_metadata(answer: Any) -> TopicMetadata | None:
    """None if the topic does not exist. Raises KafkaError."""
    ((code, name, id, _, partitions, *_),) = answer.topics
    error = for_code(code)
    if error is UnknownTopicOrPartitionError:
        return None
    if error is not NoError:
        raise error(name)
    return TopicMetadata(
        identity=f"{answer.cluster_id}/{base64.urlsafe_b64encode(id).decode().rstrip('=')}",
        partitions={
            number: Partition(leader if leader >= 0 else None, tuple(replicas), tuple(in_sync))
            for _, number, leader, _, replicas, in_sync, *_ in partitions
        },
        brokers=len(answer.brokers),
    )
