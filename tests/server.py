"""A real Valkey or Redis server that tests start, kill and restart."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis

from benchmarks.machine import free_port
from wakeline.redis.embedded import server_command


@dataclass
class RedisServer:
    """A real Valkey or Redis that a test may kill and restart with its files."""

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
