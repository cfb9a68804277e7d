"""The fields of a profile: rules count in them, the processor writes them, readers and terminals show them.

To add a count, add a constant and a field of `Profile` here, and a field with its name to `crm.state.VisitorState`;
then a rule calls `visitor.count(...)`. To add a text, do the same; the rule sets it and `visitor.traits_changed`. The
readers, the HTTP API, `wakeline profile` and docs/profiles.md follow, and counts are added to the customer. To add a
field of `Session` or `Cart`, add it here, to its stored form and reader in `stored_profile`, and where
`processor.people` fills that; `wakeline profile` (`ops.cli.profile_view`) shows it if you say so there.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from msgspec import Struct

from wakeline.account import MOST_CONTACTS, MOST_ORDERS
from wakeline.definitions import CART_GAP_MS, MAX_CART_ITEMS, MOST_TOUCHES
from wakeline.durations import MINUTE_MS


class ProfileCount(NamedTuple):
    """An additive number; a customer has the sum of its visitors."""

    name: str  # in the hash, and in `VisitorState`
    help: str
    noun: str  # singular, as shown in a terminal
    seconds: str = ""  # its name in `Profile` if it is a duration, which the hash stores in ms

    @property
    def attribute(self) -> str:
        """Its name in `Profile`."""
        return self.seconds or self.name

    def read(self, text: str) -> float:
        """Its value in `Profile`."""
        return int(text) / 1000 if self.seconds else int(text)


class Trait(NamedTuple):
    """A text of the latest visit; empty for customers."""

    name: str  # in the hash, in `Profile` and in `VisitorState`
    help: str


class Fact(NamedTuple):
    """Any other field, which readers compute."""

    help: str


VISITS = ProfileCount("visits", "sessions begun, including the open one", "visit")
PAGE_VIEWS = ProfileCount("page_views", "pages viewed", "page view")
ENGAGED = ProfileCount("engaged_ms", "time that pages were visible and focused", "engaged", seconds="engaged_seconds")
EVENTS = ProfileCount("events", "custom events", "event")

COUNTS = tuple(field for field in list(globals().values()) if isinstance(field, ProfileCount))

DEVICE = Trait("device", "of a visitor's latest visit: desktop, mobile, tablet or other")
BROWSER = Trait("browser", "of a visitor's latest visit, by its user agent")
OS = Trait("os", "of a visitor's latest visit: its operating system")
COUNTRY = Trait("country", "of a visitor's latest visit: two letters of ISO 3166, if `geoip` is set")

TRAITS = tuple(field for field in list(globals().values()) if isinstance(field, Trait))

# Field of the hash -> dotted field of `VisitorState`: the parts of `Profile.first_source` and `Profile.last_source`.
SOURCES = {
    "first_source": "first.source",
    "first_campaign": "first.campaign",
    "first_source_class": "first.detail.source_class",
    "first_content": "first.detail.content",
    "first_term": "first.detail.term",
    "first_campaign_id": "first.detail.campaign_id",
    "last_source": "latest.source",
    "last_campaign": "latest.campaign",
    "last_source_class": "latest.detail.source_class",
    "last_content": "latest.detail.content",
    "last_term": "latest.detail.term",
    "last_campaign_id": "latest.detail.campaign_id",
}


class Session(Struct, frozen=True, kw_only=True):
    """A session that is still open."""

    started: Annotated[datetime, Fact("time of its first event")]
    last: Annotated[datetime, Fact("time of its latest event")]
    page_views: Annotated[int, Fact("pages viewed")]
    engaged_seconds: Annotated[float, Fact("time that pages were visible and focused")]
    entry: Annotated[str, Fact("path of its first page")]
    page: Annotated[str, Fact("path of its latest page")]
    source: Annotated[str, Fact("where it came from")]
    campaign: Annotated[str, Fact("its campaign; empty if there is none")]
    source_class: Annotated[str, Fact("the class of its source, see [sources.md](sources.md); empty if unknown")] = ""


class Cart(Struct, frozen=True, kw_only=True):
    """What a visitor has put into its cart and not bought."""

    began: Annotated[datetime, Fact("when something was first put into it")]
    last: Annotated[datetime, Fact("when it was last changed or shown")]
    items: Annotated[dict[str, float], Fact(f"pieces by product, the latest {MAX_CART_ITEMS}")]
    value: Annotated[Decimal | None, Fact("what it is worth; `None`: its currency is not known")] = None
    currency: Annotated[str, Fact("of the value")] = ""
    is_abandoned: Annotated[bool, Fact(f"whether it was left alone for {CART_GAP_MS // MINUTE_MS} minutes")] = False


class Interest(Struct, frozen=True):
    """One interest with its current score."""

    name: Annotated[str, Fact("its name")]
    score: Annotated[float, Fact("its current score, which halves with each half-life")]


class Source(Struct, frozen=True):
    """Where a visit came from; "" if unknown."""

    source: Annotated[str, Fact("the site or `utm_source`; empty if unknown")]
    campaign: Annotated[str, Fact("`utm_campaign`; empty if there is none")]
    source_class: Annotated[str, Fact("its class, such as `email`: see [sources.md](sources.md)")] = ""
    content: Annotated[str, Fact("`utm_content`, such as which link of a mail")] = ""
    term: Annotated[str, Fact("`utm_term`, such as a keyword")] = ""
    campaign_id: Annotated[str, Fact("`utm_id`")] = ""


class Touch(Struct, frozen=True):
    """A visit that a campaign brought."""

    time: Annotated[datetime, Fact("when it began")]
    source: Annotated[Source, Fact("where it came from")]


class Preference(Struct, frozen=True, kw_only=True):
    """What a customer wants to hear of, or by a channel."""

    allowed: Annotated[bool | None, Fact("`false`: not wanted; a channel must not be used then")] = None
    frequency: Annotated[str, Fact("how often, as it was told")] = ""
    time: Annotated[datetime, Fact("when it was said")]


class Consent(Struct, frozen=True, kw_only=True):
    """A consent: what servers and imports told last, or where they told nothing, a page."""

    level: Annotated[str, Fact("`full`, `anonymous` or `off`")] = ""
    purposes: Annotated[tuple[str, ...], Fact("what for")] = ()
    version: Annotated[str, Fact("of the wording")] = ""
    wording: Annotated[str, Fact("what was agreed to")] = ""
    time: Annotated[datetime, Fact("when it was given")]


class Record(Struct, frozen=True, kw_only=True):
    """What servers and imports told of a customer itself; of consent also pages. Personal values are on the card."""

    traits: Annotated[dict[str, Any], Fact("such as language, country, plan")] = {}
    tags: Annotated[tuple[str, ...], Fact("labels that it has")] = ()
    topics: Annotated[dict[str, Preference], Fact("what it wants to hear of, by topic")] = {}
    channels: Annotated[dict[str, Preference], Fact("how it wants to be reached, by channel")] = {}
    consent: Annotated[Consent | None, Fact("the latest one")] = None
    orders_before: Annotated[int | None, Fact("orders before those that were told")] = None
    value_before: Annotated[Decimal | None, Fact("what these were worth")] = None
    currency: Annotated[str, Fact("of that")] = ""


class Earned(Struct, frozen=True, kw_only=True):
    """What a customer's orders in one currency came to, and what it cost to serve the customer."""

    currency: Annotated[str, Fact("of all amounts")]
    orders: Annotated[int, Fact("orders of which something was kept")] = 0
    revenue: Annotated[Decimal, Fact("value that was kept, without tax and shipping")] = Decimal(0)
    margin: Annotated[Decimal, Fact("what was earned with the orders whose margin is known")] = Decimal(0)
    revenue_of_unknown_margin: Annotated[Decimal, Fact("revenue of the others")] = Decimal(0)
    discount: Annotated[Decimal, Fact("what was taken off; the revenue is without it")] = Decimal(0)
    cost_to_serve: Annotated[Decimal, Fact("contacts, service, returns, promotions, mails, letters")] = Decimal(0)
    profit: Annotated[Decimal, Fact("`margin` less `cost_to_serve`")] = Decimal(0)


