"""The log's time: visits end by it and it never goes back, so a clock that was ahead has a lasting effect."""

from __future__ import annotations

from collections.abc import Iterator

from ops.check.finding import Finding, warn
from wakeline.definitions import LATE_MS
from wakeline.durations import DAY_MS

WARN_MS = 5_000  # more than requests and NTP explain


def _too_late(ahead: float) -> str:
    if ahead < LATE_MS:
        return "; nothing else is affected"
    return f", and events count as too late, being more than {LATE_MS / DAY_MS:g} days behind it; nobody ends by age"


def judge_log_time(*, appended: int, received: int, now: float) -> Iterator[Finding]:
    """Judges the newest record: append time by the log's clock, receive time by a collector's (ms; 0: unknown).

    `now`: this machine's time, ms.
    """
    if appended - now > WARN_MS:
        yield warn(
            f"the log's time is {(appended - now) / 1000:,.0f} s ahead of this machine's clock: no visit ends until "
            f"the clock has caught up{_too_late(appended - now)}",
            "synchronise all clocks with NTP (timedatectl set-ntp true), then wait",
        )
    elif received - appended > WARN_MS and appended:
        yield warn(
            f"the newest record was received {(received - appended) / 1000:,.0f} s after its append time: "
            "the log's clock is behind, or a collector's is ahead",
            "synchronise all clocks with NTP (timedatectl set-ntp true)",
        )
