"""The part of a customer's stored state that readers without the processor need; see `keys.Keys.state`."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from wakeline.kept import Kept

JSON = b"{"  # how states of earlier versions begin; those of this one are msgpack, under names of one letter
STORED = {"record": "r", "into": "i", "aliases": "a"}
"""Field -> its stored name."""


class Part(Struct, rename=STORED):
    """What a state says of what was told of the customer, and of its other ids."""

    record: list[Kept] = []
    into: str = ""  # the smaller id that keeps what is known of this one
    aliases: list[str] = []  # greater ids that keep it here


_unpack = msgspec.msgpack.Decoder(Part).decode


def part_of(state: bytes | None) -> Part:
    """The part of a stored state; None: there is none. Raises msgspec.MsgspecError."""
    if state is None:
        return Part()
    if state[:1] != JSON:
        return _unpack(state)
    told = msgspec.json.decode(state, type=dict[str, Any])
    return msgspec.convert({STORED.get(name, name): value for name, value in told.items()}, Part)
