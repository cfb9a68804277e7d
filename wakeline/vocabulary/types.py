"""Every event type with a predefined meaning, each once. All other names are custom events, which are activity.

Activity is something a visitor did: it makes a visit of one page not a bounce, and `events` counts it. Events that a
page reports about itself, and what others say of a person, are not: otherwise no visit to a page that measures its
speed would be a bounce.
"""

from __future__ import annotations

from enum import Flag, auto
from typing import NamedTuple

from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING
from wakeline.vocabulary.things import AGREEMENT, CONTACT, ORDER, POINTS, PRODUCT, SENT, SERVICE_ORDER, Thing


class By(Flag):
    """Who may say it."""

    PAGE = auto()
    SERVER = auto()
    IMPORT = auto()
    CONSOLE = auto()
    API = auto()  # Wakeline's own answers


P, S, IM, C, A = By


class EventType(NamedTuple):
    """An event type. What is about no `thing` is about a person: a customer or a visitor."""

    name: str
    by: By = P
    is_activity: bool = True
    is_built_in: bool = False  # of a page's: it has fields of its own, not `props`
    thing: Thing | None = None
    needs_person: bool = True  # of a server's or an import's: it names a customer or a visitor


PURCHASE, REFUND, ORDER_STATE = "purchase", "refund", "order_state"
PRODUCT_TOLD, CUSTOMER_TOLD = "product", "customer"
ALIAS, FORGET, NOTE, TAG, PREFERENCE = "alias", "forget", "note", "tag", "preference"

TYPES = (
    # what a page says of itself
    EventType(PAGE_VIEW, P, False, True),  # a page was viewed; counted separately
    EventType(ENGAGEMENT, P, False, True),  # engaged time and scroll depth; see definitions.BOUNCE_BELOW_MS
    EventType(PING, P, False, True),  # the page is still open
    EventType("web_vitals", P, False),  # the page's speed
    EventType("not_found", P, False),  # the page does not exist
    EventType("js_error", P, False),  # a script of the page failed
    # who it is, and what may be kept
    EventType(CONSENT, P | S | IM | C, False, True),  # a change of the consent level
    EventType(IDENTIFY, P, False, True),  # the visitor is this customer
    EventType(ALIAS, S | IM, False),  # two ids, one customer
    EventType(FORGET, P | S | C, False, True),  # erase a person; a page needs its server's signature
    EventType(CUSTOMER_TOLD, S | IM, False),  # what is known of a customer
    EventType(PREFERENCE, P | S | IM | C),  # what somebody wants to hear of, and how
    EventType(NOTE, S | C, False),
    EventType(TAG, S | C, False),
    EventType("sign_up", P | S),
    EventType("login", P | S),
    # what visitors do
    EventType("search", P),  # site search
    EventType("outbound_link", P),  # click on a link to another host
    EventType("download", P),  # click on a file
    EventType("form_submit", P),  # form submission
    EventType("interest", P),  # click on an element that declares an interest
    EventType("video_start", P),
    EventType("video_progress", P),
    EventType("video_complete", P),
    EventType("rage_click", P, False),
    EventType("dead_click", P, False),
    EventType("form_abandoned", P, False),
    # the shop
    EventType("view_item_list", P),
    EventType("select_item", P),
    EventType("view_item", P),
    EventType("add_to_cart", P | S),
    EventType("remove_from_cart", P | S),
    EventType("view_cart", P | S),
    EventType("begin_checkout", P),
    EventType("add_shipping_info", P),
    EventType("add_payment_info", P),
    EventType(PURCHASE, P | S | IM, thing=ORDER, needs_person=False),
    EventType(REFUND, P | S | IM, thing=ORDER, needs_person=False),
    EventType(ORDER_STATE, S | IM, False, thing=ORDER, needs_person=False),
    EventType(PRODUCT_TOLD, S | IM, False, thing=PRODUCT, needs_person=False),
    # service
    EventType("contact", S | IM | C, thing=CONTACT),
    EventType("service_order", S | IM, False, thing=SERVICE_ORDER),
    EventType("agreement", S | IM, False, thing=AGREEMENT),
    EventType("points", S | IM, False, thing=POINTS),
    # campaigns, offers, surveys
    EventType("campaign_sent", S | IM, False, thing=SENT),
    EventType("campaign_opened", S | IM, False, thing=SENT),
    EventType("campaign_clicked", S | IM, thing=SENT),
    EventType("campaign_bounced", S | IM, False, thing=SENT),
    EventType("campaign_unsubscribed", S | IM, thing=SENT),
    EventType("offer_decided", A, False),
    EventType("offer_seen", P | S, False),
    EventType("offer_accepted", P | S),
    EventType("offer_dismissed", P | S),
    EventType("recommended", A, False),
    EventType("item_recommended_seen", P, False),
    EventType("item_recommended_clicked", P),
    EventType("survey_seen", P | S | IM, False),
    EventType("survey_answered", P | S | IM),
    EventType("promotion_issued", P | S | IM, False),
    EventType("promotion_used", P | S | IM),
    EventType("contest_entered", P | S | IM),
)

BY_NAME = {type.name: type for type in TYPES}
BUILT_IN = frozenset(type.name for type in TYPES if type.is_built_in)
NO_ACTIVITY = frozenset(type.name for type in TYPES if By.PAGE in type.by and not type.is_activity)
"""Of what pages say; what only others may say is a custom event where a page says it."""
OF_ITSELF = frozenset(name for name in NO_ACTIVITY if name not in BUILT_IN)
"""Of these, what a page says of itself or of what was done on it, perhaps only as it is left: nobody need be there."""
