"""What the fold remembers of a visitor, a customer and a lane.

`VisitorState` and `CustomerState` are stored as JSON under `keys.state`; `Visitor` and `Customer` wrap
them with what lies in other keys and with what the current call changed.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from processor.page_text import without_interests
from wakeline.definitions import PRESENT_MS, SESSION_GAP_MS
from wakeline.record import ANONYMOUS_PREFIX, CustomerShare

MAX_INTERESTS = 64  # of one profile; above it the weakest go
KEPT_INTERESTS = 48  # that many stay: the slack saves trimming at every new one
MAX_OPEN_SESSIONS = 4  # late events may open one in the past
KEPT_CLOSED = 4  # closed sessions whose late events are recognised


class Page(Struct, array_like=True, gc=False):
    """One page instance: which of its events were seen, whether it is open, what it is about."""

    upto: int = 0  # events 0 .. upto-1 were all seen
    above: str = ""  # hex bitmap of those seen from `upto` on: the newest often arrive first
    sign: int = 0  # time of the latest event that shows it open, ms
    left: int = 0  # time of the latest leave, ms
    interests: list[str] | None = None  # known once its page view came
    pending: float = 0.0  # stored score of engagement that came before the page view


class Session(Struct, array_like=True, gc=False):
    """One visit. Everything in it is a sum, a minimum or a maximum: the order of arrival does not matter."""

    start: int  # time of its first event, ms
    last: int  # time of its last event, ms
    heard: int  # append time of the record that came last, ms
    page_views: int = 0
    engaged_ms: int = 0
    events: int = 0  # custom events
    entry: str = ""  # path of the first page view
    entry_at: tuple[int, str] = (0, "")  # its time and page instance, which settles ties
    page: str = ""  # path of the last page view
    page_at: tuple[int, str] = (0, "")
    source: str = ""  # of the first page view
    campaign: str = ""
    continued: bool = False  # went on from another consent level: its start was counted there
    handed_over: bool = False  # goes on under another consent level: its end is counted there
    unshown: bool = False  # holds what may enter no profile, or was open when its visitor was forgotten: only counted


class Touch(Struct, array_like=True, frozen=True, gc=False):
    """Where a visit came from."""

    time: int = 0
    source: str = ""
    campaign: str = ""


class VisitorState(Struct, omit_defaults=True, gc=False):
    """Stored state of one visitor."""

    pages: dict[str, Page] = {}  # the latest, see `processor.pages`
    past: str = ""  # earlier ones: a line "<id> <Page as JSON>" each, with a line break before it
    days: list[int] = []  # of log time, in order, at which others went to keys of their own that may be there still
    sessions: list[Session] = []  # open ones
    closed: list[tuple[int, int]] = []  # start and last of those closed lately
    floor: int = 0  # events of unknown page instances up to this time are too late; former code forgot pages
    # What the site counted of this visitor: known also once the visitor is forgotten, and in a replay that
    # meets its tombstone first, so that the site's numbers are the same whoever was forgotten.
    was_new: bool = False
    was_identified: bool = False
    has_withdrawn: bool = False
    erased: int = 0  # up to when this version has forgotten it, ms; a tombstone may know of more, see `Visitor`
    heard: int = 0  # append time of the latest record, ms; while there is no profile, see `duplicates.hear`
    recent: Session | None = None  # the latest session once closed, for the profile
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
    linked: int = 0  # time of the identify that began this link, ms; 0: it was made when that was not noted
    named: int = 0  # time of the latest one that only repeated it
    kept_out: tuple[str, int, int] | None = None  # such a link that today's tombstone keeps out, see `customers.link`
    had_profile: bool = False  # in a replay: the live version had one here, which today's tombstone keeps out
    withheld: int = 0  # append time up to which nothing enters a profile: it withdrew when it had none
    first: Touch = Touch()
    latest: Touch = Touch()

    def is_known(self) -> bool:
        """Whether there is a profile or a link, or was in the live version where a replay keeps it out."""
        return bool(self.first_seen or self.customer or self.had_profile or self.kept_out)


class Outside:
    """Page instances that lie outside of a visitor's state: as JSON, those that the present batch names or moved."""

    __slots__ = ("known", "unwritten")

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.unwritten: set[str] = set()


class CustomerState(Struct, omit_defaults=True, gc=False):
    """Stored state of one customer: sums over the visitors linked to it."""

    visitors: list[str] = []
    counts: dict[str, int] = {}
    first_seen: int = 0
    last_seen: int = 0
    source: str = ""
    erased: int = 0  # see VisitorState


