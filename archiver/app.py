"""Wires the archiver's parts together, from the settings."""

from __future__ import annotations

import asyncio
import logging

from archiver import metrics
from archiver.archiving import Archiver
from archiver.figures import FiguresKeeper, command
from archiver.housekeeping import keep_house
from archiver.loop import live
from wakeline import keys, process
from wakeline.history import History, archive_url
from wakeline.internal_port import alive, metrics_of, serve
from wakeline.log import LogMismatch
from wakeline.log.opening import deployed_log
from wakeline.redis.connect import connect
from wakeline.redis.lease import Lease
from wakeline.settings import Config
from wakeline.stopping import told_to_stop, unless_told

logger = logging.getLogger("wakeline.archiver")


def main(config: Config) -> None:
    """Runs until SIGTERM or SIGINT; then seals all records it holds. Exits with 1 when another archiver took over."""
    raise SystemExit(asyncio.run(run(config)))


async def run(config: Config) -> int:
    """Run the archiver; returns its exit code."""
    settings = config.settings
    url = archive_url(settings)
    if url is None:
        raise LogMismatch('there is nothing to archive to: archive is "off" in the settings')
    history, tidied = History(url), History(url)
    stop = told_to_stop()
    at = settings.internal_host, settings.archiver_metrics_port
    internal = await serve([metrics_of(metrics.REGISTRY), alive()], *at)
    redis = connect(settings.redis)
    try:
        opened = await unless_told(stop, deployed_log(redis, settings, logger))
        if opened is None:
            return 0
        deployment, log = opened
        lease = Lease(
            redis, key=keys.ARCHIVE_LEASE, token=process.unique_name(), work="writes the history", logger=logger
        )
        archiver = Archiver(log, history, redis, lanes=deployment.lanes, seal_s=settings.archive_seal_s, lease=lease)
        logger.info("archiving to %s", url)
        words, environ = command(config, url)
        keeper = FiguresKeeper(
            words,
            environ,
            every_s=settings.archive_seal_s,
            sealed=lambda: archiver.sealed_files,
            may_run=lambda: archiver.may_write,
        )
        computing = asyncio.create_task(keeper.keep())
        try:
            return await live(
                archiver,
                lease,
                stop,
                tidy=lambda: keep_house(
                    tidied,
                    redis,
                    config.sites,
                    lanes=deployment.lanes,
                    go_on=lambda: archiver.may_write and not stop.is_set(),
                    free=archiver.alone,
                ),
            )
        finally:
            computing.cancel()
            await asyncio.gather(computing, return_exceptions=True)
            await log.close()
    finally:
        await redis.aclose()
        await internal.cleanup()
