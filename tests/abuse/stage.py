"""A deployment under attack: two sites, real processes, Redis; only 127.0.0.1 is a trusted proxy."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis

from benchmarks import exposition
from benchmarks.exposition import Samples
from benchmarks.machine import find_free_ports, free_port
from benchmarks.waiting import until
from tests.abuse import wire
from tests.balance import assert_balanced
from tests.integration.kill.books import LANES
from tests.integration.kill.services import AS_INSTALLED, Command, Service, where_it_is_noon
from tests.integration.kill.tail import StreamsTail
from tests.server import RedisServer
from wakeline.keys import Keys, log_lane

TOKEN = "token of the read side"
STRANGER = "127.0.0.2"  # who connects from here is no proxy
SERVICES = ("collector", "processor", "api", "archiver")


class Stage:
    """The server runs, the services are not started yet. `collector` and the others are accessed by name."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.data = folder / "data"
        self.server = RedisServer(free_port(), folder / "redis")
        ports = find_free_ports(7)
        self.port, self.api_port = ports[0], ports[5]
        self.metrics_ports = dict(zip(SERVICES, ports[1:5], strict=True))
        self.demo_port = ports[6]
        self.config = folder / "wakeline.toml"
        self.config.write_text(self._config())
        flags: dict[str, Any] = {"config": self.config, "redis": self.server.url, "data": self.data}
        mine: Mapping[str, dict[str, Any]] = {
            "collector": {"port": self.port, "metrics_port": ports[1]},
            "processor": {"processor_metrics_port": ports[2]},
            "api": {"api_port": ports[5], "api_metrics_port": ports[3], "api_token": TOKEN},
            "archiver": {"archiver_metrics_port": ports[4], "archive_seal_s": 1},
        }
        self.services = {name: Service(name, flags | more, folder / f"{name}.log") for name, more in mine.items()}
        self.redis = redis.Redis(port=self.server.port)
        self.tail = StreamsTail(self.server.url)

    def with_demo(self) -> None:
        """Add the demo shop as a service, on its own site."""
        with self.config.open("a") as config:
            config.write(
                f'[[site]]\nkey = "demo"\nsecret = "secret of the demo"\nconsent = "anonymous"\n'
                f'origins = ["http://localhost:{self.demo_port}"]\n'
            )
        ports = {"port": self.port, "api_port": self.api_port, "demo_port": self.demo_port}
        flags = {"config": self.config, "redis": self.server.url, "data": self.data, "api_token": TOKEN, **ports}
        self.services["demo"] = Service("demo", flags, self.folder / "demo.log")

    def _config(self) -> str:
        zone = where_it_is_noon()
        return (
            'trusted_proxies = ["127.0.0.1/32"]\n'
            f'[[site]]\nkey = "{wire.SITE}"\nsecret = "{wire.SECRET}"\norigins = ["{wire.ORIGIN}"]\n'
            f'time_zone = "{zone}"\nmasks = ["/reset/*"]\nquery = ["q"]\n'
            f'[[site]]\nkey = "{wire.OTHER_SITE}"\nsecret = "{wire.OTHER_SECRET}"\norigins = ["https://other.example"]\n'
            f'[[site]]\nkey = "open"\norigins = ["{wire.ORIGIN}"]\n'
        )

    async def start(self, *names: str, launcher: Callable[[str], str] = lambda name: AS_INSTALLED) -> None:
        """Start these services, by default only the collector; returns once they are ready."""
        for name in names or ("collector",):
            self.services[name].launcher = launcher(name)
            self.services[name].start()
        for name in names or ("collector",):
            await until(lambda name=name: self.told(name), f"{name} answers")  # type: ignore[misc]
        if not names or "collector" in names:
            await until(lambda: self.collected("log_open") == 1, "the collector has its log")

    def told(self, name: str) -> Samples:
        """A service's metrics; {} while it does not answer."""
        return exposition.scraped(self.metrics_ports[name])

    def collected(self, name: str, **labels: str) -> float:
        """One metric of the collector; 0 if missing."""
        return exposition.value_or_0(self.told("collector"), f"wakeline_collector_{name}", **labels)

    # ---- what lies where --------------------------------------------------------------------------

    def records(self) -> list[bytes]:
        """All records in the log."""
        return [value for lane in range(LANES) for value in self.tail.values(lane)]

    def appended(self) -> int:
        return sum(self.redis.xlen(log_lane(lane)) for lane in range(LANES))

    def applied(self) -> int:
        """Records that the processor has finished."""
        return sum(int(self.redis.hget(Keys().lane(lane), "offset") or 0) for lane in range(LANES))

    def counted(self, verdict: str) -> int:
        """Records that the processor is done with in this way, see `crm.out.Verdict`."""
        return sum(int(self.redis.hget(Keys().lane(lane), verdict) or 0) for lane in range(LANES))

    async def settle(self, within: float = 120.0) -> None:
        """Wait until the processor has nothing left to do."""
        await until(lambda: self.applied() >= self.appended(), "all is applied", within=within)

    def stored(self, pattern: str) -> list[str]:
        """Keys in Redis."""
        return [key.decode() for key in self.redis.scan_iter(pattern, count=10_000)]

    def megabytes(self, name: str, field: str = "VmRSS") -> float:
        """Memory of a service, from /proc: current, or with VmHWM its peak."""
        status = Path(f"/proc/{self.services[name].pid}/status").read_text()
        found = re.search(rf"{field}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1_024

    @property
    def command(self) -> Command:
        return Command({"config": self.config})

    def logs(self) -> dict[str, str]:
        """The output of each service."""
        return {name: service.said() for name, service in self.services.items()}

    def close(self) -> None:
        for service in self.services.values():
            service.kill()
        self.redis.close()
        self.tail.close()
        self.server.kill()


def pages_of(records: Iterable[bytes]) -> set[str]:
    return {found[1].decode() for record in records if (found := re.search(rb'"page":"([^"]+)"', record))}


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Kills all remaining processes. If the row raises, the error includes the services' last output."""
    stage = Stage(folder)
    try:
        stage.server.start()
        yield stage
        await asyncio.to_thread(assert_balanced, stage.metrics_ports["collector"])
    except Exception as error:
        for service in stage.services.values():
            if service.starts:
                error.add_note(service.last_words())
        raise
    finally:
        await asyncio.to_thread(stage.close)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
