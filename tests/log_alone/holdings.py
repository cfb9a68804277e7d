"""The contents of a deployment's Redis in a form that depends only on what was folded, and the differences of two.

Left out: how often a lane was written and by whom, where its deltas were divided, the ids of streams, pages too old to
be named by an event, presence too old to be counted, and deltas that their target has applied. The pages of a visitor
are joined, because each write may store them in another place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from redis.asyncio import Redis

from crm.dead import NOBODY
from crm.lifetimes import DEFAULT, counted_until, customer_end
from crm.out import Verdict
from crm.page_text import joined
from crm.pages import REMEMBERED_MS, UNPROFILED_MS
from crm.state import Customer, decode_customer, decode_visitor
from processor.batch import in_order
from processor.lane_protocol import SENT, position_of
from tests.timeline import in_full, in_full_of_customer
from wakeline.account import CONTACTS_MS
from wakeline.definitions import SEEN_MS
from wakeline.keys import Keys
from wakeline.record import CUSTOMER_PREFIX, Delta, decode_record

ALL = """
local found = {}
for _, name in ipairs(redis.call('KEYS', ARGV[1])) do
  local type, value = redis.call('TYPE', name).ok, nil
  if type == 'string' then value = redis.call('GET', name)
  elseif type == 'hash' then value = redis.call('HGETALL', name)
  elseif type == 'zset' then value = redis.call('ZRANGE', name, 0, -1, 'WITHSCORES')
  elseif type == 'stream' then value = redis.call('XRANGE', name, '-', '+') end
  found[#found + 1] = {name, type, redis.call('PTTL', name), value}
end
return found
"""
OF_WRITING = {"revision", "writer", "torn", "deaths", "died_at", "log", "moved", "skipped", "begins"}
OF_THE_LOG = {"offset", "clock", Verdict.DERIVED.value}
"""Fields of a lane that only its own log decides: one in which a delta came twice has more records."""
LIVES = " lives"
OF_A_PERSON = re.compile(r":(state|profile|interests|thing):")
"""Keys that end at a time of the log: they live from the call's time until then, so longer where a call ends earlier.

tests/test_processor_ages.py holds for how long.
"""
SLACK_MS = 60_000  # of lifetimes: runs take less
NEAR = 1e-9
EMPTY = [{}, {}, {}, {}, 0, 0, 0, 0, 0, {}]  # account of a customer

Holdings = dict[str, Any]
"""Key without version -> what it holds. Beside each that expires, with LIVES: ms."""


async def holdings(redis: Redis, keys: Keys | None = None) -> Holdings:
    """All that lies under a version's prefix, and the tombstones."""
    prefix = (keys or Keys()).prefix
    found: Holdings = {}
    for pattern in (f"{prefix}*", "wl:*:tombstone:*"):
        rows: Any = await redis.eval(ALL, 0, pattern)
        for name, type, lives, value in rows:
            key = name.decode().removeprefix(prefix)
            found[key] = _read(key, type, value)
            if lives >= 0:
                found[f"{key}{LIVES}"] = lives
    for key in [key for key in found if ":state:" in key and not key.endswith(LIVES)]:
        if f":state:{CUSTOMER_PREFIX}" not in key:
            _gather_pages(key, found)
    for key in [key for key in found if key.endswith(":outbox")]:
        found[key] = [one for one in found[key] if not _is_heard(one, found)]
    for key in [key for key in found if key.endswith((":present", ":open", ":seen"))]:
        over = _clock(key, found) - (SEEN_MS if key.endswith(":seen") else 0)
        found[key] = {visitor: ms for visitor, ms in found[key].items() if ms > over}
    gone = {key for key, value in found.items() if value in ([], {})}  # an empty stream is none
    return {key: value for key, value in found.items() if key.removesuffix(LIVES) not in gone}


def _is_heard(one: dict[str, str], found: Holdings) -> bool:
    """Whether the lane for which a record in an outbox is has had all of it: it does not apply it again."""
    record = decode_record(one["v"].encode())
    if not isinstance(record, Delta):
        return False
    upto = found.get(f"{{{one['target']}}}:hop", {}).get(str(record.source), "0")
    return all((share.at, share.step) < position_of(upto.encode()) for share in in_order(record))


def _read(key: str, type: bytes, value: Any) -> Any:
    if type == b"string":
        if ":state:" in key:
            return in_full_of_customer(value) if f":state:{CUSTOMER_PREFIX}" in key else in_full(value)
        return _json(value)
    if type == b"stream":
        return [_pairs(fields) for _, fields in value]
    if key.endswith(":dead:about"):
        return sorted(member.decode().rpartition(" ")[0] for member in value[::2])
    if type == b"zset":
        return {member.decode(): float(score) for member, score in zip(value[::2], value[1::2], strict=True)}
    fields = _pairs(value)
    if key.endswith("}:lane"):
        return {
            name: int(text) for name, text in fields.items() if name not in OF_WRITING and not name.startswith(SENT)
        }
    return fields


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text.decode()


def _pairs(flat: list[bytes]) -> dict[str, Any]:
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}


