"""Wires the processor's parts together, from the settings."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import uvloop
from redis.asyncio import Redis

from crm.sites import SiteFacts
from processor.fold import Fold
from processor.lanes import Lanes
from processor.lease import Lease
from processor.outbox import Outbox
from processor.ownership import Ownership, OwnershipLost
from processor.retention import archive_ends
from processor.rewriting import Rewriting
from processor.store import LaneMoved, Store
from processor.stream import ProcessorApp, make_app
from processor.switch import until_switched
from processor.teller import Teller
from processor.worker import LaneWorker
from wakeline import process
from wakeline.children import RESTARTS
from wakeline.durations import DAY_MS
from wakeline.internal_port import alive, metrics_of, serve
from wakeline.keys import Keys
from wakeline.log import Log
from wakeline.log.chain import ChainedLog
from wakeline.log.opening import deployed_log
from wakeline.redis.connect import connect
from wakeline.settings import Config, Settings
from wakeline.stopping import told_to_stop, unless_told

logger = logging.getLogger("wakeline.processor")

AGAIN = 1  # exit code: the supervisor restarts the process
SWITCH_S = 10.0  # how long a replay may take to switch, before this process ends without waiting for it


def main(config: Config) -> None:
    """Runs until SIGTERM or SIGINT. Exits with 1 after a failure, to be restarted by its supervisor; after a switch of
    the key version with RESTARTS.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(run(config)))


async def run(config: Config) -> int:
    """Run the processor; returns its exit code."""
    stop = told_to_stop()
    redis = connect(config.settings.redis)
    opened = await unless_told(stop, deployed_log(redis, config.settings, logger))
    if opened is None:
        await redis.aclose()
        return 0
    deployment, log = opened

    writer = process.unique_name()
    store = Store(redis, key_space=Keys(deployment.version))
    outbox = Outbox(store, log)
    sites = {key: SiteFacts(site) for key, site in config.sites.items()}

    def make(lane: int) -> tuple[Fold, LaneWorker]:
        fold = Fold(lane, sites=sites, deployment=deployment, key_space=store.keys)
        return fold, LaneWorker(fold, store, log, writer=writer, outbox=outbox)

    lanes = Lanes(
        deployment.lanes,
        ownership=_ownership(config.settings, log, redis, token=writer, lanes=deployment.lanes),
        log=log,
        keep_records=config.settings.log_max_records,
        keep_ms=round(config.settings.log_max_age_days * DAY_MS),
        archive_ends=archive_ends(config.settings, redis, log),
        outbox=outbox,
        make=make,
    )
    at = config.settings.internal_host, config.settings.processor_metrics_port
    internal = await serve([metrics_of(before=lanes.observe_rules), alive()], *at)
    app = make_app(log, lanes)
    teller = Teller(redis, lanes=deployment.lanes, token=writer)
    running = asyncio.create_task(_start(app, teller, Rewriting(redis)))
    stopped = asyncio.create_task(stop.wait())
    switched = asyncio.create_task(until_switched(redis, deployment.version))
    ends: list[asyncio.Future[Any]] = [stopped, lanes.failed, switched]
    try:
        await asyncio.wait([*ends, running], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        if lanes.failed.done() and (to := _moves_to(lanes.failed.exception(), deployment.version)):
            logger.info("a replay is switching to key version %s", to)
            await asyncio.wait([stopped, switched], return_when=asyncio.FIRST_COMPLETED, timeout=SWITCH_S)
        if switched.done():
            logger.info("key version %d is live now: the processor restarts with it", switched.result())
            return RESTARTS
        return _exit_code(lanes)
    finally:
        running.cancel()
        switched.cancel()
        await app.stop()
        await lanes.close()
        await teller.close()
        await internal.cleanup()
        await log.close()
        await redis.aclose()


async def _start(app: ProcessorApp, teller: Teller, rewriting: Rewriting) -> None:
    """Never returns. What follows the start has to wait until this process owns lanes and has opened them, which may be
    never: another process or a replay owns them.
    """
    await app.start()
    process.collect_rarely()
    await asyncio.gather(teller.run(), rewriting.run())


def _ownership(settings: Settings, log: Log, redis: Redis, *, token: str, lanes: int) -> Ownership:
    if not settings.log:
        return Lease(redis, token=token, lanes=lanes)
    from processor.group import Group  # 20 MB that only such a deployment needs
    from wakeline.log.kafka_address import kafka_address

    begins = log.begins if isinstance(log, ChainedLog) else [0] * lanes
    name = f"{socket.gethostname()}-{settings.processor_metrics_port}"
    return Group(kafka_address(settings.log), name=name, begins=begins)


def _moves_to(error: BaseException | None, version: int) -> str:
    """The key version that a switch has just taken the lanes to; "" if this is no switch."""
    return error.to if isinstance(error, LaneMoved) and error.to not in ("", str(version)) else ""


def _exit_code(lanes: Lanes) -> int:
    if not lanes.failed.done():
        return 0
    error = lanes.failed.exception()
    if isinstance(error, (OwnershipLost, LaneMoved)):
        logger.warning("%s", error)
    else:
        logger.error("the processor ends: %s", error, exc_info=error)
    return AGAIN