class Interests:
    """An interest set and what the current call changed of it. Scores are stored ones, see `wakeline.decay`."""

    __slots__ = ("changed", "gone", "scores")

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores = scores
        self.changed: set[str] = set()
        self.gone: set[str] = set()

    def add(self, name: str, amount: float) -> None:
        scores = self.scores
        scores[name] = scores.get(name, 0.0) + amount
        self.changed.add(name)
        if len(scores) > MAX_INTERESTS:
            self._trim()

    def _trim(self) -> None:
        weakest = sorted(self.scores, key=lambda name: (self.scores[name], name))[: len(self.scores) - KEPT_INTERESTS]
        for name in weakest:
            del self.scores[name]
        self.gone.update(weakest)
        self.changed.difference_update(weakest)

    def clear(self) -> None:
        self.scores.clear()
        self.changed.clear()
        self.gone.clear()


class Visitor:
    """One visitor in the worker's cache."""

    __slots__ = (
        "entered",
        "erased",
        "has_profile",
        "id",
        "interests",
        "is_anonymous",
        "is_new",
        "keys",
        "numbers",
        "open_pages",
        "outside",
        "page",
        "present",
        "remembered",
        "renewed",
        "scheduled",
        "session",
        "share",
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
        self.keys: tuple[str, str, str] | None = None  # of state, profile and interests, once they were spelt
        self.is_anonymous = id[0] == ANONYMOUS_PREFIX
        self.state = state
        self.interests = Interests(scores)
        self.tombstone = tombstone  # ms up to which nothing enters the profile; 0: none
        self.erased = max(tombstone, state.erased)  # up to when it was forgotten; a replay has that still to do
        self.scheduled = bool(state.sessions)  # whether the lane's due set holds it, not later than its deadline
        self.open_pages = {id: page.sign + PRESENT_MS for id, page in state.pages.items() if page.sign > page.left}
        self.present = 0  # ms until which it counts as on the site; 0: not known here or gone
        self.outside: Outside | None = None  # None: no page that the present batch names lies outside of the state
        # of the current event
        self.page: Page = Page()
        self.remembered = False  # whether the event may enter the profile
        self.has_profile = False  # whether it may in the live version, but for a tombstone that a replay knows already
        self.session: Session | None = None  # None: it belongs to no open one
        self.entered: tuple[Session, Session | None] | None = None  # session with a new entry, as it was before
        # of the current call
        self.is_new = False
        self.numbers: set[str] = set()  # fields of the profile that changed
        self.renewed = False  # the first event of a day: what it has lives on
        self.traits_changed = False
        self.unshows = False  # the profile may hold a session that it may no longer show
        self.wipe = False  # forget the profile before writing
        self.share: CustomerShare | None = None

    def count(self, field: str, amount: int) -> None:
        """Add to a number of the profile and, if it is linked, of its customer."""
        setattr(self.state, field, getattr(self.state, field) + amount)
        self.numbers.add(field)
        if self.share is not None:
            self.share.counts[field] = self.share.counts.get(field, 0) + amount

    def add_interest(self, name: str, amount: float) -> None:
        self.interests.add(name, amount)
        if self.share is not None:
            self.share.interests[name] = self.share.interests.get(name, 0.0) + amount

    def forget(self, upto: int) -> None:
        """Drop all of the profile; what keeps site totals right (page instances, open sessions) stays."""
        old = self.state
        for session in old.sessions:
            session.unshown = True
        for page in old.pages.values():  # a replay, which leaves out what it showed, does not know either
            page.interests, page.pending = None, 0.0
        if old.past:
            lines = [line.partition(" ") for line in old.past[1:].split("\n")]
            old.past = "".join(f"\n{id} {without_interests(text)}" for id, _, text in lines)
        if self.outside is not None:  # those that the present call has at hand; the others by `writes`
            self.outside.known = {id: without_interests(text) for id, text in self.outside.known.items()}
        self.state = VisitorState(
            pages=old.pages, past=old.past, days=old.days, sessions=old.sessions, closed=old.closed, floor=old.floor,
            was_new=old.was_new, was_identified=old.was_identified, has_withdrawn=old.has_withdrawn,
            erased=upto, withheld=old.withheld,
        )  # fmt: skip
        self.interests.clear()
        self.share = None
        self.wipe = True
        self.erased, self.tombstone = upto, max(upto, self.tombstone)


class Customer:
    """One customer in the worker's cache."""

    __slots__ = ("erased", "id", "interests", "site", "state", "tombstone", "wipe")

    def __init__(self, site: str, id: str, state: CustomerState, scores: dict[str, float], tombstone: int) -> None:
        self.site = site
        self.id = id
        self.state = state
        self.interests = Interests(scores)
        self.tombstone = tombstone
        self.erased = max(tombstone, state.erased)
        self.wipe = False

    def forget(self, upto: int) -> None:
        self.state = CustomerState(erased=upto)
        self.interests.clear()
        self.wipe = True
        self.erased, self.tombstone = upto, max(upto, self.tombstone)


def deadline(session: Session) -> int:
    """Append time at which a session ends: SESSION_GAP after its last event and after it was last heard of."""
    return (session.heard if session.heard > session.last else session.last) + SESSION_GAP_MS


encode_state = msgspec.json.Encoder().encode
