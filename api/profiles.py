"""GET /v1/profiles: the profile of a visitor or a customer as JSON, for servers with the token or an API key."""

from __future__ import annotations

import asyncio
import hmac
import logging

from aiohttp import web

from api.access import BUDGET_S, Access, bearer
from api.answers import Refusal, answered
from api.metrics import KEY_ANSWERS, PROFILE_ANSWERS, PROFILE_SECONDS
from api.numbers import AWAY
from wakeline.api_keys import Scope, given
from wakeline.identity import customer_id
from wakeline.profiles import INTERESTS, AsyncProfiles, Profile
from wakeline.settings import Config, Site
from wakeline.traces import without_words

MAX_INTERESTS = 100

log = logging.getLogger("wakeline.api")


class ProfileHandlers:
    """Answers with a `Profile` as JSON, or with {"reason": <Refusal>}."""

    def __init__(self, config: Config, profiles: AsyncProfiles, access: Access) -> None:
        self._token = config.settings.api_token.encode()
        self._sites = config.sites
        self._profiles = profiles
        self._access = access

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
        site = await self._site(request)
        if isinstance(site, Refusal):
            return site
        if is_customer and not site.secret:
            return Refusal.NO_SITE_SECRET
        interests = _interests(request)
        if interests is None:
            return Refusal.BAD_INTERESTS
        id = request.match_info["id"]
        return await self._read(site.key, customer_id(site.secret, id) if is_customer else id, interests)

    async def _site(self, request: web.Request) -> Site | Refusal:
        """The site in the path, if the token or the API key of the request may read it."""
        text = bearer(request)
        has_token = bool(self._token) and hmac.compare_digest(text.encode(errors="surrogateescape"), self._token)
        if not has_token and given(text) is not None:
            reader = await self._access.reader(request, Scope.PROFILES)
            KEY_ANSWERS.labels(Scope.PROFILES, reader if isinstance(reader, Refusal) else "ok").inc()
            return reader if isinstance(reader, Refusal) else reader.site
        if not self._token:
            return Refusal.NO_TOKEN_SET
        if not has_token:
            return Refusal.UNAUTHORIZED
        return self._sites.get(request.match_info["site"]) or Refusal.UNKNOWN_SITE

    async def _read(self, site: str, id: str, interests: int) -> Profile | Refusal:
        try:
            with PROFILE_SECONDS.time():
                async with asyncio.timeout(BUDGET_S):
                    found = await self._profiles.read(site, id, interests=interests)
        except AWAY as error:
            log.warning("a profile could not be read: %s", str(error) or "no answer in time")
            return Refusal.UNAVAILABLE
        except Exception as error:
            log.error("internal error while a profile was read\n%s", without_words(error))
            return Refusal.INTERNAL
        return found or Refusal.UNKNOWN_PROFILE


def _interests(request: web.Request) -> int | None:
    asked = request.query.get("interests", str(INTERESTS))
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 3 and int(asked) <= MAX_INTERESTS):
        return None
    return int(asked)


def _answer(found: Profile | Refusal) -> web.Response:
    PROFILE_ANSWERS.labels(found.value if isinstance(found, Refusal) else "ok").inc()
    return answered(found)
