"""Validates names of events: visible text, not confusable with Wakeline's own types."""

from __future__ import annotations

import re
from functools import lru_cache

from collector.clean import clean_text
from wakeline.event import MAX_NAME
from wakeline.normalization import nfc, nfkc
from wakeline.vocabulary.types import BUILT_IN

# Characters that are invisible and not part of a letter: fillers, blank Braille, tags, annotation anchors.
BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
JOINER = re.compile("[\u200c\u200d\ufe00-\ufe0f]")  # part of a letter or an emoji, otherwise invisible
SPACES = re.compile(r"\s+")


@lru_cache(2_048)
def clean_name(name: str) -> str | None:
    """The name, redacted and without invisible characters. None if it is then empty, too long or a built-in type.

    Equivalent spellings become one name (Unicode's NFC). A name that only looks like a built-in type is rejected, since
    it would be counted as a page view, or read as one.
    """
    cleaned = SPACES.sub(" ", clean_text(BLANK.sub("", nfc(name)))).strip()
    seen = nfkc(JOINER.sub("", cleaned)).strip()
    if not seen or len(cleaned) > MAX_NAME or (seen in BUILT_IN and seen != name):
        return None
    return cleaned
