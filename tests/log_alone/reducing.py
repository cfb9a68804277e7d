"""The smallest part of a case that still breaks a claim: its steps taken away, in ever smaller runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.log_alone.cases import Case


async def reduced(case: Case, breaks: Callable[[Case], Awaitable[bool]]) -> Case:
    """No single step of it can be left out any more. `breaks` is asked some hundred times."""
    size = len(case.steps) // 2
    while size:
        start, is_less = 0, False
        while start < len(case.steps):
            less = case.without(start, start + size)
            if await breaks(less):
                case, is_less = less, True
            else:
                start += size
        if not is_less or size > 1:
            size = size // 2 or int(is_less)
    return case
