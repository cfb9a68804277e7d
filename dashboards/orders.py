"""The row of orders and carts on the dashboard "Live": what was bought today, taken back, earned and abandoned."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import queries
from dashboards.panels import Size, lines, number, row, top
from dashboards.queries import today
from wakeline import numbers

STAT = Size(4, 4)
QUARTER = Size(6, 10)
HALF = Size(12, 8)


def orders(board: Dashboard) -> None:
    board.with_row(row(106, "Orders today, in the site's time zone"))
    for id, title, help, query in (
        (
            30,
            "Revenue",
            "Value of today's orders less what was refunded or cancelled today, without tax and shipping, by currency. "
            "Orders that only a page told are in it, unless the site's page_orders is false: see Page only.",
            queries.net(numbers.REVENUE, numbers.REVENUE_BACK),
        ),
        (
            31,
            "Page only",
            "Value of today's orders that only a page told, without a signature: anybody can make them up. Less what "
            "was taken back of such orders today, or told by others since: below 0 if those are of earlier days.",
            queries.net(numbers.PAGE_REVENUE, numbers.PAGE_REVENUE_BACK),
        ),
        (
            32,
            "Margin",
            "What was kept of today's orders less the cost of their items, where the cost of all items is known, and "
            "less what was lost of it today.",
            queries.net(numbers.MARGIN, numbers.MARGIN_BACK),
        ),
        (
            33,
            "Revenue, margin unknown",
            "What was kept of orders with an item of which neither the cost nor its category's rate is known.",
            queries.net(numbers.UNKNOWN_MARGIN, numbers.UNKNOWN_MARGIN_BACK),
        ),
    ):
        board.with_panel(number(id, title, help, query, size=STAT, decimals=2))
    board.with_panel(
        number(
            34,
            "Orders",
            "Today's orders, and those cancelled or wholly refunded today.",
            today(numbers.ORDERS),
            today(numbers.ORDERS_BACK),
            size=STAT,
        )
    )
    board.with_panel(
        number(
            35,
            "Pieces",
            "Pieces in today's orders, and those that came back today.",
            today(numbers.PIECES),
            today(numbers.PIECES_BACK),
            size=STAT,
        )
    )
    board.with_panel(
        number(
            41,
            "Carts",
            "Carts begun today; those abandoned today; and abandoned ones whose visitors bought today after all.",
            *map(today, (numbers.CARTS, numbers.CARTS_ABANDONED, numbers.CARTS_RECOVERED)),
            size=Size(12, 4),
        )
    )
    for id, title, help, money in (
        (
            42,
            "Value of abandoned carts",
            "Value of carts when they were abandoned today.",
            numbers.CART_VALUE_ABANDONED,
        ),
        (43, "Value of recovered carts", f"{numbers.CART_VALUE_RECOVERED.help}, today.", numbers.CART_VALUE_RECOVERED),
    ):
        board.with_panel(number(id, title, help, queries.amount(money), size=Size(6, 4), decimals=2))
    board.with_panel(
        top(
            45,
            "How far visits came",
            "Visits of today that have ended, by the furthest step; each counts in the steps before as well.",
            *map(today, numbers.FUNNEL),
            size=Size(24, 7),
        )
    )
    for id, title, each in (
        (36, "Products bought", numbers.TOP_PRODUCTS),
        (37, "Categories", numbers.TOP_CATEGORIES),
        (38, "Coupons", numbers.TOP_COUPONS),
        (44, "Products put into carts", numbers.TOP_CARTED),
    ):
        board.with_panel(top(id, title, f"{each.help}.", *queries.top(each, window=numbers.TODAY), size=QUARTER))
    board.with_panel(
        lines(
            39,
            "Revenue within an hour",
            "What was gained and taken back in the hour before each point, by when it was told: an import of old "
            "orders shows too.",
            *queries.grown(numbers.REVENUE, numbers.REVENUE_BACK, over="1h"),
            size=HALF,
        )
    )
    board.with_panel(
        lines(
            40,
            "Implausible orders",
            "Counted since the start; each is explained in docs/orders.md.",
            *map(
                queries.total,
                (
                    numbers.ORDERS_UNPRICED,
                    numbers.ORDERS_TOO_LARGE,
                    numbers.ORDERS_OVER_REFUNDED,
                    numbers.ORDER_STATES_BACK,
                ),
            ),
            size=HALF,
        )
    )
