"""Redis clients: URLs and options; and no command is ever sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, RedisClusterException, RedisError, TimeoutError

from benchmarks.machine import free_port
from benchmarks.waiting import wait_until
from tests.cluster import RedisCluster
from wakeline.redis.cluster import Cluster, SharedConnection
from wakeline.redis.connect import connect, connect_blocking, refused_option
from wakeline.redis.packed import PackedConnection, PackedSSLConnection
from wakeline.redis.url import is_cluster, node_addresses, node_url

COUNT = "return redis.call('INCR', KEYS[1])"
SLOW_COUNT = """
local n = redis.call('INCR', KEYS[1])
local till = os.clock() + 0.4  -- the server's own TIME stands still in a script
repeat until os.clock() > till
return n
"""


@asynccontextmanager
async def client_of(url: str, **options: Any) -> AsyncIterator[Redis]:
    client = connect(url, **options)
    try:
        yield client
    finally:
        await client.aclose()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("redis+cluster://one:7000", [("one", 7000)], id="one node"),
        pytest.param("redis+cluster://one", [("one", 6379)], id="the usual port"),
        pytest.param("rediss+cluster://u:p@one:7000,two:7001/0", [("one", 7000), ("two", 7001)], id="several"),
        pytest.param("redis+cluster://u:p%40ss@[::1]:7000,two", [("::1", 7000), ("two", 6379)], id="IPv6"),
    ],
)
def test_a_cluster_is_named_by_some_of_its_nodes(url: str, expected: list[tuple[str, int]]) -> None:
    assert is_cluster(url)
    assert node_addresses(url) == expected


@pytest.mark.parametrize("url", ["redis+cluster://", "redis+cluster://one:x", "redis+cluster://one,,two"])
def test_what_names_no_node_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"host|[Pp]ort"):
        node_addresses(url)


def test_one_node_is_reached_as_its_cluster_is() -> None:
    url = "rediss+cluster://u:p%40ss@one,two/?ssl_ca_certs=/ca.pem"
    assert node_url(url, "10.0.0.7", 7007) == "rediss://u:p%40ss@10.0.0.7:7007?ssl_ca_certs=/ca.pem"
    assert node_url("redis+cluster://one", "::1", 7007) == "redis://[::1]:7007"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        pytest.param("redis://u:p@one", PackedConnection, id="plain"),
        pytest.param("rediss://u:p@one?ssl_ca_certs=/ca.pem", PackedSSLConnection, id="TLS"),
    ],
)
async def test_calls_to_a_server_are_packed_by_hiredis_and_never_retried(url: str, kind: type[Any]) -> None:
    async with client_of(url) as client:
        connection = client.connection_pool.make_connection()
        assert type(connection) is kind
        assert connection.retry.get_retries() == 0
        assert (connection.username, connection.password) == ("u", "p")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param("ssl_ca_certs=/ca.pem&ssl_check_hostname=false", "", id="as redis-py names them"),
        pytest.param("ssl_ca_cert=/ca.pem", "ssl_ca_cert", id="unknown"),
        pytest.param("ssl_min_version=new", "ssl_min_version", id="of another type"),
    ],
)
@pytest.mark.parametrize("scheme", ["rediss", "rediss+cluster"])
def test_options_are_those_of_redis_py(scheme: str, query: str, words: str) -> None:
    said = refused_option(f"{scheme}://u:p@one/?{query}")
    assert words in said
    assert bool(said) == bool(words)


async def test_calls_to_a_cluster_are_packed_by_hiredis(redis_cluster: RedisCluster) -> None:
    async with client_of(redis_cluster.url) as client:
        assert isinstance(client, Cluster)
        await client.get("a")
        for node in client.get_nodes():
            connection = node.acquire_connection()
            node.release(connection)
            assert isinstance(connection, PackedConnection)
            assert connection.socket_timeout == 2.0


async def test_a_reply_that_comes_too_late_is_an_error_and_the_script_ran_once(redis_cluster: RedisCluster) -> None:
    async with client_of(redis_cluster.url, timeout=0.1) as client, client_of(redis_cluster.url) as reader:
        with pytest.raises(TimeoutError):
            await client.register_script(SLOW_COUNT)(keys=["{1}:n"])
        assert await reader.get("{1}:n") == b"1"


class Cut:
    """A proxy before each node. A connection that asks for `cuts` is closed once the node has answered."""

    def __init__(self) -> None:
        self.ports: dict[int, int] = {}  # of a node -> of its proxy
        self.cuts = b"never"
        self.seen = 0
        self._servers: list[asyncio.Server] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def stand_before(self, port: int) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asking, answering = asyncio.current_task(), asyncio.create_task(answer(*await dial(port), reader, writer))
            assert asking is not None
            self._serving |= {asking, answering}
            await answering

        dial = partial(asyncio.open_connection, "127.0.0.1")

        async def answer(
            node: asyncio.StreamReader,
            to_node: asyncio.StreamWriter,
            client: asyncio.StreamReader,
            to_client: asyncio.StreamWriter,
        ) -> None:
            is_cut = False

            async def ask() -> None:
                nonlocal is_cut
                while asked := await client.read(65_536):
                    is_cut = self.cuts in asked
                    to_node.write(asked)
                to_node.close()

            asking = asyncio.create_task(ask())
            while answered := await node.read(65_536):
                if is_cut:
                    self.seen += 1
                    break
                to_client.write(answered)
            asking.cancel()
            for each in (to_node, to_client):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._servers.append(server)
        self.ports[port] = server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        await asyncio.gather(*self._serving)


@pytest.fixture
async def cut(redis_cluster: RedisCluster) -> AsyncIterator[Cut]:
    made = Cut()
    for node in redis_cluster.nodes:
        await made.stand_before(node.port)
    yield made
    await made.close()


Call = Callable[[Redis], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "a command": lambda client: client.incr("{1}:n"),
    "a script": lambda client: client.register_script(COUNT)(keys=["{1}:n"]),
    "a script in full": lambda client: client.eval(COUNT, 1, "{1}:n"),
    "a pipeline": lambda client: client.pipeline(transaction=False).incr("{1}:n").execute(),
}


@pytest.mark.parametrize("name", CALLS)
async def test_after_a_cut_connection_nothing_is_sent_again(name: str, redis_cluster: RedisCluster, cut: Cut) -> None:
    """It ran, its answer is lost: an error, and exactly one run; the next call goes through."""
    async with client_of(redis_cluster.url) as reader:
        await reader.register_script(COUNT)(keys=["{1}:other"])  # known to the node
        async with client_of(f"redis+cluster://127.0.0.1:{cut.ports[redis_cluster.nodes[0].port]}") as client:
            client.nodes_manager.address_remap = lambda address: ("127.0.0.1", cut.ports[address[1]])
            assert await client.get("{1}:n") is None
            cut.cuts = b"{1}:n"
            with pytest.raises(ConnectionError):
                await CALLS[name](client)
            assert cut.seen == 1
            cut.cuts = b"never"
            assert await client.get("{1}:n") == b"1"
        assert await reader.get("{1}:n") == b"1"


@pytest.mark.parametrize("cluster", [False, True])
async def test_a_server_that_reads_no_more_does_not_hinder_the_end(cluster: bool, redis_cluster: RedisCluster) -> None:
    """redis-py waits for what is to be sent, and then says that closing took too long."""
    held: list[asyncio.StreamWriter] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        held.append(writer)

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = connect(f"redis://127.0.0.1:{port}", timeout=0.2)
    kind = SharedConnection if cluster else PackedConnection
    connection = kind(host="127.0.0.1", port=port, socket_connect_timeout=0.2)
    connection._reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection._writer = writer
    client.connection_pool._available_connections.append(connection)
    writer.write(bytes(1 << 24))
    await client.aclose()
    assert not connection.is_connected
    await asyncio.sleep(0)
    assert writer.transport.get_write_buffer_size() == 0, "it was given up"
    for one in held:
        one.transport.abort()
    server.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize("kind", [SharedConnection, PackedConnection])
async def test_a_slow_end_leaves_the_connection_made_meanwhile(kind: type[PackedConnection]) -> None:
    """redis-py closes the free connections of a node that is down, also while a call connects one of them again."""
    held: list[asyncio.StreamWriter] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        held.append(writer)

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    connection = kind(host="127.0.0.1", port=server.sockets[0].getsockname()[1], socket_connect_timeout=0.2)
    await connection._connect()  # type: ignore[no-untyped-call]
    first = connection._writer
    assert first is not None
    first.write(bytes(1 << 24))
    ending = asyncio.create_task(connection.disconnect())
    await asyncio.sleep(0.01)
    await connection.disconnect(nowait=True)
    await connection._connect()  # type: ignore[no-untyped-call]
    await ending
    assert first.is_closing()
    assert connection.is_connected
    await connection.disconnect(nowait=True)
    for one in held:
        one.transport.abort()
    server.close()
    await asyncio.sleep(0)


async def test_as_many_calls_as_there_are_may_wait_at_once(redis_server: Any) -> None:
    """redis-py lets 100 wait, and calls the server away for the others."""
    async with client_of(redis_server.url) as client:
        await asyncio.gather(*(client.blpop(["nothing"], timeout=0.2) for _ in range(150)))


async def test_a_cluster_that_is_away_is_a_connection_error() -> None:
    """redis-py's RedisClusterException is not a RedisError, so it would kill code that waits for Redis."""
    port = free_port()
    async with client_of(f"redis+cluster://127.0.0.1:{port}") as client:
        for call in CALLS.values():
            with pytest.raises(ConnectionError, match="reachable node"):
                await call(client)


