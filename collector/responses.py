"""Replies of the public port. All have CORS headers: without them a rejection looks like an outage to pages."""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from functools import lru_cache
from random import randint

from aiohttp import HttpVersion11, web
from multidict import CIMultiDict

from wakeline.event import STATUS, Answer, Refusal, Rejected, encode_answer

RETRIED = (408, 429, 503)
RETRY_AFTER_S = (2, 8)  # random, so that clients that failed together do not retry together
PREFLIGHT_AGE_S = 86_400
SENDERS_HEADERS = "Content-Type, Content-Encoding"
MAX_ASKED = 1_024  # characters of a preflight's request headers; tracing headers need about 100
NAME = r"[A-Za-z0-9!#$%&'+.^_`|~-]+"  # of a header (RFC 9110), except "*", which could mean all of them
NAMES = re.compile(rf"{NAME}(?:, ?{NAME})*")
JSON = "application/json"


BASE = CIMultiDict(
    {
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
        "Server": "wakeline",
    }
)


def sent_origin(request: web.BaseRequest) -> str | None:
    """The Origin header if it can be echoed: browsers send ASCII, and other bytes cannot be sent back."""
    origin = request.headers.get("Origin")
    return origin if origin is None or origin.isascii() else ""


def cors(origin: str | None) -> CIMultiDict[str]:
    """Echoes the origin, since a wildcard does not allow cookies. No answer contains anything confidential."""
    headers = CIMultiDict(BASE)
    if origin:
        headers["Access-Control-Allow-Origin"] = origin
    return headers


def accepted(request: web.BaseRequest, count: int, rejected: list[Rejected]) -> web.StreamResponse:
    """202: `count` events are on disk, `rejected` are refused for good."""
    origin = sent_origin(request)
    if not rejected and request.keep_alive and request.version == HttpVersion11:
        return _all_accepted(origin, count, int(time.time()))
    headers = cors(origin)
    headers["Content-Type"] = JSON
    return web.Response(status=202, headers=headers, body=encode_answer(Answer(accepted=count, rejected=rejected)))


class Ready(web.StreamResponse):
    """The usual answer as prepared bytes: building it took a quarter of a request's CPU time.

    It has no state of a request, so all requests within a second share it.
    """

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__(status=status)
        self._answer = answer

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        if request.transport is None:
            raise ConnectionResetError("the sender disconnected")
        request.transport.write(self._answer)

    async def write_eof(self, data: bytes = b"") -> None:
        """Does nothing: everything is written already."""


@lru_cache(4_096)  # only origins of known sites, so attackers cannot fill it
def _all_accepted(origin: str | None, count: int, second: int) -> Ready:
    body = encode_answer(Answer(accepted=count, rejected=[]))
    headers = cors(origin)
    headers["Content-Type"] = JSON
    headers["Content-Length"] = str(len(body))
    headers["Date"] = formatdate(second, usegmt=True)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return Ready(202, b"HTTP/1.1 202 Accepted\r\n" + head.encode() + b"\r\n" + body)


def refused(origin: str | None, reason: Refusal, rejected: list[Rejected]) -> web.Response:
    """The whole request is rejected. Retryable reasons have Retry-After; an unfinished body is cut off."""
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


def too_many(origin: str | None) -> web.Response:
    """429 for requests other than events, which have their own reason."""
    return plain(origin, 429, "Too many requests from this address.", Retry_After=str(randint(*RETRY_AFTER_S)))


def preflight(origin: str | None, asked: str) -> web.Response:
    """204 for OPTIONS. Browsers ask before application/json or a compressed body, and if a page adds its own headers.

    All headers in `asked` must be allowed, or the browser sends no events.
    """
    is_allowed = len(asked) <= MAX_ASKED and NAMES.fullmatch(asked)
    headers = cors(origin)
    headers["Access-Control-Allow-Methods"] = "POST"
    headers["Access-Control-Allow-Headers"] = asked if is_allowed else SENDERS_HEADERS
    headers["Access-Control-Max-Age"] = str(PREFLIGHT_AGE_S)
    return web.Response(status=204, headers=headers)


def plain(origin: str | None, status: int, text: str, **more: str) -> web.Response:
    """Any other text answer; `more` are headers, `_` for "-"."""
    headers = cors(origin)
    headers.update({name.replace("_", "-"): value for name, value in more.items()})
    return web.Response(status=status, headers=headers, text=text + "\n")
