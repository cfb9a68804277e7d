"""Wires the archiver: settings in, parts connected, nothing decided."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket

from redis.asyncio import Redis

from archiver import metrics
from archiver.archiving import Archiver
from archiver.housekeeping import keep_house
from archiver.loop import live
from wakeline import keys
from wakeline.history import History, archive_url
from wakeline.lanes import Deployment, open_deployment
from wakeline.log import Log, LogMismatch, LogUnavailable
from wakeline.log.opening import open_log
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES
from wakeline.redis.lease import Lease
from wakeline.settings import Config, Settings
from wakeline.stopping import told_to_stop

logger = logging.getLogger("wakeline.archiver")


def main(config: Config) -> None:
    """Runs until SIGTERM or SIGINT; then what it holds is sealed. Exits with 1 when another archiver took over."""
    raise SystemExit(asyncio.run(run(config)))


async def run(config: Config) -> int:
    """The archiver's life; returns its exit code."""
    settings = config.settings
    url = archive_url(settings)
    if url is None:
        raise LogMismatch('there is nothing to archive to: archive is "off" in the settings')
    history, tidied = History(url), History(url)
    stop = told_to_stop()
    try:
        metrics.offer(settings.internal_host, settings.archiver_metrics_port)
    except OSError as error:
        logger.error(
            "cannot listen on %s port %d: %s",
            *(settings.internal_host, settings.archiver_metrics_port, error.strerror or error),
        )
        return 1
    redis = connect(settings.redis)
    try:
        opened = await _open(redis, settings, stop)
        if opened is None:
            return 0
        deployment, log = opened
        token = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        lease = Lease(redis, key=keys.ARCHIVE_LEASE, token=token, work="writes the history", logger=logger)
        archiver = Archiver(log, history, redis, lanes=deployment.lanes, seal_s=settings.archive_seal_s, lease=lease)
        logger.info("archiving to %s", url)
        try:
            return await live(
                archiver,
                lease,
                stop,
                tidy=lambda: keep_house(
                    tidied,
                    redis,
                    config.sites,
                    go_on=lambda: archiver.may_write and not stop.is_set(),
                    free=archiver.alone,
                ),
            )
        finally:
            await log.close()
    finally:
        await redis.aclose()


async def _open(redis: Redis, settings: Settings, stop: asyncio.Event) -> tuple[Deployment, Log] | None:
    """Waits for Redis and the log; None when told to stop. Raises DeploymentMismatch and LogMismatch at once."""
    said = False
    while not stop.is_set():
        try:
            deployment = await open_deployment(redis, settings)
            return deployment, await open_log(settings, deployment.lanes)
        except (*FAILURES, LogUnavailable) as error:
            if not said:
                logger.warning("waiting for Redis and the log: %s", error)
                said = True
            await asyncio.sleep(1.0)
    return None
