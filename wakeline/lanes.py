"""Lanes: which lane an id belongs to, and the facts of a deployment that never change."""

from __future__ import annotations

from binascii import crc32

from msgspec import Struct


def lane_of(site: str, id: str, lanes: int) -> int:
    """The lane (0 .. lanes-1) of a visitor or customer `id` of `site`; never changes for an id."""
    return crc32(f"{site}/{id}".encode()) % lanes


class Deployment(Struct, frozen=True):
    """Chosen at first start and stored in Redis; a change needs a replay into a new key version."""

    lanes: int
    decay_zero: int  # ms since 1970: T0 of the forward decay
    half_life: int  # ms
