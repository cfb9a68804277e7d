"""Changes as Redis commands, for the store's one script call.

What one event makes us write is at most MOST_BYTES, whatever it says and whatever came before. In KB, with text of
four bytes a character, the worst of them, a page view:

    23    the state and the pages that go outside of it, which were in it or came with the event: STATE_BYTES and half
          of that. Or, where a state has no pages left, five sessions of 3 each (two paths of 1, source, campaign, page
          ids), two touches of 0.8 and the rest (18), and the page of the event: a bitmap of 0.5, 16 interests of 0.26
     5    the profile: a session, two touches
     9    16 interests of 0.28, and the 17 that they push out
    17    top lists: 16 interests in three, the path, source and campaign (taken back and counted), 0.8 or less each;
          entries and exits of sessions that end with it, 0.8 each: those have left the state
     5    what a customer is told: 16 interests
     2    numbers, presence, deadlines, the lane's place

61 in all. A first link tells the customer 64 interests (18) and has no lists. The customer's side is a call of its own:
64 interests (18), as many and 16 more pushed out (21), 100 visitors named twice (8). A dead letter is DEAD_BYTES and
what is said of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
from msgspec import Struct

from processor import dead, pages
from processor.changes import Changes, Verdict
from processor.fold import Fold, LaneMemory
from processor.page_text import split
from processor.rules.customers import COUNTS
from processor.rules.duplicates import UNPROFILED_MS
from processor.sites import page_name
from processor.state import Customer, Interests, Session, Visitor, VisitorState, encode_state
from wakeline import keys
from wakeline.durations import DAY_MS
from wakeline.lanes import lane_of
from wakeline.numbers import TOTALS
from wakeline.profiles import StoredSession
from wakeline.record import Event, decode_record, encode_record

MOST_BYTES = 65_536
DEAD_BYTES = 49_152  # of the record in a dead letter
MOST_SAID = 4_000  # characters of a dead letter's reason and error each
MOST_PAIRS = 400  # of one command: Lua's unpack died at 8,000 arguments, after earlier writes had landed

PROFILE_LIVES = str(keys.PROFILE_TTL_MS)
ANONYMOUS_LIVES = str(keys.ANONYMOUS_TTL_MS)
PAGES_LIVE = str(keys.PAGES_TTL_MS)
# of who has no profile, or none any more: by then the rule has forgotten it, however far the fold was behind the log
FORGOTTEN_LIVES = str(UNPROFILED_MS + DAY_MS)

Command = list[str]


class Place(NamedTuple):
    """Where a lane stands after a call."""

    log: str
    offset: int
    clock: int


def commands(changes: Changes, fold: Fold, memory: LaneMemory, place: Place) -> list[Command]:
    """Every write of one call but the revision, which is the script's. The second word of each is its key."""
    found: list[Command] = []
    for visitor in changes.visitors.values():
        _visitor(visitor, changes, memory, found.append)
    for customer in changes.customers.values():
        _customer(customer, changes, found.append)
    found += _site_numbers(changes)
    found += _top_lists(changes)
    found += _lane(changes, fold, memory, place)
    found += _tombstones(changes)
    return found


def _visitor(visitor: Visitor, changes: Changes, memory: LaneMemory, add: Callable[[Command], None]) -> None:
    lane, site, id, state = changes.lane, visitor.site, visitor.id, visitor.state
    if visitor.keys is None:
        spelt = changes.keys
        visitor.keys = spelt.state(lane, site, id), spelt.profile(lane, site, id), spelt.interests(lane, site, id)
    state_key, profile, interests = visitor.keys
    if visitor.wipe:
        add(["DEL", profile])
        add(["DEL", interests])
        for day in state.days:
            add(["PEXPIRE", changes.keys.pages(lane, site, id, day), FORGOTTEN_LIVES])
            add(["DEL", changes.keys.page_interests(lane, site, id, day)])
        visitor.wipe = False
    stored = encode_state(state)
    if len(stored) > pages.STATE_BYTES or visitor.outside is not None:
        stored = _pages(visitor, stored, changes, memory, add)
    if not state.first_seen:
        is_linked = state.customer or state.kept_out
        lives = ANONYMOUS_LIVES if visitor.is_anonymous else PROFILE_LIVES if is_linked else FORGOTTEN_LIVES
        add(["SET", state_key, stored.decode(), "PX", lives])
        return
    add(["SET", state_key, stored.decode(), "PX", PROFILE_LIVES])
    fields = ["HSET", profile, "last_seen", str(state.last_seen)]
    for name in visitor.numbers:
        fields += (name, str(getattr(state, name)))
    visitor.numbers.clear()
    session = _shown(state)
    if visitor.unshows:
        visitor.unshows = False
        if session is None:
            add(["DEL", profile])
            visitor.traits_changed = visitor.renewed = True
    if session is not None:
        fields += ("session", encode_state(_readable(session)).decode())
    if visitor.is_new or visitor.traits_changed:
        fields += _traits(visitor)
        visitor.is_new = visitor.traits_changed = False
    add(fields)
    if visitor.renewed:
        add(["PEXPIRE", profile, PROFILE_LIVES])
    _interests(visitor.interests, interests, add, renewed=visitor.renewed)
    visitor.renewed = False


