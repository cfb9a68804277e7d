"""The boards, each a table of panels. To show a number, add a line to one of them, and its text to texts/en.toml.

live.py        who is here, the last half hour, what is rising, today against a week ago
content.py     pages, entries and exits, engaged time, what visitors do
campaigns.py   sources, campaigns, mails and letters
customers.py   new and recognized visitors, interests, consent
shop.py        orders, revenue, margin, carts and products
speed.py       how fast pages are, how soon the server answers, errors that visitors meet
operations.py  for operators: processes, books, lag, memory, bots
sites.py       all sites beside each other
"""

from __future__ import annotations

from dashboards.boards import campaigns, content, customers, live, operations, shop, sites, speed

BOARDS = tuple(module.BOARD for module in (live, content, campaigns, customers, shop, speed, operations, sites))
"""In the order of the guide."""
