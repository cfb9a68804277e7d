"""SQL queries over the history: its files are loaded into DuckDB, in memory; docs/history.md describes the views.

asking.py   `ask`: runs a query and returns its result; readable error messages
reading.py  selects the files for a query and loads their lines, in chunks
events.py   from lines to events: deduplicated, with visit, customer and local time
facts.py    from lines to facts, what servers and imports told; the SQL that merges them
forgetting.py  anonymises erased people
views.py    the list of views, with what each is made from; `events` and `sessions`
orders.py   `orders`, `order_items` and `refunds`
items.py    lines of orders, carts and refunds in one structure
product_sales.py `product_sales`: every product, from being listed to its margin
deliveries.py  `deliveries`: how long a month's orders take
worth.py    what each order is worth: `history.worth`
customer_value.py  `customer_value`: what each customer brought and cost
things.py   `contacts`, `service`, `agreements`, `products` and `sends`
responses.py  `offers` and `answers`
touches.py  which visits touched which order, and what nobody can change any more
teams.py    which ids are one person, and from when on
credit.py   `credits` and `campaign_credit`: which visits an order is owed to, by each model
campaigns.py  `campaigns`, `campaign_days` and `campaign_elements`: what campaigns brought and cost
amounts.py  amounts: texts of old records, minor units of facts
figures.py  what campaigns brought, for the boards
rates.py    what the settings of the sites say of costs and margins
clocks.py   local time of sites
sandbox.py  a database without access to files and network

Nothing is cached between queries. The numbers are those of the processor; docs/history.md lists the differences, and
tests/test_reports_query.py compares them.
"""

from reports.asking import (
    InvalidQuery,
    NoHistory,
    Query,
    Result,
    ask,
)

__all__ = ["InvalidQuery", "NoHistory", "Query", "Result", "ask"]
