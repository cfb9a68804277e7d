"""A Redis Cluster of real servers on free ports, controlled from Python: formation, resharding, failover."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from benchmarks.children import Child, child_environ
from benchmarks.machine import find_free_ports
from benchmarks.waiting import wait_until
from tests.server import answers
from wakeline.redis.embedded import server_command

SLOTS = 16_384
NODE_TIMEOUT_MS = 1_000  # after which a node that is silent is failed over


@dataclass
class ClusterNode(Child):
    """One server of a cluster."""

    port: int
    bus_port: int
    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        options = {
            "cluster-enabled": "yes",
            "cluster-port": str(self.bus_port),
            "cluster-node-timeout": str(NODE_TIMEOUT_MS),
            **self.options,
        }
        command = [
            *server_command(self.port, self.folder),
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, env=child_environ()
        )
        wait_until(lambda: answers(self.port), f"the node on port {self.port} answers")

    def ask(self, *command: Any) -> Any:
        """The reply, or False while it is not available."""
        with redis.Redis(port=self.port, decode_responses=True, socket_timeout=5) as client:
            try:
                return client.execute_command(*command)
            except (redis.ConnectionError, redis.TimeoutError):
                return False

    @property
    def id(self) -> str:
        return str(self.ask("CLUSTER MYID"))


@dataclass
class RedisCluster:
    """Primaries that share the slots, in order; more nodes can join."""

    nodes: list[ClusterNode]

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port},127.0.0.1:{self.nodes[1].port}"

    def form(self) -> None:
        """Give each node its share of the slots."""
        for number, node in enumerate(self.nodes):
            node.ask("CLUSTER SET-CONFIG-EPOCH", number + 1)  # else they quarrel about it
            first, end = (SLOTS * at // len(self.nodes) for at in (number, number + 1))
            node.ask("CLUSTER ADDSLOTSRANGE", first, end - 1)
        for node in self.nodes[1:]:
            self.meet(node)
        self.until_ok()

    def meet(self, node: ClusterNode) -> None:
        self.nodes[0].ask("CLUSTER MEET", "127.0.0.1", node.port, node.bus_port)

    def add(self, node: ClusterNode, *, replica_of: ClusterNode | None = None) -> None:
        """Start `node` and let it join: without slots, or as an in-sync replica."""
        node.start()
        self.nodes.append(node)
        self.meet(node)
        self.until_ok()
        if replica_of is not None:
            wait_until(lambda: node.ask("CLUSTER REPLICATE", replica_of.id))
            wait_until(lambda: "master_link_status:up" in _text(node.ask("INFO", "replication")))
            wait_until(lambda: all(len(one.ask("CLUSTER SLOTS")) == len(self.nodes) - 1 for one in self.nodes))

    def until_ok(self) -> None:
        """Wait until all running nodes know each other and serve all slots."""
        wait_until(lambda: all(self._is_ok(node) for node in self.nodes if node.process))

    def _is_ok(self, node: ClusterNode) -> bool:
        said = _text(node.ask("CLUSTER INFO"))
        return "cluster_state:ok" in said and f"cluster_known_nodes:{len(self.nodes)}" in said

    def owner(self, key: str) -> ClusterNode:
        """The primary of the key's slot."""
        slot = self.slot(key)
        running = next(node for node in self.nodes if node.process)
        with redis.Redis(port=running.port) as client:
            for first, last, (_, port, *_), *_ in _slots(client):
                if first <= slot <= last:
                    return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"slot {slot} has no node")

    def slot(self, key: str) -> int:
        return int(next(node for node in self.nodes if node.process).ask("CLUSTER KEYSLOT", key))

    def begin_to_move(self, key: str, target: ClusterNode) -> None:
        """Begin to move the key's slot from its owner to `target`, without moving keys."""
        slot, source = self.slot(key), self.owner(key)
        target.ask("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER SETSLOT", slot, "MIGRATING", target.id)

    def move_all_keys(self, key: str, source: ClusterNode, target: ClusterNode, *, pause_s: float = 0.0) -> None:
        """Move the keys of the key's slot, three at a time."""
        while names := source.ask("CLUSTER GETKEYSINSLOT", self.slot(key), 3):
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", *names)
            time.sleep(pause_s)

    def end_move(self, key: str, source: ClusterNode, target: ClusterNode) -> None:
        for node in (target, source, *self.nodes):
            if node.process:
                node.ask("CLUSTER SETSLOT", self.slot(key), "NODE", target.id)

    def flush(self) -> None:
        for node in self.nodes:
            node.ask("FLUSHALL")

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()


def _slots(client: Any) -> Any:
    reply = client.execute_command("CLUSTER SLOTS")
    if isinstance(reply, dict):  # as redis-py reads it
        return [(*span, (None, of["primary"][1])) for span, of in reply.items()]
    return reply


def _text(reply: Any) -> str:
    """INFO as parsed by redis-py, or nothing."""
    if isinstance(reply, dict):
        return "\n".join(f"{name}:{value}" for name, value in reply.items())
    return str(reply or "")


@contextmanager
def running_cluster(
    folder: Path, *, nodes: int = 3, options: Mapping[str, str] | None = None
) -> Iterator[RedisCluster]:
    ports = find_free_ports(2 * nodes)
    made = RedisCluster(
        [
            ClusterNode(port, bus_port, folder / str(port), options or {})
            for port, bus_port in zip(ports[::2], ports[1::2], strict=True)
        ]
    )
    try:
        for node in made.nodes:
            node.start()
        made.form()
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)
