"""A real Valkey or Redis server that tests start, kill and restart."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis

from benchmarks.children import Child, child_environ
from benchmarks.machine import free_port
from benchmarks.waiting import wait_until
from wakeline.redis.embedded import server_command


@dataclass
class RedisServer(Child):
    """A real Valkey or Redis that a test may kill and restart with its files."""

    port: int
    folder: Path
    appendfsync: str = "always"
    environ: dict[str, str] = field(default_factory=dict)  # besides our own

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = server_command(self.port, self.folder, appendfsync=self.appendfsync)
        environ = child_environ(**self.environ)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, env=environ)
        wait_until(lambda: answers(self.port), f"the server on port {self.port} answers")


def answers(port: int) -> bool:
    """Whether a server there serves."""
    with redis.Redis(port=port, socket_timeout=5) as client:
        try:
            return bool(client.ping())
        except redis.exceptions.RedisError:
            return False


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