async def test_a_server_without_cluster_mode_says_so(redis_server: Any) -> None:
    async with client_of(f"redis+cluster://127.0.0.1:{redis_server.port}") as client:
        with pytest.raises(ConnectionError, match="Cluster mode is not enabled"):
            await client.get("a")


async def test_keys_of_two_slots_stay_a_mistake(redis_cluster: RedisCluster) -> None:
    async with client_of(redis_cluster.url) as client:
        await client.get("{1}:n")
        with pytest.raises(RedisClusterException, match="same key slot") as found:
            await client.register_script(COUNT)(keys=["{1}:n", "{2}:n"])
        assert not isinstance(found.value, RedisError)
        with pytest.raises(NotImplementedError):
            client.pipeline(transaction=True)


async def test_a_node_that_does_not_know_a_script_is_sent_it(redis_cluster: RedisCluster) -> None:
    async with client_of(redis_cluster.url) as client:
        count = client.register_script(COUNT)
        assert await count(keys=["{1}:n"]) == 1
        for node in redis_cluster.nodes:
            node.ask("SCRIPT FLUSH")
        assert await count(keys=["{1}:n"]) == 2


def test_programs_without_asyncio_read_a_cluster_too(redis_cluster: RedisCluster) -> None:
    redis_cluster.owner("{1}:n").ask("SET", "{1}:n", "1")
    with connect_blocking(redis_cluster.url) as client:
        assert client.get("{1}:n") == b"1"


