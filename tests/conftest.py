"""Shared fixtures: real servers, both logs. Options: number of kills and of cases."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import fsspec
import pytest
import redis
import redis.asyncio as aioredis

from benchmarks.broker import Broker, running_broker
from benchmarks.children import child_environ
from tests import thorough
from tests.ages import QUICK
from tests.cluster import RedisCluster, running_cluster
from tests.listeners import Lines, Listener, listening, real_collector
from tests.s3 import USER, S3Server, running_s3
from tests.server import RedisServer, running_server, stopped_server_in
from tests.timeline import Timeline, timeline
from wakeline.redis.connect import connect
from wakeline.settings import Settings


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kill-seeds", type=int, default=1, help="seeded runs of each test that kills by chance [1]")
    parser.addoption("--thorough", action="store_true", help="every case of those that are many, not one in four")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--thorough"):
        thorough.begin()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kill_seed" in metafunc.fixturenames:
        metafunc.parametrize("kill_seed", range(metafunc.config.getoption("--kill-seeds")))


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes are named by their argument: packed ones hold a time, and every worker must name a test the same."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`configured(text)`: changes to an empty folder with this wakeline.toml, without settings from the environment."""

    def configured(text: str) -> None:
        monkeypatch.chdir(tmp_path)
        for name in os.environ.keys() - child_environ().keys():
            monkeypatch.delenv(name)
        (tmp_path / "wakeline.toml").write_text(text)

    return configured


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def unsynced_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One that does not wait for its disk, for tests that write much and kill nobody; they empty it themselves."""
    with stopped_server_in(tmp_path_factory.mktemp("unsynced")) as server:
        server.appendfsync = "no"
        server.start()
        yield server


@pytest.fixture
def redis_server(shared_server: RedisServer) -> RedisServer:
    """A real server, emptied; shared by tests that do not harm it."""
    with redis.Redis(port=shared_server.port) as client:
        client.flushall()
    return shared_server


@pytest.fixture(name="redis")
async def client_of_redis_server(redis_server: RedisServer) -> AsyncIterator[aioredis.Redis]:
    """A client of that server, as the product connects."""
    client = connect(redis_server.url)
    yield client
    await client.aclose()


@pytest.fixture
async def made(redis_server: RedisServer) -> AsyncIterator[Timeline]:
    """Appends to a new log, folded by workers on a real server."""
    async with timeline(redis_server) as made:
        yield made


@pytest.fixture
async def quick(redis_server: RedisServer) -> AsyncIterator[Timeline]:
    """A site that knows people for a month or two."""
    async with timeline(redis_server, sites=[QUICK]) as made:
        yield made


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A real server for this test alone: it may be killed, paused, filled."""
    with running_server(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def stopped_server(tmp_path: Path) -> Iterator[RedisServer]:
    """The same, not started yet: a test may first configure its syncing and environment."""
    with stopped_server_in(tmp_path / "redis") as server:
        yield server


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def redis_cluster(shared_cluster: RedisCluster) -> RedisCluster:
    """Three real servers in cluster mode, emptied; shared by tests that do not harm them."""
    shared_cluster.flush()
    return shared_cluster


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    """A cluster for this test alone: its nodes may be killed, its slots moved."""
    with running_cluster(tmp_path / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker, shared by tests that do not harm it; each uses its own topics, see `topic`."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker for one file alone: it may be killed and paused."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Broker]:
    """A real broker for this test alone: it may be killed and paused."""
    with running_broker(tmp_path / "kafka") as broker:
        yield broker


@pytest.fixture(params=["redis", "kafka"])
def log(request: pytest.FixtureRequest) -> str:
    """URL of a new log, empty for the log in Redis: tests with this fixture run on both."""
    if request.param == "redis":
        return ""
    return f"{request.getfixturevalue('kafka').url}/{request.getfixturevalue('topic')}"


@pytest.fixture(params=["redis", "kafka", "cluster"])
def servers(request: pytest.FixtureRequest) -> Settings:
    """Settings for the servers of each kind of deployment, which are empty and must not be harmed.

    All in one Redis, the log on Kafka, and the log on Kafka with the state in a cluster.
    """
    if request.param == "redis":
        return Settings(redis=request.getfixturevalue("redis_server").url)
    log = f"{request.getfixturevalue('kafka').url}/{request.getfixturevalue('topic')}"
    state = "redis_cluster" if request.param == "cluster" else "redis_server"
    return Settings(redis=request.getfixturevalue(state).url, log=log)


@pytest.fixture(params=["server", "cluster"])
def state(request: pytest.FixtureRequest) -> RedisServer | RedisCluster:
    """The server of the profiles, if the log is elsewhere: empty, must not be harmed."""
    found: RedisServer | RedisCluster = request.getfixturevalue(f"redis_{request.param}")
    return found


@pytest.fixture(scope="session")
def shared_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(shared_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """A real S3 server, configured for this process too; shared, so use a separate folder of its bucket."""
    for name, value in USER.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": shared_s3.endpoint})
    return shared_s3


@pytest.fixture
def topic() -> str:
    """The name of a new topic."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What servers tell, to a small server that speaks the contract and fails as a test wants."""
    with listening(Lines()) as lines:
        yield lines


@pytest.fixture(scope="session")
def shared_collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """A real collector with a server of its own, which nobody empties."""
    folder = tmp_path_factory.mktemp("collector")
    with running_server(folder / "redis") as server, real_collector(server, folder) as collector:
        yield collector


@pytest.fixture(params=["lines", "shared_collector"], ids=["contract", "collector"])
def listener(request: pytest.FixtureRequest) -> Listener:
    """Both that take what servers tell."""
    found: Listener = request.getfixturevalue(request.param)
    return found
