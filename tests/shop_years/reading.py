"""What Wakeline says in the end: of each order, product and customer, and of the whole site. Amounts in minor units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from redis import Redis

from reports.asking import Query, ask
from reports.views import NAMES
from tests.integration.kill.books import LANES
from tests.shop_years.brought import Brought
from tests.shop_years.campaigns import Ask, Live, in_views
from tests.shop_years.pages import SECRET, SITE
from wakeline.history import History
from wakeline.keys import Keys
from wakeline.numbers import (
    CONTACT_COST,
    CONTACT_COST_BACK,
    CONTACTS,
    MARGIN,
    MARGIN_BACK,
    ORDERS,
    ORDERS_BACK,
    PAGE_REVENUE,
    PAGE_REVENUE_BACK,
    PIECES,
    PIECES_BACK,
    REVENUE,
    REVENUE_BACK,
    UNKNOWN_MARGIN,
    UNKNOWN_MARGIN_BACK,
)
from wakeline.profiles import Order, Profile, Profiles
from wakeline.settings import Site

Progress = Callable[[int], None]
Rows = dict[str, dict[str, Any]]

PAIRS = (
    (ORDERS, ORDERS_BACK), (PIECES, PIECES_BACK), (REVENUE, REVENUE_BACK), (PAGE_REVENUE, PAGE_REVENUE_BACK),
    (MARGIN, MARGIN_BACK), (UNKNOWN_MARGIN, UNKNOWN_MARGIN_BACK), (CONTACT_COST, CONTACT_COST_BACK),
)  # fmt: skip
BACK_OF = {back.name: gained.name for gained, back in PAIRS}
READ = {CONTACTS.name, *BACK_OF.values()}

ORDERS_SQL = """
select order_key, currency, value, refunded, revenue, customer, state, time from orders
"""
PRODUCTS_SQL = "select item_id, orders, sold, returned from product_sales"
AMOUNTS = ("revenue", "margin", "revenue_of_unknown_margin", "discount", "cost_to_serve", "profit")
SUMS = ("orders", *AMOUNTS)
CUSTOMERS_SQL = f"""
select customer, currency, orders_before, {", ".join(SUMS)}, {", ".join(f"{name}_year" for name in SUMS)}
from customer_value
"""
STATES = ("placed", "paid", "shipped", "delivered", "returned", "cancelled")


class InSql(NamedTuple):
    """By key, id or pseudonym: see the functions below."""

    orders: Rows
    products: Rows
    customers: dict[str, dict[str, Counter[str]]]
    campaigns: Brought


class Said(NamedTuple):
    """By number, id or name: see the functions below."""

    orders: Rows
    customers: dict[str, Any]
    totals: dict[str, int]
    lists: Live
    browsers: Rows
    sql: InSql | None  # None: it was not asked


def minor(amount: Decimal | None, currency: str) -> int | Decimal | None:
    """Minor units; a Decimal for what is none."""
    if amount is None:
        return None
    found = amount if currency == "JPY" else amount * 100
    return int(found) if found == int(found) else found


def ms(time: datetime | None) -> int | None:
    if time is None:
        return None
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def orders(url: str, numbers: Iterable[str], progress: Progress) -> Rows:
    """By number, what `Profiles.read_thing` says; nothing of one that is not known."""
    found: Rows = {}
    with Profiles(url) as profiles:
        for number in numbers:
            one = profiles.read_thing(SITE, Order, number, SECRET)
            if one is not None:
                found[number] = _order(one)
            progress(1)
    return found


def _order(one: Order) -> dict[str, Any]:
    times = {state: ms(getattr(one, state)) for state in STATES}
    return {
        "time": ms(one.time),
        "customer": one.customer,
        "currency": one.currency,
        "value": minor(one.value, one.currency),
        "taken back": minor(one.refunded, one.currency),
        "kept": minor(one.revenue, one.currency),
        "margin": minor(one.margin, one.currency),
        "of a page": one.is_of_page,
        "states": {state: time for state, time in times.items() if time is not None},
        "refunds": len(one.refunds),
        "sold": {item.item_id: Decimal(str(item.quantity)) for item in one.items},
    }


def customers(url: str, ids: Iterable[str], progress: Progress) -> dict[str, Any]:
    """By the site's own id, the `purchases` of the profile; None where it has none."""
    found: dict[str, Any] = {}
    with Profiles(url) as profiles:
        for id in ids:
            profile: Profile | None = profiles.read_customer(SITE, id, SECRET)
            found[id] = getattr(profile, "purchases", None)
            progress(1)
    return found


def totals(url: str, version: int) -> dict[str, int]:
    """How many contacts there are, and what is left of each pair of numbers, amounts by "name:currency"."""
    found: Counter[str] = Counter()
    names = Keys(version)
    with Redis.from_url(url, decode_responses=True) as client:
        for lane in range(LANES):
            for name, count in client.hgetall(names.totals(lane, SITE)).items():
                number, colon, currency = name.partition(":")
                if number in BACK_OF:
                    found[f"{BACK_OF[number]}{colon}{currency}"] -= int(count)
                elif number in READ:
                    found[name] += int(count)
    return {name: count for name, count in found.items() if count}


def in_sql(history: History, site: Site, numbers: dict[str, str]) -> InSql:
    """`numbers`: those of orders by their keys. Reads the history once."""
    every = f"SELECT 1 -- {' '.join(NAMES)}"  # it reads what the views that it names need
    with ask(history, Query(every), zones={SITE: site.time_zone}, sites=[site]) as answer:

        def asked(sql: str) -> list[tuple[Any, ...]]:
            return list(answer.then(sql).rows())

        return InSql(_sql_orders(asked), _sql_products(asked), _sql_customers(asked), in_views(asked, numbers))


def _sql_orders(asked: Ask) -> Rows:
    """By key, what the view `orders` says."""
    return {
        key: {
            "time": ms(time),
            "customer": customer or "",
            "currency": currency,
            "value": minor(value, currency),
            "taken back": minor(refunded, currency),
            "kept": minor(revenue, currency),
            "state": state or "",
        }
        for key, currency, value, refunded, revenue, customer, state, time in asked(ORDERS_SQL)
    }


def _sql_products(asked: Ask) -> Rows:
    """By id, what the view `product_sales` says."""
    return {
        id: {"orders": orders, "sold": round(sold, 6), "returned": round(returned, 6)}
        for id, orders, sold, returned in asked(PRODUCTS_SQL)
    }


def _sql_customers(asked: Ask) -> dict[str, dict[str, Counter[str]]]:
    """By pseudonym and currency, what the view `customer_value` says."""
    found: dict[str, dict[str, Counter[str]]] = {}
    names = ("orders_before", *SUMS, *(f"{name}_year" for name in SUMS))
    for customer, currency, *values in asked(CUSTOMERS_SQL):
        read = (minor(value, currency) if isinstance(value, Decimal) else value for value in values)
        found.setdefault(customer, {})[currency] = Counter(dict(zip(names, read, strict=True)))
    return found
