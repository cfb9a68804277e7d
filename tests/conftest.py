"""Fixtures that every test may use: free ports, a real server. Options: how often to kill."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from benchmarks.broker import Broker, running_broker
from tests.cluster import RedisCluster, running_cluster
from wakeline.embedded import server_command


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kill-seeds", type=int, default=1, help="seeded runs in which the processor is killed [1]")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`kill_seed` and, for what needs a quarter of the runs, `some_kill_seed`."""
    seeds = metafunc.config.getoption("--kill-seeds")
    for name, count in (("kill_seed", seeds), ("some_kill_seed", -(-seeds // 4))):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, range(count))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def find_free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    """`free_ports(2)`: as many different free ports."""
    return find_free_ports


@dataclass
class RedisServer:
    """A real Valkey or Redis that a test may kill and start again on the same files."""

    port: int
    folder: Path
    appendfsync: str = "always"
    environ: dict[str, str] = field(default_factory=dict)  # besides our own
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = server_command(self.port, self.folder, appendfsync=self.appendfsync)
        environ = os.environ | self.environ
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, env=environ)
        deadline = time.monotonic() + 20
        with redis.Redis(port=self.port) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.exceptions.RedisError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)

    def kill(self) -> None:
        """kill -9, and gone when it returns."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def stopped_server_in(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer(free_port(), folder)
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def running_server(folder: Path) -> Iterator[RedisServer]:
    with stopped_server_in(folder) as server:
        server.start()
        yield server


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(shared_server: RedisServer) -> RedisServer:
    """A real server, emptied; shared by tests that do not harm it."""
    with redis.Redis(port=shared_server.port) as client:
        client.flushall()
    return shared_server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A real server of this test alone: it may be killed, paused, filled."""
    with running_server(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def stopped_server(tmp_path: Path) -> Iterator[RedisServer]:
    """The same, not started yet: a test may first choose how it syncs, and its environment."""
    with stopped_server_in(tmp_path / "redis") as server:
        yield server


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), find_free_ports) as cluster:
        yield cluster


@pytest.fixture
def redis_cluster(shared_cluster: RedisCluster) -> RedisCluster:
    """Three real servers in cluster mode, emptied; shared by tests that do not harm them."""
    shared_cluster.flush()
    return shared_cluster


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    """A cluster of this test alone: its nodes may be killed, its slots moved."""
    with running_cluster(tmp_path / "cluster", find_free_ports) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker, shared by tests that do not harm it; each takes topics of its own, see `topic`."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Broker]:
    """A real broker of this test alone: it may be killed and paused."""
    with running_broker(tmp_path / "kafka") as broker:
        yield broker


@pytest.fixture
def topic() -> str:
    """The name of a topic that nobody else has."""
    return f"test-{secrets.token_hex(6)}"
