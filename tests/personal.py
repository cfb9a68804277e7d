"""Searches bytes for personal values, with the deployment's key: in plain text, encrypted and hashed."""

from __future__ import annotations

import gzip
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from redis.asyncio import Redis

from wakeline.cards import read_ring
from wakeline.cards.search import hashes

TOKEN = re.compile(rb"[A-Za-z0-9+/]{48,}={0,2}")
NONCE, ID, TAG = 12, 8, 16


class Searcher:
    """Looks for `values` (by the name of their field) with all keys of the file `key`."""

    def __init__(self, key: Path, site: str, values: Mapping[str, str]) -> None:
        self._values = dict(values)
        lines = [line for line in key.read_text().splitlines() if line and line[0] != "#"]
        ring = read_ring(key)
        self._keys = {
            bytes.fromhex(one.id): HKDF(SHA256(), 32, salt=None, info=b"wakeline cards, 1: values").derive(
                bytes.fromhex(line)
            )
            for one, line in zip(ring.keys, lines, strict=True)
        }
        self._hashes = {
            hash.encode(): name
            for one in ring.keys
            for name, value in values.items()
            for hash in hashes(one, site, name, value)
        }

    def found(self, data: bytes) -> set[str]:
        """Names of the values that are there, whether somebody meant to hide them or not."""
        texts = [data.lower(), *(text.lower() for text in self._opened(data))]
        seen = {name for name, value in self._values.items() if any(value.lower().encode() in text for text in texts)}
        return seen | {name for hash, name in self._hashes.items() if hash in data}

    def places(self, contents: Mapping[str, bytes]) -> dict[str, set[str]]:
        """The places (a key or a file) that hold values, and which."""
        return {
            place: names for place, data in contents.items() if (names := self.found(place.encode() + b"\n" + data))
        }

    def _opened(self, data: bytes) -> Iterator[bytes]:
        """What is encrypted, without asking for whom: the tag is not checked."""
        for token in TOKEN.findall(data):
            try:
                raw = b64decode(token + b"=" * (-len(token) % 4))
            except ValueError:
                continue
            if (secret := self._keys.get(raw[:ID])) is not None:
                counter = raw[ID : ID + NONCE] + b"\x00\x00\x00\x02"  # of GCM, for the first block
                yield Cipher(algorithms.AES(secret), modes.CTR(counter)).decryptor().update(raw[ID + NONCE : -TAG])


async def in_redis(redis: Redis) -> dict[str, bytes]:
    """Key -> all of its value, as text."""
    found = {}
    async for key in redis.scan_iter(count=10_000):
        kind = await redis.type(key)
        if kind == b"none":  # it went meanwhile
            continue
        found[key.decode(errors="replace")] = _bytes(await READ[kind](redis, key))
    return found


READ: dict[bytes, Any] = {
    b"string": lambda redis, key: redis.get(key),
    b"hash": lambda redis, key: redis.hgetall(key),
    b"zset": lambda redis, key: redis.zrange(key, 0, -1),
    b"set": lambda redis, key: redis.smembers(key),
    b"list": lambda redis, key: redis.lrange(key, 0, -1),
    b"stream": lambda redis, key: redis.xrange(key),
}


def _bytes(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"\n".join(_bytes(one) for pair in value.items() for one in pair)
    if isinstance(value, (list, tuple, set)):
        return b"\n".join(map(_bytes, value))
    return value if isinstance(value, bytes) else b""


def in_files(folder: Path) -> dict[str, bytes]:
    """File -> its content, decompressed."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found[str(path.relative_to(folder))] = gzip.decompress(data) if path.suffix == ".gz" else data
    return found
