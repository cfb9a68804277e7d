"""Turns changes to visitors, customers and things into Redis commands: state, profile, interests."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import astuple

from crm import pages
from crm.facts import Thing
from crm.lifetimes import DEFAULT, counted_until, customer_end, visitor_end
from crm.page_text import ABOUT_NOTHING, split
from crm.pages import UNPROFILED_MS
from crm.sites import page_name
from crm.state import (
    Customer,
    CustomerState,
    Interests,
    Session,
    Visitor,
    VisitorState,
    encode_customer,
    encode_state,
    encode_visitor,
)
from processor.changes import Changes
from processor.command import Command, in_parts
from processor.memory import LaneMemory
from wakeline import keys
from wakeline.account import MOST_RANKED, RANKS
from wakeline.decay import text_of
from wakeline.durations import DAY_MS
from wakeline.profile_fields import COUNTS, SOURCES, TRAITS
from wakeline.profiles import StoredCart, StoredSession, StoredTouch
from wakeline.told import encode_thing

ANONYMOUS_LIVES = str(keys.ANONYMOUS_TTL_MS)
MOST_LIVES_MS = 11 * 366 * DAY_MS  # longer than any setting allows
PAGES_LIVE = str(keys.PAGES_TTL_MS)
# of states without a profile; longer than UNPROFILED_MS, as the fold may be behind the log
FORGOTTEN_LIVES = str(UNPROFILED_MS + DAY_MS)
NOTHING = encode_visitor(VisitorState())


def _cart(state: VisitorState) -> str:
    """What the profile shows of the cart; "": nothing."""
    cart = state.cart
    if cart is None or not state.cart_items:
        return ""
    shown = StoredCart(
        began=cart.began,
        last=cart.last,
        items=state.cart_items,
        value=cart.value,
        currency=cart.currency,
        abandoned=cart.abandoned,
    )
    return encode_state(shown).decode()


def _touches(state: VisitorState) -> str:
    """What the profile shows of visits by campaigns; "": nothing."""
    if not state.touches:
        return ""
    shown = [StoredTouch(one.time, one.source, one.campaign, *astuple(one.detail)) for one in reversed(state.touches)]
    return encode_state(shown).decode()


TEXTS: list[tuple[str, Callable[[VisitorState], str]]] = [
    *((name, attrgetter(of)) for name, of in ({trait.name: trait.name for trait in TRAITS} | SOURCES).items()),
    ("cart", _cart),
    ("touches", _touches),
]
"""Texts of a visitor's profile, by their field."""


def write_visitor(visitor: Visitor, changes: Changes, memory: LaneMemory, add: Callable[[Command], None]) -> None:
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
        for day in visitor.gone_days:
            add(["DEL", changes.keys.pages(lane, site, id, day)])
            add(["DEL", changes.keys.page_interests(lane, site, id, day)])
        visitor.gone_days = []
        visitor.wipe = False
    stored = encode_visitor(state)
    if len(stored) > pages.STATE_BYTES or visitor.outside is not None:
        stored = _pages(visitor, stored, changes, memory, add)
    if stored == NOTHING:
        add(["DEL", state_key])
        return
    lives = _lives(visitor, changes)
    add(["SET", state_key, stored, "PX", lives])
    if not state.first_seen:
        return
    fields = ["HSET", profile, "last_seen", str(state.last_seen)]
    gone: list[str] = []  # fields without a value are not stored
    for name in visitor.numbers:
        if number := getattr(state, name):
            fields += (name, str(number))
        else:
            gone.append(name)
    visitor.numbers.clear()
    if visitor.session_changed or visitor.recent is not None or visitor.unshows or visitor.is_new:
        session = visitor.shown_session()
        if session is not None:
            fields += ("session", encode_state(_readable(session)).decode())
        elif visitor.unshows:
            add(["DEL", profile])
            visitor.traits_changed = visitor.renewed = True
        visitor.session_changed = visitor.unshows = False
        visitor.recent = None
    if visitor.is_new or visitor.traits_changed:
        empty = _traits(visitor, fields)
        if not visitor.is_new:  # else there was no such hash
            gone += empty
        visitor.is_new = visitor.traits_changed = False
    add(fields)
    if gone:
        add(["HDEL", profile, *gone])
    if visitor.renewed:
        add(["PEXPIRE", profile, lives])
    _interests(visitor.interests, interests, add, lives=lives, renewed=visitor.renewed)
    visitor.renewed = False


def _lives(person: Visitor | Customer, changes: Changes) -> str:
    """Lifetime (ms) of a state in Redis: what the fold ends by a deadline outlasts that by a week."""
    site = changes.sites.get(person.site, DEFAULT)
    end = visitor_end(person, site) if isinstance(person, Visitor) else customer_end(person, site)
    if isinstance(person, Customer) and person.state.into:  # its end comes from there
        return str(MOST_LIVES_MS + keys.NET_MS)
    if end and changes.now < changes.doubted:
        return str(MOST_LIVES_MS + keys.NET_MS)
    if end:
        return _until(end, changes)
    if isinstance(person, Visitor) and person.is_anonymous:
        return ANONYMOUS_LIVES
    return str(max(counted_until(person.state) - changes.now, UNPROFILED_MS) + DAY_MS)


def _until(end: int, changes: Changes) -> str:
    """A collector's clock that was far ahead would make it a time that Redis does not take."""
    return str(min(max(end - changes.now, 0), MOST_LIVES_MS) + keys.NET_MS)


