"""Costs and refunds of parts are rounded as if they had been computed exactly: half a cent goes up."""

from __future__ import annotations

import itertools

from crm.commerce.accounts import rate, standing
from crm.out import Out
from crm.sites import SiteFacts
from crm.things.state import Thing
from tests.test_crm_orders import Shop, bought, refund
from tests.timeline import DAY, START
from wakeline.kept import Kept
from wakeline.settings import Site
from wakeline.told import CUSTOMER, ThingState

METRES = [("5230", 1, "Plants"), ("11183", 0.5, "Fabrics"), ("9429", 0.75, "Fabrics"), ("12627", 0.25, "Fabrics")]
"""Price, quantity, category: they cost 12,891.5 cents together; as floats added, in some orders, a little less."""


def test_a_margin_depends_on_no_order_of_its_items() -> None:
    items = [
        {"item_id": price, "price": int(price), "quantity": count, "item_category": category}
        for price, count, category in METRES
    ]
    for order in itertools.permutations(items):
        shop = Shop(("Plants", 0.35), ("Fabrics", 0.4)).hear(bought(value=21_050, items=list(order)))
        assert shop.total()["margin:EUR"] == 21_050 - 12_892


def test_a_refund_of_parts_of_pieces() -> None:
    metres = [{"item_id": "ribbon", "price": 15, "quantity": 4.1}]
    shop = Shop().hear(bought(value=100, items=metres), refund(1, "r", items=metres))
    assert shop.total()["revenue_back:EUR"] == 62  # 61.5 exactly; 15 * 4.1 is 61.49999999999999


def test_half_a_minute_of_service() -> None:
    out = Out(decay_zero=0, half_life=DAY)
    out.now = START
    out.enter(SiteFacts(Site(key="shop", currency="EUR", minute_cost=0.29)), START)
    said = Kept("", 1, START, {CUSTOMER: "@jo", "minutes": 0.5})
    thing = Thing("shop", "#contact:7", ThingState([said]))
    rate(thing, None, out)
    (booking,) = standing(thing, None, out).bookings.values()
    assert booking.cost == 15  # 14.5 exactly; 0.29 * 100 is 28.999999999999996