async def test_all_connections_are_closed(redis_cluster: RedisCluster) -> None:
    """After an error too, when redis-py believes that there are none."""

    def connected() -> int:
        return sum(int(node.ask("INFO", "clients")["connected_clients"]) for node in redis_cluster.nodes)

    before = connected()
    client = connect(redis_cluster.url, timeout=0.1)
    with pytest.raises(TimeoutError):
        await client.register_script(SLOW_COUNT)(keys=["{1}:n"])
    await client.aclose()
    wait_until(lambda: connected() <= before)


@pytest.mark.parametrize(
    "key", ["wl1:{3}:lane", "{3}", "a{}b{c}", "a{b", "a}b{c}", "a{{b}}c", "plain", "", b"x{3}y", "ü{ä}"]
)
async def test_a_key_lies_where_the_servers_say(key: str | bytes, redis_cluster: RedisCluster) -> None:
    async with client_of(redis_cluster.url) as client:
        assert client.keyslot(key) == redis_cluster.nodes[0].ask("CLUSTER KEYSLOT", key)


async def test_a_call_that_is_cancelled_at_any_moment_ends(redis_server: Any) -> None:
    """Before Python 3.12 asyncio.wait_for, which redis-py sends with, loses a cancellation that comes as it ends."""
    loop = asyncio.get_running_loop()

    async def calling(client: Redis) -> None:
        while True:  # as who waits for a lane that a replay holds: only its cancellation ends it
            await client.ping()

    async with client_of(redis_server.url, one_connection=True) as client:
        await client.ping()
        for turns in range(200):
            call = asyncio.create_task(calling(client))
            for _ in range(turns % 20):
                await asyncio.sleep(0)
            loop.call_soon(call.cancel)
            _, late = await asyncio.wait([call], timeout=1.0)
            call.cancel()
            assert not late, f"after {turns % 20} turns"
