"""The deployment's log, as the writer opens it: on the way, the daily salts are those of all other collectors."""

from __future__ import annotations

from collector.marks import Marks
from wakeline.lanes import open_deployment
from wakeline.log import Log, LogUnavailable
from wakeline.log.opening import open_log
from wakeline.redis.connect import connect
from wakeline.redis.failures import failures_as
from wakeline.settings import Settings


async def deployment_log(settings: Settings, marks: Marks) -> tuple[Log, int]:
    """The log and its number of lanes. Raises LogUnavailable, DeploymentMismatch, LogMismatch and OtherSalts."""
    redis = connect(settings.redis)
    try:
        with failures_as(LogUnavailable, "Redis is away"):
            deployment = await open_deployment(redis, settings)
            await marks.keep(redis)
    finally:
        await redis.aclose()
    return await open_log(settings, deployment.lanes), deployment.lanes
