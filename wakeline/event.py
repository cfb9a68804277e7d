"""The wire contract: what a page may send to `POST /v1/events`, its limits, and the reasons for rejection.

One request carries one `Envelope`. Its events are decoded one by one, so that a bad event does not reject the others.
The tests of this file and of the snippet share the golden files in `tests/wire/`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from wakeline.durations import DAY_MS
from wakeline.surrogates import without_halves

MAX_BODY_BYTES = 65_536  # after decompression; also the browsers' keepalive budget
MAX_EVENTS = 50  # in one envelope
MAX_EVENTS_PER_PAGE = 2_048  # numbers 0..2047 of one page instance
MAX_AGE_MS = 7 * DAY_MS  # of an event in a browser's queue

MAX_NAME_SENT = 256  # characters of an event's name before invisible ones are removed
MAX_NAME = 64  # after that

# Excess beyond these limits, which honest pages may exceed, is cut, not rejected.
MAX_TITLE = 300  # characters
MAX_PROPS = 32  # of one event
MAX_ITEM_PROPS = 64  # of each object in a list, such as a purchase's items
MAX_PROP_NAME = 64  # characters
MAX_PROP_TEXT = 1_000  # characters
MAX_INTERESTS = 8  # declared by one page view
MAX_INTEREST = 64  # characters
MAX_ENGAGED_MS = DAY_MS  # per event: more than a day means that the page was left open
MAX_SCROLL = 100  # percent

# Built-in types, with fields of their own; every other type is a custom event with `props`.
PAGE_VIEW = "page_view"
ENGAGEMENT = "engagement"
PING = "ping"
CONSENT = "consent"
IDENTIFY = "identify"


class Refusal(StrEnum):
    """Why a request or an event was rejected: the answer's `reason` and the metric's label."""

    # the whole request, with its HTTP status (see STATUS)
    MALFORMED = "malformed"  # not the JSON of an envelope, too deep, NaN
    BAD_ENCODING = "bad_encoding"  # unknown content-encoding, or truncated or corrupt data
    UNKNOWN_SITE = "unknown_site"
    UNAUTHORIZED = "unauthorized"  # servers': the API key is unknown or revoked, of another site, or lacks the scope
    NO_SECRET = "no_secret"  # servers': the site has no secret, which its ids are hashed with
    FOREIGN_ORIGIN = "foreign_origin"
    TIMEOUT = "timeout"  # the body did not arrive in time
    TOO_LARGE = "too_large"
    TOO_MANY_EVENTS = "too_many_events"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    RATE_LIMITED = "rate_limited"  # the address exceeds the limit on requests or bytes: retry
    UNAVAILABLE = "unavailable"  # the log is down, the server's memory is full, or the day has no salt: retry
    # one event
    BAD_EVENT = "bad_event"  # a field is missing, of the wrong type or out of range; an id is a card number
    BAD_URL = "bad_url"  # not an http(s) URL on a host of the site, nor relative to the request's Origin
    TOO_OLD = "too_old"  # older than MAX_AGE_MS; servers': older than what it is about is kept
    BAD_AMOUNT = "bad_amount"  # the amount of a purchase or a refund is invalid; servers': any amount, or its currency
    NO_CONSENT = "no_consent"  # visitor id or identify without `full`, or an event under `off`
    MISSING_VISITOR = "missing_visitor"  # `full` without a visitor id
    BAD_SIGNATURE = "bad_signature"  # identify: not the HMAC with the site's secret, past its end, or endless
    OWN_TRAFFIC = "own_traffic"  # excluded by the site's settings
    BAD_TIME = "bad_time"  # servers': no time, one without its zone, or one in the future
    NOT_YOURS = "not_yours"  # servers': only pages, imports, people or Wakeline say events of this type
    INTERNAL = "internal"  # an internal error, which is logged; a retry would fail again


STATUS: dict[Refusal, int] = {
    Refusal.MALFORMED: 400,
    Refusal.BAD_ENCODING: 400,
    Refusal.UNKNOWN_SITE: 401,
    Refusal.UNAUTHORIZED: 401,
    Refusal.NO_SECRET: 400,
    Refusal.FOREIGN_ORIGIN: 403,
    Refusal.TIMEOUT: 408,
    Refusal.TOO_LARGE: 413,
    Refusal.TOO_MANY_EVENTS: 413,
    Refusal.WRONG_CONTENT_TYPE: 415,
    Refusal.RATE_LIMITED: 429,
    Refusal.UNAVAILABLE: 503,
}
"""HTTP status of a rejected request. Permanent: 400, 401, 403, 413, 415; retry: 408, 429, 503.

