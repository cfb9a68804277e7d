"""Replies of the public port. Every one carries CORS: a page cannot tell a refusal without from a dead network."""

from __future__ import annotations

from random import randint

from aiohttp import web
from multidict import CIMultiDict

from wakeline.event import STATUS, Answer, Refusal, Rejected, encode_answer

RETRIED = (408, 429, 503)
RETRY_AFTER_S = (2, 8)  # drawn anew each time: senders that fail together shall not come back together
PREFLIGHT_AGE_S = 86_400
JSON = "application/json"


def cors(origin: str | None) -> CIMultiDict[str]:
    """Echoes the origin, since a wildcard may not go with cookies. No answer holds anything to protect."""
    headers = CIMultiDict(BASE)
    if origin is not None:
        headers["Access-Control-Allow-Origin"] = origin
    return headers


BASE = CIMultiDict(
    {
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }
)


def accepted(origin: str | None, count: int, rejected: list[Rejected]) -> web.Response:
    """202: `count` events are on disk, `rejected` are refused for good."""
    if not rejected and count < len(ALL_ACCEPTED):
        body = ALL_ACCEPTED[count]
    else:
        body = encode_answer(Answer(accepted=count, rejected=rejected))
    headers = cors(origin)
    headers["Content-Type"] = JSON
    return web.Response(status=202, headers=headers, body=body)


ALL_ACCEPTED = [encode_answer(Answer(accepted=count, rejected=[])) for count in range(51)]


def refused(origin: str | None, reason: Refusal, rejected: list[Rejected]) -> web.Response:
    """The whole request is refused. What may be retried says when; a body that is still coming is cut off."""
    status = STATUS.get(reason, 400)
    headers = cors(origin)
    headers["Content-Type"] = JSON
    if status in RETRIED:
        headers["Retry-After"] = str(randint(*RETRY_AFTER_S))
    body = encode_answer(Answer(accepted=0, rejected=rejected, reason=reason))
    response = web.Response(status=status, headers=headers, body=body)
    if reason in (Refusal.TIMEOUT, Refusal.TOO_LARGE):
        response.force_close()
    return response


def preflight(origin: str | None) -> web.Response:
    """204 to OPTIONS: senders of application/json or of a compressed body ask first."""
    headers = cors(origin)
    headers["Access-Control-Allow-Methods"] = "POST"
    headers["Access-Control-Allow-Headers"] = "Content-Type, Content-Encoding"
    headers["Access-Control-Max-Age"] = str(PREFLIGHT_AGE_S)
    return web.Response(status=204, headers=headers)


def plain(origin: str | None, status: int, text: str, **more: str) -> web.Response:
    """Anything else, in words; `more` are headers, `_` for "-"."""
    headers = cors(origin)
    headers.update({name.replace("_", "-"): value for name, value in more.items()})
    return web.Response(status=status, headers=headers, text=text + "\n")
