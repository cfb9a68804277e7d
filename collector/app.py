"""Wires the collector's parts together, from the settings."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import uvloop
from aiohttp import web

from collector import workers
from collector.addresses import Addresses
from collector.agreed import Agreed
from collector.budget import NewProfiles
from collector.campaigns import Campaigns
from collector.campaigns import routes as campaign_routes
from collector.connections import Connections, open_files, room
from collector.customer_cards import CustomerCards, check_key_at_start
from collector.folded import Folded
from collector.health import Health
from collector.intake import Intake
from collector.keyring import Keyring
from collector.limiter import KeyLimiter, Limiter
from collector.link_api import LinkApi
from collector.mail_links import MailLinks
from collector.marks import Marks, OtherSalts
from collector.memory import Asking, Memory, Step
from collector.metrics import Metrics, registry
from collector.openapi import description
from collector.opening import deployment_log
from collector.plans import Plans
from collector.policy import Policy
from collector.salts import Salts
from collector.script import script_routes
from collector.server import Routes, Server
from collector.server_intake import ServerIntake
from collector.spool import Spool
from collector.writer import GroupCommit
from wakeline.cards.key import NoCardKey, key_file
from wakeline.children import orphaned
from wakeline.clock import now_ms
from wakeline.internal_port import alive, metrics_of, serve
from wakeline.lanes import DeploymentMismatch
from wakeline.log import Log, LogMismatch
from wakeline.mailing.of_site import links_of
from wakeline.mailing.wire import PATH as LINKS
from wakeline.memory import RECORD_BYTES
from wakeline.planned import PATH as CAMPAIGNS
from wakeline.ports import ALIVE, READY
from wakeline.scripts import ENDPOINT
from wakeline.server_events import DESCRIPTION, PATH
from wakeline.settings import Config
from wakeline.stopping import cancelled, told_to_stop

logger = logging.getLogger("wakeline.collector")

BACKLOG = 1_024  # connections that wait to be accepted; the kernel may allow less
STOP_S = 10.0  # for what is in flight: above the writer's deadline
CLOSE_S = 3.0
MISMATCHES = (DeploymentMismatch, LogMismatch, OtherSalts)


def main(config: Config) -> None:
    """Run `settings.workers` processes until SIGTERM or SIGINT; then answer requests in flight and end.

    Raises CannotListen, and SystemExit with 1, after logging the reason, if it cannot run.
    """
    sys.exit(workers.run(config, work))


def work(config: Config, worker: int) -> int:
    """One worker's life, and its exit code."""
    return uvloop.run(_serve(config, worker))


class Parts(NamedTuple):
    """The parts that `serve` uses."""

    server: Server
    writer: GroupCommit
    salts: Salts
    metrics: Metrics
    memory: Memory
    asking: Asking
    keyring: Keyring
    folded: Folded
    agreed: Agreed


