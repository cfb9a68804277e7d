"""What the shop decides, whoever tells of it. Amounts are whole minor units, times are ms since 1970."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum, auto
from typing import NamedTuple

from tests.shop_years.catalogue import Product
from tests.shop_years.ways import DIRECT, Way
from wakeline.durations import MINUTE_MS


class Line(NamedTuple):
    """Of an order. Prices and costs are those of one piece."""

    product: Product
    quantity: Decimal
    price: int
    cost: int | None


def worth(lines: list[Line]) -> int:
    """What these lines cost together, rounded once."""
    return int(sum((line.price * line.quantity for line in lines), Decimal(0)).quantize(Decimal(1), ROUND_HALF_UP))


def text(minor: int, currency: str) -> str:
    """An amount as people write it: yen have no parts."""
    return str(minor) if currency == "JPY" else f"{Decimal(minor) / 100:.2f}"


class Back(NamedTuple):
    """Goods of one product that come back; without a price they are worth what they were sold for."""

    product: Product
    quantity: Decimal
    price: int | None


@dataclass
class Refund:
    """With neither an amount nor goods it is of the whole order."""

    id: str
    time: int
    value: int | None = None
    goods: list[Back] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return self.value is None and not self.goods


class Told(StrEnum):
    """Who tells that it was bought."""

    PAGE = auto()  # without a signature, and nobody else says anything
    SIGNED = auto()  # a page, with the signature of the shop's server
    PAID = auto()  # a page; of a server only that it was paid
    SHOP = auto()  # a server or an import
    BOTH = auto()  # a page and a server
    BARE = auto()  # a page; a server too, but without the items


OF_PAGES = (Told.PAGE, Told.SIGNED, Told.PAID, Told.BOTH, Told.BARE)
WITHOUT_COSTS = (Told.PAGE, Told.SIGNED, Told.PAID, Told.BARE)
"""The items are those that a page told, who knows no costs."""


class Browser(NamedTuple):
    """`visitor`: "" without consent, where the address and the day stand for it. `customer` signs in at each visit."""

    visitor: str
    address: str
    customer: str = ""


@dataclass(frozen=True)
class Look:
    """A visit that buys nothing: `pages` that follow each other by a minute."""

    id: str
    time: int
    browser: Browser
    way: Way
    pages: int = 1
    signs_in: bool = True
    is_late: bool = False  # it may arrive a while later


@dataclass
class Order:
    """An order with all that becomes of it. `first`: what was bought before it was amended; `first_customer`: who was
    said to have bought it until then.
    """

    number: str
    time: int
    customer: str  # one of the shop's own ids; "": a guest
    currency: str
    told: Told
    lines: list[Line]
    value: int
    channel: str = ""
    coupon: str = ""
    discount: int = 0
    first: tuple[list[Line], int] | None = None
    amended: int = 0  # when
    first_customer: str = ""  # the shop's own id; "": nobody said
    refunds: list[Refund] = field(default_factory=list)
    claimed: list[Refund] = field(default_factory=list)  # by a page alone, of an order that others told: for nothing
    states: dict[str, int] = field(default_factory=dict)
    identified_later: bool = False  # its visitor says an hour later who it is
    way: Way = DIRECT  # by which its visit came
    browser: Browser | None = None  # None: its customer's usual one, or one that nobody knows
    seen_ms: int = MINUTE_MS  # before it, its visit began

    def buyer_at_first(self) -> str:
        return self.customer if self.first is None else self.first_customer


class Happened(NamedTuple):
    """To what was sent: `what` is the end of a type of event (`opened`, `clicked`, `bounced`, `unsubscribed`)."""

    what: str
    time: int
    link: str = ""


@dataclass
class Cost:
    """What a customer costs: of a type of event (`contact`, `service_order`, `campaign_sent`, `promotion_used`)."""

    type: str
    id: str
    time: int
    customer: str
    cost: int | None = None
    currency: str = "EUR"
    minutes: Decimal | None = None
    campaign: str = "spring"  # of what was sent, as all below
    medium: str = "letter"
    of_plan: int = 0  # what its customer bears if it tells no cost, in the site's currency
    element: dict[str, str] = field(default_factory=dict)
    happened: list[Happened] = field(default_factory=list)


@dataclass
class Customer:
    """Habits of a customer."""

    id: str
    since: int
    until: int  # it buys nothing after that
    every_days: float
    basket: int  # lines of an order, about
    taste: str  # category of most of what it buys
    returns: float  # share of its orders
    contacts: float  # a year
    currency: str
    likes_pages: float  # share of its orders that are bought on the site
    other_id: str = ""  # "": it has one id alone
    orders_before: int = 0
    value_before: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.id, self.other_id) if self.other_id else (self.id,)


class Gone(NamedTuple):
    """How a customer left: its `browser` withdrew, or without one the shop's server had it erased."""

    time: int
    browser: Browser | None


@dataclass
class Years:
    """The whole history. `browsing`: since when most browsers tell; `live`: since when a running collector is told."""

    start: int
    browsing: int
    live: int
    end: int
    products: list[Product] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    gone: dict[str, Gone] = field(default_factory=dict)  # by a customer's id: none of `customers`, which are compared
