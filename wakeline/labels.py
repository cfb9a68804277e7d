"""Text that counts as itself where it is counted: long text is cut by what people see, and no two become one."""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from typing import Any

JOINERS = frozenset("\u200c\u200d")  # invisible, and part of a word: of Persian, of Hindi, of emoji
TAIL = 11  # characters of the end of what was cut: an ellipsis and ten digits of a hash of the whole
TAIL_BYTES = 13
HALF_ESCAPE = re.compile("%[0-9A-Fa-f]?$")


def cut(text: str, most: int, *, size: int = 0) -> str:
    """`text`, or its beginning and a hash of all of it, with at most `most` characters as people see them.

    It has at most `size` bytes of UTF-8, four for each character unless said: letters may carry any number of marks.
    """
    size = size or 4 * most
    if len(text) <= most and (size >= 4 * most or _bytes(text) <= size):
        return text
    used = end = 0
    for characters, found in enumerate(_cluster().finditer(text[: size + 1]), 1):
        used += _bytes(found[0])
        if characters <= most - TAIL and used <= size - TAIL_BYTES:
            end = found.end()
        if characters > most or used > size:
            break
    else:
        return text
    head = text[:end] or text[: (size - TAIL_BYTES) // 4]  # one letter, all marks
    hash = blake2b(text.encode(errors="surrogatepass"), digest_size=5).hexdigest()
    return f"{HALF_ESCAPE.sub('', head)}…{hash}"


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


@cache
def _cluster() -> Any:
    """The pattern of what people see as one character (UAX 29)."""
    import regex  # 10 ms and 2 MB that only long text needs

    return regex.compile(r"\X")
