"""The state of a visitor and of a customer; that of a thing is in `crm.things`.

`VisitorState` and `CustomerState` are stored as msgpack (by earlier versions as JSON) under `keys.state`; `Visitor` and
`Customer` add the data of other keys and the changes of the current call.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from crm.commerce.state import Bought, Cart
from crm.identity.state import STORED_COUNTS, Customer, CustomerState, Lately, Turn, decode_customer, encode_customer
from crm.intake.state import Outside, Page
from crm.interests.state import Interests
from crm.page_text import without_interests
from crm.visits.state import Session, Touch
from wakeline.definitions import PRESENT_MS
from wakeline.profile_fields import ProfileCount
from wakeline.record import ANONYMOUS_PREFIX, Agreed, CustomerShare, Place, later
from wakeline.stored_state import is_json, renamed

__all__ = [
    "Customer",
    "CustomerState",
    "Interests",
    "Outside",
    "Page",
    "Session",
    "Touch",
    "Visitor",
    "VisitorState",
    "decode_customer",
    "decode_visitor",
    "encode_customer",
    "encode_state",
    "encode_visitor",
]

STORED = {
    "pages": "p", "set_aside_pages": "P", "days": "d", "open_outside": "o", "sessions": "s", "closed": "c",
    "forgotten_until": "f", "was_new": "w", "was_identified": "i", "has_withdrawn": "h", "erased": "e",
    "last_append": "a", "erasures": "E", "last_shown": "S", "former_recent": "R", "first_seen": "F", "last_seen": "L",
    **STORED_COUNTS, "device": "D", "browser": "B", "os": "O",
    "country": "C", "customer": "u", "linked": "l", "named": "N", "kept_out": "k", "turns": "t", "repeats": "r",
    "lately": "y", "earlier": "Y", "noted": "q", "ends": "G", "unlinked": "U", "agreed": "A", "had_profile": "H",
    "had_seen": "j", "facts": "x", "told": "T", "withheld": "W",
    "cart": "K", "last_purchase": "M", "cart_items": "J", "bought": "m", "first": "b", "latest": "z",
    "touches": "Q", "reached": "Z", "choices": "X", "first_visit": "I",
}  # fmt: skip
"""Field of a visitor's state -> its stored name: long ones would be a fifth of a state."""
FORMER = {"set_aside_pages": "past", "forgotten_until": "floor", "last_append": "heard", "former_recent": "recent"}
"""Fields that earlier versions stored under other names than their own."""


NOWHERE = Touch()
"""Of who had no visit; the stored `latest` also of who had but one. A default is left out if it is this object."""


