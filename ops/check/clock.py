"""The log's time: visits end by it, and it never goes back, so a clock that was ahead for a moment is felt for long."""

from __future__ import annotations

from collections.abc import Iterator

from ops.check.finding import Finding, warn

WARN_MS = 5_000  # what requests and NTP explain is less


def judge_log_time(*, appended: int, received: int, now: float) -> Iterator[Finding]:
    """Of the newest record: when it was appended by the log's clock, when received by a collector's (ms; 0: not
    known). `now`: by this machine's, ms.
    """
    if appended - now > WARN_MS:
        yield warn(
            f"the log's time is {(appended - now) / 1000:,.0f} s ahead of this machine's clock: no visit ends before "
            "the clock has come there; all else is right",
            "set the clocks of all machines by NTP (timedatectl set-ntp true); then it passes by itself",
        )
    elif received - appended > WARN_MS and appended:
        yield warn(
            f"the newest record was received {(received - appended) / 1000:,.0f} s after the time at which the log has "
            "it: the log's clock is behind, or a collector's ahead",
            "set the clocks of all machines by NTP (timedatectl set-ntp true)",
        )
