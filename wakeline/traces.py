"""Tracebacks without messages, for exceptions raised by a request: only types and locations.

Messages, causes and notes may contain a request's data: an address, a header, an id.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator


def without_words(error: BaseException) -> str:
    """The lines of a traceback, causes first; of each exception only the type."""
    causes = [*_chain(error)][::-1]
    return "\n".join(f"{''.join(traceback.format_tb(each.__traceback__))}{_kind(each)}" for each in causes)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _kind(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
