"""The Redis keys of a site's numbers in one lane; readers add up the lanes. `keys.Keys` has them all."""

from __future__ import annotations


class NumberKeys:
    """Those of one key version, whose prefix is `prefix`."""

    prefix: str

    def totals(self, lane: int, site: str) -> str:
        """hash of counts since the start, and of amounts by currency in minor units, see `numbers`. Permanent."""
        return f"{self.prefix}{{{lane}}}:{site}:totals"

    @property
    def all_totals(self) -> str:
        """Pattern of those of every site in every lane."""
        return f"{self.prefix}{{*}}:*:totals"

    def day(self, lane: int, site: str, date: str) -> str:
        """hash of the same counts, and of those without a total, for one day (YYYY-MM-DD in the site's time zone).
        DAY_TTL.
        """
        return f"{self.prefix}{{{lane}}}:{site}:day:{date}"

    def present(self, lane: int, site: str) -> str:
        """zset: visitor -> ms until which it counts as present. Expired ones are removed with the next write.

        PRESENCE_TTL after the last event, so that idle lanes do not keep erased visitors.
        """
        return f"{self.prefix}{{{lane}}}:{site}:present"

    def open_pages(self, lane: int, site: str) -> str:
        """zset: path, a line's end, id of a page instance -> ms until which it counts as open. As `present`."""
        return f"{self.prefix}{{{lane}}}:{site}:open"

    def seen(self, lane: int, site: str) -> str:
        """zset: visitor -> ms of its last event. Those older than SEEN_MS are removed with the next write.
        PRESENCE_TTL.
        """
        return f"{self.prefix}{{{lane}}}:{site}:seen"

    def top(self, lane: int, site: str, what: str, bucket: str) -> str:
        """zset of `numbers.TOPS`, TOP_MEMBERS and OTHER: value -> count; of LIVE_MONEYS: currency -> minor units."""
        return f"{self.prefix}{{{lane}}}:{site}:top:{what}:{bucket}"
