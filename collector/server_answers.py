"""Replies to servers: JSON, without CORS, as no page may ask."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from random import randint

from aiohttp import web

from collector.responses import JSON, RETRIED, RETRY_AFTER_S
from wakeline.event import STATUS, Refusal
from wakeline.server_events import Accepted, Answer, Refused, Rejected, encode_answer

FORBIDDEN = 403
ALL_REJECTED = 400
NO_KEY = "an API key of this site with the scope that is needed: Authorization: Bearer wk_..."
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


def unauthorized(*, is_known: bool) -> web.Response:
    """401, or 403 for a valid key that lacks the scope or is of another site; one body for all."""
    headers = dict(BASE) if is_known else {**BASE, "WWW-Authenticate": "Bearer"}
    body = encode_answer(Refused(Refusal.UNAUTHORIZED, NO_KEY))
    return web.Response(status=FORBIDDEN if is_known else STATUS[Refusal.UNAUTHORIZED], headers=headers, body=body)


def too_many() -> web.Response:
    """429 for requests other than events, of an address."""
    return refused(Refusal.RATE_LIMITED, "too many requests from this address")


def plain(status: int, text: str, **more: str) -> web.Response:
    """Any other text answer; `more` are headers, `_` for "-"."""
    headers = {"Server": "wakeline", **{name.replace("_", "-"): value for name, value in more.items()}}
    return web.Response(status=status, headers=headers, text=text + "\n")
