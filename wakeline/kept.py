"""What is kept of one fact: stored as `told` says, and passed from one id of a customer to another."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Fields = dict[str, Any]


class Kept(Struct, array_like=True, gc=False):
    """What is kept of one fact."""

    digest: str  # see `crm.things.digests`
    rank: int  # of who said it: see `told.RANK_OF_PAGES`; the higher one prevails
    time: int  # ms since 1970, as it was said
    fields: Fields

    @property
    def stamp(self) -> tuple[int, int, str]:
        return self.rank, self.time, self.digest
