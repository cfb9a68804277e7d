"""The wire contract of `POST /v1/server/links`: a server asks for the links of many mails at once.

It needs an API key with the scope `links`. All links are made, or none: 400 says which mail is wrong.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from wakeline.event import without_lone_surrogates
from wakeline.mailing.making import Made, Mail
from wakeline.server_events import SiteKey

PATH = "/v1/server/links"
MAX_MAILS = 500  # in one request


class LinksRequest(Struct, forbid_unknown_fields=True):
    """The body of a request."""

    mails: Annotated[list[Mail], Meta(min_length=1, max_length=MAX_MAILS)]
    site: SiteKey | None = None  # a key belongs to one site; if given, it must be that one


class LinksAnswer(Struct):
    """200: the links of the mails, in their order."""

    mails: list[Made]


decode_request = without_lone_surrogates(msgspec.json.Decoder(LinksRequest).decode)
encode_answer = msgspec.json.Encoder().encode
