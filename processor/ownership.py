"""Which lanes this process owns: all or none by a lease on the Redis log, a share of them by Kafka's consumer group.

Ownership only saves work and says who reads what. What keeps a lane's numbers right when two processes believe
that they own it is its revision in Redis.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Set
from typing import Protocol

OnAssigned = Callable[[Set[int]], Awaitable[None]]
OnRevoked = Callable[[], Awaitable[None]]


class OwnershipLost(Exception):
    """Other processes own the lanes now, and this one cannot go on as it is."""


class Ownership(Protocol):
    """How this process comes by its lanes."""

    async def run(self, on_assigned: OnAssigned, on_revoked: OnRevoked) -> None:
        """Until cancelled. Calls `take` with all lanes that are ours whenever that has changed, and awaits `leave`
        before they may become another's. Raises OwnershipLost, and what `take` raises.
        """

    async def commit(self, places: Mapping[int, int]) -> None:
        """Told lane -> place about once a second, so that ordinary tools for the log can show it."""

    async def close(self) -> None:
        """Let go, as far as that can be: a process that is only restarted may have its lanes back."""
