"""How full a server is, and from which share on strangers may fill it no further; see `collector.memory`."""

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
    """Of maxmemory, from INFO, as the server itself reckons it before it refuses a write: without what it still has to
    send to replicas and to write to its file. None: it has no bound, or it evicts, and then it is always nearly full.
    """
    most = int(info.get("maxmemory", 0))
    if not most or eviction(info):
        return None
    return (int(info["used_memory"]) - int(info.get("mem_not_counted_for_evict", 0))) / most


def eviction(info: Mapping[str, Any]) -> str:
    """The policy by which a server throws keys away when it is full, from INFO; "": it throws none away."""
    policy = str(info.get("maxmemory_policy", NO_EVICTION))
    return policy if int(info.get("maxmemory", 0)) and policy != NO_EVICTION else ""
