"""`POST /v1/server/links` step by step: the key, the limits, the mails one by one, the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from collector import server_answers as answers
from collector.addresses import Addresses
from collector.body import is_json, read_body
from collector.keyring import Keyring
from collector.limiter import KeyLimiter, Limiter
from wakeline.api_keys import Scope
from wakeline.event import Refusal
from wakeline.mailing.making import BadLink, Links, Made
from wakeline.mailing.wire import LinksAnswer, LinksRequest, decode_request, encode_answer
from wakeline.server_events import MAX_BODY_BYTES

AT_A_STRETCH = 20  # mails, before others are answered


class LinkApi:
    """Makes links of the sites that have a secret; `links` by site. `clock` gives ms since 1970."""

    def __init__(
        self,
        links: Mapping[str, Links],
        *,
        keyring: Keyring,
        addresses: Addresses,
        limiter: Limiter,
        key_limiter: KeyLimiter,
        clock: Callable[[], int],
    ) -> None:
        self._links = links
        self._keyring = keyring
        self._addresses = addresses
        self._limiter = limiter
        self._key_limiter = key_limiter
        self._clock = clock

    async def post(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers as specified in `wakeline.mailing.wire`. Raises ConnectionError if the sender disconnects."""
        headers = request.headers
        known = self._keyring.verified(headers.get("Authorization"))
        if known is None:
            if not self._limiter.allows(
                self._addresses.client(request.remote or "", headers.getall("X-Forwarded-For", ()))
            ):
                return answers.refused(Refusal.RATE_LIMITED)
            if "Authorization" in headers and not self._keyring.is_ready:
                return answers.refused(Refusal.UNAVAILABLE)  # the key may be valid
            return answers.unauthorized()
        name, key = known
        if Scope.LINKS not in key.scopes:
            return answers.forbidden(Scope.LINKS)
        links = self._links.get(key.site)
        if links is None:
            return answers.refused(Refusal.NO_SECRET, f"site {key.site} has no secret, which signs its links")
        if wait_s := self._key_limiter.waits_s(name):
            return answers.refused(Refusal.RATE_LIMITED, "more mails than server_rate_limit allows", wait_s=wait_s)
        if not is_json(headers.get("Content-Type")):
            return answers.refused(Refusal.WRONG_CONTENT_TYPE, "send Content-Type: application/json")
        body = await read_body(request, MAX_BODY_BYTES)
        if isinstance(body, Refusal):
            return answers.refused(body)
        try:
            asked = decode_request(body)
        except (ValueError, RecursionError) as error:
            return answers.refused(Refusal.MALFORMED, _words(error))
        if asked.site not in (None, key.site):
            return answers.forbidden(Scope.LINKS)
        self._key_limiter.owes(name, len(asked.mails))
        return await self._made(asked, links)

    async def _made(self, asked: LinksRequest, links: Links) -> web.Response:
        made: list[Made] = []
        now = self._clock()
        for number, mail in enumerate(asked.mails):
            if number % AT_A_STRETCH == AT_A_STRETCH - 1:
                await asyncio.sleep(0)
            try:
                made.append(links.made(mail, now=now))
            except BadLink as error:
                return answers.refused(Refusal.BAD_EVENT, f"mails[{number}].{error}")
        return web.Response(headers=answers.BASE, body=encode_answer(LinksAnswer(made)))


def _words(error: Exception) -> str:
    """What is wrong with a body: where it is, never a value."""
    if isinstance(error, msgspec.ValidationError):
        return str(error)
    return 'the body is no JSON object {"mails": [{...}, ...]}, or nested too deeply'
