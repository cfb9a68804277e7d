"""Names of events: any text that people can read, and none that looks like Wakeline's own."""

from __future__ import annotations

import re
from functools import lru_cache

from collector.clean import clean_text
from wakeline.definitions import BUILT_IN
from wakeline.event import MAX_NAME
from wakeline.normalization import nfc, nfkc

# What leaves no mark and belongs to no letter: fillers, a blank of Braille, tags, anchors of annotations.
BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
JOINER = re.compile("[\u200c\u200d\ufe00-\ufe0f]")  # part of a letter or an emoji; alone nothing
SPACES = re.compile(r"\s+")


@lru_cache(2_048)
def clean_name(name: str) -> str | None:
    """The name without people and without what nobody sees. None for one that is then empty, too long or not its own.

    Two spellings of one text are one name (Unicode's NFC). What looks like the name of a type with a body of its own,
    but was not sent as that, is refused: it would be counted as a page view, or read as one.
    """
    cleaned = SPACES.sub(" ", clean_text(BLANK.sub("", nfc(name)))).strip()
    seen = nfkc(JOINER.sub("", cleaned)).strip()
    if not seen or len(cleaned) > MAX_NAME or (seen in BUILT_IN and seen != name):
        return None
    return cleaned
