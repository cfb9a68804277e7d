"""What was bought today, taken back, earned, and left in carts."""

from __future__ import annotations

from dashboards import queries
from dashboards.board import Board, Row, Unit
from dashboards.declare import against_week, bars, beside_week, lines, money, number, ranking, ratio, today
from wakeline import numbers

REVENUE = (numbers.REVENUE, numbers.REVENUE_BACK)
MARGIN = (numbers.MARGIN, numbers.MARGIN_BACK)
UNKNOWN = (numbers.UNKNOWN_MARGIN, numbers.UNKNOWN_MARGIN_BACK)

TODAY = (
    money("revenue", *REVENUE),
    money("margin", *MARGIN),
    number("margin_share", queries.net_share(MARGIN, REVENUE, UNKNOWN), unit=Unit.SHARE, decimals=1),
    money("margin_unknown", *UNKNOWN),
    money("page_only", numbers.PAGE_REVENUE, numbers.PAGE_REVENUE_BACK),
    today("orders", numbers.ORDERS, numbers.ORDERS_BACK),
    today("pieces", numbers.PIECES, numbers.PIECES_BACK),
    ratio("pieces_per_order", numbers.PIECES, numbers.ORDERS, Unit.COUNT),
    ratio("orders_per_visit", numbers.ORDERS, numbers.VISITS),
    against_week("orders_change", numbers.ORDERS),
)
CARTS = (
    bars("funnel", queries.today(numbers.SESSIONS), *map(queries.today, numbers.FUNNEL)),
    ranking("carted", numbers.TOP_CARTED),
    bars("left_in_carts", queries.without(numbers.TOP_CARTED, numbers.TOP_PRODUCTS)),
    today("carts", numbers.CARTS, numbers.CARTS_ABANDONED, numbers.CARTS_RECOVERED),
    ratio("carts_abandoned", numbers.CARTS_ABANDONED, numbers.CARTS),
    money("value_abandoned", numbers.CART_VALUE_ABANDONED),
    money("value_recovered", numbers.CART_VALUE_RECOVERED),
)
PRODUCTS = (
    ranking("viewed", numbers.TOP_VIEWED),
    bars("seen_not_bought", queries.without(numbers.TOP_VIEWED, numbers.TOP_PRODUCTS)),
    ranking("products", numbers.TOP_PRODUCTS),
    ranking("categories", numbers.TOP_CATEGORIES),
    ranking("coupons", numbers.TOP_COUPONS),
)
WEEK = (
    lines("revenue_week", *queries.net_beside_week(*REVENUE)),
    beside_week("orders_week", numbers.ORDERS),
    lines("revenue_hour", *queries.net_grown(*REVENUE, over="1h")),
    lines(
        "implausible",
        *map(
            queries.total,
            (
                numbers.ORDERS_UNPRICED,
                numbers.ORDERS_TOO_LARGE,
                numbers.ORDERS_OVER_REFUNDED,
                numbers.ORDER_STATES_BACK,
            ),
        ),
    ),
)

BOARD = Board(
    "shop",
    (Row("today", TODAY), Row("carts", CARTS), Row("products", PRODUCTS), Row("week", WEEK)),
    hours=24,
    annotations=queries.ANNOTATIONS,
)
