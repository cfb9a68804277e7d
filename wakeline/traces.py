"""What a log may say of an exception that a request raised: its kind and where it rose, never its words.

Its words may be the request's: an address, a header, an id. So are those of its causes and notes.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator


def without_words(error: BaseException) -> str:
    """The lines of a traceback, causes first; of each exception its type alone."""
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
