"""Which erased persons the history was rewritten for, and by which random ids: the file NAME at its root.

While a person is being rewritten its id stands there. Afterwards only a salted hash does, which says that somebody
who knows the id was erased, and the key of the random id: for KEY_DAYS, so that what arrives late, or again, gets the
same one. Until then the log tells as much. The hash stays, as tombstones do: a restored backup is compared with it.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from itertools import count

import msgspec
from msgspec import Struct

from archiver.persons import Who
from wakeline.history import HistoryDamaged
from wakeline.history.store import Store
from wakeline.lanes import lane_of
from wakeline.record import CUSTOMER_PREFIX

NAME = "erased.json"
KEY_DAYS = 9  # a browser's queue lasts 7, and the log 8 unless it is set otherwise
ID_CHARACTERS = 22  # of a visitor or a page, as browsers make them


class Waiting(Struct, omit_defaults=True):
    """A person who is to be rewritten."""

    site: str
    id: str
    key: str  # hex: its random id follows from it
    upto: int  # ms, of the erasure
    through: int = 0  # ms, see `StandIn`
    direct: bool = False  # erased itself; else, a browser, with its customer
    returned: bool = False  # it has done something after `through`, which stays its own
    surveyed: bool = False  # whether `through` and `returned` are known

    @property
    def who(self) -> Who:
        return self.site, self.id


class Done(Struct, omit_defaults=True):
    """A person who was rewritten."""

    upto: int
    through: int
    key: str = ""
    until: str = ""  # YYYY-MM-DD: the last day of `key`


class Erasures(Struct):
    """The file NAME."""

    salt: str
    waiting: dict[str, Waiting] = {}  # by `digest`, as the next
    done: dict[str, Done] = {}
    random: set[str] = set()  # digests of random ids: whoever they stand for is rewritten already

    def digest(self, who: Who) -> str:
        return hashlib.blake2b("\0".join(who).encode(), key=self.salt.encode(), digest_size=16).hexdigest()

    def knows(self, who: Who) -> int:
        """ms up to which a person is erased; 0: it is not."""
        digest = self.digest(who)
        found = self.waiting.get(digest) or self.done.get(digest)
        return found.upto if found else 0


def load(store: Store) -> Erasures:
    """Those of a history; none before the first. Raises HistoryDamaged and HistoryUnavailable."""
    try:
        with store.open(NAME) as file:
            return msgspec.json.decode(file.read(), type=Erasures)
    except FileNotFoundError:
        return Erasures(secrets.token_hex(16))
    except msgspec.MsgspecError as error:
        raise HistoryDamaged(f"{NAME} of the history is damaged: {error}; put it back from a copy") from error


def save(store: Store, erasures: Erasures) -> None:
    store.write(NAME, msgspec.json.encode(erasures))


def wait_for(erasures: Erasures, who: Who, upto: int, *, direct: bool) -> bool:
    """Note that a person is to be rewritten up to `upto`, ms; returns whether that is new."""
    digest = erasures.digest(who)
    waiting = erasures.waiting.get(digest)
    if waiting is None:
        waiting = Waiting(*who, secrets.token_hex(16), upto)
        if before := erasures.done.get(digest):
            waiting.key = before.key or waiting.key
            waiting.upto, waiting.through = max(upto, before.upto), before.through
        erasures.waiting[digest] = waiting
    elif waiting.upto >= upto and waiting.direct >= direct:
        return False
    waiting.upto, waiting.direct, waiting.surveyed = max(upto, waiting.upto), waiting.direct or direct, False
    return True


def end(erasures: Erasures, until: datetime.date) -> None:
    """All that were waiting are done: nothing names them any more. `until`: the last day of their keys."""
    for digest, one in erasures.waiting.items():
        erasures.done[digest] = Done(one.upto, one.through, one.key, until.isoformat())
    erasures.waiting = {}


def drop_keys(erasures: Erasures, today: datetime.date) -> bool:
    """Drop the keys whose time is over; returns whether there were any."""
    over = [one for one in erasures.done.values() if one.key and one.until < today.isoformat()]
    for one in over:
        one.key = one.until = ""
    return bool(over)


class RandomId:
    """The `StandIn` of a person: in the same lane, and unknown to whoever has not the key."""

    def __init__(self, one: Waiting, lanes: int) -> None:
        self._key = bytes.fromhex(one.key)
        self._returned = one.returned
        self.through = one.through
        self.new = next(
            id
            for number in count()
            if lane_of(one.site, id := self._id(one.id[0], number), lanes) == lane_of(one.site, one.id, lanes)
        )

    def covers(self, time: int) -> bool:
        return not self._returned or time <= self.through

    def page(self, page: str) -> str:
        return _text(self._digest(f"page {page}"))

    def _id(self, first: str, number: int) -> str:
        digest = self._digest(f"id {number}")
        return CUSTOMER_PREFIX + digest.hex()[:32] if first == CUSTOMER_PREFIX else _text(digest)

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), "sha256")


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).decode()[:ID_CHARACTERS]
