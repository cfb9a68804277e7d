"""Turns changes into Redis commands, for the store's one script call.

One event never writes more than MOST_BYTES. The worst case is a page view. In KB, with text of four bytes a character:

    35    the state and the pages that go outside of it, which were in it or came with the event: STATE_BYTES and half
          of that. Or, where a state has no pages left, four sessions of 5 each (three paths of 1, source, campaign,
          content, term, id, page ids), seven touches of 2 and the rest (5), and the page of the event: a bitmap of
          0.5, 16 interests of 0.26
    20    the profile: a session, seven touches
     9    16 interests of 0.28, and the 17 that they push out
    17    top lists: 16 interests in three, the path, source and campaign (subtracted and added), 0.8 or less each;
          entries and exits of sessions that end with it, 0.8 each: those have left the state
     5    the customer's share: 16 interests
     2    numbers, presence, deadlines, the lane's place

88 in all. A first link tells the customer 64 interests (18) and has no lists. The customer's side is a call of its own:
64 interests (18), as many and 16 more pushed out (21), 100 visitors named twice (8), its account (5; 15 with more than
64 orders in a year). A dead letter is DEAD_BYTES and what is said of it. What a page tells of an order is no longer
than the page's event. A fact writes its thing's state, of `crm.things.merging.MOST_BYTES`, or a customer's; an alias
tells another id the same once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from crm import dead
from crm.out import Verdict
from processor.changes import Changes, label_of_path
from processor.command import Command, in_parts
from processor.deltas import deltas
from processor.fold import Fold
from processor.lane_protocol import END, SENT, text_of, text_of_place
from processor.memory import LaneMemory
from processor.messages import id_of, messages
from processor.people import write_customer, write_thing, write_visitor
from wakeline import card_keys, keys
from wakeline.lanes import lane_of
from wakeline.numbers import has_total
from wakeline.record import CUSTOMER_PREFIX, Event, decode_record, encode_record

MOST_BYTES = 98_304
DEAD_BYTES = 49_152  # of the record in a dead letter
MOST_SAID = 4_000  # characters of a dead letter's reason and error each


class Place(NamedTuple):
    """A lane's place after a call."""

    log: str
    offset: int
    clock: int
    step: int = 0


def commands(changes: Changes, fold: Fold, memory: LaneMemory, place: Place) -> list[Command]:
    """All writes of a call except the revision, which the script sets. The second word of each is its key."""
    found: list[Command] = [["DEL", key] for key in sorted(changes.ended_ranks)]
    for visitor in changes.visitors.values():
        write_visitor(visitor, changes, memory, found.append)
    for customer in changes.customers.values():
        write_customer(customer, changes, memory, found.append)
    for thing in changes.things.values():
        write_thing(thing, changes, found.append)
    found += _site_numbers(changes)
    found += _top_lists(changes)
    found += _ended_cards(changes)
    found += messages(changes, place=(place.offset, place.step))
    found += _lane(changes, fold, memory, place)
    found += _tombstones(changes)
    return found


def _site_numbers(changes: Changes) -> Iterator[Command]:
    lane = changes.lane
    totals: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (site, day), counts in changes.days.items():
        if not counts:
            continue
        key = changes.keys.day(lane, site, day)
        for field, amount in counts.items():
            if day:
                yield ["HINCRBY", key, field, str(amount)]
            if has_total(field):
                totals[site][field] += amount
        if day:
            yield ["PEXPIRE", key, str(keys.DAY_TTL_MS)]
    for site, counts in totals.items():
        for field, amount in counts.items():
            yield ["HINCRBY", changes.keys.totals(lane, site), field, str(amount)]
    for (site, name, id), since in changes.pending.items():
        key = changes.keys.pending(lane, site, name)
        yield ["ZADD", key, str(since), id] if since else ["ZREM", key, id]
    for (site, what, bucket), amounts in changes.live_money.items():
        key = changes.keys.top(lane, site, what, bucket)
        for currency, amount in amounts.items():
            yield ["ZINCRBY", key, str(amount), currency]
        yield ["PEXPIRE", key, str(keys.MINUTE_TTL_MS)]
    for site, marks in changes.presence.items():
        key = changes.keys.present(lane, site)
        yield ["ZREMRANGEBYSCORE", key, "-inf", str(marks.over)]
        present = marks.present.items()
        yield from _scores(key, [word for visitor, ms in present if ms for word in (str(ms), visitor)])
        for part in in_parts([visitor for visitor, ms in marks.present.items() if not ms]):
            yield ["ZREM", key, *part]
        if any(marks.present.values()):
            yield ["PEXPIRE", key, str(keys.PRESENCE_TTL_MS)]
        key = changes.keys.open_pages(lane, site)
        yield ["ZREMRANGEBYSCORE", key, "-inf", str(marks.over)]
        pages = [(f"{label_of_path(path)}\n{id}", ms) for (path, id), ms in marks.pages.items()]
        yield from _scores(key, [word for page, ms in pages if ms for word in (str(ms), page)])
        for part in in_parts([page for page, ms in pages if not ms]):
            yield ["ZREM", key, *part]
        if any(marks.pages.values()):
            yield ["PEXPIRE", key, str(keys.PRESENCE_TTL_MS)]
        key = changes.keys.seen(lane, site)
        yield ["ZREMRANGEBYSCORE", key, "-inf", str(marks.over)]
        for part in in_parts(sorted(marks.gone)):
            yield ["ZREM", key, *part]
        for part in in_parts([word for visitor, ms in marks.seen.items() for word in (str(ms), visitor)]):
            yield ["ZADD", key, "GT", *part]
        if marks.seen:
            yield ["PEXPIRE", key, str(keys.PRESENCE_TTL_MS)]


