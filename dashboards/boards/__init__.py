"""The boards, each a table of panels. To show a number, add a line to one of them, and its text to texts/en.toml.

live.py        who is here, the last half hour, what is rising, today against a week ago
content.py     pages, entries and exits, engaged time, what visitors do
campaigns.py   sources, campaigns, mails and letters
customers.py   new and recognized visitors, interests, consent
shop.py        orders, revenue, margin, carts and products
months.py      two years by week and month, the most frequent of long spans
targets.py     what numbers are to be, and are
service.py     contacts, who waits and how long, cost, satisfaction, mails
operations.py  for operators: processes, books, lag, memory, bots
sites.py       all sites beside each other
"""

from __future__ import annotations

from dashboards.boards import (
    campaigns,
    content,
    customers,
    live,
    months,
    operations,
    service,
    shop,
    sites,
    targets,
)

BOARDS = tuple(
    module.BOARD
    for module in (
        live,
        content,
        campaigns,
        customers,
        shop,
        service,
        months,
        targets,
        operations,
        sites,
    )
)
"""In the order of the guide."""
