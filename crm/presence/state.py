"""The changes of one call to who is on a site, and who was seen there."""

from __future__ import annotations

from wakeline.durations import NEVER


class Presence:
    """The visitors who are on a site, and those who were seen there, as changed by a call; 0: removed.

    The result is as if each record had removed the entries that have expired at its time, so it does not depend on how
    the log is divided into calls. For speed, `crm.presence.signs` sets the attributes directly.
    """

    __slots__ = ("oldest", "over", "present", "seen")

    def __init__(self) -> None:
        self.present: dict[str, int] = {}  # visitor -> time (ms) until which it counts as on the site
        self.seen: dict[str, int] = {}  # visitor -> time (ms) of its latest event
        self.over = 0  # entries up to this time (ms) from before the call are removed
        self.oldest = NEVER  # lower bound (ms) of the times added by this call, nearly always above `over`

    def expire(self, upto: int) -> None:
        """Remove entries added by this call with a time up to `upto`, ms."""
        for visitor in [visitor for visitor, ms in self.present.items() if ms <= upto]:
            self.present[visitor] = 0
        for visitor in [visitor for visitor, ms in self.seen.items() if 0 < ms <= upto]:
            del self.seen[visitor]  # a later entry from before the call stays
        self.oldest = min((ms for marks in (self.present, self.seen) for ms in marks.values() if ms), default=NEVER)
