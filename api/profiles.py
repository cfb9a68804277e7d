"""GET /v1/profiles: the profile of a visitor or a customer as JSON, for servers with the token."""

from __future__ import annotations

import asyncio
import hmac
import logging
from enum import StrEnum

import msgspec
from aiohttp import web

from api.metrics import PROFILE_ANSWERS, PROFILE_SECONDS
from api.numbers import AWAY
from wakeline.identity import customer_id
from wakeline.profiles import INTERESTS, AsyncProfiles, Profile
from wakeline.settings import Config

BUDGET_S = 2.0  # per read
MAX_INTERESTS = 100

log = logging.getLogger("wakeline.api")


class Refusal(StrEnum):
    """Why there is no profile: the answer's `reason` and the metric's label."""

    NO_TOKEN_SET = "no_token_set"  # the setting api_token is empty: all requests are refused
    UNAUTHORIZED = "unauthorized"  # no `Authorization: Bearer <token>`, or the wrong token
    UNKNOWN_SITE = "unknown_site"
    NO_SITE_SECRET = "no_site_secret"  # a site without a secret has no customers
    BAD_INTERESTS = "bad_interests"  # ?interests= is not a number from 0 to 100
    UNKNOWN_PROFILE = "unknown_profile"
    UNAVAILABLE = "unavailable"  # Redis is down: retry


STATUS: dict[Refusal, int] = {
    Refusal.NO_TOKEN_SET: 403,
    Refusal.UNAUTHORIZED: 401,
    Refusal.UNKNOWN_SITE: 404,
    Refusal.NO_SITE_SECRET: 404,
    Refusal.BAD_INTERESTS: 400,
    Refusal.UNKNOWN_PROFILE: 404,
    Refusal.UNAVAILABLE: 503,
}

encode = msgspec.json.Encoder().encode


class ProfileHandlers:
    """Answers with a `Profile` as JSON, or with {"reason": <Refusal>}."""

    def __init__(self, config: Config, profiles: AsyncProfiles) -> None:
        self._token = config.settings.api_token.encode()
        self._sites = config.sites
        self._profiles = profiles

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/profiles/{site}/{id}", self.by_id),
            web.get("/v1/profiles/{site}/customers/{id}", self.by_customer),
        ]

    async def by_id(self, request: web.Request) -> web.Response:
        """The profile of a visitor id, or of a customer's pseudonym "@..."."""
        return _answer(await self._find(request, is_customer=False))

    async def by_customer(self, request: web.Request) -> web.Response:
        """The profile of the customer with the site's own `id`."""
        return _answer(await self._find(request, is_customer=True))

    async def _find(self, request: web.Request, *, is_customer: bool) -> Profile | Refusal:
        if not self._token:
            return Refusal.NO_TOKEN_SET
        if not hmac.compare_digest(_bearer(request), self._token):
            return Refusal.UNAUTHORIZED
        site = self._sites.get(request.match_info["site"])
        if site is None:
            return Refusal.UNKNOWN_SITE
        if is_customer and not site.secret:
            return Refusal.NO_SITE_SECRET
        interests = _interests(request)
        if interests is None:
            return Refusal.BAD_INTERESTS
        id = request.match_info["id"]
        return await self._read(site.key, customer_id(site.secret, id) if is_customer else id, interests)

    async def _read(self, site: str, id: str, interests: int) -> Profile | Refusal:
        try:
            with PROFILE_SECONDS.time():
                async with asyncio.timeout(BUDGET_S):
                    found = await self._profiles.read(site, id, interests=interests)
        except AWAY as error:
            log.warning("a profile could not be read: %s", str(error) or "no answer in time")
            return Refusal.UNAVAILABLE
        return found or Refusal.UNKNOWN_PROFILE


def _bearer(request: web.Request) -> bytes:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip().encode(errors="surrogateescape") if scheme.lower() == "bearer" else b""


def _interests(request: web.Request) -> int | None:
    asked = request.query.get("interests", str(INTERESTS))
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 3 and int(asked) <= MAX_INTERESTS):
        return None
    return int(asked)


def _answer(found: Profile | Refusal) -> web.Response:
    headers = {"Cache-Control": "no-store", "Content-Type": "application/json"}
    if isinstance(found, Profile):
        PROFILE_ANSWERS.labels("ok").inc()
        return web.Response(body=encode(found), headers=headers)
    PROFILE_ANSWERS.labels(found.value).inc()
    if found is Refusal.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if found is Refusal.UNAVAILABLE:
        headers["Retry-After"] = "1"
    return web.Response(status=STATUS[found], body=encode({"reason": found}), headers=headers)
