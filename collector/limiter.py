"""Limits requests and bytes per address, events and bodies per API key, so that no sender crowds out the others.

A request with a body of more than REQUEST_BYTES, or that adds more to the log, counts as several, since text takes time
to process. The body's size is counted before it is read, the log's size once it is known.

Only kept in memory, while an address is active. Addresses that are not public are not limited: they are proxies missing
from `trusted_proxies`, with all the site's visitors behind them.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from functools import lru_cache

from collector.addresses import sender

BURST_S = 10  # seconds' worth of requests allowed at once: pages that were offline, an office after lunch
REQUEST_BYTES = 4_096  # of a body, and of its records; a page view adds about 500
MOST_ADDRESSES = 65_536  # addresses to remember: 10 MB
ROUNDING_S = 1e-6
CACHED = 4_096


def beyond_one(size: int) -> int:
    """How many additional requests this many bytes count as."""
    return max(0, size - 1) // REQUEST_BYTES


class KeyLimiter:
    """`per_s` events per second for each API key, in bursts of BURST_S; 0: no limit. `clock` in seconds.

    How many events a request has is known once it was read, so a key may owe the time of one request.
    """

    def __init__(self, per_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_s if per_s else 0.0
        self._clock = clock
        self._free_at: dict[str, float] = {}  # by the key's name: as many as the deployment has keys

    def waits_s(self, key: str) -> float:
        """Seconds until the key may send; 0 if it may now."""
        return max(0.0, self._free_at.get(key, 0.0) - self._clock() - BURST_S)

    def owes(self, key: str, events: int) -> None:
        """Count a request's events."""
        if self._interval:
            self._free_at[key] = max(self._clock(), self._free_at.get(key, 0.0)) + events * self._interval


class KeySlots:
    """`most` slots for bodies that are being read. An API key may hold as many as are left.

    So one key gets half of them at most, and while few keys use theirs up there is one for any other.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()  # by the key's name

    def take(self, key: str) -> bool:
        """Whether the key gets one; give it back then."""
        if self._held[key] >= self._most - self._held.total():
            return False
        self._held[key] += 1
        return True

    def give_back(self, key: str) -> None:
        self._held[key] -= 1
        if not self._held[key]:
            del self._held[key]

    def holds(self, key: str) -> bool:
        return key in self._held


class Limiter:
    """`per_s` requests per second for each address or IPv6 /64; 0: no limit. `clock` in seconds."""

    def __init__(self, per_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_s if per_s else 0.0
        self._ahead = max(BURST_S, self._interval) + ROUNDING_S
        self._clock = clock
        # When all requests of an address would have arrived at the allowed rate. An OrderedDict, because finding the
        # first key of a plain dict scans all deleted entries before it.
        self._free_at: OrderedDict[int, float] = OrderedDict()
        self._sender = lru_cache(CACHED)(sender)

    def __len__(self) -> int:
        """Number of addresses remembered."""
        return len(self._free_at)

    def allows(self, address: str) -> bool:
        """Whether `address` may send one more request now; if so, counts it."""
        if not self._interval or (who := self._sender(address)) is None:
            return True
        return self._take(who, self._interval)

    def allows_more(self, address: str, requests: int) -> bool:
        """Whether a request counted by `allows` may count as `requests` more (at most the whole burst).

        If not, its own count is reverted too: rejected large requests use nothing up.
        """
        if requests <= 0 or not self._interval or (who := self._sender(address)) is None:
            return True
        is_allowed = self._take(who, self._at_most_all(requests))
        if not is_allowed:
            self._free_at[who] -= self._interval
        return is_allowed

    def owes(self, address: str, requests: int) -> None:
        """Count an accepted request as `requests` more: later requests wait for them."""
        if requests > 0 and self._interval and (who := self._sender(address)) is not None:
            self._free_at[who] = max(self._clock(), self._free_at.get(who, 0.0)) + self._at_most_all(requests)

    def _at_most_all(self, requests: int) -> float:
        """Duration of this many requests at the allowed rate, at most the burst without its first request."""
        return min(requests * self._interval, self._ahead - self._interval)

    def _take(self, who: int, time: float) -> bool:
        now = self._clock()
        free_at = max(now, self._free_at.get(who, now))
        is_allowed = free_at + time <= now + self._ahead
        self._free_at[who] = free_at + time if is_allowed else free_at
        self._free_at.move_to_end(who)  # quiet addresses are evicted first
        if len(self._free_at) > MOST_ADDRESSES:
            self._free_at.popitem(last=False)
        return is_allowed
