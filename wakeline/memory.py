"""How full a server is, and from where on strangers may fill it no further; see `collector.memory`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COUNT_ONLY = 0.80  # of maxmemory: from here on no new profile begins
REFUSE = 0.90  # from here on events are answered 503; the rest is for folding what was accepted
# What a record needs once it is folded, at most: what tells it when it comes again, if no profile begins by it; else a
# visitor's state, profile, interests and their keys.
COUNTED_BYTES = 1_000
PROFILE_BYTES = 6_000
SLACK = 0.05  # below these before a step is taken back, so that it does not flap


def share_of(info: Mapping[str, Any]) -> float | None:
    """Of maxmemory, from INFO, as the server itself reckons it before it refuses a write: without what it still has to
    send to replicas and to write to its file. None: it has no bound.
    """
    most = int(info.get("maxmemory", 0))
    if not most:
        return None
    return (int(info["used_memory"]) - int(info.get("mem_not_counted_for_evict", 0))) / most