class Purchases(Struct, frozen=True, kw_only=True):
    """What a customer bought, what that earned, and what it cost to serve the customer."""

    orders: Annotated[int, Fact("orders of which something was kept, with the record's `orders_before`")] = 0
    first: Annotated[datetime | None, Fact("the first of them; `None`: none was told")] = None
    last: Annotated[datetime | None, Fact("the latest")] = None
    times: Annotated[tuple[datetime, ...], Fact(f"when they were bought, the latest {MOST_ORDERS}, latest first")] = ()
    all_time: Annotated[
        tuple[Earned, ...], Fact("by currency, the largest first; revenue with the record's `value_before`")
    ] = ()
    year: Annotated[tuple[Earned, ...], Fact("the same of the last 365 days")] = ()


class Ranked(Struct, frozen=True):
    """One of the best customers."""

    customer: Annotated[str, Fact("`@...`")]
    amount: Annotated[Decimal, Fact("what it is ranked by, in the site's main currency")]


class Profile(Struct, frozen=True, kw_only=True):
    """The profile of one visitor, or of one customer (an `id` with "@"), which sums up all its visitors."""

    site: Annotated[str, Fact("key of the site")]
    id: Annotated[str, Fact("id of the visitor; a customer's begins with `@`")]
    customer: Annotated[str | None, Fact("id (`@...`) of the customer that this visitor is linked to")]
    visitors: Annotated[
        tuple[str, ...],
        Fact("for customers: ids of the linked visitors, the latest 100; with `aliases` those linked as `id` alone"),
    ]
    aliases: Annotated[
        tuple[str, ...], Fact("for customers: other ids (`@...`) of the same person, which are read as this profile")
    ] = ()
    first_seen: Annotated[datetime, Fact("time of its first event")]
    last_seen: Annotated[datetime, Fact("time of its latest event")]
    visits: Annotated[int, VISITS] = 0
    page_views: Annotated[int, PAGE_VIEWS] = 0
    engaged_seconds: Annotated[float, ENGAGED] = 0.0
    events: Annotated[int, EVENTS] = 0
    session: Annotated[Session | None, Fact("the open visit; `None` once it has ended, and for customers")]
    cart: Annotated[Cart | None, Fact("what is in the cart; `None` if nothing is, and for customers")] = None
    first_source: Annotated[Source | None, Fact("of the first visit; `None` for customers: each browser has its own")]
    last_source: Annotated[Source, Fact("of the latest visit")]
    touches: Annotated[
        tuple[Touch, ...],
        Fact(f"visits that a campaign brought, the latest {MOST_TOUCHES}, latest first; for customers see `visitors`"),
    ] = ()
    device: Annotated[str, DEVICE]
    browser: Annotated[str, BROWSER]
    os: Annotated[str, OS]
    country: Annotated[str, COUNTRY]
    interests: Annotated[tuple[Interest, ...], Fact("strongest first; ten by default")]
    record: Annotated[
        Record | None, Fact("for customers: what servers and imports told of it; of consent also pages")
    ] = None
    purchases: Annotated[Purchases | None, Fact("for customers: what it bought, and what it cost; `None`: nothing")] = (
        None
    )
    contacts_7d: Annotated[
        int,
        Fact(
            "for customers: mails and letters of campaigns that reached it in the last 7 days, and contacts that you"
            f" began; at most {MOST_CONTACTS}"
        ),
    ] = 0
