"""Memory usage of a server, and the thresholds for accepting events; see `collector.memory`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MEGABYTE = 1_048_576
COUNT_ONLY = 0.80  # of maxmemory: from here on no new profiles are created
REFUSE = 0.90  # from here on events are answered 503; the rest is reserved for folding accepted events
SLACK = 0.05  # a restriction ends only this far below its threshold, so that it does not flap
# Most memory that the server needs to fold a record:
RECORD_BYTES = 1_000  # to recognise a duplicate of it
PROFILE_BYTES = 6_000  # if it creates a profile: state, profile, interests and their keys
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