def _pages(
    visitor: Visitor, stored: bytes, changes: Changes, memory: LaneMemory, add: Callable[[Command], None]
) -> bytes:
    """Put outside what the fold moved there and what is too much for the state; returns the state as it is then."""
    if len(stored) > pages.STATE_BYTES:
        pages.lighten(visitor, len(stored))
    outside = visitor.outside
    if outside is None or not outside.unwritten:
        return stored
    state = visitor.state
    whose = changes.lane, visitor.site, visitor.id, pages.note_day(state, changes.now)
    lives = ANONYMOUS_LIVES if visitor.is_anonymous else PAGES_LIVE if state.first_seen else FORGOTTEN_LIVES
    found = [(id, split(outside.known[id])) for id in sorted(outside.unwritten)]
    counted = [word for id, (text, _) in found for word in (id, text)]
    about = [word for id, (_, text) in found if text for word in (id, text)]
    for key, words in ((changes.keys.pages(*whose), counted), (changes.keys.page_interests(*whose), about)):
        for part in _parts(words):
            add(["HSET", key, *part])
        if words:
            add(["PEXPIRE", key, lives])
    outside.unwritten.clear()
    memory.moved_outside(visitor)
    return encode_state(state)


def _shown(state: VisitorState) -> Session | None:
    """The session of the profile: of those that it may show the one with the latest page view."""
    sessions = state.sessions
    session = sessions[0] if sessions else None
    if len(sessions) > 1:
        session = max([one for one in sessions if not one.unshown], key=lambda one: one.page_at, default=None)
    return session if session is not None and session.page_views and not session.unshown else state.recent


def _traits(visitor: Visitor) -> Command:
    state = visitor.state
    fields = ["first_seen", str(state.first_seen)]
    for name in COUNTS:
        fields += (name, str(getattr(state, name)))
    fields += ["device", state.device, "browser", state.browser, "os", state.os, "country", state.country]
    fields += ["first_source", state.first.source, "first_campaign", state.first.campaign]
    fields += ["last_source", state.latest.source, "last_campaign", state.latest.campaign]
    if state.customer:
        fields += ["customer", state.customer]
    return fields


def _readable(session: Session) -> Struct:
    return StoredSession(
        start=session.start,
        last=session.last,
        page_views=session.page_views,
        engaged_ms=session.engaged_ms,
        entry=page_name(session.entry),
        page=page_name(session.page),
        source=session.source,
        campaign=session.campaign,
    )


def _interests(interests: Interests, key: str, add: Callable[[Command], None], *, renewed: bool) -> None:
    changed, scores = interests.changed, interests.scores
    if changed:
        for part in _parts([word for name in changed for word in (repr(scores[name]), name)]):
            add(["ZADD", key, *part])
        if renewed or len(changed) == len(scores):  # all are new: so may be the key
            add(["PEXPIRE", key, PROFILE_LIVES])
        changed.clear()
    if interests.gone:
        for part in _parts(sorted(interests.gone - scores.keys())):
            add(["ZREM", key, *part])
        interests.gone.clear()


def _customer(customer: Customer, changes: Changes, add: Callable[[Command], None]) -> None:
    lane, site, id = changes.lane, customer.site, customer.id
    profile = changes.keys.profile(lane, site, id)
    interests = changes.keys.interests(lane, site, id)
    state = customer.state
    if customer.wipe:
        for key in (changes.keys.state(lane, site, id), profile, interests):
            add(["DEL", key])
        customer.wipe = False
    if not state.first_seen:
        if state.erased:
            add(["SET", changes.keys.state(lane, site, id), encode_state(state).decode(), "PX", FORGOTTEN_LIVES])
        return
    add(["SET", changes.keys.state(lane, site, id), encode_state(state).decode(), "PX", PROFILE_LIVES])
    fields = ["first_seen", str(state.first_seen), "last_seen", str(state.last_seen), "last_source", state.source]
    fields += ["visitors", encode_state(state.visitors).decode()]
    for name, amount in state.counts.items():
        fields += (name, str(amount))
    add(["HSET", profile, *fields])
    add(["PEXPIRE", profile, PROFILE_LIVES])
    _interests(customer.interests, interests, add, renewed=True)