If every event of a request is rejected, the answer is 400 with the first reason, except for `own_traffic`, which is
answered 202 with nothing accepted, as the site asked for it.
"""


class ConsentLevel(StrEnum):
    """The consent levels; see the README's table."""

    OFF = "off"
    ANONYMOUS = "anonymous"
    FULL = "full"


VISITOR_ID = r"[A-Za-z0-9_-]{8,36}"
MAX_CUSTOMER_ID = 256  # characters of a site's customer id

Id = Annotated[str, Meta(pattern=rf"^{VISITOR_ID}\Z")]
MAX_EXPIRES = 1 << 53  # ms since 1970
CustomerId = Annotated[str, Meta(min_length=1, max_length=MAX_CUSTOMER_ID)]
Scalar = str | int | float | bool | None
Props = dict[str, Scalar | list[Scalar | dict[str, Scalar]]]
"""The properties of a custom event. A page may send anything: `collector.props` drops invalid ones."""


class Envelope(Struct, forbid_unknown_fields=False):
    """One request body. All its events happened under the same consent level."""

    site: Annotated[str, Meta(max_length=64)]  # public key of the site, the snippet's data-site
    consent: ConsentLevel  # level when its events happened; `off` only for a withdrawal
    sent: Annotated[int, Meta(ge=0, le=1 << 53)]  # time of sending, ms since 1970 by the browser's clock
    events: Annotated[list[msgspec.Raw], Meta(min_length=1)]
    webdriver: bool = False  # the browser says that it is automated


class WireEvent(Struct):
    """One event. (`page`, `n`) is its id: a retry repeats both, so that it counts once."""

    type: Annotated[str, Meta(min_length=1, max_length=MAX_NAME_SENT)]  # MAX_NAME characters once cleaned
    page: Id  # random id of the page instance, new for each page view
    n: Annotated[int, Meta(ge=0, lt=MAX_EVENTS_PER_PAGE)]  # 0, 1, 2 ... within the page instance
    time: Annotated[int, Meta(ge=0, le=1 << 53)]  # ms since 1970 by the browser's clock
    url: str  # of any length; with its fragment only if that is the route; may be relative to the Origin
    visitor: Id | None = None  # first-party id; only under `full`

    # page_view
    title: str = ""
    referrer: str = ""
    interests: Any = []  # <meta name="wakeline:interest">, text or list; others are ignored: `collector.lists`
    continued: bool = False  # the page continues under another consent level: not a second visit

    # engagement: the increase since this page's last engagement event
    engaged_ms: Annotated[int, Meta(ge=0, le=1 << 53)] = 0  # visible and focused
    scroll: Annotated[int, Meta(ge=0, le=1 << 53)] = 0  # deepest point so far, percent of the page's height
    leave: bool = False  # hidden, left or closed: the visitor is no longer present

    # consent
    level: ConsentLevel | None = None  # the new level; with one of the next three: the level agreed to
    version: str | int | float | None = None  # of what was agreed to; a number is read as text
    wording: str | None = None  # that the visitor saw, or the site's name of it
    purposes: Any = None  # agreed to, a list or a text as `interests`; [] none, None not asked

    # identify, and forget, which needs an end
    id: CustomerId | int | None = None  # the site's customer id; a number is read as text
    signature: Annotated[str, Meta(max_length=128)] | None = None  # hex HMAC-SHA256: `identity.identified`, `forgotten`
    expires: Annotated[int, Meta(ge=0, le=MAX_EXPIRES)] | None = None  # end of the signature, ms since 1970

    props: Any = {}  # custom events: Props, or anything else that a page sends


class Rejected(Struct, omit_defaults=True):
    """A rejected event of an accepted request."""

    id: str  # "<page>.<n>" if valid, otherwise "#<index>"
    reason: Refusal
    message: str = ""  # in words, where the reason has several causes that the site cannot tell apart


class Answer(Struct):
    """Body of every answer to `POST /v1/events`."""

    accepted: int
    rejected: list[Rejected]
    reason: Refusal | None = None  # why the whole request was rejected


T = TypeVar("T")


def without_lone_surrogates(decode: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """`decode`, which retries without lone surrogates if it cannot decode the text.

    Raises ValueError or RecursionError, as `decode` does.
    """

    def decoded(text: bytes) -> T:
        try:
            return decode(text)
        except msgspec.ValidationError:
            raise
        except ValueError:
            return decode(without_halves(text))

    return decoded


decode_envelope = without_lone_surrogates(msgspec.json.Decoder(Envelope).decode)
decode_event = without_lone_surrogates(msgspec.json.Decoder(WireEvent).decode)
encode_answer = msgspec.json.Encoder().encode
