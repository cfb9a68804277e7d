"""Redis with one user per process, as an operator would configure it: one server, or a cluster behind TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import redis
import trustme

from benchmarks.machine import find_free_ports
from benchmarks.waiting import wait_until
from tests.cluster import running_cluster

PASSWORD = "p@ss:word/of#the-user"
AS_WRITTEN = "p%40ss%3Aword%2Fof%23the-user"


class Guarded:
    """Servers by port, which the tests access as the default user."""

    def __init__(self, ports: Iterable[int]) -> None:
        self.servers = [redis.Redis(port=port, decode_responses=True) for port in ports]

    def url(self, user: str) -> str:
        port = self.servers[0].connection_pool.connection_kwargs["port"]
        return f"redis://{user}:{AS_WRITTEN}@127.0.0.1:{port}/0"

    def add_user(self, name: str, rules: str) -> None:
        for server in self.servers:
            server.execute_command("ACL SETUSER", name, "reset", "on", f">{PASSWORD}", *rules.split())

    def refused(self) -> set[str]:
        """Denied operations: `<user> <command or key>`."""
        entries = [entry for server in self.servers for entry in server.acl_log(100)]
        return {f"{entry['username']} {entry['object']}" for entry in entries}

    def used(self) -> set[str]:
        """Every command used by any user."""
        stats = [server.info("commandstats") for server in self.servers]
        return {name.removeprefix("cmdstat_") for each in stats for name in each}

    def keys(self, pattern: str) -> set[str]:
        return {key for server in self.servers for key in server.keys(pattern)}

    def flush(self) -> None:
        for server in self.servers:
            server.flushall()

    def close(self) -> None:
        for server in self.servers:
            server.close()


class GuardedCluster(Guarded):
    """The nodes announce the ports of a TLS proxy, since the bundled server has no TLS."""

    def __init__(self, ports: Mapping[int, int], authority: Path) -> None:
        super().__init__(ports)
        self._named = ",".join(f"127.0.0.1:{port}" for port in list(ports.values())[:2])
        self.authority = authority

    def url(self, user: str, *, authority: Path | None = None) -> str:
        """With a different `authority` than theirs it cannot be used."""
        return f"rediss+cluster://{user}:{AS_WRITTEN}@{self._named}/?ssl_ca_certs={authority or self.authority}"


@asynccontextmanager
async def guarded_cluster(folder: Path) -> AsyncIterator[GuardedCluster]:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    with running_cluster(folder / "cluster") as cluster:
        ports = dict(zip((node.port for node in cluster.nodes), find_free_ports(3), strict=True))
        for node in cluster.nodes:
            node.ask("CONFIG SET", "cluster-announce-port", ports[node.port])
        announced = {str(port) for port in ports.values()}
        for node in cluster.nodes:
            wait_until(lambda node=node: {name.rpartition(":")[2] for name in node.ask("CLUSTER NODES")} == announced)
        servers = [await _tls_before(port, tls_port, context) for port, tls_port in ports.items()]
        made = GuardedCluster(ports, folder / "ca.pem")
        try:
            yield made
        finally:
            made.close()
            for server in servers:
                server.close()


async def _tls_before(port: int, tls_port: int, context: ssl.SSLContext) -> asyncio.Server:
    serving = set()  # held, as otherwise the garbage collector may take them

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        serving.add(task)
        try:
            await pass_both_on(reader, writer)
        finally:
            serving.discard(task)

    async def pass_both_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            node_reader, node_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_pass_on(reader, node_writer), _pass_on(node_reader, writer))

    return await asyncio.start_server(serve, "127.0.0.1", tls_port, ssl=context)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
