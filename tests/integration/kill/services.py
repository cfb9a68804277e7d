"""The collector and the processor as processes that may be killed at any moment, with shared settings."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import redis

from benchmarks.children import ROOT, Child, child_environ
from benchmarks.waiting import until, wait_until
from tests.balance import assert_balanced
from tests.integration.kill.books import LANES, Books
from tests.integration.kill.proxy import Word
from tests.integration.kill.tail import KafkaTail, StreamsTail, Tail
from tests.integration.kill.traffic import ORIGIN, SECRET, SITE
from wakeline import keys
from wakeline.config import PREFIX
from wakeline.settings import Settings, Site

COMMAND_S = 120.0
SHOWN = 4_000  # characters of what a service said last
AS_INSTALLED = "from ops.cli import main; main()"


class Service(Child):
    """One `wakeline <name>`. `launcher`: Python code that may modify the product and then runs its command line."""

    def __init__(self, name: str, flags: dict[str, Any], said: Path, *, launcher: str = AS_INSTALLED) -> None:
        self.flags = flags
        self.environ: dict[str, str] = {}  # besides our own
        self.launcher = launcher
        self.starts = 0
        self.name = name
        self._said = said

    def start(self) -> None:
        words = [f"--{name.replace('_', '-')}={value}" for name, value in self.flags.items()]
        with self._said.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", self.launcher, self.name, *words],
                cwd=ROOT,
                env=child_environ(**self.environ),
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        self.starts += 1

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return None if self.process is None else self.process.poll()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def revive(self) -> None:
        """Restart it if it ended, as a supervisor does."""
        if not self.is_alive:
            self.start()

    def said(self) -> str:
        return self._said.read_text(errors="replace") if self._said.exists() else ""

    def last_words(self) -> str:
        """Its last output, under its name."""
        return f"---- {self.name}, started {self.starts} times\n{self.said()[-SHOWN:]}"


@asynccontextmanager
async def kept(*services: Service) -> AsyncIterator[None]:
    """A supervisor: starts these services, and restarts them whenever they end."""

    async def keep() -> None:
        while True:
            for service in services:
                service.revive()
            await asyncio.sleep(0.05)

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()


class Command:
    """`wakeline` as a person runs it, with these flags, to its end."""

    def __init__(self, flags: dict[str, Any], environ: dict[str, str] | None = None) -> None:
        self._flags = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
        self._environ = child_environ(**(environ or {}))

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", AS_INSTALLED, *words, *self._flags],
            cwd=ROOT,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    async def __call__(self, *words: str, within: float = COMMAND_S) -> str:
        """Its output. Raises AssertionError with all of its output if it fails."""
        process = self.start(*words)
        said, complaint = await asyncio.to_thread(process.communicate, timeout=within)
        assert process.returncode == 0, said + complaint
        return said


class Deployment:
    """A collector and two processors, not started yet, on a server and, if `log` names one, a separate log."""

    def __init__(self, folder: Path, server: Any, ports: Sequence[int], log: str) -> None:
        self.server = server
        self.log = log
        self.port = ports[0]
        self.site = Site(key=SITE, secret=SECRET, origins=(ORIGIN,), time_zone=where_it_is_noon())
        config = folder / "wakeline.toml"
        config.write_text(
            f'trusted_proxies = ["127.0.0.1/32"]\n[[site]]\nkey = "{SITE}"\nsecret = "{SECRET}"\n'
            f'origins = ["{ORIGIN}"]\ntime_zone = "{self.site.time_zone}"\n'
        )
        flags = {"config": config, "redis": server.url, "data": folder / "data"} | ({"log": log} if log else {})
        self.collector = Service(
            "collector", flags | {"port": ports[0], "metrics_port": ports[1]}, folder / "collector.log"
        )
        self.processor = Service("processor", flags | {"processor_metrics_port": ports[2]}, folder / "processor.log")
        self.standby = Service("processor", flags | {"processor_metrics_port": ports[3]}, folder / "standby.log")
        self.services: tuple[Service, ...] = (self.collector, self.processor, self.standby)
        self.collector.flags["spool_mb"] = 0  # what is answered is in the log at once, and once
        self.tail: Tail = KafkaTail(log, LANES) if log else StreamsTail(server.url)
        self.books = Books(server.url, self.tail)

    @property
    def command(self) -> Command:
        """With its configuration; the data folder by the environment, as not every command has a flag for it."""
        flags = self.processor.flags
        environ = {f"{PREFIX}DATA": str(flags["data"])}
        return Command({name: flags[name] for name in ("config", "redis", "log") if name in flags}, environ)

    def live_version(self) -> int:
        """Version of the keys that readers use."""
        with redis.Redis.from_url(self.server.url) as client:
            return int(client.hget(keys.DEPLOYMENT, "version") or keys.VERSION)

    def start_collector(self) -> None:
        """Returns once it answers."""
        self.collector.start()
        wait_until(lambda: self.status("/healthz") == 200, "the collector starts")

    def status(self, path: str, **more: Any) -> int:
        """Status of the collector's answer; 0 if there is none. `more`: data and headers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", **more)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    @property
    def settings(self) -> Settings:
        """The processes' settings for servers."""
        return Settings(redis=self.server.url, log=self.log)

    def close(self) -> None:
        """Closes its readers, not its services."""
        self.books.close()
        self.tail.close()

    def on_redis(self, word: Word) -> bool:
        """Whether the processor sends this request to Redis: appends go to the log."""
        return not self.log or word is not Word.APPEND

    async def until_drained(self) -> None:
        """Wait until the processor, restarted if it dies, has applied all records."""

        def is_drained() -> bool:
            self.processor.revive()
            return self.books.are_settled()

        await until(is_drained, "all is applied")


@contextmanager
def deployment(folder: Path, server: Any, ports: Sequence[int], log: str = "") -> Iterator[Deployment]:
    """Kills remaining processes at the end, after the collector's ledger balances; pytest shows their output on
    failure.
    """
    made = Deployment(folder, server, ports, log)
    try:
        yield made
        assert_balanced(made.collector.flags["metrics_port"])
    finally:
        for service in made.services:
            service.kill()
            print(service.last_words())
        made.close()


class WatchedCollector:
    """A deployment's collector with the interface that `Disk` needs: `start` returns when it answers."""

    def __init__(self, made: Deployment) -> None:
        self.environ: dict[str, str] = {}
        self.folder: Path = made.collector.flags["data"]
        self.kill = made.collector.kill
        self._made = made

    def start(self) -> None:
        self._made.collector.environ = self.environ
        self._made.start_collector()


def where_it_is_noon() -> ZoneInfo:
    """A time zone far from midnight, and from the hour at which salts change."""
    east = 12 - datetime.now(UTC).hour
    return ZoneInfo(f"Etc/GMT{-east:+d}")
