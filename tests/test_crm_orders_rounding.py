"""Costs and refunds of parts of a piece are rounded as if they had been added exactly: half a cent goes up."""

from __future__ import annotations

import itertools

from tests.test_crm_orders import Shop, bought, refund

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