class VisitorState(Struct, omit_defaults=True, gc=False, rename=STORED):
    """Stored state of one visitor."""

    pages: dict[str, Page] = {}  # the latest, see `crm.pages`
    set_aside_pages: str = ""  # earlier ones: a line "<id> <Page as JSON>" each, with a line break before it
    days: list[int] = []  # of log time, in order, at which others went to keys of their own that may be there still
    open_outside: dict[str, int] = {}  # those not among `pages` that are open: until when, ms; see `crm.presence.signs`
    sessions: list[Session] = []  # open ones
    closed: list[tuple[int, int]] = []  # start and last of recently closed ones
    forgotten_until: int = 0  # events of unknown pages up to this time are too late, as earlier versions forgot pages
    # What the site has counted of this visitor. It survives erasure, also in a replay that starts with the
    # tombstone, so that erasures never change the site's numbers.
    was_new: bool = False
    was_identified: bool = False
    has_withdrawn: bool = False
    erased: int = 0  # time (ms) of this version's latest erasure; the tombstone may be later, see `Visitor`
    last_append: int = (
        0  # append time of the latest record, ms; kept while there is no profile, see `crm.intake.duplicates.hear`
    )
    erasures: dict[str, int] = {}  # customer, as a digest -> up to when it was forgotten here too, ms
    last_shown: int = 0  # time of the latest page view of the closed sessions that the profile may show, ms
    former_recent: Session | None = None  # the session of that one, as earlier versions stored it
    first_seen: int = 0
    last_seen: int = 0
    visits: int = 0
    page_views: int = 0
    engaged_ms: int = 0
    events: int = 0
    device: str = ""
    browser: str = ""
    os: str = ""
    country: str = ""
    customer: str = ""
    linked: int = 0  # time of the identify that made the link, ms; 0: made by a version that did not store it
    named: int = 0  # time of the latest identify that repeated it, ms
    kept_out: tuple[str, int, int] | None = (
        None  # in a replay: a link that the current tombstone keeps out, see `crm.identity.customers.link`
    )
    turns: list[Turn] = []  # before the present link, by `began`; of nobody the last one, if there is no link
    repeats: list[int] = []  # times of the latest identifies that repeated one, in order, ms
    lately: list[Lately] = []  # what was added lately, as it came; see `crm.identity.turns`
    earlier: list[str] = []  # customers of turns that are not kept; they list it too
    noted: dict[str, int] = {}  # customers with whom its lane notes it -> since when; see `crm.identity.noting`
    ends: dict[str, Place] = {}  # of those customers: the latest end that it heard of and stayed noted; see `noting`
    unlinked: int = 0  # up to when a customer of it withdrew on another browser, which ended turns, ms
    agreed: Agreed | None = None  # the latest consent that its pages told
    had_profile: bool = False  # in a replay: the live version had a profile that the current tombstone keeps out
    had_seen: tuple[int, int] = (0, 0)  # times of that profile's first and last event, ms
    facts: str = ""  # see `crm.things.digests`; it survives erasure
    told: int = 0  # time (ms) of the latest event that told a thing of this visitor: so long it may be named there
    withheld: int = 0  # append time (ms) until which a withdrawal without a profile keeps events out of one
    cart: Cart | None = None  # what the site counts of it; it survives erasure
    last_purchase: int = 0  # time of the latest purchase that a page told, ms; it survives erasure
    reached: int = 0  # steps that the site has counted of the visit that ended last; it survives erasure
    cart_items: dict[str, float] = {}  # ids of products that the profile lists, without prefix -> pieces, latest last
    bought: dict[str, Bought] = {}  # its latest orders, see `crm.commerce.claims`
    first: Touch = NOWHERE
    latest: Touch = NOWHERE
    touches: list[Touch] = []  # see `crm.visits.touches`
    first_visit: int = 0  # s: of what the site counted as its new visit, see `crm.visits.kinds`; it survives erasure
    choices: int = 0  # bits of `crm.identity.choices`: what the site has counted; it survives erasure

    def link(self) -> tuple[str, int, int]:
        """Its customer, when the link began, and its latest identify (ms); also one that only a tombstone keeps out."""
        return self.kept_out or (self.customer, self.linked, self.named)

    def is_known(self) -> bool:
        """Whether there is a profile, a link, or a thing that may name it; in a replay, also what only the live had."""
        return bool(self.first_seen or self.customer or self.told or self.had_profile or self.kept_out)


