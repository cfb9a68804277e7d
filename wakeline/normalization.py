"""Unicode normalization in linear time, for untrusted text.

Normalization sorts the marks after each letter; a run of 16,000 marks takes 400 ms. No writing system needs more than a
few, so the rest of a longer run is dropped first (as in the stream-safe format of UAX 15).
"""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby
from unicodedata import combining, normalize

MAX_MARKS = 30  # in a row: UAX 15, section 13
MARKS_LIE_IN = range(0x300, 0x1F000)  # no marks elsewhere, as a test confirms


def nfc(text: str) -> str:
    """`text` in composed form (NFC); of more than MAX_MARKS marks in a row, only the first."""
    return text if text.isascii() else normalize("NFC", without_long_runs(text))


def nfkc(text: str) -> str:
    """The same in NFKC: compatibility variants (wide letters, ligatures, superscripts) are unified."""
    return text if text.isascii() else normalize("NFKC", without_long_runs(text))


def has_long_run(text: str) -> bool:
    """Whether there are more than MAX_MARKS marks in a row."""
    return len(text) > MAX_MARKS and not text.isascii() and _long_run().search(text) is not None


def without_long_runs(text: str) -> str:
    return _long_run().sub(lambda found: found[0][:MAX_MARKS], text) if len(text) > MAX_MARKS else text


@cache
def _long_run() -> re.Pattern[str]:
    """Compiled at first use, in 25 ms: nearly all text is ASCII, or short."""
    marks = (code for code in MARKS_LIE_IN if is_mark(chr(code)))
    ranges = ([code for _, code in run] for _, run in groupby(enumerate(marks), lambda each: each[1] - each[0]))
    within = "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in ranges)
    return re.compile(f"[{within}]{{{MAX_MARKS + 1},}}")


def is_mark(char: str) -> bool:
    """Whether normalization sorts a character with its neighbours, as its decomposition begins with no base letter."""
    return combining(normalize("NFKD", char)[0]) > 0
