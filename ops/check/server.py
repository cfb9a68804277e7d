"""Redis, a server or a cluster: whether it is suitable, and its data match the settings."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

from ops.check.clock import judge_log_time
from ops.check.cluster import check_cluster
from ops.check.finding import Finding, fail, ok, warn
from ops.check.node import (
    Facts,
    deployment_in,
    gather_node,
    judge_deployment,
    judge_node,
)
from wakeline import keys
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES
from wakeline.redis.url import is_cluster
from wakeline.settings import Settings


async def check_server(settings: Settings, shown_url: str, *, embedded: bool = False) -> list[Finding]:
    """`embedded`: no server is configured, so `wakeline up` starts its own, which need not run yet."""
    if is_cluster(settings.redis):
        return await check_cluster(settings, shown_url)
    try:
        facts = await gather(settings.redis)
        if not settings.log:
            facts = replace(facts, log_time=await log_time_in(settings.redis))
    except FAILURES as error:
        if embedded and not _listens(settings.embedded_port):
            return [warn("the embedded server is not running yet", "`wakeline up` starts it")]
        return [
            fail(
                f"Redis at {shown_url} cannot be used: {error}",
                "start `wakeline up`, or name a running server: --redis, WAKELINE_REDIS or redis in wakeline.toml",
            )
        ]
    return [ok(f"Redis at {shown_url} answers"), *judge(facts, settings)]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def judge(facts: Facts, settings: Settings) -> Iterator[Finding]:
    """Checks whether a server with these facts meets Wakeline's requirements."""
    yield from judge_node(facts, settings)
    yield from judge_log_time(appended=facts.log_time, received=0, now=time.time() * 1000)
    yield judge_deployment(facts.deployment, settings)


async def gather(url: str) -> Facts:
    """Ask the server. Raises redis-py's errors."""
    return replace(await gather_node(url), deployment=await deployment_in(url))


async def log_time_in(url: str) -> int:
    """Latest append time of the log in a server, ms; 0 if it has no log. Raises redis-py's errors."""
    async with connect(url) as redis:
        return int(await redis.get(keys.LOG_TIME) or 0)
