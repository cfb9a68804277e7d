"""The fields of each event that a server or an import says, beside those of every event (`Told`).

A required field has no default. Amounts are numbers or texts in units of `currency`; `wakeline.vocabulary.money` reads
them. The fields in PERSONAL never reach the log: they lie on the customer's card alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from msgspec import UNSET, Meta, Struct, UnsetType, field

from wakeline.event import MAX_CUSTOMER_ID, MAX_PROP_TEXT, ConsentLevel, CustomerId, Id
from wakeline.record import FOR_GOOD
from wakeline.vocabulary.things import MAX_THING_ID

MAX_ITEMS = 200  # of one order, with every field
MAX_TRAITS = 64  # of one customer or product
MAX_LABELS = 32  # of one list
MAX_LABEL = 128  # characters of a campaign, a topic and the like
MAX_TEXT = MAX_PROP_TEXT  # characters of a text, as it is said and once it is cleaned: as in a page's event

Name = Annotated[str, Meta(min_length=1, max_length=MAX_THING_ID)]  # an id of the site's own
Label = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Words = Annotated[str, Meta(min_length=1, max_length=4_000)]  # free text about a person
Amount = float | str
Currency = Annotated[str, Meta(min_length=3, max_length=3)]
Time = int | str  # ms since 1970, or ISO 8601 with its zone
Percent = Annotated[float, Meta(ge=0, le=100)]
Grade = Annotated[int, Meta(ge=0, le=10)]
Number = Annotated[float, Meta(ge=-FOR_GOOD, le=FOR_GOOD)]  # as exact as a float is
Minutes = Annotated[float, Meta(ge=0, le=1_000_000)]
Traits = Annotated[dict[Label, str | Number | bool | None], Meta(max_length=MAX_TRAITS)]
Labels = Annotated[list[Label], Meta(max_length=MAX_LABELS)]

PERSONAL = frozenset(("own_id", "email", "name", "phone", "text"))


class Told(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every event has."""

    id: Name  # the sender's own id of the event: a retry repeats it, so that it counts once
    type: str
    time: Time
    customer: CustomerId | int | None = None  # the site's own id; a number is read as text
    visitor: Id | None = None


