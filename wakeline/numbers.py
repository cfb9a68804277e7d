"""Every number of a site, declared once: Redis fields and lists, metrics, panels and docs are derived from it.

Rules use these constants, so the type checker finds misspelt ones. To add a number, add a line here and count it in a
rule: it is then in `keys.totals` and `keys.day`, in /metrics and, after `make dashboards`, in docs/metrics.md. A list
also needs a panel, and others may have one. Names are public and pinned by `tests/test_wakeline_site_numbers.py`.

What orders can lose again is a pair of numbers, gained and taken back: see `PAIRS` in `crm.commerce.counting`, and
`Counted` in `wakeline.told`, which stores what an order has in each. A help text stands alone in /metrics.
"""

from __future__ import annotations

from typing import NamedTuple

from wakeline.definitions import BOUNCE_BELOW_MS, CART_GAP_MS, LIVE_WINDOWS_MS
from wakeline.durations import MINUTE_MS

TODAY = "today"  # the site's day, in its time zone
WINDOWS = (*LIVE_WINDOWS_MS, TODAY)
"""5m: this minute and the four before it; 30m: the current five minutes and the five such periods before them."""
LIVE_WINDOWS = ("now", *LIVE_WINDOWS_MS)
"""Windows of live visitors."""

MS = 0.001
OF_CURRENCY = ":"  # between the name of an amount and its currency


class Count(NamedTuple):
    """A number per day and, with few exceptions, since the start."""

    name: str  # the field of `keys.day` and `keys.totals`
    metric: str  # wakeline_<metric>_total and wakeline_<metric>_today
    help: str
    has_total: bool = True
    unit: float = 1.0  # of the value in Redis, in the metric's base unit


class Money(NamedTuple):
    """Amounts per day and since the start, by currency: those of different ones are never added. Redis: minor units."""

    name: str  # the field of `keys.day` and `keys.totals` is "<name>:<currency>"
    metric: str  # wakeline_<metric>_total and wakeline_<metric>_today, in units of the currency
    help: str

    def field(self, currency: str) -> str:
        return f"{self.name}{OF_CURRENCY}{currency}"


def is_money(field: str) -> bool:
    """Whether a field of `keys.day` or `keys.totals` is an amount."""
    return field.partition(OF_CURRENCY)[0] in MONEY_NAMES


class Top(NamedTuple):
    """A list of the most frequent values and their counts, per day and optionally in the live windows."""

    name: str  # as in `keys.top`
    metric: str  # wakeline_<metric>_window
    label: str  # of the metric: what a value is
    help: str
    is_live: bool = False
    has_paths: bool = False  # values are paths, shown as `paths.page_label` spells them
    unit: float = 1.0


PAGE_VIEWS = Count("page_views", "page_views", "Page views of people")
SESSIONS = Count("sessions", "sessions", "Sessions that ended")
BOUNCES = Count(
    "bounces",
    "bounces",
    f"Sessions that ended with one page view, less than {BOUNCE_BELOW_MS // 1000} s engaged, and nothing done",
)
ENGAGED = Count("engaged_ms", "engaged_seconds", "Time that pages were visible and focused", unit=MS)
EVENTS = Count("events", "custom_events", "Custom events that are activity")
BOT_EVENTS = Count("bot_events", "bot_events", "Events of bots, which are counted only here")
NEW_VISITORS = Count("new_visitors", "new_visitors", "Consenting visitors seen for the first time")
IDENTIFIED = Count("identified", "identified", "Visitors linked to a customer")
WITHDRAWALS = Count("withdrawals", "withdrawals", "Visitors who withdrew their consent")
VISITS = Count("visits", "visits", "Sessions that began", has_total=False)  # total: SESSIONS, counted at the end

# A change of an order counts as the difference that it makes: what is gained on the order's day; what is taken back on
# the day on which it is told, or, by an import, on its own day. Days longer ago than LATE_MS change in totals only.
ORDERS = Count("orders", "orders", "Orders whose value is known")
ORDERS_BACK = Count("orders_back", "orders_taken_back", "Orders cancelled or wholly refunded")
PIECES = Count("pieces", "pieces_sold", "Pieces in orders")
PIECES_BACK = Count(
    "pieces_back", "pieces_taken_back", "Pieces of orders cancelled, wholly refunded or returned, and of refunded items"
)
REVENUE = Money("revenue", "revenue_gained", "Value of orders, without tax and shipping")
REVENUE_BACK = Money("revenue_back", "revenue_taken_back", "Value refunded or cancelled, at most that of the order")
PAGE_REVENUE = Money("page_revenue", "page_revenue_gained", "Value of orders that only a page told, unsigned")
PAGE_REVENUE_BACK = Money(
    "page_revenue_back",
    "page_revenue_taken_back",
    "Value of orders that only a page told, taken back or told by others since",
)
MARGIN = Money("margin", "margin_gained", "Margin of orders of which it is known")
MARGIN_BACK = Money("margin_back", "margin_taken_back", "Margin lost as orders were taken back, and losses on orders")
UNKNOWN_MARGIN = Money(
    "revenue_of_unknown_margin", "revenue_of_unknown_margin_gained", "Kept value of orders of unknown margin"
)
UNKNOWN_MARGIN_BACK = Money(
    "revenue_of_unknown_margin_back",
    "revenue_of_unknown_margin_taken_back",
    "Value of orders of unknown margin, taken back or of known margin since",
)

