"""One Redis server, or one node of a cluster: gathers facts, then judges them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from ops.check.finding import Finding, fail, ok, warn
from wakeline import keys
from wakeline.lanes import FIELDS, Deployment, NoDeployment, days, half_life_ms, stored_deployment
from wakeline.log.fsync import waits_for_fsync
from wakeline.memory import COUNT_ONLY, REFUSE
from wakeline.redis.connect import connect
from wakeline.redis.embedded import OLDEST
from wakeline.redis.failures import is_away
from wakeline.settings import Settings

CLOCK_WARN_MS = 1_000
CLOCK_FAIL_MS = 60_000
WRITE_ALWAYS = "CONFIG SET appendonly yes, CONFIG SET appendfsync always, and the same in its configuration file"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A server's description of itself. None: not disclosed."""

    product: str  # redis or valkey
    version: tuple[int, int]
    used_memory: int  # bytes
    maxmemory: int | None  # 0: no limit
    policy: str | None
    appendonly: bool | None
    appendfsync: str | None
    waits_for_fsync: bool  # tested with WAITAOF, if appendfsync is everysec
    write_failed: bool  # the last write to the append-only file failed
    deployment: Deployment | None
    clock_ahead_ms: float  # its clock minus ours
    log_time: int = 0  # latest append time, ms; 0: no log


async def deployment_in(url: str) -> Deployment | None:
    """The deployment in a server or a cluster. Raises redis-py's errors."""
    async with connect(url) as redis:
        values: Any = await redis.hmget(keys.DEPLOYMENT, FIELDS)
    try:
        return stored_deployment(values)
    except NoDeployment:
        return None


async def gather_node(url: str) -> Facts:
    """All facts but the deployment, which is on only one node of a cluster."""
    async with connect(url, one_connection=True) as redis:
        info: dict[str, Any] = await redis.info("everything")
        config = await _config(redis)
        sent = time.time()
        seconds, micros = await redis.time()
        ahead = seconds + micros / 1e6 - (sent + time.time()) / 2
        enabled = info.get("aof_enabled")
        asks = enabled and config.get("appendfsync") == "everysec"
        waits = await waits_for_fsync(redis) if asks else False
    product = "valkey" if "valkey_version" in info else "redis"
    major, minor, *_ = str(info[f"{product}_version"]).split(".")
    return Facts(
        product=product,
        version=(int(major), int(minor)),
        used_memory=int(info["used_memory"]),
        maxmemory=int(info["maxmemory"]) if "maxmemory" in info else None,
        policy=info.get("maxmemory_policy"),
        appendonly=bool(enabled) if enabled is not None else None,
        appendfsync=config.get("appendfsync"),
        waits_for_fsync=waits,
        write_failed=info.get("aof_last_write_status", "ok") != "ok",
        deployment=None,
        clock_ahead_ms=ahead * 1000,
    )


async def _config(redis: Any) -> dict[str, str]:
    try:
        return dict(await redis.config_get("appendfsync"))
    except ResponseError as error:
        if is_away(error):
            raise
        return {}  # a managed server hides CONFIG


def judge_node(facts: Facts, settings: Settings) -> Iterator[Finding]:
    """Checks whether a server with these facts meets Wakeline's requirements; one finding per rule, in this order."""
    persistence = _persistence_of_state if settings.log else _persistence
    for rule in (_version, _eviction, _memory, persistence, _clock):
        yield rule(facts)


def _version(facts: Facts) -> Finding:
    said = f"{facts.product} {facts.version[0]}.{facts.version[1]}"
    if facts.version >= OLDEST:
        return ok(said)
    return fail(
        f"{said} is too old: WAITAOF and streams with counted ids need {OLDEST[0]}.{OLDEST[1]}", "use a newer server"
    )


def _eviction(facts: Facts) -> Finding:
    if facts.maxmemory == 0 or facts.policy == "noeviction":
        return ok("nothing is evicted")
    if facts.policy is None:
        return warn("the server hides its maxmemory-policy", "make sure in its console that it is noeviction")
    return fail(
        f"maxmemory-policy {facts.policy} deletes profiles and the log when memory runs short",
        "CONFIG SET maxmemory-policy noeviction, and the same in the server's configuration file",
    )


