"""The processor's scripts in Python, for `memory_redis`. Cards are not kept: generated logs tell none."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from redis.exceptions import ResponseError

from processor import lane_protocol, messages, replay_protocol
from tests.log_alone.memory_values import Hash, Sorted, Stream, encoded, id_of, position
from wakeline.keys import FORGOTTEN

Words = list[Any]
_unpack = msgspec.msgpack.Decoder().decode
NUL = b"0-0"


class Scripts:
    """`yields`: where given, a call may let other tasks go first, as one that waits for a server does."""

    def __init__(self) -> None:
        self.yields: random.Random | None = None
        self._values: dict[str, Any] = {}
        self._lives: dict[str, int] = {}  # ms
        self._scripts = {
            lane_protocol.WRITE: self._write,
            lane_protocol.LOAD: self._load,
            lane_protocol.RECALL: self._recall,
            lane_protocol.PLACE: self._place,
            lane_protocol.CLAIM: self._claim,
            lane_protocol.DIED: self._died,
            replay_protocol.BEGIN: self._begin,
            replay_protocol.TAKE_BACK: self._take_back,
            replay_protocol.KEEP: self._keep,
            replay_protocol.EMPTY: self._empty,
            replay_protocol.FINISH: self._finish,
            messages.SAY_HELD: self._say_held,
        }
        self._said = self._cut = 0
        self._commands: dict[str, Callable[..., None]] = {
            "HSET": self._hset, "HINCRBY": self._hincrby, "HDEL": self._hdel, "DEL": self._del,
            "PEXPIRE": self._pexpire, "ZADD": self._zadd, "ZREM": self._zrem, "ZREMRANGEBYSCORE": self._zremrange,
            "ZINCRBY": self._zincrby,
            "TOP": self._top, "BEST": self._best, "LATEST": self._latest, "DEAD": self._dead, "FORGET": self._forget,
            "CARD": self._card, "SAY": self._say, "HOLD": self._hold, "SAID": self._has_said,
        }  # fmt: skip

    def _of(self, key: str, kind: Callable[[], Any]) -> Any:
        """The value of a key to read."""
        found = self._values.get(key)
        if found is None:
            return kind()
        if type(found) is not kind:
            raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return found

    def _to(self, key: str, kind: Callable[[], Any]) -> Any:
        """The value of a key to write."""
        found = self._values.get(key)
        if type(found) is kind:
            return found
        found = self._values[key] = self._of(key, kind)
        return found

    def _drop_empty(self, key: str) -> None:
        if not self._values.get(key, True):
            self._del(key)

    # ---- the commands of a write

    def _hset(self, key: str, *words: Any) -> None:
        found = self._to(key, Hash)
        for at in range(0, len(words), 2):
            found[encoded(words[at])] = encoded(words[at + 1])

    def _hincrby(self, key: str, field: str, amount: str) -> None:
        found, name = self._to(key, Hash), encoded(field)
        sum = int(found.get(name, 0)) + int(amount)
        if abs(sum) < 2**63:  # else the server's own would fail, which the script lets it
            found[name] = b"%d" % sum

    def _hdel(self, key: str, *fields: Any) -> None:
        found = self._of(key, Hash)
        for field in fields:
            found.pop(encoded(field), None)
        self._drop_empty(key)

    def _set(self, key: str, value: Any, px: str = "", lives: Any = 0) -> None:
        self._values[key] = encoded(value)
        self._lives.pop(key, None)
        if px:
            self._lives[key] = int(lives)

    def _del(self, key: str) -> None:
        self._values.pop(key, None)
        self._lives.pop(key, None)

    def _pexpire(self, key: str, lives: str) -> None:
        if key in self._values:
            self._lives[key] = int(lives)
            if int(lives) <= 0:
                self._del(key)

    def _zadd(self, key: str, *words: Any) -> None:
        words = words[1:] if (is_later := words[0] == "GT") else words
        found = self._to(key, Sorted)
        for at in range(0, len(words), 2):
            score, member = float(words[at]), encoded(words[at + 1])
            if not is_later or score > found.get(member, float("-inf")):
                found[member] = score

    def _zincrby(self, key: str, amount: str, member: str) -> None:
        found, name = self._to(key, Sorted), encoded(member)
        found[name] = found.get(name, 0.0) + float(amount)

    def _zrem(self, key: str, *members: Any) -> None:
        found = self._of(key, Sorted)
        for member in members:
            found.pop(encoded(member), None)
        self._drop_empty(key)

    def _zremrange(self, key: str, least: str, most: str) -> None:
        assert least == "-inf"
        self._zrem(key, *[member for member, score in self._of(key, Sorted).items() if score <= float(most)])

    def _top(self, key: str, *words: str) -> None:
        found = self._to(key, Sorted)
        for at in range(0, len(words), 2):
            member, amount = encoded(words[at]), float(words[at + 1])
            if member not in found and (len(found) >= self._most or amount < 0):
                member = self._other
            found[member] = found.get(member, 0.0) + amount
            if not found[member]:
                del found[member]
        self._drop_empty(key)

    def _best(self, *words: str) -> None:
        *pairs, most, member = words
        for key, score in zip(pairs[::2], pairs[1::2], strict=True):
            self._zadd(key, score, member)
            lowest = [one for one, _ in self._of(key, Sorted).ordered()[: -int(most)]]
            self._zrem(key, *lowest, *([member] if float(score) <= 0 else []))

    def _latest(self, key: str, time: str, lives: str) -> None:
        if int(time) > int(self._values.get(key, 0)):
            self._set(key, time, "PX", lives)

    def _dead(self, letters: str, about: str, most: str, whom: str, *words: str) -> None:
        stream = self._to(letters, Stream)
        id = stream.add("*", ("about", whom, *words)).decode()
        self._zadd(about, *(word for line in whom.splitlines() if line for word in (0, f"{line} {id}")))
        while len(self._of(about, Sorted)) > int(most):
            if not stream:
                self._del(about)
                break
            self._drop(letters, about, next(iter(stream)))

    def _drop(self, letters: str, about: str, id: tuple[int, int]) -> None:
        stream = self._of(letters, Stream)
        for line in stream[id][1].decode().splitlines():
            self._zrem(about, f"{line} {id_of(id).decode()}")
        del stream[id]

    def _forget(self, letters: str, about: str, whose: str, upto: str) -> None:
        begin, end = f"{whose} ".encode(), f"{whose} {upto}".encode()
        for found in [member for member in sorted(self._of(about, Sorted)) if begin <= member < end]:
            id = position(found.rpartition(b" ")[2])
            if id in self._of(letters, Stream):
                self._drop(letters, about, id)
            self._zrem(about, found)

    def _card(self, card: str, *words: str) -> None:
        assert card not in self._values

    # ---- the same of what is said

    def _say(self, stream: str, key: str, id: str, most: str, *fields: str) -> None:
        if position(id) > position(self._values.get(key, NUL)):
            self._cut += self._put(stream, id, most, fields)
            self._said += 1
            self._set(key, id)

    def _put(self, stream: str, id: str, most: Any, fields: Iterable[Any]) -> int:
        found = self._to(stream, Stream)
        words = tuple(map(encoded, fields))
        if words[3] == FORGOTTEN.encode():
            for one in [one for one, said in found.items() if said[1] == words[1]]:
                del found[one]
        found.add(id, words)
        return found.trim(int(most))

    def _hold(self, into: str, key: str, id: str, most: str, *fields: str) -> None:
        if key in self._values and position(id) > position(self._values[key]):
            self._put(into, id, most, fields)

    def _has_said(self, key: str, id: str) -> None:
        if key not in self._values or position(id) > position(self._values[key]):
            self._set(key, id)

    # ---- the scripts

    def register_script(self, text: str) -> Callable[..., Awaitable[Any]]:
        script = self._scripts[text]

        async def call(keys: Iterable[Any] = (), args: Iterable[Any] = ()) -> Any:
            if self.yields is not None and self.yields.random() < 0.3:
                await asyncio.sleep(0)
            return script(*map(text_of, keys), args=list(args))

        return call

    def _write(self, key: str, *_: str, args: Words) -> Words:
        revision, then, stamp, packed, most, other, due, moved, writer, stored = args
        lane = self._of(key, Hash)
        if lane.get(b"torn") == b"1":
            return [-1]
        if lane.get(b"moved", b"") != encoded(moved):
            return [-2, lane[b"moved"]]
        is_at = lane.get(b"revision", b"0"), lane.get(b"writer", b"")
        if is_at != (encoded(revision), encoded(writer)):
            return [0, *is_at]
        self._most, self._other = int(most), encoded(other)
        self._said = self._cut = 0
        owed = []
        self._hset(key, "torn", "1")
        for name, *words in _unpack(packed):
            if name == "XADD":
                owed.append(self._to(words[0], Stream).add(words[1], words[2:]))
            elif name == "STORE":
                self._set(words[0], stored[words[1] - 1 : words[2]], "PX", words[3])
            elif name in self._commands:
                self._commands[name](*words)
            else:
                raise ResponseError(f"WRONGTYPE {name}")
        self._hset(key, "revision", then, "writer", stamp, "torn", "0")
        return [1, self._of(due, Sorted).first(), owed, [], self._said, self._cut]

    def _load(self, due: str, *names: str, args: Words) -> Words:
        count = int(args[0])
        strings = [self._values.get(name) for name in names[:count]]
        scores = [self._of(due, Sorted).get(encoded(member)) for member in args[1:]]
        return [strings, scores, [self._of(name, Sorted).flat() for name in names[count:]]]

    def _recall(self, *_: str, args: Words) -> Words:
        return [[self._of(key, Hash).get(encoded(field)) for field in fields] for key, *fields in _unpack(args[0])]

    def _place(self, *names: str, args: Words) -> Words:
        return [self._of(name, Hash).flat() for name in names]

    def _claim(self, lane: str, *names: str, args: Words) -> Words:
        held = self._of(lane, Hash)
        if held.get(b"torn") != b"1" and held.get(b"moved", b"") == encoded(args[1]):
            self._hincrby(lane, "revision", "1")
            self._hset(lane, "writer", args[0])
        return self._place(lane, *names, args=[])

    def _died(self, lane: str, *, args: Words) -> int:
        if self._of(lane, Hash).get(b"died_at") != encoded(args[0]):
            self._hset(lane, "died_at", args[0], "deaths", 0)
        self._hincrby(lane, "deaths", "1")
        return int(self._of(lane, Hash)[b"deaths"])

    def _say_held(self, held: str, stream: str, key: str, *, args: Words) -> Words:
        self._said = self._cut = 0
        for id, fields in self._of(held, Stream).items():
            if id > position(self._values.get(key, NUL)):
                self._cut += self._put(stream, id_of(id).decode(), args[1], fields)
                self._said += 1
                self._set(key, id_of(id))
        self._del(held)
        self._has_said(key, args[0])
        return [0, self._said, self._cut]

    def _begin(self, lane: str, *, args: Words) -> None:
        if lane not in self._values:
            self._hset(lane, "log", args[0], "offset", args[1], "skipped", args[1], "begins", args[2])
        elif b"moved" in self._of(lane, Hash):
            self._hdel(lane, "moved")
            self._hincrby(lane, "revision", "1")

    def _take_back(self, hash: str, outbox: str, *, args: Words) -> None:
        if self._of(outbox, Stream).pop(position(args[0]), None) is not None:
            self._hset(hash, args[1], args[2])

    def _keep(self, lane: str, kept: str, *, args: Words) -> int:
        if kept in self._values:
            return 1 + (b"emptied" in self._of(kept, Hash))
        found = self._of(lane, Hash)
        if found.get(b"torn") != b"1":
            return 0
        if found.get(b"moved", encoded(args[0])) != encoded(args[0]):
            return -1
        self._hset(lane, "moved", args[0])
        self._hincrby(lane, "revision", "1")
        for name, value in found.items():
            if name in (b"log", b"offset", b"step", b"revision") or name.startswith(b"sent:"):
                self._hset(kept, name, value)
        return 1

    def _empty(self, lane: str, kept: str, *, args: Words) -> None:
        found = self._of(kept, Hash)
        if b"emptied" in found:
            return
        self._del(lane)
        self._hset(lane, "log", found.get(b"log", b""), "offset", args[1], "skipped", args[1], "begins", args[2])
        self._hset(lane, "moved", args[0], "revision", found[b"revision"])
        self._hset(kept, "emptied", "1")

    def _finish(self, lane: str, kept: str, *, args: Words) -> int:
        if kept not in self._values:
            return 1
        if self._of(lane, Hash).get(b"revision") != encoded(args[0]):
            return 0
        for name, value in self._of(kept, Hash).items():
            if name.startswith(b"sent:"):
                self._hset(lane, name, value)
        self._hdel(lane, "moved")
        self._hincrby(lane, "revision", "1")
        self._del(kept)
        return 1


def text_of(word: Any) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)