IN_FULL = (0, "", 0, 0, None, 0.0, 0, 0)
"""Of a page instance what is left out at the end."""


def _gather_pages(key: str, found: Holdings) -> None:
    """Those in the state, in its text and in keys of their own become one; the nearest holds."""
    state = found[key]
    pages: dict[str, Any] = {}
    outside = key.replace(":state:", ":pages:") + ":"
    names = sorted((name for name in found if name.startswith(outside)), key=lambda name: name.rpartition(":")[2])
    for name in [name for name in names if not name.endswith(LIVES)]:
        about = found.pop(name.replace(":pages:", ":page-interests:"), {})
        for id, text in found.pop(name).items():
            pages[id] = msgspec.json.decode(joined(text, about[id]) if id in about else text)
    for name in [name for name in found if name.startswith((outside, outside.replace(":pages:", ":page-interests:")))]:
        del found[name]
    for line in state.pop("past", "").split("\n")[1:]:
        id, _, text = line.partition(" ")
        pages[id] = msgspec.json.decode(text)
    pages |= state.pop("pages", {})
    clock = _clock(key, found)
    pages = {
        id: [*page, *IN_FULL[len(page) :]] for id, page in pages.items() if clock - max(page[2:4]) <= REMEMBERED_MS
    }
    if pages:
        state["pages"] = pages
    state.pop("days", None)
    state.pop("open_outside", None)


def _clock(key: str, found: Holdings) -> int:
    """Append time of the last record of the lane in which a key lies."""
    return int(found.get(f"{key.partition('}')[0]}}}:lane", {}).get("clock", 0))


def but_for_its_log(found: Holdings) -> Holdings:
    """What is the same on another log in which deltas and erasures came twice, or were cut otherwise.

    A visitor without a profile is remembered from when it was last heard of, be it that it is to be forgotten again;
    that it was told so is forgotten with it. Places of ends are those of the log. A customer may be looked at before
    its end: at what was its end by what it was told first. The books must balance.
    """
    kept = {}
    for key, value in found.items():
        if f":state:{CUSTOMER_PREFIX}" in key and isinstance(value, dict):
            kept[key] = _whenever_told(value, _clock(key, found))
        elif key.endswith("}:lane"):
            rows = {name: n for name, n in value.items() if name in set(Verdict)}
            assert sum(rows.values()) == value["offset"], f"{key} does not balance: {value}"
            kept[key] = {name: n for name, n in value.items() if name not in OF_THE_LOG}
        elif key.endswith("}:dead"):
            kept[key] = [{name: text for name, text in letter.items() if name != "offset"} for letter in value]
        elif ":state:" in key and isinstance(value, dict) and f":state:{CUSTOMER_PREFIX}" not in key:
            gone = value.keys() - {"erased"} if _is_over(value, _clock(key, found)) else {"heard", "erasures", "ends"}
            kept[key] = {name: of for name, of in value.items() if name not in gone}
        elif key.endswith("}:due"):
            kept[key] = {member: _looked_at(member, at, key, found) for member, at in value.items()}
        elif not key.endswith("}:hop"):
            kept[key] = value
    return kept