def _site_numbers(changes: Changes) -> Iterator[Command]:
    lane = changes.lane
    totals: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (site, day), counts in changes.days.items():
        if not counts:
            continue
        key = changes.keys.day(lane, site, day)
        for field, amount in counts.items():
            yield ["HINCRBY", key, field, str(amount)]
            if field in TOTALS:
                totals[site][field] += amount
        yield ["PEXPIRE", key, str(keys.DAY_TTL_MS)]
    for site, counts in totals.items():
        for field, amount in counts.items():
            yield ["HINCRBY", changes.keys.totals(lane, site), field, str(amount)]
    for site, marks in changes.presence.items():
        key = changes.keys.present(lane, site)
        yield ["ZREMRANGEBYSCORE", key, "-inf", str(marks.over)]
        yield from _scores(key, [(str(ms), visitor) for visitor, ms in marks.present.items() if ms])
        for part in _parts([visitor for visitor, ms in marks.present.items() if not ms]):
            yield ["ZREM", key, *part]
        yield ["PEXPIRE", key, str(keys.PRESENCE_TTL_MS)]
        key = changes.keys.seen(lane, site)
        yield ["ZREMRANGEBYSCORE", key, "-inf", str(marks.over)]
        for part in _parts([word for visitor, ms in marks.seen.items() if ms for word in (str(ms), visitor)]):
            yield ["ZADD", key, "GT", *part]
        for part in _parts([visitor for visitor, ms in marks.seen.items() if not ms]):
            yield ["ZREM", key, *part]
        yield ["PEXPIRE", key, str(keys.PRESENCE_TTL_MS)]


def _top_lists(changes: Changes) -> Iterator[Command]:
    for key, members in changes.top_changed.items():
        scores = [(changes.top_score(key, member), member) for member in members]
        yield from _scores(key, [(str(score), member) for score, member in scores if score])
        if gone := [member for score, member in scores if not score]:
            for part in _parts(gone):
                yield ["ZREM", key, *part]
        yield ["PEXPIRE", key, _lifetime(key)]
    for key, added in changes.top_added.items():
        for part in _parts([word for member, amount in added.items() for word in (member, str(amount))]):
            yield ["TOP", key, *part]
        yield ["PEXPIRE", key, _lifetime(key)]


def _lifetime(key: str) -> str:
    bucket = key.rsplit(":", 1)[1]
    return str(keys.DAY_TTL_MS if bucket[0] == "d" else keys.MINUTE_TTL_MS)


def _lane(changes: Changes, fold: Fold, memory: LaneMemory, place: Place) -> Iterator[Command]:
    lane = changes.lane
    scheduled = [(str(ms), member) for member, ms in changes.due.items() if ms]
    yield from _scores(changes.keys.due(lane), scheduled)
    if done := [member for member, ms in changes.due.items() if not ms]:
        for part in _parts(done):
            yield ["ZREM", changes.keys.due(lane), *part]
    for source, upto in changes.hops.items():
        yield ["HSET", changes.keys.hop(lane), str(source), str(upto)]
    letters = changes.keys.dead(lane), changes.keys.dead_about(lane)
    for (site, id), upto in changes.forgotten.items():
        for whose in (f"{site}/{id}", f"/{id}"):  # the latter of records that do not say their site
            yield ["FORGET", *letters, whose, dead.padded(upto + 1)]
    for offset, reason, value, error, about, cut in changes.dead:
        text, is_long = _letter(value)
        cut = cut or is_long
        yield [
            "DEAD", *letters, str(keys.DEAD_LETTERS), "\n".join(about), "offset", str(offset),
            "reason", reason[:MOST_SAID], "v", text, "error", error[-MOST_SAID:], *(("cut", "1") if cut else ()),
        ]  # fmt: skip
    key = changes.keys.lane(lane)
    for target, delta in fold.deltas(changes, memory, upto=place.offset):
        yield ["XADD", changes.keys.outbox(lane), "*", "target", str(target), "v", encode_record(delta).decode()]
        memory.sent[target] = delta.upto
        yield ["HSET", key, f"sent:{target}", str(delta.upto)]
    for site, id, record in changes.outbox:
        target = lane_of(site, id, fold.lanes)
        yield ["XADD", changes.keys.outbox(lane), "*", "target", str(target), "v", encode_record(record).decode()]
    yield ["HSET", key, "log", place.log, "offset", str(place.offset), "clock", str(place.clock)]
    for verdict in Verdict:
        if amount := changes.ledger[verdict]:
            yield ["HINCRBY", key, verdict.value, str(amount)]


def _letter(value: bytes) -> tuple[str, bool]:
    """A record as a dead letter holds it, and whether it is less than the whole: its properties go first."""
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
    """After the place: where a write is torn before, who is folded again tells others to forget, see `forgetting`."""
    for (site, id), ms in changes.tombstones.items():
        yield ["LATEST", keys.tombstone(changes.lane, site, id), str(ms), str(keys.TOMBSTONE_TTL_MS)]


def _scores(key: str, pairs: list[tuple[str, str]]) -> Iterator[Command]:
    for start in range(0, len(pairs), MOST_PAIRS):
        yield ["ZADD", key, *(word for pair in pairs[start : start + MOST_PAIRS] for word in pair)]


def _parts(words: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(words), 2 * MOST_PAIRS):
        yield words[start : start + 2 * MOST_PAIRS]
