"""Redis Cluster: redis-py's client with the guarantees of a single server: nothing runs twice, errors are RedisError.

All keys of a call are in one slot: those of a lane by its hash tag. Redirections (MOVED, ASK, TRYAGAIN) are followed,
since the redirected command was not executed; after a lost connection nothing is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from redis.asyncio.cluster import ClusterNode, ClusterPipeline, RedisCluster
from redis.commands.core import AsyncScript
from redis.crc import key_slot
from redis.exceptions import (
    ClusterError,
    ConnectionError,
    NoScriptError,
    RedisClusterException,
    RedisError,
    SlotNotCoveredError,
    TimeoutError,
)

from wakeline.redis.packed import PackedConnection, PackedSSLConnection


class Cluster(RedisCluster):
    """Every method raises redis-py's ConnectionError while no node answers, or a slot has no node."""

    def __init__(self, *, ssl: bool, **options: Any) -> None:
        # a MOVED corrects its own slot; reloading all slots would abort calls of other lanes
        super().__init__(reinitialize_steps=0, ssl=ssl, **options)
        # of every discovered node
        self.connection_kwargs["connection_class"] = SharedSSLConnection if ssl else SharedConnection

    async def initialize(self, *args: Any, **options: Any) -> RedisCluster:
        with _said_as_redis_errors():
            return await super().initialize(*args, **options)

    async def reload(self) -> None:
        """Ask again which node serves which slot, as after a failover."""
        await self.initialize()
        with _said_as_redis_errors():
            await self.nodes_manager.initialize()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        await self.initialize()  # redis-py asks any node while it knows none
        if isinstance(named := options.get("target_nodes"), Asked):
            options["target_nodes"] = named.node
        with _said_as_redis_errors():
            return await super().execute_command(*args, **options)

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> ClusterPipeline:
        """A pipeline of single commands. Use a script instead of a transaction: redis-py starts a thread per command
        for one.
        """
        if transaction:
            raise NotImplementedError("a transaction on a cluster: use a script")
        return Pipeline(self)  # type: ignore[abstract]  # redis-py's own is no less

    def keyslot(self, key: Any) -> int:
        """The slot by the hash tag, which all keys of a call share: computing it for each of 350 keys takes 700 us."""
        if isinstance(key, str):
            start = key.find("{")
            end = key.find("}", start)
            if 0 <= start < end - 1:
                return _slot_of_tag(key[start : end + 1])
        return super().keyslot(key)

    def register_script(self, script: Any) -> Any:
        return Script(self, script)

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> Any:
        """The node by name, with `Asked` prepended if it is not known yet: ASK and SCAN name such nodes."""
        if node_name is None:
            return super().get_node(host, port)
        found = super().get_node(node_name=node_name)
        if found is None:  # it has no slot yet: this is its first
            of_it, _, port_of_it = node_name.rpartition(":")
            found = ClusterNode(of_it, int(port_of_it), "primary", **self.connection_kwargs)
            self.nodes_manager.set_nodes(self.nodes_manager.nodes_cache, {found.name: found})
        return Asked(found)

    async def aclose(self) -> None:
        await super().aclose()
        for attribute in ("nodes_cache", "startup_nodes"):  # after an error redis-py considers them closed
            await self.nodes_manager.aclose(attribute)


@lru_cache(maxsize=4_096)
def _slot_of_tag(tag: str) -> int:
    return key_slot(tag.encode())


class Pipeline(ClusterPipeline):
    """Reloads the slots after a lost connection; redis-py would keep asking the dead node."""

    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        try:
            with _said_as_redis_errors():
                return await super().execute(raise_on_error, allow_redirections)
        except (ConnectionError, TimeoutError):
            with _said_as_redis_errors():
                await self.nodes_manager.initialize()
            raise


class Script(AsyncScript):
    """Sends the source if a node does not know the script. redis-py would load it on all primaries, one of which may be
    down.
    """

    async def __call__(self, keys: Sequence[Any] | None = None, args: Any = None, client: Any = None) -> Any:
        keys = keys or ()
        cluster: Any = client or self.registered_client
        try:
            return await cluster.evalsha(self.sha, len(keys), *keys, *(args or ()))
        except NoScriptError:
            return await cluster.eval(self.script, len(keys), *keys, *(args or ()))


class _Shared:
    """A connection that tolerates being closed while it is acquired.

    When a call finds a node down, redis-py closes its free connections, including one that is being acquired.
    """

    is_connected: bool

    async def send_packed_command(self, *args: Any, **options: Any) -> None:
        with self._closed_meanwhile():
            await super().send_packed_command(*args, **options)  # type: ignore[misc]

    async def read_response(self, *args: Any, **options: Any) -> Any:
        with self._closed_meanwhile():
            return await super().read_response(*args, **options)  # type: ignore[misc]

    @contextmanager
    def _closed_meanwhile(self) -> Iterator[None]:
        try:
            yield
        except (AttributeError, RedisError) as error:
            if self.is_connected or type(error) not in (AttributeError, RedisError):
                raise
            raise ConnectionError("the connection was closed: another call found the node down") from error


class SharedConnection(_Shared, PackedConnection):
    """For redis+cluster://."""


class SharedSSLConnection(_Shared, PackedSSLConnection):
    """For rediss+cluster://."""


class Asked:
    """A node that imports a slot. redis-py would send ASKING on one connection, and the command on another."""

    def __init__(self, node: ClusterNode) -> None:
        self.node = node

    def __getattr__(self, name: str) -> Any:
        return getattr(self.node, name)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if args == ("ASKING",):
            return None
        options.pop("asking", None)
        node = self.node
        connection = node.acquire_connection()
        try:
            await node.disconnect_if_needed(connection)
            await connection.send_packed_command(connection.pack_commands([("ASKING",), args]))
            try:
                await connection.read_response()
            except BaseException:
                await connection.disconnect()  # nobody reads the other reply
                raise
            return await node.parse_response(connection, args[0], **options)
        finally:
            await node.disconnect_if_needed(connection)
            node.release(connection)


@contextmanager
def _said_as_redis_errors() -> Iterator[None]:
    """Turn temporary failures into ConnectionError; keys of two slots in one call stay a programming error."""
    try:
        yield
    except ClusterError as error:  # after 16 redirections: the slot is moving; or CLUSTERDOWN
        raise ConnectionError(f"the cluster cannot serve this now: {error}") from error
    except SlotNotCoveredError as error:
        raise ConnectionError(str(error)) from error
    except RedisClusterException as error:
        if "same key slot" in str(error):
            raise
        raise ConnectionError(str(error)) from error
