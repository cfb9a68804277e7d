"""Numbers of orders, carts and products."""

from __future__ import annotations

from wakeline.definitions import CART_GAP_MS
from wakeline.durations import MINUTE_MS
from wakeline.numbers.kinds import Count, LiveMoney, Money, Top

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
REVENUE_LIVE = LiveMoney(
    "live_revenue", "revenue", "Value of orders less what was refunded or cancelled, in the site's main currency"
)
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

# How far visits came: one that bought counts in each step before as well, so that no step has more than the one before.
FUNNEL_SEEN = Count("funnel_seen", "visits_with_product", "Sessions that ended with a product seen, or more")
FUNNEL_CARTED = Count("funnel_carted", "visits_with_cart", "Sessions that ended with something in the cart, or more")
FUNNEL_CHECKOUT = Count("funnel_checkout", "visits_with_checkout", "Sessions that ended with a checkout begun, or more")
FUNNEL_PAYMENT = Count("funnel_payment", "visits_with_payment", "Sessions that ended with payment details, or more")
FUNNEL_BOUGHT = Count("funnel_bought", "visits_with_purchase", "Sessions that ended with a purchase that a page told")
FUNNEL = (FUNNEL_SEEN, FUNNEL_CARTED, FUNNEL_CHECKOUT, FUNNEL_PAYMENT, FUNNEL_BOUGHT)

# Implausible data about orders. Each counts on the day of the fact that brings it.
ORDERS_UNPRICED = Count("orders_unpriced", "orders_unpriced", "Purchases told of orders whose value nobody told")
ORDERS_TOO_LARGE = Count("orders_too_large", "orders_too_large", "Orders whose value is too large to be counted")
ORDERS_OVER_REFUNDED = Count("orders_over_refunded", "orders_over_refunded", "Orders refunded by more than their value")
ORDER_STATES_BACK = Count(
    "order_states_back", "order_states_backwards", "States told of orders that were in a later one"
)

TOP_VIEWED = Top("viewed", "products_viewed", "product", "Views of products, by product")
TOP_CARTED = Top("carted", "products_carted", "product", "Pieces put into carts, by product")
TOP_PRODUCTS = Top("products", "products_bought", "product", "Pieces kept of today's orders, by product")
TOP_CATEGORIES = Top("categories", "categories_bought", "category", "Pieces kept of today's orders, by category")
TOP_COUPONS = Top("coupons", "coupons_used", "coupon", "Today's orders of which something was kept, by coupon")
