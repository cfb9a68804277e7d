"""The smallest part of a case that still breaks a claim: its steps taken away, in ever smaller runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sized
from typing import Protocol, Self, TypeVar


class Reducible(Sized, Protocol):
    """A case of so many steps."""

    def without(self, start: int, end: int) -> Self: ...


Steps = TypeVar("Steps", bound=Reducible)


async def reduced(case: Steps, breaks: Callable[[Steps], Awaitable[bool]]) -> Steps:
    """No single step of it can be left out any more. `breaks` is asked some hundred times."""
    size = len(case) // 2
    while size:
        start, is_less = 0, False
        while start < len(case):
            less = case.without(start, start + size)
            if await breaks(less):
                case, is_less = less, True
            else:
                start += size
        if not is_less or size > 1:
            size = size // 2 or int(is_less)
    return case
