"""Opens the log named in the settings, as the deployment's log."""

from __future__ import annotations

from contextlib import AsyncExitStack
from logging import Logger
from urllib.parse import urlsplit

from redis.asyncio import Redis

from wakeline import keys
from wakeline.lanes import Deployment, open_deployment
from wakeline.log import Log, LogUnavailable
from wakeline.log.chain import chained
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.patience import patiently
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES
from wakeline.settings import Settings

KAFKA = "kafka"


async def open_log(settings: Settings, lanes: int) -> Log:
    """Raises LogUnavailable if it cannot be reached, and LogMismatch if it belongs to another deployment."""
    async with AsyncExitStack() as opened:
        redis = connect(settings.redis)
        opened.push_async_callback(redis.aclose)
        async with AsyncExitStack() as logs:
            log = await plain_log(settings.log or settings.redis, lanes)
            logs.push_async_callback(log.close)
            try:
                before = await _before(settings, redis, lanes)
                if before is not None:
                    logs.push_async_callback(before.close)
                found = await chained(log, before, redis, lanes)
            except FAILURES as error:
                raise LogUnavailable(f"Redis is away: {error}") from error
            logs.pop_all()
            return found


async def deployed_log(redis: Redis, settings: Settings, logger: Logger) -> tuple[Deployment, Log]:
    """The deployment and its log, as soon as Redis and the log are there.

    Raises DeploymentMismatch and LogMismatch at once.
    """

    async def opened() -> tuple[Deployment, Log]:
        deployment = await open_deployment(redis, settings)
        return deployment, await open_log(settings, deployment.lanes)

    return await patiently(opened, (*FAILURES, LogUnavailable), logger, "waiting for Redis and the log")


async def plain_log(url: str, lanes: int) -> Log:
    """One log by its URL."""
    if urlsplit(url).scheme == KAFKA:
        from wakeline.log.kafka import KafkaLog  # 20 MB that only such a deployment needs

        return await KafkaLog.open(url, lanes)
    return RedisStreamsLog(url, lanes)


async def _before(settings: Settings, redis: Redis, lanes: int) -> Log | None:
    """The previous log: `log_before` of the settings, otherwise Redis Streams if there is such a log."""
    if settings.log_before:
        return await plain_log(settings.log_before, lanes)
    if settings.log and await redis.exists(keys.LOG_ID):
        return RedisStreamsLog(settings.redis, lanes)
    return None
