"""Where what Wakeline says differs from the truth: nowhere, if all is well."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from tests.shop_years import effects
from tests.shop_years.brought import Brought
from tests.shop_years.pages import SECRET
from tests.shop_years.purchases import CustomerTruth, EarnedTruth
from tests.shop_years.reading import AMOUNTS, SUMS, Said, minor, ms
from tests.shop_years.truth import OrderTruth, Truth
from wakeline.identity import customer_id
from wakeline.vocabulary.things import ORDER, thing_id

SHOWN = 12  # differences of each kind
OF_SQL = ("time", "customer", "currency", "value", "taken back", "kept", "state")
Differences = dict[str, list[str]]
"""By what was compared: who or what, what was found, and what is true."""


def differences(said: Said, found: Truth, people: list[CustomerTruth], campaigns: Brought) -> Differences:
    wanted = {order.number: _order(order) for order in found.orders}
    keys = {number: thing_id(SECRET, ORDER, number) for number in wanted}
    buyers = {order.number: _pseudonym(order.buyer) for order in found.orders}
    of_sql = {
        keys[number]: {name: row[name] for name in OF_SQL} | {"customer": buyers[number]}
        for number, row in wanted.items()
    }
    products = {
        one.id: {"orders": one.orders, "sold": float(one.sold), "returned": float(one.returned)}
        for one in found.products
    }
    all_but_state = {number: _but(row, "state") for number, row in wanted.items()}
    different = {
        "orders": list(_of_rows(said.orders, all_but_state)),
        "customers": list(_of_customers(said.customers, people)),
        "totals": list(_of_fields("", said.totals, {name: n for name, n in found.totals.items() if n})),
    } | effects.of_live(said.lists, said.browsers, campaigns)
    if said.sql is not None:
        different["orders in SQL"] = list(_of_rows(said.sql.orders, of_sql))
        different["products in SQL"] = list(_of_rows(said.sql.products, products))
        different["customers in SQL"] = list(_of_sql(said.sql.customers, people))
        different |= effects.of_views(said.sql.campaigns, campaigns)
    return different


def _but(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in row.items() if each != name}


def _pseudonym(customer: str) -> str:
    return customer_id(SECRET, customer) if customer else ""


def _order(order: OrderTruth) -> dict[str, Any]:
    return {
        "time": order.time,
        "customer": _pseudonym(order.customer),
        "currency": order.currency,
        "value": order.value,
        "taken back": order.taken_back,
        "kept": order.kept,
        "margin": order.margin,
        "of a page": order.of_page,
        "states": order.states,
        "refunds": order.refunds,
        "sold": {id: Decimal(count) for id, count in order.sold.items()},
        "state": order.state,
    }


def _of_rows(said: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for id in wanted.keys() | said.keys():
        yield from _of_fields(id, said.get(id, {}), wanted.get(id, {}))


def _of_fields(id: str, said: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name in wanted.keys() | said.keys():
        if said.get(name) != wanted.get(name):
            yield f"{id} {name}: {said.get(name)!r}, not {wanted.get(name)!r}".strip()


# ---- customers


def _of_customers(said: Mapping[str, Any], people: list[CustomerTruth]) -> Iterator[str]:
    known = {one.id: one for one in people}
    for id, purchases in said.items():
        one = known.get(id)
        if one is None or purchases is None:
            if one is not None or purchases is not None:
                yield f"{id}: {'nothing' if purchases is None else 'something'}, not that"
            continue
        found = _purchases(purchases)
        if found["first"] in one.maybe_first:
            found["first"] = one.first
        if not one.are_all_known:
            found["times"] = found["times"][: len(one.times)]
        yield from _of_fields(id, found, _purchases_truth(one))


def _purchases(found: Any) -> dict[str, Any]:
    return {
        "orders": found.orders,
        "first": ms(found.first),
        "last": ms(found.last),
        "times": [ms(time) for time in found.times],
        **{f"all time {one.currency}": _earned(one) for one in found.all_time},
        **{f"year {one.currency}": _earned(one) for one in found.year},
    }


def _earned(one: Any) -> dict[str, Any]:
    return {"orders": one.orders} | {name: minor(getattr(one, name), one.currency) for name in AMOUNTS}


def _purchases_truth(one: CustomerTruth) -> dict[str, Any]:
    return {
        "orders": one.orders,
        "first": one.first,
        "last": one.last,
        "times": one.times,
        **{f"all time {each.currency}": _earned_truth(each) for each in one.all_time},
        **{f"year {each.currency}": _earned_truth(each) for each in one.year},
    }


def _earned_truth(one: EarnedTruth) -> dict[str, int]:
    return {"orders": one.orders} | {name: getattr(one, name) for name in AMOUNTS}


def _of_sql(said: Mapping[str, Mapping[str, Counter[str]]], people: list[CustomerTruth]) -> Iterator[str]:
    """There each id of a customer has rows of its own."""
    for one in people:
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for id in one.ids:
            for currency, sums in said.get(customer_id(SECRET, id), {}).items():
                found[currency].update(sums)
        wanted: dict[str, Counter[str]] = defaultdict(Counter)
        for suffix, every in (("", one.all_time), ("_year", one.year)):
            for each in every:
                wanted[each.currency].update({f"{name}{suffix}": getattr(each, name) for name in SUMS})
        before = sum((sums.pop("orders_before", 0) for sums in found.values()), 0)
        yield from _of_fields(one.id, {"before": before}, {"before": one.orders_before})
        for currency in found.keys() | wanted.keys():
            yield from _of_fields(f"{one.id} {currency}", _some(found[currency]), _some(wanted[currency]))


def _some(sums: Counter[str]) -> dict[str, int]:
    return {name: amount for name, amount in sums.items() if amount}
