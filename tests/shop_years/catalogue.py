"""The shop's products, in five categories: they differ in what is known of their costs."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import NamedTuple

RATES = {"Lamps": "0.45", "Plants": "0.35", "Fabrics": "0.4"}
"""Category -> share of the price that is earned, as the site's settings say it; the others have none."""

PRODUCTS_OF_EACH = 12
PIECES = tuple(map(Decimal, ("1", "1", "1", "2", "3", "6")))
METRES = tuple(map(Decimal, ("0.25", "0.5", "0.75", "1.5", "2.25", "3")))  # of a fabric
YEN = Decimal("1.6")  # of one cent


class Product(NamedTuple):
    """Amounts are cents."""

    id: str
    name: str
    category: str
    price: int
    cost: int | None  # None: nobody knows

    def price_in(self, currency: str) -> int:
        return in_currency(self.price, currency)

    def cost_in(self, currency: str) -> int | None:
        return None if self.cost is None else in_currency(self.cost, currency)


def in_currency(cents: int, currency: str) -> int:
    """An amount in minor units of a currency."""
    return cents if currency == "EUR" else int(cents * YEN)


def catalogue(chance: random.Random) -> list[Product]:
    """Of lamps some have a cost, which comes before the rate; of ceramics all; of textiles some, and no rate."""
    found = []
    for category, share in {"Lamps": 0.5, "Ceramics": 1.0, "Plants": 0.0, "Textiles": 0.6, "Fabrics": 0.2}.items():
        for number in range(1, PRODUCTS_OF_EACH + 1):
            price = chance.randrange(290, 19_990)
            cost = chance.randrange(price // 4, price) if chance.random() < share else None
            id = f"{category.lower()}-{number}"
            found.append(Product(id, f"{category} no. {number}", category, price, cost))
    return found


def pieces_of(product: Product, chance: random.Random) -> Decimal:
    return chance.choice(METRES if product.category == "Fabrics" else PIECES)
