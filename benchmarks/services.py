"""A real server and the real services, each in its own process, with their own ports and folders."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import redis

from benchmarks.children import ROOT, child_environ
from benchmarks.machine import ALL, ports_of_settings
from benchmarks.visitors import SITE, events
from ops.up.plan import Service, plan
from ops.up.readiness import answers
from wakeline import config, keys
from wakeline.children import guarded
from wakeline.durations import DAY_MS
from wakeline.lanes import Deployment, lane_of
from wakeline.record import Event, encode_record
from wakeline.settings import Config

READY_S = 30.0
STOP_S = 15.0


@contextmanager
def process(
    command: Sequence[str], folder: Path, *, name: str, cores: set[int] = ALL, tree: Path = ROOT
) -> Iterator[int]:
    """Runs a process on `cores` while the context lives, and yields its pid. Its output goes to `folder`/`name`.out.

    `tree`: the folder of its code.
    """
    environ = child_environ(PYTHONPATH=str(tree))
    with (folder / f"{name}.out").open("ab") as out:
        child = subprocess.Popen(guarded(command), cwd=folder, env=environ, stdout=out, stderr=subprocess.STDOUT)
    os.sched_setaffinity(child.pid, cores)
    try:
        yield child.pid
    finally:
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class SmallPath:
    """A context for the services that `wakeline up` starts, from the code in `tree`, each started separately.

    `sites`: keys of sites; the first is `visitors.SITE`.
    """

    def __init__(
        self, folder: Path, *, tree: Path = ROOT, sites: Sequence[str] = (SITE.key,), **settings: str | float
    ) -> None:
        self.folder = folder
        self._tree = tree
        self.pids: dict[str, int] = {}
        self.config = _config(folder, settings, sites[1:])
        self._services: dict[str, Service] = {service.name: service for service in plan(self.config).services()}
        self._running = ExitStack()

    def start(self, *names: str, cores: Mapping[str, set[int]] | None = None) -> None:
        """Start services (server, collector, processor, api) and wait until they answer."""
        self._start(self._running, names, cores or {})

    @contextmanager
    def running(self, *names: str, cores: Mapping[str, set[int]] | None = None) -> Iterator[None]:
        """Services that run while this context does."""
        with ExitStack() as until:
            self._start(until, names, cores or {})
            yield

    def _start(self, until: ExitStack, names: Sequence[str], cores: Mapping[str, set[int]]) -> None:
        for name in names:
            service = self._services[name]
            on = cores.get(name, ALL)
            started = process(service.command, self.folder, name=name, cores=on, tree=self._tree)
            self.pids[name] = until.enter_context(started)
            try:
                asyncio.run(_ready(service))
            except TimeoutError:
                said = (self.folder / f"{name}.out").read_text()[-2_000:]
                raise RuntimeError(f"{name} does not answer; it said: {said}") from None

    def command(self, name: str) -> tuple[str, ...]:
        """The command that starts a service."""
        return self._services[name].command

    def client(self) -> redis.Redis:
        client: redis.Redis = redis.Redis.from_url(self.config.settings.redis)
        self._running.callback(client.close)
        return client

    def __enter__(self) -> SmallPath:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()


def _config(folder: Path, more: Mapping[str, str | float], other_sites: Sequence[str] = ()) -> Config:
    """Settings of a deployment in `folder`, written there as wakeline.toml."""
    (folder / "data/redis").mkdir(parents=True, exist_ok=True)
    settings = {"data": str(folder / "data"), **ports_of_settings(), **more}
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    lines += ["[[site]]", f'key = "{SITE.key}"', f'secret = "{SITE.secret}"', f"origins = {json.dumps(SITE.origins)}"]
    lines += [f"{name} = {json.dumps(getattr(SITE, name))}" for name in ("currency", "minute_cost", "return_cost")]
    for rule in SITE.interests:
        lines += ["[[site.interests]]", f'path = "{rule.path}"', f'interest = "{rule.interest}"']
    for key in other_sites:
        lines += ["[[site]]", f'key = "{key}"', f'origins = ["https://{key}.example"]']
    path = folder / "wakeline.toml"
    path.write_text("\n".join(lines) + "\n")
    return config.load(path, {}, {})


async def _ready(service: Service) -> None:
    async with asyncio.timeout(READY_S):
        for listener in service.listeners:
            await answers(listener)


# ---- a deployment and its log, filled as if these events had been received

Laned = tuple[int, Event]  # with its lane
LANES = 16


def deployment_at(now: int) -> Deployment:
    """A deployment with the default settings that began thirty days before `now` (ms)."""
    return Deployment(lanes=LANES, decay_zero=now - 30 * DAY_MS, half_life=7 * DAY_MS)


def deploy(client: redis.Redis, deployment: Deployment) -> None:
    for name, value in msgspec.structs.asdict(deployment).items():
        client.hset(keys.DEPLOYMENT, name, value)


def laned_events(count: int, visitors: int, deployment: Deployment, *, end: int) -> list[Laned]:
    """See `visitors.events`."""
    made = events(count, visitors=visitors, end=end)
    return [(lane_of(SITE.key, event.visitor, deployment.lanes), event) for event in made]


# KEYS: the lanes' streams; ARGV: number of the stream, append time, record, and so on.
FILL = """
for i = 1, #ARGV, 3 do redis.call('XADD', KEYS[tonumber(ARGV[i])], '0-*', 't', ARGV[i + 1], 'v', ARGV[i + 2]) end
"""
AT_ONCE = 1_000


def fill_log(client: redis.Redis, laned: Sequence[Laned], *, lanes: int) -> None:
    """Append (lane, event) pairs, each appended at the time of its receipt."""
    fill = client.register_script(FILL)
    streams = [keys.log_lane(lane) for lane in range(lanes)]
    for start in range(0, len(laned), AT_ONCE):
        args: list[int | bytes] = []
        for lane, event in laned[start : start + AT_ONCE]:
            args += (lane + 1, event.received, encode_record(event))
        fill(keys=streams, args=args)
