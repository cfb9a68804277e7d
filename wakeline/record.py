"""The log's contract: a record per accepted event or fact, and six kinds of records that Wakeline makes itself.

A record is JSON, tagged by `kind`. It does not contain its append time, which the log adds (see `log`). Nothing here
identifies a person: no IP addresses, customer ids as keyed hashes, addresses redacted.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from wakeline.account import Account, Booked, Contacted
from wakeline.kept import Kept

ANONYMOUS_PREFIX = "~"  # of a visitor id made with the daily salt; not allowed in ids from the wire
CUSTOMER_PREFIX = "@"  # of a customer's id, a keyed hash of the site's own id
Position = tuple[int, int]
"""A position in a lane: (offset, step), a record's offset and the number of deadlines that have fired before it.

A record that several calls fold has a further step after each of them but the last.

Deadlines due at a record's append time fire before it, one by one. So the first of them is at (offset, 0), and the
record itself comes after the last of them.
"""

Place = tuple[int, int, int]
"""Of what a record emits: offset and step of its `Position`, and a number from 1 on in it."""

NO_PLACE = (0, 0, 0)
"""By an earlier version, or of what needs none."""

NO_USER_AGENT = "no user agent"
WEBDRIVER = "webdriver"
"""In `Event.bot`, of those that do not say what they are: without a user agent; a browser that a program drives."""

FOR_GOOD = (1 << 53) - 1
"""Tombstone of a withdrawal, ms: later events with that id, from another tab or a retry, never create a profile."""


class Event(Struct, tag_field="kind", tag="event", omit_defaults=True, gc=False):
    """One accepted event, cleaned and stamped by the collector. Lane: that of `visitor`."""

    site: str
    visitor: str  # as sent under `full`; "~..." daily-salted under `anonymous`
    type: str
    page: str
    n: int
    time: int  # ms since 1970, skew-corrected, never later than `received`
    received: int  # ms since 1970, the collector's clock
    host: str
    path: str  # masked and redacted
    query: dict[str, str] = {}  # allow-listed parameters only
    title: str = ""
    referrer: str = ""  # host and path of another site's page; `INTERNAL` of one of the site; "" for none
    click: str = ""  # page view: name of the click id in its URL, see `vocabulary.sources`; its value is never kept
    device: str = "other"  # desktop, mobile, tablet, other
    browser: str = ""
    os: str = ""
    country: str = ""  # ISO 3166-1 alpha-2, if a GeoIP file is configured
    bot: str = ""  # name of the bot, "" for a human
    interests: list[str] = []
    continued: bool = False
    engaged_ms: int = 0
    scroll: int = 0
    leave: bool = False
    level: str = ""  # consent: the new level; how it was agreed to is in `props`: version, wording, purposes
    customer: str = ""  # identify: "@..." of a verified customer
    order: str = ""  # purchase, refund: "#..." of its order
    signed: bool = False  # purchase: by the site's server, so that it counts as said by a server
    props: dict[str, Any] = {}
    counted_only: bool = False  # it creates no profile, because of its address's budget or the memory; see `budget`
    gpc: bool = False  # page view, consent: the browser asked for Global Privacy Control

    @property
    def is_anonymous(self) -> bool:
        return self.visitor[0] == ANONYMOUS_PREFIX


class Fact(Struct, tag_field="kind", tag="fact", omit_defaults=True, gc=False):
    """What a server or an import says of a person or a thing, cleaned. Lane: that of `home`."""

    site: str
    home: str  # the thing it is about, see `vocabulary.things`; else "@customer"; else the visitor
    type: str
    id: str  # 16 hex digits: keyed hash of the sender's event id
    time: int  # ms since 1970, as the sender says, never later than `received`
    received: int  # ms since 1970, our clock
    customer: str = ""  # "@..." of the person it is about
    visitor: str = ""
    body: dict[str, Any] = {}  # the fields of `vocabulary.fields`, without personal ones; amounts in minor units
    told: list[str] = []  # names of the personal fields that went to the customer's card
    by: str = "server"  # page, signed (a page, with its server's signature), server, import, console
    batch: str = ""  # of an import: its id, see `ImportEnd`
    line: int = 0  # and the line, from 1 on; it rises within a lane
    tells: bool = False  # of an import: messages may be sent about it


class ImportEnd(Struct, tag_field="kind", tag="import_end"):
    """An import has ended: in every lane all its records come before this one."""

    site: str
    batch: str  # 32 hex digits: hash of the file and of how its columns are read
    time: int  # ms since 1970
    lines: int  # of the file


class ToldFact(Struct, omit_defaults=True):
    """What one record of a visitor says to a thing: the fact as the page said it."""

    fact: Fact
    at: int  # with `step` the `Position` of the record that said it
    step: int = 0


class Agreed(Struct, array_like=True, gc=False):
    """A consent that a page told, as it is kept: see `told.Kept`."""

    time: int  # ms since 1970, as it was said
    digest: str
    fields: dict[str, Any]  # level, and what was said of version, wording and purposes


def later(agreed: Agreed | None, upto: int) -> Agreed | None:
    """What of it remains if all up to a time (ms) is forgotten."""
    return agreed if agreed is not None and agreed.time > upto else None


class CustomerShare(Struct, omit_defaults=True):
    """What one record of a visitor or a thing adds to its customer, or ends; or one id of a customer to another.

    What adds to a customer commutes.
    """

    site: str
    customer: str
    visitor: str  # or the thing that names the customer: then it only says when that was; or another id of it
    at: int = -1  # offset of that record in the source lane; -1: by an earlier version, one share for a whole delta
    step: int = 0  # with `at` the `Position` of the deadline or the record that made it
    interests: dict[str, float] = {}  # tag -> amount added, at the decay's time zero
    counts: dict[str, int] = {}  # field of the profile -> amount added
    since: int = 0  # ms; time of its event: a customer erased later ignores it
    linked: int = 0  # ms; when the visitor was last identified as this customer: a customer erased later ignores it too
    first_seen: int = 0  # ms; the earliest wins
    last_seen: int = 0  # ms; the latest wins
    source: str = ""  # of the visit at last_seen
    agreed: Agreed | None = None  # a consent that its pages told: the latest wins
    booked: list[Booked] = []  # by a thing: what it comes to for the customer, see `crm.commerce.accounts`
    erased_at: int = 0  # ms; if not 0, the visitor or the other id was erased: erase the customer and all linked to it
    withdrawn: bool = False  # with `erased_at`: consent was withdrawn there, so that only the page part ends
    taken_back: bool = False  # its amounts are below 0: what was told before belongs to somebody else
    left: bool = False  # the visitor has ended, and goes off the list; or the other id has, by age, and so does this
    everywhere: bool = False  # with `withdrawn`: a server said so, for all browsers
    # Between two ids of one customer, see `crm.identity.aliases`; `visitor` is the first where it says so itself.
    via: str = ""  # the id that passes it on, or says it
    alias: str = ""  # another id of the same customer
    record: list[Kept] = []  # what servers and imports told, and pages of what was agreed to
    first_heard: int = 0  # ms; when servers, imports or things first told of it
    heard: int = 0  # ms; and last
    returned: int = 0  # ms; when they said that the customer is back after an erasure
    account: Account | None = None  # what it bought, and what it cost
    contacted: list[Contacted] = []  # by a thing: when it reached the customer, see `crm.commerce.accounts`


class Delta(Struct, tag_field="kind", tag="delta", omit_defaults=True):
    """The shares that lane `source` sends to another lane, for its positions from `after` on, before `upto`.

    A lane that is folded again from an earlier place may divide them differently. Each share still counts once, as the
    other lane stores the last offset applied from each source.
    """

    source: int
    after: int
    upto: int
    shares: list[CustomerShare] = []
    facts: list[ToldFact] = []  # for things
    after_step: int = 0
    upto_step: int = 0


class Tick(Struct, tag_field="kind", tag="tick"):
    """Only carries its append time, so that deadlines in an idle lane expire."""


class Erase(Struct, tag_field="kind", tag="erase", omit_defaults=True):
    """Erase a person: everything of `id` up to `time`. Lane: that of `id`.

    `withdrawn`: consent was withdrawn, which ends no record of a customer. Of a customer only the page part ends; a
    visitor with a `customer` is no longer linked to it, and without one is forgotten like one that withdrew.
    """

    site: str
    id: str  # visitor or "@customer"
    time: int  # ms since 1970
    customer: str = ""  # for a visitor: the erased customer; the browser may belong to another customer by now
    withdrawn: bool = False
    place: Place = NO_PLACE  # with `customer`, as of an `Unlink`


class Unlink(Struct, tag_field="kind", tag="unlink", omit_defaults=True):
    """What the lane has of a person is unlinked from it, as far as that was up to `time`. Appended to every lane.

    Things name the person no more. Visitors of a customer that their lane noted before `noted` forget, as an `Erase`
    with this `customer` has them do. `withdrawn`: only the page part of a customer ended, so that things go on naming
    it, and its visitors are no longer linked to it, or are forgotten, where a server said so (`everywhere`).
    `place`: of the end in the customer's lane, where a later end has a greater one, also in the same moment.
    """

    site: str
    id: str  # visitor or "@customer"
    time: int  # ms since 1970
    ended: bool = False  # by age: later facts of that time may name it again. Else it was erased, and none may
    noted: int = 0  # ms, append time; 0: it is for no visitors
    withdrawn: bool = False
    everywhere: bool = False
    place: Place = NO_PLACE


class Definition(Struct, tag_field="kind", tag="definition"):
    """From here on this holds for a site in this lane. Appended to every lane; what it may be: `crm.definitions`.

    Of one site and name a later one has a greater version; one that is appended again says nothing new.
    """

    site: str
    name: str  # what is defined
    version: int  # 1, 2 ...
    body: msgspec.Raw  # JSON


MOST_DEFINITION_BYTES = 262_144  # of the body of a definition, as JSON: each lane keeps several

MOST_FACT_BYTES = 65_536  # of a fact's record: an order of 200 items with every field

Record = Event | Fact | Delta | Tick | Erase | Unlink | Definition | ImportEnd
Share = CustomerShare | ToldFact
"""What one record says to another home."""

decode_record = msgspec.json.Decoder(Record).decode
encode_record = msgspec.json.Encoder().encode
