"""Which lanes this process owns: all or none by a lease on the Redis log, or a share by Kafka's consumer group.

Ownership only avoids duplicate work. If two processes believe that they own a lane, its revision in Redis keeps its
numbers right.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Set
from typing import Protocol

OnAssigned = Callable[[Set[int]], Awaitable[None]]
OnRevoked = Callable[[], Awaitable[None]]


class OwnershipLost(Exception):
    """Other processes own the lanes now, and this one must end."""


class Ownership(Protocol):
    """How this process gets its lanes."""

    async def run(self, on_assigned: OnAssigned, on_revoked: OnRevoked) -> None:
        """Runs until cancelled. Calls `take` with all owned lanes on every change, and awaits `leave` before releasing
        them.

        Raises OwnershipLost, and errors of `take`.
        """

    async def commit(self, places: Mapping[int, int]) -> None:
        """Called with lane -> place about once a second, to show it to other tools."""

    async def close(self) -> None:
        """Release the lanes, unless a restarted process can get them back."""
