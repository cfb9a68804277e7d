"""How many requests one address may send, and how much: a flood from one sender must not crowd out the others.

A request with a body of more than REQUEST_BYTES, or that leaves more in the log, counts as several: text takes time to
read. The body is counted before anybody reads it, and what it left once that is known.

Kept in memory only, an address for as long as it is busy. What has no public address is not limited: it is a proxy
that nobody named in `trusted_proxies`, and behind it are all visitors of the site.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from collector.addresses import sender

BURST_S = 10  # seconds' worth that may come at once: pages that were offline, an office that comes back from lunch
REQUEST_BYTES = 4_096  # of a body, and of records that it may leave; a page view leaves some 500
MOST_ADDRESSES = 65_536  # of which something is remembered: 10 MB
ROUNDING_S = 1e-6
CACHED = 4_096


def beyond_one(size: int) -> int:
    """As how many requests so many bytes count beside the first."""
    return max(0, size - 1) // REQUEST_BYTES


class Limiter:
    """`per_s` requests a second of each address, or of each IPv6 /64; 0: as many as they like. `clock` in seconds."""

    def __init__(self, per_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_s if per_s else 0.0
        self._ahead = max(BURST_S, self._interval) + ROUNDING_S
        self._clock = clock
        # when all that an address has sent would have come at its rate. An OrderedDict, for a plain dict must search
        # for its first key behind the places of all that were deleted before it
        self._free_at: OrderedDict[int, float] = OrderedDict()
        self._sender = lru_cache(CACHED)(sender)

    def __len__(self) -> int:
        """Addresses of which something is remembered."""
        return len(self._free_at)

    def allows(self, address: str) -> bool:
        """Whether one more request may come from `address` now; if so it is counted."""
        if not self._interval or (who := self._sender(address)) is None:
            return True
        return self._take(who, self._interval)

    def allows_more(self, address: str, requests: int) -> bool:
        """Whether a request that `allows` has counted may count as `requests` more (at most as all that may come at
        once). If not, its own count is taken back too: large requests that are refused use nothing up.
        """
        if requests <= 0 or not self._interval or (who := self._sender(address)) is None:
            return True
        is_allowed = self._take(who, self._at_most_all(requests))
        if not is_allowed:
            self._free_at[who] -= self._interval
        return is_allowed

    def owes(self, address: str, requests: int) -> None:
        """Count one that was taken as `requests` more: what comes next waits for them."""
        if requests > 0 and self._interval and (who := self._sender(address)) is not None:
            self._free_at[who] = max(self._clock(), self._free_at.get(who, 0.0)) + self._at_most_all(requests)

    def _at_most_all(self, requests: int) -> float:
        """The time of so many requests, or of all that may come at once behind a first one."""
        return min(requests * self._interval, self._ahead - self._interval)

    def _take(self, who: int, time: float) -> bool:
        now = self._clock()
        free_at = max(now, self._free_at.get(who, now))
        is_allowed = free_at + time <= now + self._ahead
        self._free_at[who] = free_at + time if is_allowed else free_at
        self._free_at.move_to_end(who)  # who is quiet goes first
        if len(self._free_at) > MOST_ADDRESSES:
            self._free_at.popitem(last=False)
        return is_allowed
