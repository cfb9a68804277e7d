"""Connections to Redis without retries: redis-py repeats a command whose reply was lost, but scripts must not run
twice.
"""

from __future__ import annotations

from typing import Any, cast

import redis
from redis.asyncio import Redis
from redis.asyncio.connection import (
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from wakeline.redis.packed import READ_BYTES, PackedConnection, PackedSSLConnection, SocketConnection
from wakeline.redis.url import is_cluster, node_addresses, node_url

TIMEOUT_S = 2.0  # of one command: above a group commit on a slow disk, below the collector's deadline
MOST_CONNECTIONS = 2**31  # one for each call in flight; redis-py's default allows 100, for a cluster per node


def connect(
    url: str, *, timeout: float = TIMEOUT_S, one_connection: bool = False, protocol: int | None = None
) -> Redis:
    """A client for `url` that never retries by itself. Replies are bytes.

    redis://, rediss://, unix:// name a server; redis+cluster://, rediss+cluster:// some nodes of a cluster, separated
    by commas, with the same commands. Options have redis-py's names: ?ssl_ca_certs=... With `one_connection` all
    commands use the same connection, in order; not possible for a cluster. `protocol`: of replies, if not
    redis-py's own choice.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "socket_read_size": READ_BYTES,
        "retry": Retry(NoBackoff(), 0),
    }
    if protocol:
        options["protocol"] = protocol
    if is_cluster(url):
        if one_connection:
            raise ValueError("a cluster needs more than one connection")
        return _connect_cluster(url, options)
    named: dict[str, Any] = {**options, "max_connections": MOST_CONNECTIONS, "retry_on_error": [], **parse_url(url)}
    named["connection_class"] = PACKED[named.get("connection_class", Connection)]
    client = Redis(connection_pool=ConnectionPool(**named), single_connection_client=one_connection)
    client.auto_close_connection_pool = True
    return client


def connect_blocking(url: str) -> redis.Redis:
    """The same without asyncio, for readers only: redis-py may retry."""
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
        "max_connections": MOST_CONNECTIONS,
    }
    if not is_cluster(url):
        return redis.Redis.from_url(url, **options)
    from redis.cluster import ClusterNode, RedisCluster

    nodes = [ClusterNode(host, port) for host, port in node_addresses(url)]  # type: ignore[no-untyped-call]
    return cast("redis.Redis", RedisCluster(startup_nodes=nodes, **{**options, **_cluster_options(url)}))


def refused_option(url: str) -> str:
    """redis-py's error message for the options in `url`; "" if they are valid."""
    try:
        client = connect(url)
        if not is_cluster(url):
            client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (TypeError, ValueError, redis.RedisError) as error:
        return str(error)
    return ""


def _cluster_options(url: str) -> dict[str, Any]:
    named: dict[str, Any] = dict(parse_url(node_url(url, *node_addresses(url)[0])))
    named["ssl"] = named.pop("connection_class", Connection) is SSLConnection
    for name in ("host", "port"):
        named.pop(name)
    return named


def _connect_cluster(url: str, options: dict[str, Any]) -> Redis:
    from redis.asyncio.cluster import ClusterNode

    from wakeline.redis.cluster import Cluster

    named = _cluster_options(url)
    nodes = [ClusterNode(host, port) for host, port in node_addresses(url)]
    client = Cluster(**{"max_connections": MOST_CONNECTIONS, "startup_nodes": nodes, **options, **named})
    return cast(Redis, client)


PACKED = {
    Connection: PackedConnection,
    SSLConnection: PackedSSLConnection,
    UnixDomainSocketConnection: SocketConnection,
}
