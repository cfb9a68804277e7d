"""A real Apache Kafka with one node, for tests and benchmarks. Its jars are downloaded from Maven once."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.machine import find_free_ports

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
class Broker:
    """One node with its files in `folder`; it can be killed, paused, and restarted with them."""

    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)  # of server.properties
    cores: set[int] | None = None
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

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
        deadline = time.monotonic() + READY_S
        while not _answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Kafka does not start; it said: {out.read_text()[-2_000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill with -9; it is gone when this returns."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It keeps its connections open but answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


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
