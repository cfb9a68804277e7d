"""The answers of the read side: JSON that nobody may store, and refusals."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
from aiohttp import web

HEADERS = {"Cache-Control": "no-store", "Content-Type": "application/json"}


class Refusal(StrEnum):
    """Why there is no answer: its `reason` and the metrics' label."""

    NO_TOKEN_SET = "no_token_set"  # the setting api_token is empty: only API keys are accepted
    UNAUTHORIZED = "unauthorized"  # no `Authorization: Bearer ...`, or neither the token nor a valid API key
    FORBIDDEN = "forbidden"  # an API key of another site, or without the scope; said as UNAUTHORIZED
    UNKNOWN_SITE = "unknown_site"
    NO_SITE_SECRET = "no_site_secret"  # a site without a secret has no customers
    BAD_INTERESTS = "bad_interests"  # ?interests= is not a number from 0 to 100
    BAD_SEARCH = "bad_search"  # the body is not as described in `cards`
    UNKNOWN_PROFILE = "unknown_profile"
    UNKNOWN_CARD = "unknown_card"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"  # Redis or the key of the cards is away: retry


STATUS: dict[Refusal, int] = {
    Refusal.NO_TOKEN_SET: 403,
    Refusal.UNAUTHORIZED: 401,
    Refusal.FORBIDDEN: 403,
    Refusal.UNKNOWN_SITE: 404,
    Refusal.NO_SITE_SECRET: 404,
    Refusal.BAD_INTERESTS: 400,
    Refusal.BAD_SEARCH: 400,
    Refusal.UNKNOWN_PROFILE: 404,
    Refusal.UNKNOWN_CARD: 404,
    Refusal.INTERNAL: 500,
    Refusal.UNAVAILABLE: 503,
}

encode = msgspec.json.Encoder().encode


def answered(found: Any) -> web.Response:
    """200 with a Struct as JSON; of a Refusal {"reason": ...}."""
    if not isinstance(found, Refusal):
        return web.Response(body=encode(found), headers=HEADERS)
    headers = dict(HEADERS)
    if found is Refusal.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if found is Refusal.UNAVAILABLE:
        headers["Retry-After"] = "1"
    said = Refusal.UNAUTHORIZED if found is Refusal.FORBIDDEN else found
    return web.Response(status=STATUS[found], body=encode({"reason": said}), headers=headers)
