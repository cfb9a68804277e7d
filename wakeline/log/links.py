"""The links of a deployment's chain of logs, see `chain`."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Link(Struct, frozen=True):
    """One log of a deployment."""

    id: str  # its identity
    begins: list[int]  # by lane: the place of its offset 0
    restored: list[int] = []  # by lane: end of the records shared with the previous link, after a restore


def identity_of(links: Sequence[Link]) -> str:
    """The identity of the chain: that of its first log, since later logs continue it for readers.

    A restore starts a new identity, because offsets after the backup hold other records than before.
    """
    return next((link.id for link in reversed(links) if link.restored), links[0].id)
