"""Recognises a fact that was heard before, by a digest of its id and one of its content.

Things keep the digests of the facts of which they keep something. People keep those of REMEMBERED_DAYS, packed into
a text: 20 characters each, the digest and the day.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from crm.out import Verdict
from wakeline.definitions import REMEMBERED_DAYS
from wakeline.durations import DAY_MS
from wakeline.record import Fact

HALF = 8  # characters of the id, and of the content: 48 bits each
DAY_DIGITS = 4  # of the day since 1970, hexadecimal
ENTRY = 2 * HALF + DAY_DIGITS
PAGE, SIGNED = "page", "signed"  # who says it: a page alone, or with the signature of the site's server
OF_PAGES = (PAGE, SIGNED)
MOST_REMEMBERED = 256  # of one person

_encode = msgspec.json.Encoder(order="deterministic").encode


def digest(fact: Fact) -> str:
    """16 characters. Whom a page's fact names is no part of it: if that is forgotten, the fact is still the same."""
    named = () if fact.by in OF_PAGES else (fact.customer, fact.visitor)
    content = _encode((fact.type, fact.time, fact.body, *named))
    return _short(bytes.fromhex(fact.id)) + _short(blake2b(content, digest_size=6).digest())


def short(text: str) -> str:
    """8 characters that stand for a text."""
    return _short(blake2b(text.encode(), digest_size=6).digest())


def _short(value: bytes) -> str:
    return urlsafe_b64encode(value[:6]).decode()


def heard_before(said: str, known: Iterable[str]) -> Verdict | None:
    """Whether a digest is among known ones: a duplicate, or in conflict with one of the same id."""
    for one in known:
        if one[:HALF] == said[:HALF]:
            return Verdict.DUPLICATE if one == said else Verdict.CONFLICT
    return None


def remember(text: str, fact: Fact, now: int) -> tuple[str, Verdict | None, int]:
    """A person's text with this fact, whether it had it, and how many others had to go for it.

    `now`: append time, ms.
    """
    said = digest(fact)
    today = now // DAY_MS
    gone = 0
    while gone < len(text) and int(text[gone + 2 * HALF : gone + ENTRY], 16) < today - REMEMBERED_DAYS:
        gone += ENTRY
    text = text[gone:]
    verdict = heard_before(said, (text[at : at + 2 * HALF] for at in range(0, len(text), ENTRY)))
    if verdict is not None:
        return text, verdict, 0
    text += f"{said}{today:0{DAY_DIGITS}x}"
    cut = max(0, len(text) - ENTRY * MOST_REMEMBERED)
    return text[cut:], None, cut // ENTRY


def remembered_until(text: str) -> int:
    """Append time (ms) from which on nothing in a person's text is needed; 0: it is empty."""
    return (int(text[-DAY_DIGITS:], 16) + REMEMBERED_DAYS + 1) * DAY_MS if text else 0