def _pages(
    visitor: Visitor, stored: bytes, changes: Changes, memory: LaneMemory, add: Callable[[Command], None]
) -> bytes:
    """Store pages outside the state, moving more of them out if it is too large; returns the encoded state."""
    if len(stored) > pages.STATE_BYTES:
        pages.lighten(visitor, len(stored), changes.now)
    outside = visitor.outside
    if outside is None or not outside.unwritten:
        return stored
    state = visitor.state
    whose = changes.lane, visitor.site, visitor.id, pages.note_day(state, changes.now)
    lives = ANONYMOUS_LIVES if visitor.is_anonymous else PAGES_LIVE if state.first_seen else FORGOTTEN_LIVES
    found = [(id, split(outside.known[id])) for id in sorted(outside.unwritten)]
    counted = [word for id, (text, _) in found for word in (id, text)]
    nothing = ABOUT_NOTHING if state.first_seen else ""  # an older instance of that id may lie there, about something
    about = [word for id, (_, text) in found if text or nothing for word in (id, text or nothing)]
    for key, words in ((changes.keys.pages(*whose), counted), (changes.keys.page_interests(*whose), about)):
        for part in in_parts(words):
            add(["HSET", key, *part])
        if words:
            add(["PEXPIRE", key, lives])
    outside.unwritten.clear()
    memory.moved_outside(visitor)
    return encode_visitor(state)


def _traits(visitor: Visitor, fields: list[str]) -> list[str]:
    """Add to `fields` all that have a value; returns the names of the others."""
    state, empty = visitor.state, []
    fields += ("first_seen", str(state.first_seen))
    for count in COUNTS:
        if number := getattr(state, count.name):
            fields += (count.name, str(number))
        else:
            empty.append(count.name)
    for name, value in TEXTS:
        if text := value(state):
            fields += (name, text)
        else:
            empty.append(name)
    if state.customer:
        fields += ("customer", state.customer)
    else:
        empty.append("customer")
    return empty


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
        source_class=session.detail.source_class,
    )


def _interests(interests: Interests, key: str, add: Callable[[Command], None], *, lives: str, renewed: bool) -> None:
    changed, scores = interests.changed, interests.scores
    if changed:
        for part in in_parts([word for name in changed for word in (text_of(scores[name]), name)]):
            add(["ZADD", key, *part])
        if renewed or len(changed) == len(scores):  # all are new: so may be the key
            add(["PEXPIRE", key, lives])
    if interests.gone:
        for part in in_parts(sorted(interests.gone - scores.keys())):
            add(["ZREM", key, *part])
    interests.written()


def write_customer(customer: Customer, changes: Changes, memory: LaneMemory, add: Callable[[Command], None]) -> None:
    lane, site, id = changes.lane, customer.site, customer.id
    profile = changes.keys.profile(lane, site, id)
    state = customer.state
    if customer.ranks is not None:
        _ranks(customer, changes, memory, add)
    if customer.wipe:
        for key in (changes.keys.state(lane, site, id), profile, changes.keys.interests(lane, site, id)):
            add(["DEL", key])
        customer.wipe = False
        customer.renewed = 0
        customer.shown = ()
    is_linked = bool(state.into or state.aliases)
    is_noted = bool(state.since or state.first_heard)  # in a replay also of one that is to be forgotten
    is_kept = bool(state.first_seen or state.erased or state.facts or state.withdrawn or state.account)
    if not (is_kept or is_noted or is_linked):
        return
    lives = _lives(customer, changes)
    add(["SET", changes.keys.state(lane, site, id), encode_customer(state), "PX", lives])
    if state.into and (state.since or state.first_heard or not customer.erased):
        add(["HSET", profile, "alias_of", state.into, "visitors", encode_state(state.visitors).decode()])
        add(["PEXPIRE", profile, lives])
    if not state.first_seen:
        return
    shown = state.shown()
    if shown != customer.shown:
        customer.shown = shown
        add(["HSET", profile, *_shown(state)])
    if (day := state.last // DAY_MS) != customer.renewed or changes.now < changes.doubted:
        customer.renewed = day
        add(["PEXPIRE", profile, str(int(lives) + DAY_MS)])
    if customer.interests.changed or customer.interests.gone:
        _interests(customer.interests, changes.keys.interests(lane, site, id), add, lives=lives, renewed=True)


def _shown(state: CustomerState) -> list[str]:
    fields = ["first_seen", str(state.first_seen), "last_seen", str(state.last), "last_source", state.source]
    fields += ["visitors", encode_state(state.visitors).decode()]
    if state.aliases:
        fields += ["aliases", encode_state(state.aliases).decode()]
    for name, amount in state.named_counts().items():
        fields += (name, str(amount))
    return fields


def _ranks(customer: Customer, changes: Changes, memory: LaneMemory, add: Callable[[Command], None]) -> None:
    """Write by what a customer is ranked, but for lists which it is not in and does not enter."""
    assert customer.ranks is not None
    command = ["BEST"]
    for rank, amount, highest in zip(RANKS, customer.ranks, customer.highest or (None,) * len(RANKS), strict=True):
        key = changes.keys.best(changes.lane, customer.site, rank)
        if highest is None or highest >= max(memory.lowest.get(key, 0), 1):
            command += key, str(amount)
    if len(command) > 1:
        add([*command, str(MOST_RANKED), customer.id])
    customer.ranks = customer.highest = None


def write_thing(thing: Thing, changes: Changes, add: Callable[[Command], None]) -> None:
    key = changes.keys.thing(changes.lane, thing.site, thing.id)
    if not thing.state.told:
        add(["DEL", key])
        return
    end = thing.state.last + thing.kind.lives_ms
    add(["SET", key, encode_thing(thing.state), "PX", _until(end, changes)])
