"""Unicode normalization in linear time, for text of strangers.

To normalize is to sort the marks behind each letter, and a run of 16,000 marks took 400 ms. No writing puts more than a
few on a letter, so of a longer run the rest is left out first (UAX 15 breaks it up there, in its stream-safe format).
"""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby
from unicodedata import combining, normalize

MAX_MARKS = 30  # one after the other: UAX 15, section 13
MARKS_LIE_IN = range(0x300, 0x1F000)  # a test looks through the rest


def nfc(text: str) -> str:
    """`text` with letters and marks composed; of more than MAX_MARKS marks in a row, the first."""
    return text if text.isascii() else normalize("NFC", without_long_runs(text))


def nfkc(text: str) -> str:
    """The same, and letters that only look different (wide, ligatures, superscripts) are one."""
    return text if text.isascii() else normalize("NFKC", without_long_runs(text))


def has_long_run(text: str) -> bool:
    """Whether more than MAX_MARKS marks follow each other."""
    return len(text) > MAX_MARKS and not text.isascii() and _long_run().search(text) is not None


def without_long_runs(text: str) -> str:
    return _long_run().sub(lambda found: found[0][:MAX_MARKS], text) if len(text) > MAX_MARKS else text


@cache
def _long_run() -> re.Pattern[str]:
    """Made at first need, in 25 ms: nearly all text is ASCII, or short."""
    marks = (code for code in MARKS_LIE_IN if is_mark(chr(code)))
    ranges = ([code for _, code in run] for _, run in groupby(enumerate(marks), lambda each: each[1] - each[0]))
    within = "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in ranges)
    return re.compile(f"[{within}]{{{MAX_MARKS + 1},}}")


def is_mark(char: str) -> bool:
    """Whether a character is sorted with its neighbours: its decomposition begins with no letter of its own."""
    return combining(normalize("NFKD", char)[0]) > 0
