"""The collector and the processor as processes that may be killed at any moment, with shared settings."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.balance import assert_balanced
from tests.integration.kill.books import LANES, Books
from tests.integration.kill.proxy import Word
from tests.integration.kill.tail import KafkaTail, StreamsTail, Tail
from tests.integration.kill.traffic import ORIGIN, SECRET, SITE
from wakeline.settings import Settings, Site

ROOT = Path(__file__).parents[3]
PATIENCE_S = 40.0
SHOWN = 4_000  # characters of what a service said last
AS_INSTALLED = "from ops.cli import main; main()"


class Service:
    """One `wakeline <name>`. `launcher`: Python code that may modify the product and then runs its command line."""

    def __init__(self, name: str, flags: dict[str, Any], said: Path, *, launcher: str = AS_INSTALLED) -> None:
        self.flags = flags
        self.environ: dict[str, str] = {}  # besides our own
        self.launcher = launcher
        self.starts = 0
        self.name = name
        self._said = said
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = [f"--{name.replace('_', '-')}={value}" for name, value in self.flags.items()]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("WAKELINE_")}
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-c", self.launcher, self.name, *words],
                cwd=ROOT,
                env=environ | self.environ,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        self.starts += 1

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def revive(self) -> None:
        """Restart it if it ended, as a supervisor does."""
        if not self.is_alive:
            self.start()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9, and gone when it returns."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def said(self) -> str:
        return self._said.read_text(errors="replace") if self._said.exists() else ""


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

    async def until_the_second_is_there(self) -> None:
        """The second processor stands by if one owns all lanes, otherwise it has its share of them."""
        shown = "owning lanes" if self.log else "standing by"
        await until(lambda: shown in self.standby.said(), "the second is there")

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
            print(f"---- {service.name}\n{service.said()[-SHOWN:]}")
        made.close()


async def until(is_so: Callable[[], object], what: str, *, within: float = PATIENCE_S) -> None:
    """Poll until `is_so`; fails after `within` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not is_so():
        assert loop.time() < deadline, f"{what}: not within {within:g} s"
        await asyncio.sleep(0.005)


def where_it_is_noon() -> ZoneInfo:
    """A time zone far from midnight, and from the hour at which salts change."""
    east = 12 - datetime.now(UTC).hour
    return ZoneInfo(f"Etc/GMT{-east:+d}")
