"""How many requests one address may send: a flood from one sender must not crowd out the others.

Kept in memory only, an address for as long as it is busy. What has no public address is not limited: it is a proxy
that nobody named in `trusted_proxies`, and behind it are all visitors of the site.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_network

from collector.addresses import parse, within

BURST_S = 10  # seconds' worth that may come at once: pages that were offline, an office that comes back from lunch
MOST_ADDRESSES = 65_536  # of which something is remembered: 10 MB
ROUNDING_S = 1e-6
CACHED = 4_096
SITE_BITS = 64  # of an IPv6 address: one household or host has all that differ in the rest

UNLIMITED = tuple(
    map(
        ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
         "::1/128", "fc00::/7", "fe80::/10"),
    )
)  # fmt: skip


class Limiter:
    """`per_s` requests a second of each address, or of each IPv6 /64; 0: as many as they like. `clock` in seconds."""

    def __init__(self, per_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_s if per_s else 0.0
        self._ahead = max(BURST_S, self._interval) + ROUNDING_S
        self._clock = clock
        self._free_at: dict[int, float] = {}  # when all that the address has sent would have come at its rate
        self._sender = lru_cache(CACHED)(sender)

    def __len__(self) -> int:
        """Addresses of which something is remembered."""
        return len(self._free_at)

    def allows(self, address: str) -> bool:
        """Whether one more request may come from `address` now; if so it is counted."""
        if not self._interval or (who := self._sender(address)) is None:
            return True
        now = self._clock()
        free_at = max(now, self._free_at.pop(who, now))
        is_allowed = free_at + self._interval <= now + self._ahead
        self._free_at[who] = free_at + self._interval if is_allowed else free_at  # the last: who is quiet goes first
        if len(self._free_at) > MOST_ADDRESSES:
            del self._free_at[next(iter(self._free_at))]
        return is_allowed


def sender(address: str) -> int | None:
    """Whom an address is counted as; None: nobody that is limited."""
    parsed = parse(address)
    if parsed is None or within(address, UNLIMITED):
        return None
    if isinstance(parsed, IPv6Address):
        return -(int(parsed) >> SITE_BITS)  # below 0: not to be mistaken for an IPv4 address
    return int(parsed)
