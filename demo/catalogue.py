"""The shop's products: site/catalogue.json, typed. The client side reads the same file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

SITE = Path(__file__).with_name("site")


class Category(Struct, frozen=True):
    """A category; its id is the first part of its paths, and an interest."""

    id: str
    name: str
    line: str
    hue: str  # colour of its tiles, see style.css


class Product(Struct, frozen=True):
    """A product, with its picture in site/art/<id>.svg."""

    id: str
    category: str
    name: str
    price: int  # whole units of the catalogue's currency
    interests: tuple[str, ...]  # besides the category: <meta name="wakeline:interest">
    line: str
    text: str
    facts: tuple[str, ...]

    @property
    def path(self) -> str:
        return f"/{self.category}/{self.id}"


class Catalogue(Struct, frozen=True):
    """All categories and products, in display order."""

    shop: str
    currency: str  # ISO 4217
    categories: tuple[Category, ...]
    products: tuple[Product, ...]

    def of(self, category: str) -> list[Product]:
        return [product for product in self.products if product.category == category]

    def product(self, category: str, id: str) -> Product | None:
        return next((product for product in self.of(category) if product.id == id), None)

    def matching(self, words: str) -> list[Product]:
        """Products whose texts contain all of `words`; none for no words."""
        asked = words.lower().split()
        return [product for product in self.products if asked and all(word in _text(product) for word in asked)]


def _text(product: Product) -> str:
    return " ".join((product.name, product.category, *product.interests, product.line, product.text)).lower()


@cache
def catalogue() -> Catalogue:
    """The shop's catalogue, read once."""
    return msgspec.json.decode((SITE / "catalogue.json").read_bytes(), type=Catalogue)
