"""The wire contract of servers: what they may send to `POST /v1/server/events`, and what is answered.

One request carries one `Request`, with an API key (see `api_keys`) as its bearer token. Its events are decoded one by
one, each as the Struct of its type in `vocabulary.fields`. Reasons for refusals are those of `event.Refusal`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from wakeline.event import Refusal, without_lone_surrogates

PATH = "/v1/server/events"
DESCRIPTION = "/v1/openapi.json"  # of this API, by OpenAPI

MAX_BODY_BYTES = 1_048_576  # after decompression
MAX_EVENTS = 500  # in one request
SKEW_MS = 300_000  # a time that is no further in the future counts as now: the sender's clock may differ

SiteKey = Annotated[str, Meta(max_length=64)]


class Request(Struct, forbid_unknown_fields=True):
    """The body of a request."""

    events: Annotated[list[msgspec.Raw], Meta(min_length=1)]
    site: SiteKey | None = None  # a key belongs to one site; if given, it must be that one


class Accepted(Struct, tag_field="status", tag="accepted"):
    """An event that is on disk."""

    id: str


class Rejected(Struct, tag_field="status", tag="rejected"):
    """An event that is refused for good."""

    id: str | None  # as sent; null if it cannot be read
    reason: Refusal
    field: str  # where: "items[0].price"; "" for the event as a whole
    message: str  # what is wrong, in words; never a value


class Answer(Struct):
    """The events' results, in the order sent: 202, or 400 if all are rejected."""

    accepted: int
    results: list[Accepted | Rejected]


class Refused(Struct, omit_defaults=True):
    """The whole request is refused."""

    reason: Refusal
    message: str = ""  # what to do, in words


decode_request = without_lone_surrogates(msgspec.json.Decoder(Request).decode)
encode_answer = msgspec.json.Encoder().encode