class Item(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of an order or a cart."""

    item_id: Name
    item_name: Text = ""
    item_brand: Text = ""
    item_category: Text = ""
    item_category2: Text = ""
    item_category3: Text = ""
    item_category4: Text = ""
    item_category5: Text = ""
    item_variant: Text = ""
    price: Amount | UnsetType = UNSET
    quantity: Annotated[float, Meta(ge=0, le=1_000_000)] = 1
    discount: Amount | UnsetType = UNSET
    coupon: Text = ""
    cost: Amount | UnsetType = UNSET  # purchase price of one


Items = Annotated[list[Item], Meta(max_length=MAX_ITEMS)]


class Consent(Told):
    level: ConsentLevel
    purposes: Labels = []
    version: Text = ""
    wording: Text = ""


class Alias(Told):
    customer: CustomerId | int
    other: CustomerId | int


class Forget(Told):
    pass


class Note(Told):
    customer: CustomerId | int
    text: Words


class Tag(Told):
    tag: Label
    removed: bool = False


class Customer(Told):
    customer: CustomerId | int
    traits: Traits = {}
    orders_before: Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType = UNSET
    value_before: Amount | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    returns: bool = False  # the person came back after an erasure
    own_id: Annotated[str, Meta(max_length=MAX_CUSTOMER_ID)] = ""
    email: Annotated[str, Meta(max_length=320)] = ""
    name: Annotated[str, Meta(max_length=200)] = ""
    phone: Annotated[str, Meta(max_length=64)] = ""


class Preference(Told):
    allowed: bool
    topic: Label | UnsetType = UNSET  # one of the two must be given
    channel: Label | UnsetType = UNSET
    frequency: Label | UnsetType = UNSET


class SignUp(Told):
    method: Text = ""


class Login(Told):
    method: Text = ""


class Cart(Told):
    items: Items
    value: Amount | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET


class Purchase(Told):
    transaction_id: Name
    value: Amount  # without tax and shipping
    currency: Currency
    items: Items | UnsetType = UNSET
    tax: Amount | UnsetType = UNSET
    shipping: Amount | UnsetType = UNSET
    coupon: Text | UnsetType = UNSET
    discount: Amount | UnsetType = UNSET
    channel: Label | UnsetType = UNSET  # web, till, phone ...


class Refund(Told):
    transaction_id: Name
    refund_id: Name
    currency: Currency | UnsetType = UNSET  # of `value` and `items`; without both all of the order is refunded
    value: Amount | UnsetType = UNSET
    items: Items | UnsetType = UNSET


OneOfOrderStates = Literal["placed", "paid", "shipped", "delivered", "returned", "cancelled"]
ORDER_STATES: tuple[str, ...] = get_args(OneOfOrderStates)  # of two that came about at one moment the later here stands


class OrderState(Told):
    transaction_id: Name
    state: OneOfOrderStates
    at: Time | UnsetType = UNSET  # when it came about; else `time`


class Product(Told):
    item_id: Name
    name: Text | UnsetType = UNSET
    categories: Labels | UnsetType = UNSET
    price: Amount | UnsetType = UNSET
    cost: Amount | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    stock: Annotated[float, Meta(ge=-1_000_000_000, le=1_000_000_000)] | UnsetType = UNSET
    lead_days: Annotated[float, Meta(ge=0, le=10_000)] | UnsetType = UNSET
    url: Text | UnsetType = UNSET
    image: Text | UnsetType = UNSET
    attributes: Traits | UnsetType = UNSET


OneOfContactStates = Literal["opened", "answered", "solved", "closed"]
CONTACT_STATES: tuple[str, ...] = get_args(OneOfContactStates)


class Contact(Told):
    contact_id: Name
    channel: Label
    direction: Literal["in", "out"] | UnsetType = UNSET
    topic: Label | UnsetType = UNSET
    state: OneOfContactStates | UnsetType = UNSET
    cost: Amount | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    minutes: Minutes | UnsetType = UNSET
    satisfaction: Grade | UnsetType = UNSET
    order: Name | UnsetType = UNSET  # the order's number


class ServiceOrder(Told):
    service_id: Name
    state: Label | UnsetType = UNSET
    parts: Items | UnsetType = UNSET
    cost: Amount | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    minutes: Minutes | UnsetType = UNSET


class Agreement(Told):
    agreement_id: Name
    level: Label | UnsetType = UNSET
    start: Time | UnsetType = UNSET
    end: Time | UnsetType = UNSET
    value: Amount | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET


class Points(Told):
    entry_id: Name
    amount: Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)]
    reason: Text | UnsetType = UNSET


Element = Literal["subject", "creative", "link", "audience"]
ELEMENTS: tuple[str, ...] = get_args(Element)


class Campaign(Told):
    sent_id: Name
    campaign: Label
    element: dict[Element, Text] | UnsetType = UNSET
    medium: Label | UnsetType = UNSET
    cost: Amount | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET


class Response(Campaign):
    machine: bool = False  # a scanner or a proxy did it, not a person: see `definitions.SCANNED_MS`


class Offer(Told):
    decision_id: Name
    offer: Label | UnsetType = UNSET
    slot: Label | UnsetType = UNSET


class Survey(Told):
    survey: Label
    question: Label | UnsetType = UNSET
    answer: Text | Grade | UnsetType = UNSET


class Promotion(Told):
    promotion: Label
    code: Text | UnsetType = UNSET  # kept as a keyed hash
    cost: Amount | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET


class Custom(Told):
    """An event of the site's own."""

    props: dict[str, Any] = field(default_factory=dict)


FIELDS: dict[str, type[Told]] = {
    "consent": Consent,
    "alias": Alias,
    "forget": Forget,
    "customer": Customer,
    "preference": Preference,
    "note": Note,
    "tag": Tag,
    "sign_up": SignUp,
    "login": Login,
    "add_to_cart": Cart,
    "remove_from_cart": Cart,
    "view_cart": Cart,
    "purchase": Purchase,
    "refund": Refund,
    "order_state": OrderState,
    "product": Product,
    "contact": Contact,
    "service_order": ServiceOrder,
    "agreement": Agreement,
    "points": Points,
    "campaign_sent": Campaign,
    "campaign_opened": Response,
    "campaign_clicked": Response,
    "campaign_bounced": Campaign,
    "campaign_unsubscribed": Campaign,
    "offer_seen": Offer,
    "offer_accepted": Offer,
    "offer_dismissed": Offer,
    "survey_seen": Survey,
    "survey_answered": Survey,
    "promotion_issued": Promotion,
    "promotion_used": Promotion,
    "contest_entered": Promotion,
}
"""The fields by event type; every other type is `Custom`."""

AMOUNTS = frozenset(("value", "tax", "shipping", "discount", "cost", "price", "value_before"))
"""Fields that are amounts, in an event and in its items: whole minor units in the log."""
