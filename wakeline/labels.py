"""Shortens long text used as labels; different texts stay different."""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from typing import Any

JOINERS = frozenset("\u200c\u200d")  # invisible, but part of words in Persian and Hindi, and of emoji
REDACTED = "(redacted)"  # in place of an address of mail or the number of a card
TAIL = 11  # length of the ending of a shortened text: an ellipsis and ten digits of a hash of the whole text
TAIL_BYTES = 13
HALF_ESCAPE = re.compile("%[0-9A-Fa-f]?$")


def cut(text: str, most: int, *, size: int = 0) -> str:
    """`text`, or its beginning and a hash of all of it, with at most `most` visible characters (grapheme clusters).

    At most `size` bytes of UTF-8, by default four per character, since letters may carry any number of marks.
    """
    size = size or 4 * most
    if len(text) <= most and (size >= 4 * most or _bytes(text) <= size):
        return text
    if text.isascii():
        head = text[: min(most - TAIL, size - TAIL_BYTES)]
    elif len(text) <= size and _bytes(text) <= size and _first(most).match(text).end() == len(text):
        return text
    else:
        head = _head(text, most - TAIL, size - TAIL_BYTES)
    hash = blake2b(text.encode(errors="surrogatepass"), digest_size=5).hexdigest()
    return f"{HALF_ESCAPE.sub('', head)}…{hash}"


def _head(text: str, most: int, size: int) -> str:
    """As many whole characters as fit; if not even one fits, a part of it."""
    fitting = text[:size].encode(errors="surrogatepass")[:size].decode(errors="ignore")
    head: str = _first(most).match(fitting)[0]
    if len(head) < len(fitting):
        return head
    whole = _first(1).findall(head)
    return "".join(whole[:-2]) or head  # the last may continue beyond the limit; the match after it is empty


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


@cache
def _first(most: int) -> Any:
    """A pattern for up to this many grapheme clusters (UAX 29)."""
    import regex  # 10 ms and 5 MB that only long text needs

    return regex.compile(rf"\X{{0,{most}}}")
