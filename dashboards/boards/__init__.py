"""The boards, each a table of panels. To show a number, add a line to one of them, and its text to texts/en.toml.

live.py        who is here, the last half hour, what is rising, today against a week ago
content.py     pages, entries and exits, engaged time, what visitors do
campaigns.py   what campaigns and sources bring and cost, mails and letters
customers.py   new and recognized visitors, interests, consent
shop.py        orders, revenue, margin, carts and products
service.py     contacts, who waits and how long, cost, satisfaction, mails
speed.py       how fast pages are, how soon the server answers, errors that visitors meet
months.py      two years by month, the last weeks and days, the most frequent of long spans
targets.py     what numbers are to be, and are
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
    speed,
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
        speed,
        months,
        targets,
        operations,
        sites,
    )
)
"""In the order of the guide."""
