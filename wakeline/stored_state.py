"""Stored states of visitors and customers: msgpack, by earlier versions JSON; see `keys.Keys.state`.

Here is also the part of a customer's that readers without the processor need.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from wakeline.account import Account
from wakeline.kept import Kept

PART = {"record": "r", "into": "i", "aliases": "a", "account": "o"}
"""Field of a customer's state -> its stored name: those of `Part`."""


class Part(Struct, rename=PART):
    """What a customer's state says of what was told of it, and of its other ids."""

    record: list[Kept] = []
    into: str = ""  # the smaller id that keeps what is known of this one
    aliases: list[str] = []  # greater ids that keep it here
    account: Account | None = None


def is_json(stored: bytes) -> bool:
    """Whether an earlier version stored it."""
    return stored[:1] == b"{"


def renamed(stored: bytes, names: Mapping[str, str]) -> dict[str, Any]:
    """A state of JSON, its fields under other names. Raises msgspec.MsgspecError."""
    told = msgspec.json.decode(stored, type=dict[str, Any])
    return {names.get(name, name): value for name, value in told.items()}


_unpack = msgspec.msgpack.Decoder(Part).decode


def part_of(stored: bytes | None) -> Part:
    """The part of a customer's state; None: there is none. Raises msgspec.MsgspecError."""
    if stored is None:
        return Part()
    return msgspec.convert(renamed(stored, PART), Part) if is_json(stored) else _unpack(stored)
