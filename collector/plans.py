"""Campaigns that are planned over HTTP, in Redis and in the log: told as `wakeline apply` tells what the file says.

What is told meets in one hash before it is appended, so two who plan the same at once are told apart there. Whoever was
cut between the two sends it again, or `wakeline apply` ends it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
from redis.asyncio import Redis

from wakeline import keys
from wakeline.applied import Applied, AppliedMeanwhile, Of, append, applied, decode_known, field_of, register, told_of
from wakeline.lanes import FIELDS, Deployment, NoDeployment, stored_deployment
from wakeline.log import Log, LogUnavailable
from wakeline.planned import MOST_BYTES_OF_SITE, MOST_TOLD, body_of, is_told, name_of
from wakeline.redis.connect import connect
from wakeline.redis.failures import failures_as
from wakeline.settings import CampaignRule, Site

MOST_BYTES_NOTED = 10 * MOST_BYTES_OF_SITE  # that a lane knows of a site: of each the latest nine words
SHORT = 1_024  # bytes of one that may be told beyond that: it takes the place of a longer one
ATTEMPTS = 8  # where others plan the same campaign at the same time


class Unavailable(Exception):
    """Redis or the log is away."""


class Busy(Exception):
    """Others plan the same campaign all the time."""


class TooMany(Exception):
    """The site has as many as it may."""


class Held(NamedTuple):
    """The campaigns of a site."""

    of_file: Mapping[str, CampaignRule]  # by id; of the file as it was applied, or else as it was read
    told: Mapping[str, CampaignRule | None]  # by the name of the definition; None: it was deleted
    currency: str

    def knows(self, id: str) -> bool:
        return name_of(id) in self.told

    def by_id(self, id: str) -> CampaignRule | None:
        return self.told.get(name_of(id))


class Plans:
    """`url`: of Redis. `log`: the open log and its number of lanes; None while it is away."""

    def __init__(self, url: str, log: Callable[[], tuple[Log | None, int]]) -> None:
        self._url = url
        self._log = log

    async def held(self, site: Site) -> Held:
        """What holds. Raises Unavailable."""
        async with self._redis() as redis:
            said = await applied(redis)
        of_file = _said(said, site, "campaigns", site.campaigns, tuple[CampaignRule, ...])
        return Held(
            {rule.id: rule for rule in of_file},
            told_of(said, site.key),
            _said(said, site, "currency", site.currency, str),
        )

    async def tell(self, site: str, id: str, rule: CampaignRule | None) -> None:
        """Have a campaign hold; None: no longer. It is in every lane then. Raises Unavailable, Busy and TooMany."""
        log, lanes = self._log()
        if log is None:
            raise Unavailable("the log is away")
        of, body = (site, name_of(id)), body_of(rule)
        async with self._redis() as redis:
            deployment = await _deployment(redis)
            for _ in range(ATTEMPTS):
                said = await applied(redis)
                known, met = said.get(of), await _met(redis, deployment, of)
                if known is not None and bytes(known.body) == body and met <= known.version:
                    new = known
                else:
                    if rule is not None:
                        _refuse_too_many(said, of, body)
                        if len(body) > SHORT:
                            await _refuse_too_much_noted(redis, deployment, said, site)
                    try:
                        new = await register(redis, of, known, max(known.version if known else 0, met) + 1, body)
                    except AppliedMeanwhile:
                        continue
                if not new.is_everywhere:
                    await append(redis, log, lanes, {of: new})
                return
        raise Busy("others plan the same campaign at the same time")

    @asynccontextmanager
    async def _redis(self) -> AsyncIterator[Redis]:
        with failures_as(Unavailable, "Redis is away"):
            async with connect(self._url) as redis:
                try:
                    yield redis
                except LogUnavailable as error:
                    raise Unavailable(str(error)) from None


def _said(said: Mapping[Of, Applied], site: Site, name: str, configured: Any, type: Any) -> Any:
    """What was applied of a setting; else what is configured."""
    one = said.get((site.key, name))
    return configured if one is None else msgspec.json.decode(bytes(one.body), type=type)


async def _deployment(redis: Redis) -> Deployment:
    values: Any = await redis.hmget(keys.DEPLOYMENT, FIELDS)
    try:
        return stored_deployment(values)
    except NoDeployment as error:
        raise Unavailable(str(error)) from None


async def _met(redis: Redis, deployment: Deployment, of: Of) -> int:
    """The latest version that a live lane has met."""
    live, latest = keys.Keys(deployment.version), 0
    for lane in range(deployment.lanes):
        asked: Any = redis.hmget(live.definitions(lane), [field_of(of)])
        (text,) = await asked
        if text is not None:
            latest = max([latest, *(noted.version for noted in decode_known(text).noted)])
    return latest


async def _refuse_too_much_noted(redis: Redis, deployment: Deployment, said: Mapping[Of, Applied], site: str) -> None:
    """A lane knows the latest words on each, not only the one that holds."""
    fields = [field_of((of, name)) for of, name in said if of == site and is_told(name)]
    if not fields:
        return
    asked: Any = redis.hmget(keys.Keys(deployment.version).definitions(0), fields)
    if sum(len(text) for text in await asked if text is not None) > MOST_BYTES_NOTED:
        raise TooMany(f"long campaigns of the site changed too often: send one of {SHORT:,} bytes at most")


def _refuse_too_many(said: Mapping[Of, Applied], of: Of, body: bytes) -> None:
    others = [one for (site, name), one in said.items() if site == of[0] and is_told(name) and name != of[1]]
    if len(others) >= MOST_TOLD:
        raise TooMany(f"the site has {MOST_TOLD} campaigns that were planned over HTTP, deleted ones included")
    if sum(len(one.body) for one in others) + len(body) > MOST_BYTES_OF_SITE:
        raise TooMany(f"the site's campaigns that are planned over HTTP have more than {MOST_BYTES_OF_SITE // 1024} KB")
