"""The services that `wakeline up` starts, in order, and when each is ready."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ops.up.room import shortage
from wakeline.history.opening import archive_url
from wakeline.ports import ALIVE, READY
from wakeline.redis.embedded import LOG, server_command
from wakeline.settings import Config


@dataclass(frozen=True)
class Listener:
    """A port that a service listens on, and the setting with its number."""

    setting: str
    host: str
    port: int
    path: str = ALIVE  # answers 200 once the service is ready; "": it answers a Redis PING

    @property
    def asked_at(self) -> str:
        """The address for requests from this machine."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)


@dataclass(frozen=True)
class Service:
    """One child process."""

    name: str
    command: tuple[str, ...]
    listeners: tuple[Listener, ...] = ()  # ready once all of them answer
    log: Path | None = None  # its log file, if it does not write to stdout
    words: Callable[[], Awaitable[str]] | None = None  # returns a message to show once it is ready; "" for none


@dataclass(frozen=True)
class Plan:
    """`stages` start one after the other, the services in one together; `stopping` has all in the order of stopping."""

    stages: tuple[tuple[Service, ...], ...]
    stopping: tuple[str, ...] = (
        *("simulator", "demo", "collector", "api", "processor", "archiver", "server"),
        *("grafana", "prometheus"),
    )

    def services(self) -> Iterator[Service]:
        for stage in self.stages:
            yield from stage


def plan(config: Config, *, demo: bool = False, visitors: int = 0, watching: Sequence[Service] = ()) -> Plan:
    """The plan for `config`: the embedded server unless it names another, and optionally the shop and its visitors.

    `watching`: what watches the services, and starts after them.
    """
    settings = config.settings
    stages: list[tuple[Service, ...]] = []
    if "redis" not in config.given:
        folder = settings.data / "redis"
        stages.append(
            (
                Service(
                    "server",
                    tuple(server_command(settings.embedded_port, folder, memory_mb=settings.embedded_memory_mb)),
                    (Listener("embedded_port", "127.0.0.1", settings.embedded_port, ""),),
                    folder / LOG,
                    partial(shortage, settings.embedded_port),
                ),
            )
        )
    host = settings.internal_host
    workers = tuple(Listener("metrics_port", host, port) for port in settings.metrics_ports)
    archiver = Listener("archiver_metrics_port", host, settings.archiver_metrics_port)
    stages.append(
        (
            _service(config, "collector", Listener("port", settings.host, settings.port, READY), *workers),
            _service(config, "processor", Listener("processor_metrics_port", host, settings.processor_metrics_port)),
            _service(
                config,
                "api",
                Listener("api_port", host, settings.api_port),
                Listener("api_metrics_port", host, settings.api_metrics_port),
            ),
            *([_service(config, "archiver", archiver)] if archive_url(settings) is not None else []),
        )
    )
    if demo:
        stages.append((_service(config, "demo", Listener("demo_port", host, settings.demo_port)),))
    if visitors:
        stages.append((_service(config, "simulator", arguments=(str(visitors),)),))
    if watching:
        stages.append(tuple(watching))
    return Plan(tuple(stages))


def _service(config: Config, name: str, *listeners: Listener, arguments: tuple[str, ...] = ()) -> Service:
    file = ("--config", str(config.path)) if config.path else ()
    # -P: ignore a folder called `api` in the current folder
    return Service(name, (sys.executable, "-P", "-m", "wakeline", name, "--under-up", *file, *arguments), listeners)
