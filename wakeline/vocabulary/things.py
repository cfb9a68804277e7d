"""Things with an id of their own. Each lives in the lane of that id, whoever speaks of it: a page, a server, an import.

An id in the log and in keys is a keyed hash of the site's own id, except a product's, which is public anyway.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple
from urllib.parse import quote

from wakeline.durations import DAY_MS
from wakeline.keyed import keyed
from wakeline.vocabulary.names import is_name, visible

THING_PREFIX = "#"
PRODUCT_PREFIX = "$"
PREFIXES = THING_PREFIX + PRODUCT_PREFIX
MAX_THING_ID = 256  # characters of a site's own id
MAX_PRODUCT_ID = 120  # characters of a product's id in keys


class Thing(NamedTuple):
    """A kind of thing."""

    name: str
    prefix: str  # of its ids in the log
    id_field: str  # of the events about it
    lives_ms: int  # after the last time that somebody spoke of it, by event time


ORDER = Thing("order", THING_PREFIX, "transaction_id", 800 * DAY_MS)
PRODUCT = Thing("product", PRODUCT_PREFIX, "item_id", 800 * DAY_MS)
CONTACT = Thing("contact", "#contact:", "contact_id", 800 * DAY_MS)
SERVICE_ORDER = Thing("service_order", "#service:", "service_id", 800 * DAY_MS)
AGREEMENT = Thing("agreement", "#agreement:", "agreement_id", 3_650 * DAY_MS)
SENT = Thing("sent", "#sent:", "sent_id", 400 * DAY_MS)  # one mail or letter of a campaign to one person
POINTS = Thing("points", "#points:", "entry_id", 800 * DAY_MS)  # one entry of loyalty points

THINGS = tuple(thing for thing in list(globals().values()) if isinstance(thing, Thing))
_by_prefix = {thing.prefix: thing for thing in THINGS}


def is_thing(id: str) -> bool:
    """Whether an id in the log is a thing's, and not a person's."""
    return id[:1] in (THING_PREFIX, PRODUCT_PREFIX)


def kind_of(id: str) -> Thing | None:
    """The kind of the thing with this id in the log; None for people and unknown kinds."""
    if id[:1] == PRODUCT_PREFIX:
        return PRODUCT
    if id[:1] != THING_PREFIX:
        return None
    head, colon, _ = id.partition(":")
    return _by_prefix.get(head + colon if colon else ORDER.prefix)


def own_id(value: object) -> str | None:
    """A site's own id of a thing, a refund or a code, as all say it who speak of it: 7 of a page is "7" of a server.

    Without invisible characters and spaces around it. None if `value` is no id, but a placeholder, which others share.
    """
    if not is_name(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        id = visible(str(value)).strip()
    except ValueError:  # a number of thousands of digits
        return None
    return id if len(id) <= MAX_THING_ID and is_name(id) else None


def thing_id(secret: str, thing: Thing, id: str) -> str:
    """The id in the log and in keys of a site's thing: the prefix and 32 hex digits; a product's is readable."""
    if thing is PRODUCT:
        return product_id(id)
    return thing.prefix + _keyed(secret, thing.name, id).hex()[:32]


def product_id(id: str) -> str:
    """ "$" and the product's own id, percent-encoded where a key needs it; a very long one ends in a hash."""
    safe = quote(id, safe="!$&'()*+,;=:@._-~")
    if len(safe) > MAX_PRODUCT_ID:
        digest = hashlib.sha256(id.encode()).hexdigest()[:16]
        safe = f"{safe[: MAX_PRODUCT_ID - 17].rstrip('%')}-{digest}"
    return PRODUCT_PREFIX + safe


def event_id(secret: str, id: str) -> str:
    """What the log keeps of a server's event id: 16 hex digits, keyed."""
    return _keyed(secret, "event", id).hex()[:16]


def part_id(secret: str, kind: str, id: str) -> str:
    """What the log keeps of an id that no home has, such as a refund's or a promotion's code: 16 hex digits, keyed."""
    return _keyed(secret, kind, id).hex()[:16]


def _keyed(secret: str, kind: str, id: str) -> bytes:
    return keyed(secret, f"{kind}:{id}")
