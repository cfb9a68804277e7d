"""What `wakeline apply` has said of definitions, and how lanes note what they have met of it.

What was said last lies in one hash outside of the key versions. There two who apply at the same time meet, before
either appends: lanes hear of it later, and each in its own slot. One that was cut between the two is ended by whoever
applies next, under the same version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from wakeline import keys
from wakeline.lanes import Deployment
from wakeline.log import Log
from wakeline.planned import decoded, is_told
from wakeline.record import Definition, encode_record
from wakeline.settings import CampaignRule

Of = tuple[str, str]  # site, name of what is defined


def field_of(of: Of) -> str:
    """The field of a hash that is about this."""
    return "/".join(of)


def of_field(field: bytes) -> Of:
    """What a field is about."""
    site, _, name = field.decode().partition("/")
    return site, name


# ---- what was said last ------------------------------------------------------------------------


class Applied(Struct, frozen=True):
    """What was said last of one site and name; a field of `keys.DEFINITIONS`."""

    version: int
    body: msgspec.Raw
    is_everywhere: bool  # whether it was appended to every lane


class AppliedMeanwhile(Exception):
    """Somebody else said something of the same at the same time; that holds."""


_decode = msgspec.json.Decoder(Applied).decode
_encode = msgspec.json.Encoder().encode

# KEYS: DEFINITIONS; ARGV: field, what it says, what it is to say; "" for nothing. Returns whether it says that now.
COMPARE_AND_SET = """
if (redis.call('HMGET', KEYS[1], ARGV[1])[1] or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""


async def applied(redis: Redis) -> dict[Of, Applied]:
    """All of it. Raises redis-py's errors."""
    found: Any = await redis.hgetall(keys.DEFINITIONS)
    return {of_field(field): _decode(text) for field, text in found.items()}


def told_of(said: Mapping[Of, Applied], site: str) -> dict[str, CampaignRule | None]:
    """The campaigns of a site that were planned over HTTP, by the name of the definition; None: deleted."""
    found = {name: one for (of, name), one in said.items() if of == site and is_told(name)}
    return {name: decoded(bytes(one.body)) for name, one in found.items()}


async def register(redis: Redis, of: Of, former: Applied | None, version: int, body: bytes) -> Applied:
    """Say that `version` follows `former`. Raises AppliedMeanwhile, and redis-py's errors."""
    new = Applied(version, msgspec.Raw(body), False)
    if not await _compare_and_set(redis, of, former, new):
        raise AppliedMeanwhile
    return new


async def append(redis: Redis, log: Log, lanes: int, said: Mapping[Of, Applied]) -> None:
    """Append this to every lane, and note that. May be done twice, by two at the same time too.

    Raises LogUnavailable, and then nothing is known of what was appended; and redis-py's errors.
    """
    records = [encode_record(Definition(*of, one.version, one.body)) for of, one in said.items()]
    await log.append([(lane, record) for lane in range(lanes) for record in records])
    for of, one in said.items():
        await _compare_and_set(redis, of, one, Applied(one.version, one.body, True))


async def _compare_and_set(redis: Redis, of: Of, former: Applied | None, new: Applied) -> bool:
    texts = ["" if one is None else _encode(one).decode() for one in (former, new)]
    asked: Any = redis.eval(COMPARE_AND_SET, 1, keys.DEFINITIONS, field_of(of), *texts)
    return bool(await asked)


# ---- what a lane has met -----------------------------------------------------------------------


class Noted(Struct, frozen=True):
    """One that the lane has met."""

    version: int
    offset: int  # of its record
    body: msgspec.Raw


class Now(Struct, frozen=True):
    """What a replay by the rules of its day began with."""

    version: int
    body: msgspec.Raw


class Known(Struct, omit_defaults=True):
    """What a lane knows of one site and name; a field of `keys.Keys.definitions`. In order of version."""

    noted: list[Noted] = []
    now: Now | None = None  # it holds from the start; of the noted ones only later versions count


decode_known = msgspec.json.Decoder(Known).decode


def encode_known(known: Known) -> str:
    return _encode(known).decode()


async def met(redis: Redis, deployment: Deployment) -> dict[Of, int]:
    """The latest version of each that a live lane has met. It is above what was said last where Redis came back from an
    older backup than the log. Raises redis-py's errors.
    """
    found: dict[Of, int] = {}
    live = keys.Keys(deployment.version)
    for lane in range(deployment.lanes):
        fields: Any = await redis.hgetall(live.definitions(lane))
        for field, text in fields.items():
            of = of_field(field)
            found[of] = max([found.get(of, 0), *(noted.version for noted in decode_known(text).noted)])
    return found
