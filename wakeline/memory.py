"""Memory usage of a server, and the thresholds for accepting events; see `collector.memory`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MEGABYTE = 1_048_576
COUNT_ONLY = 0.80  # of maxmemory: from here on no new profile begins
REFUSE = 0.90  # from here on events are answered 503; the rest is for folding what was accepted
SLACK = 0.05  # a step is taken back only so far below its share, so that it does not flap
# What the server needs for a record that is folded, at most.
RECORD_BYTES = 1_000  # to know it if it comes again
PROFILE_BYTES = 6_000  # where a profile begins with it: state, profile, interests and their keys
NO_EVICTION = "noeviction"


def share_of(info: Mapping[str, Any]) -> float | None:
    """Share of maxmemory in use, from INFO, computed as the server does before it refuses a write.

    It excludes replication and append-only-file buffers. None if the server has no limit, or evicts keys, since it is
    then always nearly full.
    """
    most = int(info.get("maxmemory", 0))
    if not most or eviction(info):
        return None
    return (int(info["used_memory"]) - int(info.get("mem_not_counted_for_evict", 0))) / most


def eviction(info: Mapping[str, Any]) -> str:
    """The server's eviction policy, from INFO; "" if it never evicts."""
    policy = str(info.get("maxmemory_policy", NO_EVICTION))
    return policy if int(info.get("maxmemory", 0)) and policy != NO_EVICTION else ""
