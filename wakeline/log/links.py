"""What a deployment's chain of logs is made of, see `chain`."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Link(Struct, frozen=True):
    """One log of a deployment."""

    id: str  # its identity
    begins: list[int]  # by lane: the place at which its offset 0 lies
    restored: list[int] = []  # by lane: up to where it is the link before, which a backup was taken of; else none


def identity_of(links: Sequence[Link]) -> str:
    """That of the chain: of its first log, since what follows is the same log to its readers. But a restore begins
    another log: the places behind it hold other records than those that anybody remembers of the former one.
    """
    return next((link.id for link in reversed(links) if link.restored), links[0].id)
