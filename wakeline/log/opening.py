"""The log that the settings name."""

from __future__ import annotations

from urllib.parse import urlsplit

from wakeline.log import Log
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.settings import Settings

KAFKA = "kafka"


async def open_log(settings: Settings, lanes: int) -> Log:
    """Raises LogUnavailable where it is away, and LogMismatch where it was not made for this deployment."""
    if urlsplit(settings.log).scheme == KAFKA:
        from wakeline.log.kafka import KafkaLog  # 20 MB that only such a deployment needs

        return await KafkaLog.open(settings.log, lanes)
    return RedisStreamsLog(settings.redis, lanes)