def build(
    config: Config,
    *,
    open_log: Callable[[], Awaitable[tuple[Log, int]]],
    worker: int = 0,
    clock: Callable[[], int] = now_ms,
) -> Parts:
    """The connected parts; call it within a running loop. Raises OSError for an unusable folder or file."""
    settings = config.settings
    metrics = Metrics()
    counted_bytes = 0 if settings.log else RECORD_BYTES
    asking = Asking(settings.redis, log=lambda: writer.log_and_lanes, counted_bytes=counted_bytes)
    memory = Memory(asking)
    metrics.memory = lambda: (memory.step, memory.use)
    spool = Spool.of(settings, worker, metrics, is_held=lambda: memory.step is Step.REFUSE)
    cards = CustomerCards(settings.redis, key_file(config))
    lanes = spool.known_lanes(settings.lanes) if spool else 0
    writer = GroupCommit(open_log, metrics, spool=spool, lanes=lanes, cards=cards)
    salts = Salts(settings.data / "salts", {key: site.time_zone for key, site in config.sites.items()}, clock=clock)
    limiter = Limiter(settings.rate_limit)
    metrics.limited_addresses = limiter.__len__
    addresses = Addresses(trusted_proxies=settings.trusted_proxies, geoip=settings.geoip)
    connections = Connections(room(open_files()), made_room=metrics.make_room)
    metrics.connections, metrics.connections_limit = connections.__len__, connections.most
    intake = Intake(
        {key: Policy(site) for key, site in config.sites.items()},
        addresses=addresses,
        salts=salts,
        writer=writer,
        metrics=metrics,
        limiter=limiter,
        memory=memory,
        profiles=NewProfiles(settings.new_profiles_a_day, memory=memory),
        clock=clock,
    )
    keyring = Keyring(settings.data / "api_keys", settings.redis, clock=clock)
    metrics.keys = lambda: (len(keyring), keyring.age_s)
    key_limiter = KeyLimiter(settings.server_rate_limit)
    plans = Plans(settings.redis, lambda: writer.log_and_lanes)
    campaigns = Campaigns(config.sites, keyring=keyring, key_limiter=key_limiter, memory=memory, plans=plans)
    servers = ServerIntake(
        config.sites,
        keyring=keyring,
        addresses=addresses,
        limiter=limiter,
        key_limiter=key_limiter,
        writer=writer,
        metrics=metrics,
        memory=memory,
        clock=clock,
    )
    folded = Folded(settings.redis, metrics)
    agreed = Agreed(settings.redis, lanes=lambda: writer.lanes)
    links = MailLinks(
        config.sites,
        path=settings.link_path,
        writer=writer,
        folded=folded,
        agreed=agreed,
        memory=memory,
        metrics=metrics,
        clock=clock,
    )
    link_api = LinkApi(
        {key: links_of(site, settings) for key, site in config.sites.items() if site.secret},
        keyring=keyring,
        addresses=addresses,
        limiter=limiter,
        key_limiter=key_limiter,
        clock=clock,
    )
    health = Health(writer)
    routes: Routes = {
        **script_routes(settings.script_path),
        ENDPOINT: {"POST": intake.events},
        settings.endpoint_path: {"POST": intake.events},
        PATH: {"POST": servers.events},
        LINKS: {"POST": link_api.post},
        f"{settings.link_path}/": {"GET": links.get, "HEAD": links.get, "POST": links.post},
        **campaign_routes(campaigns),
        DESCRIPTION: {"GET": description},
        ALIVE: {"GET": health.alive},
        READY: {"GET": health.ready},
    }
    server = Server(
        routes,
        metrics,
        connections=connections,
        addresses=addresses,
        limiter=limiter,
        count_themselves=(intake.events, servers.events, link_api.post),
        of_servers=(PATH, LINKS, CAMPAIGNS, f"{CAMPAIGNS}/", DESCRIPTION),
    )
    return Parts(server, writer, salts, metrics, memory, asking, keyring, folded, agreed)


async def _serve(config: Config, worker: int) -> int:
    settings = config.settings
    try:
        await check_key_at_start(settings.redis, key_file(config))
    except NoCardKey as missing:
        logger.error("the collector does not start, as it could not take customers' personal values: %s", missing)
        return 1
    parts = build(config, open_log=lambda: deployment_log(settings, marks), worker=worker)
    marks = Marks(parts.salts, parts.metrics)
    parts.salts.keep()
    public = web.ServerRunner(parts.server, shutdown_timeout=STOP_S)
    routes = [metrics_of(registry(parts.metrics)), alive()]
    internal = await serve(routes, settings.internal_host, settings.metrics_ports[worker], stop_s=STOP_S)
    await public.setup()
    shares_port = settings.workers > 1
    await web.TCPSite(public, settings.host, settings.port, backlog=BACKLOG, reuse_port=shares_port or None).start()
    logger.info("collector %d listens on http://%s:%d", worker, settings.host, settings.port)
    gc.freeze()  # objects that live as long as the process need no garbage collection

    tasks = [
        asyncio.create_task(parts.writer.run()),
        asyncio.create_task(marks.keep_up(settings.redis)),
        asyncio.create_task(parts.memory.watch()),
        asyncio.create_task(parts.keyring.keep_up()),
        asyncio.create_task(told_to_stop().wait()),
    ]
    if shares_port:
        tasks.append(asyncio.create_task(orphaned()))
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    failures = [error for task in ended if (error := task.exception())]
    for error in failures:
        logger.error("%s", error, exc_info=None if isinstance(error, MISMATCHES) else error)
    await public.cleanup()
    await internal.cleanup()
    await cancelled(tasks)
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await asyncio.gather(parts.asking.close(), parts.folded.close(), parts.agreed.close())
    return 1 if failures else 0