CARTS = Count("carts", "carts", "Carts into which something was put")
CARTS_ABANDONED = Count(
    "carts_abandoned",
    "carts_abandoned",
    f"Carts left alone for {CART_GAP_MS // MINUTE_MS} minutes with something in them",
)
CARTS_RECOVERED = Count("carts_recovered", "carts_recovered", "Abandoned carts whose visitors bought after all")
CART_VALUE_ABANDONED = Money("cart_value_abandoned", "cart_value_abandoned", "Value of carts when they were abandoned")
CART_VALUE_RECOVERED = Money(
    "cart_value_recovered", "cart_value_recovered", "Value of abandoned carts whose visitors bought after all"
)

# Implausible data about orders. Each counts on the day of the fact that brings it.
ORDERS_UNPRICED = Count("orders_unpriced", "orders_unpriced", "Purchases told of orders whose value nobody told")
ORDERS_TOO_LARGE = Count("orders_too_large", "orders_too_large", "Orders whose value is too large to be counted")
ORDERS_OVER_REFUNDED = Count("orders_over_refunded", "orders_over_refunded", "Orders refunded by more than their value")
ORDER_STATES_BACK = Count(
    "order_states_back", "order_states_backwards", "States told of orders that were in a later one"
)

# Of mails and letters, each once, on the day of the fact that brings it; see `crm.service.mails`.
MAILS_OPENED = Count("mails_opened", "mails_opened", "Mails that a person opened")
MAILS_CLICKED = Count("mails_clicked", "mails_clicked", "Mails of which a person followed a link")
MAILS_CLICKED_BACK = Count(
    "mails_clicked_back", "mails_clicked_taken_back", "Mails of those clicked that were sent only a moment before"
)
OPENS_BY_MACHINES = Count("opens_by_machines", "opens_by_machines", "Mails that a scanner or a proxy opened")
CLICKS_BY_MACHINES = Count(
    "clicks_by_machines", "clicks_by_machines", "Mails of which a machine followed a link, as it says or by its haste"
)
CLICKS_BY_MACHINES_BACK = Count(
    "clicks_by_machines_back",
    "clicks_by_machines_taken_back",
    "Mails of those clicked by machines that were sent earlier, as was told later",
)

TOP_PAGES = Top("pages", "page_views", "page", "Page views by page path", is_live=True, has_paths=True)
TOP_ENGAGED = Top("engaged_ms", "engaged_seconds", "page", "Engaged time by page path", has_paths=True, unit=MS)
TOP_ENTRIES = Top("entries", "entries", "page", "Sessions by entry page", has_paths=True)
TOP_EXITS = Top("exits", "exits", "page", "Sessions by exit page", has_paths=True)
TOP_SOURCES = Top("sources", "visits", "source", "Sessions that began, by source", is_live=True)
TOP_SOURCE_CLASSES = Top("source_classes", "class_visits", "source_class", "Sessions that began, by class of source")
TOP_CAMPAIGNS = Top("campaigns", "campaign_visits", "campaign", "Sessions that began, by campaign")
TOP_INTERESTS = Top("interests", "interest", "interest", "Events that show an interest, by interest", is_live=True)
# includes events that are not activity, so it may exceed EVENTS
TOP_EVENTS = Top("events", "custom_events", "event", "Custom events by name, including pages' own reports")
TOP_BOTS = Top("bots", "bot_events", "bot", "Events of bots, by bot")
TOP_CARTED = Top("carted", "products_carted", "product", "Pieces put into carts, by product")
TOP_PRODUCTS = Top("products", "products_bought", "product", "Pieces kept of today's orders, by product")
TOP_CATEGORIES = Top("categories", "categories_bought", "category", "Pieces kept of today's orders, by category")
TOP_COUPONS = Top("coupons", "coupons_used", "coupon", "Today's orders of which something was kept, by coupon")

COUNTS = tuple(number for number in list(globals().values()) if isinstance(number, Count))
TOPS = tuple(number for number in list(globals().values()) if isinstance(number, Top))

MONEYS = tuple(number for number in list(globals().values()) if isinstance(number, Money))

TOTALS = frozenset(count.name for count in COUNTS if count.has_total)
MONEY_NAMES = frozenset(money.name for money in MONEYS)
LIVE_TOPS = tuple(top for top in TOPS if top.is_live)