def _top_lists(changes: Changes) -> Iterator[Command]:
    for key, members in changes.top_changed.items():
        scores = [(changes.top_score(key, member), member) for member in members]
        yield from _scores(key, [word for score, member in scores if score for word in (str(score), member)])
        if gone := [member for score, member in scores if not score]:
            for part in in_parts(gone):
                yield ["ZREM", key, *part]
        yield ["PEXPIRE", key, _lifetime(key)]
    for key, added in changes.top_added.items():
        for part in in_parts([word for member, amount in added for word in (member, str(amount))]):
            yield ["TOP", key, *part]
        yield ["PEXPIRE", key, _lifetime(key)]


def _lifetime(key: str) -> str:
    return str(keys.bucket_ttl(key.rsplit(":", 1)[1]))


def _lane(changes: Changes, fold: Fold, memory: LaneMemory, place: Place) -> Iterator[Command]:
    lane = changes.lane
    due = changes.keys.due(lane)
    yield from _scores(due, [word for member, ms in changes.due.items() if ms for word in (str(ms), member)])
    if done := [member for member, ms in changes.due.items() if not ms]:
        for part in in_parts(done):
            yield ["ZREM", due, *part]
    for source, upto in changes.hops.items():
        yield ["HSET", changes.keys.hop(lane), str(source), text_of(upto)]
    for source, end in changes.ends.items():
        yield ["HSET", changes.keys.hop(lane), f"{END}{source}", text_of_place(end)]
    for field, known in changes.definitions.items():
        yield ["HSET", changes.keys.definitions(lane), field, known]
    for field, said in changes.imports.items():
        yield ["HSET", changes.keys.imports(lane), field, said] if said else ["HDEL", changes.keys.imports(lane), field]
    for person, ids in changes.naming.items():
        key = changes.keys.naming(lane, *person)
        yield from _scores(key, [word for id, names in ids.items() if names for word in ("0", id)])
        for part in in_parts([id for id, names in ids.items() if not names]):
            yield ["ZREM", key, *part]
    letters = changes.keys.dead(lane), changes.keys.dead_about(lane)
    for (site, id), ms in changes.letters.items():
        for whose in (f"{site}/{id}", f"/{id}"):  # the latter for records without a site
            yield ["FORGET", *letters, whose, dead.padded(ms + 1)]
    for offset, reason, value, error, about, cut in changes.dead:
        text, is_long = _letter(value)
        cut = cut or is_long
        yield [
            "DEAD", *letters, str(keys.DEAD_LETTERS), "\n".join(about), "offset", str(offset),
            "reason", reason[:MOST_SAID], "v", text, "error", error[-MOST_SAID:], *(("cut", "1") if cut else ()),
        ]  # fmt: skip
    key = changes.keys.lane(lane)
    for target, delta in deltas(changes, memory, lanes=fold.lanes, upto=(place.offset, place.step)):
        yield ["XADD", changes.keys.outbox(lane), "*", "target", str(target), "v", encode_record(delta).decode()]
        upto = memory.sent[target] = delta.upto, delta.upto_step
        yield ["HSET", key, f"{SENT}{target}", text_of(upto)]
    for site, id, record in changes.outbox:
        for target in [lane_of(site, id, fold.lanes)] if id else range(fold.lanes):
            yield ["XADD", changes.keys.outbox(lane), "*", "target", str(target), "v", encode_record(record).decode()]
    doubted = str(memory.clock.doubted)
    yield [
        "HSET", key, "log", place.log, "offset", str(place.offset), "step", str(place.step), "clock", str(place.clock),
        *(("doubted", doubted) if memory.clock.doubted else ()),
    ]  # fmt: skip
    if changes.unlinked is not None:
        yield ["HSET", key, "unlinked", changes.unlinked] if changes.unlinked else ["HDEL", key, "unlinked"]
    for verdict in Verdict:
        if amount := changes.ledger[verdict]:
            yield ["HINCRBY", key, verdict.value, str(amount)]


def _letter(value: bytes) -> tuple[str, bool]:
    """The text of a record for its dead letter, and whether it was cut: first the properties, then the end."""
    text = value.decode("utf-8", "backslashreplace")
    if len(text) <= DEAD_BYTES // 4 or len(text.encode()) <= DEAD_BYTES:
        return text, False
    try:
        record = decode_record(value)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        record = None
    if isinstance(record, Event):
        record.props = {}
        text = encode_record(record).decode()
    return text.encode()[:DEAD_BYTES].decode(errors="ignore"), True


def _tombstones(changes: Changes) -> Iterator[Command]:
    """The tombstones. They follow the place: if a write is torn before them, the erasure is folded and sent again."""
    for (site, id), ms in changes.tombstones.items():
        yield ["LATEST", keys.tombstone(changes.lane, site, id), str(ms), str(keys.TOMBSTONE_TTL_MS)]
        if id[0] == CUSTOMER_PREFIX:
            yield _card(changes.lane, site, id, ms, "")


def _ended_cards(changes: Changes) -> Iterator[Command]:
    """They come before the lane has spoken up to the moments that ended them."""
    for (site, id), (offset, step, upto) in changes.ended_cards.items():
        yield _card(changes.lane, site, id, upto, id_of(offset, step, 1))


def _card(lane: int, site: str, id: str, upto: int, moment: str) -> Command:
    """See `lane_protocol.WRITE`."""
    names = card_keys.card(lane, site, id), card_keys.index(lane, site), keys.lane_said(lane)
    return ["CARD", *names, id, str(upto), moment]


def _scores(key: str, words: list[str]) -> Iterator[Command]:
    """`words`: score, member, score, member ..."""
    for part in in_parts(words):
        yield ["ZADD", key, *part]