def _whenever_told(state: dict[str, Any], clock: int) -> dict[str, Any]:
    """A customer's state, whenever bookings of its account were told, and without those that came to nothing.

    Of contacts it has those that count at the lane's `clock`, as others are dropped when something else is told.
    """
    if not (account := state.get("account")):
        return state
    entries = [{id: [0, *one[1:-1]] for id, one in kept.items() if one[2]} for kept in account[:2]]
    contacts = {id: [0, one[1], 0] for id, one in account[9].items() if one[1] > clock - CONTACTS_MS}
    account = [*entries, *account[2:9], contacts]
    return {name: value for name, value in state.items() if name != "account"} | (
        {"account": account} if account != EMPTY else {}
    )


def _looked_at(member: str, at: float, key: str, found: Holdings) -> float:
    """When a person's deadlines are checked; of a customer that is checked before its end, that end."""
    site, _, id = member.partition("/")
    state = found.get(f"{key.removesuffix('due')}{site}:state:{id}")
    if not id.startswith(CUSTOMER_PREFIX) or state is None:
        return at
    state = {name: value for name, value in state.items() if name != "account"}  # whose days are no names as JSON
    return max(at, customer_end(Customer(site, id, decode_customer(msgspec.json.encode(state)), {}, 0), DEFAULT))


def _is_over(state: dict[str, Any], clock: int) -> bool:
    """Whether a visitor without a profile is remembered no longer."""
    counts = decode_visitor(msgspec.json.encode({name: of for name, of in state.items() if name != "pages"}))
    return "heard" in state and clock - counts.last_append > UNPROFILED_MS and clock > counted_until(counts)


def met_at_once(found: Holdings) -> Holdings:
    """What is the same where tombstones were met from the first record on.

    What is applied in the live version is erased there, and a dead letter that names who is forgotten holds nothing.
    """
    kept = dict(found)
    for key, value in found.items():
        if f":state:{CUSTOMER_PREFIX}" in key and isinstance(value, dict):
            kept[key] = _whenever_told(value, _clock(key, found))
        elif key.endswith("}:lane"):
            kept[key] = dict(value, applied=value.get("applied", 0) + value.get("erased", 0))
            kept[key].pop("erased", None)
        elif key.endswith(":dead"):
            kept[key] = [letter for letter in value if letter["v"]]
        elif key.endswith(":dead:about"):
            kept[key] = [line for line in value if line != NOBODY]
    return {key: value for key, value in kept.items() if value != []}


def differences(found: Holdings, wanted: Holdings, *, exactly: bool = False) -> list[str]:
    """A line for each thing that is not the same. `exactly`: floats too, else within NEAR."""
    close: Callable[[float, float], bool] = (
        (lambda one, other: one == other) if exactly else (lambda one, other: math.isclose(one, other, rel_tol=NEAR))
    )
    lines = []
    for key in sorted(found.keys() | wanted.keys()):
        if found.get(key) == wanted.get(key):
            continue
        if key.endswith(LIVES) and (OF_A_PERSON.search(key) or abs(found.get(key, 0) - wanted.get(key, 0)) < SLACK_MS):
            continue
        lines += [f"{key}{where}: {one!r}, not {other!r}" for where, one, other in _unlike(
            found.get(key), wanted.get(key), close, ""
        )]  # fmt: skip
    return lines


def _unlike(one: Any, other: Any, close: Callable[[float, float], bool], where: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            yield from _unlike(one.get(name), other.get(name), close, f"{where}[{name}]")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (each, its) in enumerate(zip(one, other, strict=True)):
            yield from _unlike(each, its, close, f"{where}[{index}]")
    elif isinstance(one, float) and isinstance(other, float):
        if not close(one, other):
            yield where, one, other
    elif one != other:
        yield where, one, other
