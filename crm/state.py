"""What the fold remembers of a visitor, a customer and a lane.

`VisitorState` and `CustomerState` are stored as JSON under `keys.state`; `Visitor` and `Customer` wrap
them with what lies in other keys and with what the current call changed.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from crm.identity.state import Customer, CustomerState
from crm.intake.state import Outside, Page
from crm.interests.state import Interests
from crm.page_text import without_interests
from crm.visits.state import Session, Touch
from wakeline.definitions import PRESENT_MS
from wakeline.profile_fields import ProfileCount
from wakeline.record import ANONYMOUS_PREFIX, CustomerShare

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
    "encode_state",
]

FORMER = {"set_aside_pages": "past", "forgotten_until": "floor", "last_append": "heard"}  # as they are stored


class VisitorState(Struct, omit_defaults=True, gc=False, rename=FORMER):
    """Stored state of one visitor."""

    pages: dict[str, Page] = {}  # the latest, see `crm.pages`
    set_aside_pages: str = ""  # earlier ones: a line "<id> <Page as JSON>" each, with a line break before it
    days: list[int] = []  # of log time, in order, at which others went to keys of their own that may be there still
    sessions: list[Session] = []  # open ones
    closed: list[tuple[int, int]] = []  # start and last of those closed lately
    forgotten_until: int = 0  # events of unknown page instances up to this time are too late; former code forgot pages
    # What the site counted of this visitor: known also once the visitor is forgotten, and in a replay that
    # meets its tombstone first, so that the site's numbers are the same whoever was forgotten.
    was_new: bool = False
    was_identified: bool = False
    has_withdrawn: bool = False
    erased: int = 0  # up to when this version has forgotten it, ms; a tombstone may know of more, see `Visitor`
    last_append: int = (
        0  # append time of the latest record, ms; while there is no profile, see `crm.intake.duplicates.hear`
    )
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
    kept_out: tuple[str, int, int] | None = (
        None  # such a link that today's tombstone keeps out, see `crm.identity.customers.link`
    )
    earlier: list[str] = []  # customers to whom it was linked before, who list it too
    had_profile: bool = False  # in a replay: the live version had one here, which today's tombstone keeps out
    had_seen: tuple[int, int] = (0, 0)  # times of that one's first and last event, ms
    withheld: int = 0  # append time up to which nothing enters a profile: it withdrew when it had none
    first: Touch = Touch()
    latest: Touch = Touch()

    def is_known(self) -> bool:
        """Whether there is a profile or a link, or was in the live version where a replay keeps it out."""
        return bool(self.first_seen or self.customer or self.had_profile or self.kept_out)


class Visitor:
    """One visitor in the worker's cache."""

    __slots__ = (
        "erased",
        "gone_days",
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
        self.scheduled = 0  # see `crm.out.Person`
        self.open_pages = {
            id: page.last_heartbeat + PRESENT_MS for id, page in state.pages.items() if page.last_heartbeat > page.left
        }
        self.present = 0  # ms until which it counts as on the site; 0: not known here or gone
        self.outside: Outside | None = None  # None: no page that the present batch names lies outside of the state
        # of the current event
        self.page: Page = Page()
        self.may_profile = False  # whether the event may enter the profile
        self.has_profile = False  # whether it may in the live version, but for a tombstone that a replay knows already
        self.session: Session | None = None  # None: it belongs to no open one
        self.new_entry: tuple[Session, Session | None] | None = None  # session with a new entry, as it was before
        # of the current call
        self.is_new = False
        self.numbers: set[str] = set()  # fields of the profile that changed
        self.renewed = False  # the first event of a day: its keys get their whole lifetime again
        self.traits_changed = False
        self.unshows = False  # the profile may hold a session that it may no longer show
        self.wipe = False  # forget the profile before writing
        self.gone_days: list[int] = []  # of `VisitorState.days`, whose pages go before writing
        self.share: CustomerShare | None = None

    def count(self, number: ProfileCount, amount: int = 1) -> None:
        """Add to a number of the profile and, if it is linked, of its customer."""
        field = number.name
        setattr(self.state, field, getattr(self.state, field) + amount)
        self.numbers.add(field)
        if self.share is not None:
            self.share.counts[field] = self.share.counts.get(field, 0) + amount

    def add_interest(self, name: str, amount: float) -> None:
        self.interests.add(name, amount)
        if self.share is not None:
            self.share.interests[name] = self.share.interests.get(name, 0.0) + amount

    def forget(self, upto: int) -> None:
        """Drop all of the profile, up to time `upto` (ms) for good."""
        self.end()
        self.state.erased = upto
        self.erased, self.tombstone = upto, max(upto, self.tombstone)

    def vanish(self) -> None:
        """Drop also what `end` left."""
        self.gone_days = self.state.days
        self.state = VisitorState()
        self.open_pages.clear()
        self.outside = None

    def end(self) -> None:
        """Drop all of the profile; what keeps site totals right (page instances, open sessions) stays."""
        old = self.state
        for session in old.sessions:
            session.unshown = True
        for page in old.pages.values():  # a replay, which leaves out what it showed, does not know either
            page.interests, page.pending = None, 0.0
        if old.set_aside_pages:
            lines = [line.partition(" ") for line in old.set_aside_pages[1:].split("\n")]
            old.set_aside_pages = "".join(f"\n{id} {without_interests(text)}" for id, _, text in lines)
        if self.outside is not None:  # those that the present call has at hand; the others as the call is written
            self.outside.known = {id: without_interests(text) for id, text in self.outside.known.items()}
        self.state = VisitorState(
            pages=old.pages, set_aside_pages=old.set_aside_pages, days=old.days, forgotten_until=old.forgotten_until,
            sessions=old.sessions, closed=old.closed,
            was_new=old.was_new, was_identified=old.was_identified, has_withdrawn=old.has_withdrawn,
            erased=old.erased, withheld=old.withheld,
        )  # fmt: skip
        self.interests.clear()
        self.share = None
        self.wipe = True


encode_state = msgspec.json.Encoder().encode
