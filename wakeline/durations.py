"""Lengths of time, in ms."""

from __future__ import annotations

MINUTE_MS = 60_000
QUARTER_MS = 15 * MINUTE_MS  # every time zone's offset is a multiple of it, and changes at such a multiple
DAY_MS = 86_400_000
MONTH_MS = 2_629_746_000  # a twelfth of a year of 365.2425 days
NEVER = 1 << 62  # ms since 1970: later than anything
