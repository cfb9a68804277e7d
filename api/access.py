"""API keys that may read: each request's key is looked up in Redis, so one that is revoked stops at once."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import NamedTuple

from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from api.answers import Refusal
from api.numbers import AWAY
from wakeline.api_keys import Scope, found, given, say_used, stored_key
from wakeline.clock import now_ms
from wakeline.patience import Outage
from wakeline.redis.failures import FAILURES
from wakeline.settings import Config, Site

BUDGET_S = 2.0  # per read
USED_EVERY_S = 60.0  # how often a key's time of last use is stored
CANNOT_READ = (*AWAY, NoPermissionError)

log = logging.getLogger("wakeline.api")


class Reader(NamedTuple):
    """Who may read of a site."""

    key: str  # the public name of its API key
    site: Site


def bearer(request: web.Request) -> str:
    """The token or key that a request bears; "" for none."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


class Access:
    """Verifies API keys."""

    def __init__(self, config: Config, redis: Redis) -> None:
        self._sites = config.sites
        self._redis = redis
        self._used: dict[str, float] = {}  # by name, of valid keys: when the last use was stored
        self._outage = Outage(log)

    async def reader(self, request: web.Request, scope: Scope) -> Reader | Refusal:
        """Whose key it is, if it may read the site in the path."""
        text = bearer(request)
        one = given(text)
        if one is None:
            return Refusal.UNAUTHORIZED
        try:
            async with asyncio.timeout(BUDGET_S):
                stored = await stored_key(self._redis, one.name)
        except CANNOT_READ as error:
            self._outage.say(f"API keys cannot be read: {str(error) or 'no answer in time'}", kind="away")
            return Refusal.UNAVAILABLE
        self._outage.is_over()
        verified = found({one.name: stored} if stored is not None else {}, text)
        if verified is None:
            return Refusal.UNAUTHORIZED
        name, key = verified
        await self._say_used(name)
        site = self._sites.get(key.site)
        if site is None or key.site != request.match_info["site"] or scope not in key.scopes:
            return Refusal.FORBIDDEN
        return Reader(name, site)

    async def _say_used(self, name: str) -> None:
        now = time.monotonic()
        if now - self._used.get(name, float("-inf")) < USED_EVERY_S:
            return
        self._used[name] = now
        with suppress(*FAILURES, NoPermissionError):
            async with asyncio.timeout(BUDGET_S):
                await say_used(self._redis, {name: now_ms()})
