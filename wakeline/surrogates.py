"""Halves of UTF-16 pairs in JSON: what is left of an emoji that a text was cut in. Pure, never raises, linear."""

from __future__ import annotations

import re

HALF, HIGH, LOW = (rb"\\u[dD][%b][0-9a-fA-F]{2}" % digits for digits in (b"89a-fA-F", b"89abAB", b"c-fC-F"))
ESCAPES = re.compile(rb"(?:[^\\]++|%b%b|\\[^u]|\\u(?![dD][89a-fA-F]))++|(%b)" % (HIGH, LOW, HALF))
UNESCAPED = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")  # as if it were a letter, so in no pair: no browser does it
REPLACEMENT = "\ufffd".encode()


def without_halves(text: bytes) -> bytes:
    """JSON in UTF-8 with U+FFFD for each half that stands alone, be it escaped or not. Escaped pairs stay."""
    return UNESCAPED.sub(REPLACEMENT, ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], text))
