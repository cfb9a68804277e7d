"""Who is on a site, and who was seen there: what one call changes of both."""

from __future__ import annotations

from wakeline.durations import NEVER


class Presence:
    """What a call changes of who is on a site, and of who was seen there; 0: no longer.

    The result is as if each record by itself had removed what is over by its own clock, so it does not depend on how
    the log is cut into calls. `crm.presence.signs` writes it, for each event, so without a call.
    """

    __slots__ = ("oldest", "over", "present", "seen")

    def __init__(self) -> None:
        self.present: dict[str, int] = {}  # visitor -> ms until which it counts as on the site
        self.seen: dict[str, int] = {}  # visitor -> ms of its last sign
        self.over = 0  # ms: what was there before this call, up to this, is removed
        self.oldest = NEVER  # ms: nothing that this call has added is older; nearly always younger than what is removed

    def expire(self, upto: int) -> None:
        """Remove what is not later than `upto`, ms, of what this call has added."""
        for visitor in [visitor for visitor, ms in self.present.items() if ms <= upto]:
            self.present[visitor] = 0
        for visitor in [visitor for visitor, ms in self.seen.items() if 0 < ms <= upto]:
            del self.seen[visitor]  # one that was there before and is later stays
        self.oldest = min((ms for marks in (self.present, self.seen) for ms in marks.values() if ms), default=NEVER)
