"""Lone UTF-16 surrogates in JSON, from texts cut inside an emoji. Pure, never raises, linear."""

from __future__ import annotations

import re

HALF, HIGH, LOW = (rb"\\u[dD][%b][0-9a-fA-F]{2}" % digits for digits in (b"89a-fA-F", b"89abAB", b"c-fC-F"))
ESCAPES = re.compile(rb"(?:[^\\]++|%b%b|\\[^u]|\\u(?![dD][89a-fA-F]))++|(%b)" % (HIGH, LOW, HALF))
UNESCAPED = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")  # encoded directly, so not part of a pair: no browser does this
REPLACEMENT = "\ufffd".encode()


def without_halves(text: bytes) -> bytes:
    """JSON in UTF-8 with U+FFFD for each lone surrogate, escaped or not. Escaped pairs stay."""
    return UNESCAPED.sub(REPLACEMENT, ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], text))