def _memory(facts: Facts) -> Finding:
    used = f"{facts.used_memory / 1e6:,.0f} MB of memory in use"
    if facts.maxmemory is None:
        return ok(f"{used}; the server hides its maxmemory")
    if facts.maxmemory == 0:
        return warn(
            f"{used}, and no maxmemory: attackers can fill the machine's memory with invented visitors",
            "CONFIG SET maxmemory, and the same in its configuration file, so that the collector can stop in time",
        )
    share = facts.used_memory / facts.maxmemory
    if share < COUNT_ONLY:
        return ok(f"{used}, {(facts.maxmemory - facts.used_memory) / 1e6:,.0f} MB free")
    if share < REFUSE:
        said = f"no new profiles are created; above {REFUSE:.0%} the collector answers 503"
    else:
        said = "the collector answers 503"
    return warn(
        f"{used}, {share:.0%} of the limit: {said}",
        "raise maxmemory (embedded_memory_mb), or lower log_max_records and log_max_age_days",
    )


def _on_disk(facts: Facts, loss: str) -> Finding | None:
    """Rules that do not depend on the log's location; `loss` is the effect of a missing append-only file."""
    if facts.appendonly is False:
        return fail(f"appendonly is off: {loss}", WRITE_ALWAYS)
    if facts.write_failed:
        return fail("the server's last write to its append-only file failed", "free disk space; see the server's log")
    if facts.appendfsync == "always":
        return ok("every write is on disk before it is answered (appendfsync always)")
    return None


def _persistence(facts: Facts) -> Finding:
    if found := _on_disk(facts, "acknowledged events are lost when the server stops"):
        return found
    if facts.appendfsync == "everysec" and not facts.waits_for_fsync:
        return fail(
            "appendfsync is everysec, and WAITAOF confirms writes that are not on disk yet: no events are accepted",
            WRITE_ALWAYS,
        )
    if facts.appendfsync == "everysec":
        return warn("appendfsync is everysec: each answer waits up to a second for WAITAOF", WRITE_ALWAYS)
    if facts.appendfsync is None:
        return warn(
            "the server hides its appendfsync: each answer waits for WAITAOF, up to a second",
            "make sure in its console that its append-only file is on, with appendfsync always",
        )
    return fail(f"appendfsync is {facts.appendfsync}: writes reach the disk at an unknown time", WRITE_ALWAYS)


def _persistence_of_state(facts: Facts) -> Finding:
    """If the log is on Kafka: state that Redis loses together with its place is folded again."""
    if found := _on_disk(facts, "all numbers are lost when the server stops, until a replay"):
        return found
    if facts.appendfsync is None:
        return warn("the server hides its appendfsync", "make sure in its console that its append-only file is on")
    return warn(
        f"appendfsync is {facts.appendfsync}: after a power failure the last records are folded again, and "
        "customers may count some of them twice",
        WRITE_ALWAYS,
    )


def judge_deployment(stored: Deployment | None, settings: Settings) -> Finding:
    half_life = half_life_ms(settings.half_life_days)
    asked = f"{settings.lanes} lanes, half-life {days(half_life)} days"
    if stored is None:
        return ok(f"no data yet: the first start creates {asked}")
    said = f"{stored.lanes} lanes, half-life {days(stored.half_life)} days"
    if said == asked:
        return ok(f"the data was built as configured: {said}")
    return fail(
        f"the data was built with {said}, but the settings are {settings.lanes} and {days(half_life)}",
        f"set lanes = {stored.lanes} and half_life_days = {days(stored.half_life)}, or use an empty Redis",
    )


def _clock(facts: Facts) -> Finding:
    off = abs(facts.clock_ahead_ms)
    if off <= CLOCK_WARN_MS:
        return ok(f"clocks agree within {max(1, round(off))} ms")
    said = f"the server's clock is {off / 1000:,.1f} s {'ahead of' if facts.clock_ahead_ms > 0 else 'behind'} this one"
    fix = "synchronise both with NTP (timedatectl set-ntp true)"
    return fail(said, fix) if off > CLOCK_FAIL_MS else warn(said, fix)
