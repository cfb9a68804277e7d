"""The deployment's key for cards: a file outside of the data folder, one key per line, of which the first encrypts.

Keys for each purpose are derived from it. Redis holds the fingerprints of all keys that ever encrypted, so that a file
that was lost or exchanged is noticed before anything is written with another.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from redis.asyncio import Redis

from wakeline import card_keys
from wakeline.config import FILE as CONFIG
from wakeline.disk import sync_folder
from wakeline.settings import Config

FILE = "wakeline.key"
BYTES = 32
LINE = re.compile(r"[0-9a-f]{64}")
NEEDED = re.compile(r"# Replaced; spools and backups need it until (\d{4}-\d\d-\d\d)")  # above a former key
ABOUT = (
    "# Encrypts the personal values of customers. Without this file nobody can read them: keep a copy of it,\n"
    "# apart from the backups of the data. A new key goes above the former ones, which must stay.\n"
)

# KEYS: FINGERPRINTS; ARGV: the fingerprints in the file, that of the key that encrypts first. Returns those that are
# missing in the file; if none is, the first becomes known.
REGISTER = """
local missing, held = {}, {}
for _, id in ipairs(ARGV) do held[id] = true end
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if not held[id] then missing[#missing + 1] = id end
end
if #missing == 0 then redis.call('SADD', KEYS[1], ARGV[1]) end
return missing
"""


class NoCardKey(Exception):
    """The key is missing, unreadable or another one; the message says what to do."""


class Key:
    """One key, and what is derived from it."""

    def __init__(self, secret: bytes) -> None:
        self.id = _derived(secret, b"fingerprint", 8).hex()  # what Redis knows of it
        self.cipher = AESGCM(_derived(secret, b"values"))
        self.search = _derived(secret, b"search")


class Ring:
    """The keys of a file. Raises NoCardKey if there is none."""

    def __init__(self, secrets: list[bytes]) -> None:
        self.keys = [Key(secret) for secret in secrets]
        self.by_id = {bytes.fromhex(key.id): key for key in self.keys}

    @property
    def encrypts(self) -> Key:
        return self.keys[0]


def _derived(secret: bytes, purpose: bytes, length: int = BYTES) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=b"wakeline cards, 1: " + purpose).derive(secret)


def key_file(config: Config) -> Path:
    """Where the key lies: `card_key`, else beside the configuration file.

    Where that is with the data or, as the demo's, with the code: beside the data folder, and named after it. Versions
    before made that one in the working folder, where it stays in use, unless it is that of a configuration there.
    """
    named, file = config.settings.card_key, config.path
    if named is not None:
        return named
    if file is None:
        return Path(FILE)
    folder = file.parent
    is_ours = folder.resolve().is_relative_to(config.settings.data.resolve()) or (folder / "__init__.py").exists()
    if not is_ours:
        return folder / FILE
    former, data = Path(FILE), Path(os.path.abspath(config.settings.data))
    own = data.with_name(f"{data.name}.key") if data.name else former
    return former if not own.exists() and former.exists() and not Path(CONFIG).exists() else own


def read_ring(path: Path) -> Ring:
    """The keys in the file. Raises NoCardKey."""
    try:
        found = _read(path)
    except FileNotFoundError:
        raise NoCardKey(f"there is no file {path} with the key of the cards: set card_key to where it lies") from None
    return found


def put_new_key(path: Path, *, today: date) -> None:
    """Put a new key above those in the file, and leave out those that nobody needs since before `today`.

    On disk, whole or not at all. Raises NoCardKey.
    """
    for left in path.parent.glob(f".{path.name}.*"):  # of a command that was killed
        left.unlink(missing_ok=True)
    kept: list[str] = []
    for line in _text(path).splitlines():
        note = NEEDED.fullmatch(kept[-1]) if kept and LINE.fullmatch(line.strip()) else None
        if note is not None and date.fromisoformat(note[1]) < today:
            kept.pop()
        else:
            kept.append(line)
    first = next(at for at, line in enumerate(kept) if LINE.fullmatch(line.strip()))
    _replace(path, [*kept[:first], secrets.token_hex(BYTES), *kept[first:]])


def say_replaced(path: Path, *, until: date) -> None:
    """Note in the file until when its former keys are needed, above each that has no such note. Raises NoCardKey."""
    lines: list[str] = []
    is_first = True
    for line in _text(path).splitlines():
        if LINE.fullmatch(line.strip()):
            if not is_first and not NEEDED.fullmatch(lines[-1]):
                lines.append(f"# Replaced; spools and backups need it until {until}")
            is_first = False
        lines.append(line)
    _replace(path, lines)


def _text(path: Path) -> str:
    read_ring(path)
    return path.read_text()


def _replace(path: Path, lines: list[str]) -> None:
    path = path.resolve()  # of a link, what it leads to
    making = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            _write(making, "\n".join(lines) + "\n")
            former = path.stat()
            making.chmod(former.st_mode & 0o777)
            if (former.st_uid, former.st_gid) != (os.getuid(), os.getgid()):
                os.chown(making, former.st_uid, former.st_gid)  # collectors must be able to read it
            making.replace(path)
        finally:
            making.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise NoCardKey(f"the key of the cards in {path} cannot be replaced: {error.strerror}") from None


def _read(path: Path) -> Ring:
    """The same; FileNotFoundError where there is none."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise NoCardKey(f"the key of the cards in {path} cannot be read: {why}") from None
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found or not all(map(LINE.fullmatch, found)):
        raise NoCardKey(f"{path} is not a key of cards (64 hex digits per line): put back your copy of it")
    return Ring([bytes.fromhex(line) for line in found])


async def open_ring(path: Path, redis: Redis) -> Ring:
    """The keys in the file, which is made if no card was ever written.

    Raises NoCardKey, and redis-py's errors.
    """
    try:
        ring, is_new = _read(path), False
    except FileNotFoundError:
        known: Any = await redis.smembers(card_keys.FINGERPRINTS)
        if not known:
            ring, is_new = _made(path), True
        else:
            try:
                ring, is_new = _read(path), False  # made meanwhile, by another process
            except FileNotFoundError:
                raise NoCardKey(_lost(path, known)) from None
    missing: Any = await redis.eval(REGISTER, 1, card_keys.FINGERPRINTS, *(key.id for key in ring.keys))
    if missing:
        if is_new:  # another process has just made one, elsewhere
            _discard(path)
            raise NoCardKey(_lost(path, missing))
        raise NoCardKey(_another(path, missing))
    return ring


async def check_key(path: Path, redis: Redis) -> None:
    """Raises NoCardKey if there are cards that the file cannot encrypt or decrypt, and redis-py's errors.

    It writes nothing: where no card was ever written, the key is made with the first one.
    """
    known: Any = await redis.smembers(card_keys.FINGERPRINTS)
    if not known:
        return
    try:
        ring = _read(path)
    except FileNotFoundError:
        raise NoCardKey(_lost(path, known)) from None
    if missing := known - {key.id.encode() for key in ring.keys}:
        raise NoCardKey(_another(path, missing))


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _lost(path: Path, known: Any) -> str:
    return (
        f"{path} is missing, and the cards were encrypted with the key of that file (fingerprint {_named(known)}): put "
        f"back your copy of it, or set card_key to where it lies. If it is lost for good, nobody can read them: delete "
        f"{card_keys.FINGERPRINTS} in Redis, and a new key is made"
    )


def _another(path: Path, missing: Any) -> str:
    return (
        f"{path} does not hold the key that the cards were encrypted with (fingerprint {_named(missing)}): "
        "put back your copy of that file, or add its lines below those of this one"
    )


def _named(ids: Any) -> str:
    return ", ".join(sorted(id.decode() for id in ids))


def _made(path: Path) -> Ring:
    """A new file, on disk when it returns. One that another process makes at the same time is read instead."""
    making = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(making, f"{ABOUT}{secrets.token_hex(BYTES)}\n")
            with suppress(FileExistsError):
                os.link(making, path)  # whole or not at all, and never over another
        finally:
            making.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise NoCardKey(
            f"the key of the cards cannot be written to {path}: {error.strerror}; set card_key to a file in a folder "
            "that this user may write"
        ) from None
    return read_ring(path)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
