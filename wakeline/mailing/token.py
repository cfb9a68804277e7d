"""The text of a link: what it says, in JSON, and a signature; both in base64url without padding, a dot between them.

    <payload>.<signature>

The signature is the HMAC-SHA256 of the payload as it stands there, cut to its first 16 bytes. Its key is derived from a
secret of the site, see `LinkKeys`. No text of a link holds an id of a customer or a mail, only keyed hashes of them.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from wakeline.identity import customer_id
from wakeline.keyed import keyed
from wakeline.record import CUSTOMER_PREFIX
from wakeline.vocabulary.fields import MAX_LABEL, MAX_TEXT, Element, Label
from wakeline.vocabulary.things import SENT, thing_id

MAX_TOKEN = 4_096  # characters: aiohttp reads request lines of 8 KB
MAX_TARGET = 2_000  # characters
SIGNATURE_BYTES, SIGNATURE_LETTERS = 16, 22  # 16 bytes are 22 letters in base64url
KEY_ID_LETTERS = 8
TEXT = re.compile(rf"([A-Za-z0-9_-]{{1,{MAX_TOKEN - SIGNATURE_LETTERS - 1}}})\.([A-Za-z0-9_-]{{{SIGNATURE_LETTERS}}})")
CHANNEL = "email"  # that is unsubscribed from where a mail names neither another channel nor a topic

KEY_OF, KEY_ID_OF = "wakeline link", "wakeline link id"  # what is keyed with a secret to get the key, and its id


class Kind(StrEnum):
    """What a link does."""

    CLICK = "c"
    OPEN = "o"
    UNSUBSCRIBE = "u"


Word = Annotated[str, Meta(max_length=MAX_LABEL)]
Hash = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{32})?$")]
Seconds = Annotated[int, Meta(ge=0, le=99_999_999_999)]
NAMES = {
    "key": "k", "site": "s", "kind": "t", "sent": "m", "customer": "p", "campaign": "c", "element": "e",
    "content": "n", "medium": "d", "source": "f", "channel": "h", "topic": "w", "target": "u", "sent_at": "i",
    "expires": "x",
}  # fmt: skip
"""Field of a token -> its name in the JSON."""


class Token(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, frozen=True, rename=NAMES):
    """What a link says."""

    key: Annotated[str, Meta(pattern=rf"^[0-9a-f]{{{KEY_ID_LETTERS}}}$")]  # id of the key that signed it
    site: Annotated[str, Meta(max_length=64)]
    kind: Kind
    campaign: Label
    sent: Hash = ""  # of the mail, 32 hex digits; "": none, as on a poster
    customer: Hash = ""
    element: dict[Element, Annotated[str, Meta(max_length=MAX_TEXT)]] = {}
    content: Word = ""  # goes into utm_content
    medium: Word = ""
    source: Word = ""
    channel: Word = ""  # unsubscribe: from what
    topic: Word = ""
    target: Annotated[str, Meta(max_length=MAX_TARGET)] = ""  # click: where it leads
    sent_at: Seconds = 0  # s since 1970, when the mail goes out; 0: not known
    expires: Seconds = 0  # s since 1970; 0: never

    @property
    def home(self) -> str:
        """The mail's id in the log; "" for none."""
        return f"{SENT.prefix}{self.sent}" if self.sent else ""

    @property
    def whom(self) -> str:
        """The customer's id in the log; "" for nobody."""
        return f"{CUSTOMER_PREFIX}{self.customer}" if self.customer else ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Token).decode


class LinkKeys:
    """The keys of a site's links, made of its `secrets`: the first signs, all verify. Raises ValueError without one."""

    def __init__(self, site: str, secrets: Sequence[str]) -> None:
        if not any(secrets):
            raise ValueError("a site without a secret cannot sign links")
        self.site = site
        self._keys = {key_id(secret): keyed(secret, KEY_OF) for secret in secrets if secret}
        self.first = next(iter(self._keys))

    def signed(self, token: Token) -> str:
        """The text of a token, whose `key` is that of this site's first key. Raises ValueError if it is too long."""
        payload = _text(_encode(token))
        text = f"{payload}.{_signature(self._keys[token.key], payload)}"
        if len(text) > MAX_TOKEN:
            raise ValueError(f"the link has {len(text):,} characters, more than {MAX_TOKEN:,}: say less in it")
        return text

    def verifies(self, token: Token, text: str) -> bool:
        """Whether one of the keys signed this text, of which `token` was read."""
        key = self._keys.get(token.key)
        payload, _, signature = text.rpartition(".")
        return key is not None and hmac.compare_digest(_signature(key, payload), signature)


def read(text: str) -> Token | None:
    """What a text says, whoever signed it; None if it is no token."""
    found = TEXT.fullmatch(text)
    if found is None:
        return None
    payload = found[1]
    try:
        return _decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None


def key_id(secret: str) -> str:
    """The id of the key that is derived from a secret; it says nothing of the secret."""
    return keyed(secret, KEY_ID_OF).hex()[:KEY_ID_LETTERS]


def sent_hash(secret: str, sent_id: str) -> str:
    """What a token has of a mail's id; `secret` is the site's."""
    return thing_id(secret, SENT, sent_id).removeprefix(SENT.prefix)


def customer_hash(secret: str, id: str) -> str:
    """What a token has of a customer's id; `secret` is the site's."""
    return customer_id(secret, id).removeprefix(CUSTOMER_PREFIX)


def _signature(key: bytes, payload: str) -> str:
    return _text(hmac.digest(key, payload.encode(), sha256)[:SIGNATURE_BYTES])


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
