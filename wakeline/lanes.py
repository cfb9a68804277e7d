"""Lanes: the assignment of ids to lanes, and a deployment's constants."""

from __future__ import annotations

from binascii import crc32
from typing import TYPE_CHECKING

from msgspec import Struct

from wakeline import keys
from wakeline.clock import now_ms
from wakeline.durations import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from wakeline.settings import Settings


def lane_of(site: str, id: str, lanes: int) -> int:
    """The lane (0 .. lanes-1) of a visitor or customer `id` of `site`; it never changes."""
    return crc32(f"{site}/{id}".encode()) % lanes


class Deployment(Struct, frozen=True):
    """Chosen at first start and stored in Redis; only `version` changes, at the end of a replay."""

    lanes: int
    decay_zero: int  # ms since 1970: T0 of the forward decay
    half_life: int  # ms
    version: int = keys.VERSION  # the live version of the keys, which readers follow, see `keys.Keys`


def half_life_ms(days: float) -> int:
    """A half-life in ms, as stored: rounded, so that 2.3333333333 and 2.33333333333 days are equal."""
    return round(days * DAY_MS)


def days(half_life: int) -> str:
    """The shortest number of days for this half-life in ms, to be written into the settings."""
    for digits in range(1, 18):
        text = f"{half_life / DAY_MS:.{digits}g}"
        if "e" not in text and half_life_ms(float(text)) == half_life:
            return text
    return repr(half_life / DAY_MS)


class NoDeployment(Exception):
    """Redis holds no deployment: no process that creates one has started yet."""


class DeploymentMismatch(Exception):
    """The stored data do not fit: another number of lanes or half-life than in the settings, or a newer format."""


FIELDS = ("lanes", "decay_zero", "half_life", "version")


def stored_deployment(values: Sequence[bytes | None]) -> Deployment:
    """The deployment from the values of FIELDS in the hash DEPLOYMENT, for readers.

    Raises NoDeployment if there is none.
    """
    *facts, version = values
    if None in facts:
        raise NoDeployment("this Redis holds no deployment yet: start the collector or the processor first")
    lanes, decay_zero, half_life = (int(value) for value in facts if value is not None)
    return Deployment(lanes, decay_zero, half_life, int(version or keys.VERSION))


FORMAT = 6
"""Of the stored data and the log's records: raised by a version of Wakeline whose data the ones before cannot read.

1   all before there was such a number
2   places of lanes have steps
3   the log has facts, ends of imports and records that unlink a person; a lane has things, and `conflict` in its
    ledger; beside the key versions lie cards and API keys; the spool has its second format, with each record's lane
4   the log has records that unlink visitors from a customer, who may only have withdrawn; what names a person may be a
    visitor; states of visitors have short names
5   states of visitors and customers are msgpack; those of customers have short names
6   with each order lies what was counted of it
"""

# KEYS: DEPLOYMENT; ARGV: lanes, decay_zero, half_life, FORMAT. First come, first stored; the format only rises.
OPEN = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'lanes', ARGV[1], 'decay_zero', ARGV[2], 'half_life', ARGV[3])
end
if tonumber(redis.call('HMGET', KEYS[1], 'format')[1] or 1) < tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[1], 'format', ARGV[4])
end
return redis.call('HMGET', KEYS[1], 'format', 'lanes', 'decay_zero', 'half_life', 'version')
"""


async def open_deployment(redis: Redis, settings: Settings) -> Deployment:
    """The deployment stored in `redis`, created from the settings if there is none.

    Raises DeploymentMismatch, naming the setting and both values, and redis-py's errors.
    """
    half_life = half_life_ms(settings.half_life_days)
    found = await redis.register_script(OPEN)(
        keys=[keys.DEPLOYMENT], args=[settings.lanes, now_ms(), half_life, FORMAT]
    )
    format, *values = found
    if int(format) > FORMAT:
        raise DeploymentMismatch(
            f"the data in Redis were written by a newer version of Wakeline (format {int(format)}, this one reads up "
            f"to {FORMAT}): install that version again, or restore a backup made before the upgrade"
        )
    deployment = stored_deployment(values)
    for name, stored, asked in (
        ("lanes", str(deployment.lanes), str(settings.lanes)),
        ("half_life_days", days(deployment.half_life), days(half_life)),
    ):
        if stored != asked:
            raise DeploymentMismatch(
                f"{name} is {asked} in the settings, but the data in Redis was built with {stored}: "
                f"set {name} = {stored}, or use an empty Redis"
            )
    return deployment
