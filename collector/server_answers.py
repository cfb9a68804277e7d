"""Replies to servers: JSON, without CORS, as no page may ask."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from random import randint

from aiohttp import web

from collector.responses import JSON, RETRIED, RETRY_AFTER_S
from wakeline.api_keys import Scope
from wakeline.event import STATUS, Refusal
from wakeline.server_events import Accepted, Answer, Refused, Rejected, encode_answer

FORBIDDEN = 403
ALL_REJECTED = 400
NO_KEY = "it takes an API key: Authorization: Bearer wk_..."
"""One text for every cause, so that it tells nobody which keys there are."""

BASE = {"Server": "wakeline", "Content-Type": JSON, "Cache-Control": "no-store"}


def answered(results: Sequence[Accepted | Rejected], accepted: int) -> web.Response:
    """202: the accepted events are on disk; 400 if all are rejected."""
    body = encode_answer(Answer(accepted=accepted, results=list(results)))
    return web.Response(status=202 if accepted else ALL_REJECTED, headers=BASE, body=body)


def refused(reason: Refusal, message: str = "", *, wait_s: float = 0.0) -> web.Response:
    """The whole request is refused; if it may be sent again, after `wait_s` or a few seconds."""
    status = STATUS.get(reason, 400)
    headers = dict(BASE)
    if status in RETRIED:
        headers["Retry-After"] = str(ceil(wait_s) + randint(*RETRY_AFTER_S))
    response = web.Response(status=status, headers=headers, body=encode_answer(Refused(reason, message)))
    if reason in (Refusal.TIMEOUT, Refusal.TOO_LARGE):
        response.force_close()
    return response


def unauthorized() -> web.Response:
    """401: no key, or none of ours."""
    body = encode_answer(Refused(Refusal.UNAUTHORIZED, NO_KEY))
    status = STATUS[Refusal.UNAUTHORIZED]
    return web.Response(status=status, headers={**BASE, "WWW-Authenticate": "Bearer"}, body=body)


def forbidden(*scopes: Scope) -> web.Response:
    """403: the key is valid, but of another site, or has none of these scopes."""
    needed = " or ".join(f"`{scope}`" for scope in scopes)
    message = f"this key may not: it takes one of this site with the scope {needed}; see `wakeline key make --help`"
    return web.Response(status=FORBIDDEN, headers=BASE, body=encode_answer(Refused(Refusal.UNAUTHORIZED, message)))


def too_many() -> web.Response:
    """429 for requests other than events, of an address."""
    return refused(Refusal.RATE_LIMITED, "too many requests from this address")


def plain(status: int, text: str, **more: str) -> web.Response:
    """Any other text answer; `more` are headers, `_` for "-"."""
    headers = {"Server": "wakeline", **{name.replace("_", "-"): value for name, value in more.items()}}
    return web.Response(status=status, headers=headers, text=text + "\n")