class Visitor:
    """One visitor in the worker's cache."""

    __slots__ = (
        "erased",
        "gone_days",
        "has_new_deadlines",
        "has_profile",
        "id",
        "interests",
        "is_anonymous",
        "is_new",
        "keys",
        "may_profile",
        "new_entry",
        "numbers",
        "open_pages",
        "outside",
        "page",
        "present",
        "recent",
        "renewed",
        "scheduled",
        "session",
        "session_changed",
        "share",
        "share_time",
        "site",
        "state",
        "tombstone",
        "traits_changed",
        "unshows",
        "wipe",
    )

    def __init__(self, site: str, id: str, state: VisitorState, scores: dict[str, float], tombstone: int) -> None:
        self.site = site
        self.id = id
        self.keys: tuple[str, str, str] | None = None  # of state, profile and interests, once built
        self.is_anonymous = id[0] == ANONYMOUS_PREFIX
        self.state = state
        self.interests = Interests(scores)
        self.tombstone = tombstone  # events up to this time (ms) never enter the profile; 0: none
        self.erased = max(tombstone, state.erased)  # latest erasure (ms); before the tombstone in a replay
        self.scheduled = 0  # see `crm.out.Person`
        self.open_pages = {
            id: page.last_heartbeat + PRESENT_MS for id, page in state.pages.items() if page.last_heartbeat > page.left
        }  # page instance -> ms until which it counts as open
        if state.open_outside:
            self.open_pages |= state.open_outside
        self.present = max(self.open_pages.values(), default=0)  # the latest of these
        self.outside: Outside | None = None  # None: no page that the present batch names lies outside of the state
        # of the current event
        self.page: Page = Page()
        self.may_profile = False  # whether the event may enter the profile
        self.has_profile = False  # in a replay: whether it entered the live version's profile before the tombstone
        self.session: Session | None = None  # None: it belongs to no open session
        self.new_entry: tuple[Session, Session | None] | None = None  # session with a new entry, and its former state
        # of the current call
        self.is_new = False
        self.numbers: set[str] = set()  # fields of the profile that changed
        self.renewed = False  # the first event of a day renews the lifetime of its keys
        self.traits_changed = False
        self.session_changed = False  # one or more of the open ones
        self.recent: Session | None = None  # one that closed, whose latest state the profile may lack
        self.unshows = False  # the profile may hold a session that it may no longer show
        self.wipe = False  # delete the profile before writing
        self.has_new_deadlines = False  # the current record changed its deadlines
        self.gone_days: list[int] = []  # those of `VisitorState.days` whose pages are deleted before writing
        self.share: CustomerShare | None = None
        self.share_time = 0  # ms: whose turn it was then gets the share

    def count(self, number: ProfileCount, amount: int = 1) -> None:
        """Add to a number of the profile and, if the visitor is linked, of its customer."""
        field = number.name
        setattr(self.state, field, getattr(self.state, field) + amount)
        self.numbers.add(field)
        if self.share is not None:
            self.share.counts[field] = self.share.counts.get(field, 0) + amount

    def add_interest(self, name: str, amount: float) -> None:
        self.interests.add(name, amount)
        if self.share is not None:
            self.share.interests[name] = self.share.interests.get(name, 0.0) + amount

    def hide(self, session: Session) -> None:
        """Keep a session out of the profile, which may show it."""
        if not session.unshown and session.page_at[0] > self.state.last_shown:
            self.unshows = True
        session.unshown = True

    def shown_session(self) -> Session | None:
        """What the profile is to show: of the sessions that it may show, the one with the latest page view.

        None: one that closed, as written when it did, or none.
        """
        sessions = self.state.sessions
        session = sessions[0] if sessions else None
        if len(sessions) > 1:
            session = max([one for one in sessions if not one.unshown], key=lambda one: one.page_at, default=None)
        if session is None or session.unshown or session.page_at[0] <= self.state.last_shown:
            return self.recent
        return session

    def forget(self, upto: int) -> None:
        """Delete the profile, permanently for events up to time `upto` (ms)."""
        told, agreed = self.state.told, later(self.state.agreed, upto)
        self.end()
        self.state.agreed = agreed
        self.state.erased = upto
        self.state.told = told if told > upto else 0
        self.erased, self.tombstone = upto, max(upto, self.tombstone)

    def vanish(self) -> None:
        """Delete also the state that `end` keeps, but for the latest erasure: a replay knows of it by that alone."""
        self.gone_days = self.state.days
        self.state = VisitorState(erased=self.state.erased)
        self.open_pages.clear()
        self.outside = None

    def end(self) -> None:
        """Delete the profile, but keep what site totals need (page instances, open sessions)."""
        old = self.state
        for session in old.sessions:
            session.unshown = True
        for page in old.pages.values():  # a replay, which never showed them, lacks them too
            page.interests, page.pending = None, 0
        if old.set_aside_pages:
            lines = [line.partition(" ") for line in old.set_aside_pages[1:].split("\n")]
            old.set_aside_pages = "".join(f"\n{id} {without_interests(text)}" for id, _, text in lines)
        if self.outside is not None:  # those loaded for this call; the write clears the others
            self.outside.known = {id: without_interests(text) for id, text in self.outside.known.items()}
        self.state = VisitorState(
            pages=old.pages, set_aside_pages=old.set_aside_pages, days=old.days, open_outside=old.open_outside,
            forgotten_until=old.forgotten_until, erasures=old.erasures,
            sessions=old.sessions, closed=old.closed,
            was_new=old.was_new, was_identified=old.was_identified, has_withdrawn=old.has_withdrawn,
            erased=old.erased, withheld=old.withheld, facts=old.facts, cart=old.cart, last_purchase=old.last_purchase,
            reached=old.reached, choices=old.choices, first_visit=old.first_visit,
        )  # fmt: skip
        self.interests.clear()
        self.share = self.recent = None
        self.wipe = self.has_new_deadlines = True


encode_state = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(VisitorState).decode
_decode = msgspec.json.Decoder(VisitorState).decode
_PRESENT = ""  # in stored `noted`: the present customer, if it is noted with no other


def encode_visitor(state: VisitorState) -> bytes:
    """The state as it is stored: msgpack, which is a quarter shorter than JSON and read faster."""
    noted, latest = state.noted, state.latest
    if len(noted) == 1 and state.customer in noted:
        state.noted = {_PRESENT: noted[state.customer]}
    if latest == state.first:
        state.latest = NOWHERE
    packed = _pack(state)
    state.noted, state.latest = noted, latest
    return packed


def decode_visitor(stored: bytes) -> VisitorState:
    """A stored state of a visitor; those of earlier versions are JSON, and the first ones have longer names.

    Raises msgspec.MsgspecError.
    """
    if not is_json(stored):
        state = _unpack(stored)
    else:
        state = _decode(stored) if stored[3:4] == b'"' or len(stored) < 4 else _former(stored)
    if _PRESENT in state.noted:
        state.noted = {state.customer: state.noted[_PRESENT]}
    if state.latest == NOWHERE:
        state.latest = state.first
    return state


def _former(stored: bytes) -> VisitorState:
    names = {FORMER.get(name, name): short for name, short in STORED.items()}
    return msgspec.convert(renamed(stored, names), VisitorState)
