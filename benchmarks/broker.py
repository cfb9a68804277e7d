"""A real Apache Kafka with one node, for tests and benchmarks. Its jars are downloaded from Maven once."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.children import Child
from benchmarks.machine import find_free_ports
from benchmarks.waiting import wait_until

VERSION = "4.1.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wakeline" / f"kafka-{VERSION}"
JAVA = ("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
CLUSTER = "AAAAAAAAAAAAAAAAAAAAAA"
READY_S = 60.0
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>wakeline</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # after a kill its controller considers it alive for this long, and blocks it
    "broker.session.timeout.ms": "1000",
    "broker.heartbeat.interval.ms": "200",
}


def jars() -> Path:
    """The folder of Kafka's jars, downloaded if missing. Raises CalledProcessError."""
    if not CACHE.is_dir():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        coming = CACHE.with_suffix(f".{os.getpid()}")
        coming.mkdir()
        (coming / "pom.xml").write_text(POM)
        copy = ("mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={coming / 'lib'}")
        try:
            subprocess.run(copy, cwd=coming, check=True)
            coming.rename(CACHE)
        except OSError:
            if not CACHE.is_dir():  # otherwise another process was first
                raise
        finally:
            shutil.rmtree(coming, ignore_errors=True)
    return CACHE / "lib"


@dataclass
class Broker(Child):
    """One node with its files in `folder`; it can be killed, paused, and restarted with them."""

    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)  # of server.properties
    cores: set[int] | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns once it accepts connections. Raises RuntimeError with its output."""
        settings = self.folder / "kafka.properties"
        command = (*JAVA, "-cp", f"{jars()}/*")
        if not settings.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.port, controller = find_free_ports(2)
            listener = f"PLAINTEXT://127.0.0.1:{self.port}"
            mine = {
                "controller.quorum.voters": f"1@127.0.0.1:{controller}",
                "listeners": f"{listener},CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": listener,
                "log.dirs": str(self.folder / "kafka-logs"),
            }
            lines = {**PROPERTIES, **mine, **self.options}.items()
            settings.write_text("".join(f"{name}={value}\n" for name, value in lines))
            make = (*command, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(settings))
            subprocess.run(make, check=True, capture_output=True, cwd=self.folder)
        out = self.folder / "kafka.out"
        with out.open("ab") as writing:
            writing.truncate(0)
            self.process = subprocess.Popen(
                (*command, "kafka.Kafka", str(settings)), cwd=self.folder, stdout=writing, stderr=subprocess.STDOUT
            )
        if self.cores:
            os.sched_setaffinity(self.process.pid, self.cores)
        try:
            wait_until(lambda: _answers(self.port) or not self.is_alive, "Kafka answers", within=READY_S)
            assert self.is_alive, "it ended"
        except AssertionError as error:
            self.kill()
            raise RuntimeError(f"Kafka does not start; it said: {out.read_text()[-2_000:]}") from error


@contextmanager
def running_broker(folder: Path, *, cores: set[int] | None = None, **options: str) -> Iterator[Broker]:
    """A broker that lives as long as the context. Options of server.properties, with underscores for dots."""
    broker = Broker(folder, {name.replace("_", "."): value for name, value in options.items()}, cores)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


def _answers(port: int) -> bool:
    """Whether it answers an ApiVersions request."""
    body = struct.pack(">hhih", 18, 0, 1, -1)  # ApiVersions, version 0, number of the request, no name of a client
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            return len(connection.recv(8)) > 0
    except OSError:
        return False
