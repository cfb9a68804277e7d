"""The shop's pages: address in, HTML out. Pure but for the templates in site/pages, read once."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from string import Template
from typing import NamedTuple

from demo.catalogue import SITE, Catalogue, Category, Product

PLAIN = {  # path: (title, template)
    "/cart": ("Your cart", "cart"),
    "/checkout": ("Check out", "checkout"),
    "/order": ("Thank you", "order"),
    "/account": ("Your account", "account"),
    "/privacy": ("What we may know", "privacy"),
}
RESET = "/account/reset/"  # followed by a secret that no log should hold
NEWSLETTER = "/newsletter"
NEWS = ("pilot-pendant", "swell-vase", "breaker-throw")
SHOWN_FIRST = ("harbour-lamp", "swell-vase", "reed", "breaker-throw", "ebb-teapot", "dune-cactus", "sandbar-rug")
MAX_WORDS = 100  # characters of a search that are looked at


class Page(NamedTuple):
    """What differs from page to page; `Shop.html` puts the frame around it."""

    title: str
    main: str  # HTML
    status: int = 200
    interests: tuple[str, ...] = ()
    has_snippet: bool = True


class Shop:
    """All pages of `catalogue`, each with `snippet`, the HTML of the script tag."""

    def __init__(self, catalogue: Catalogue, snippet: str) -> None:
        self._catalogue = catalogue
        self._snippet = snippet
        self._templates = {file.stem: Template(file.read_text()) for file in (SITE / "pages").glob("*.html")}
        self._categories = {category.id: category for category in catalogue.categories}
        self._products = {product.path: product for product in catalogue.products}

    def html(self, path: str, query: str = "") -> tuple[int, str]:
        """Status and HTML of the page at `path`; `query` is what was searched for."""
        page = self._page(path, query)
        links = "".join(
            f'<a href="/{category.id}"{_current(path, category)}>{escape(category.name)}</a>'
            for category in self._catalogue.categories
        )
        meta = (
            f'<meta name="wakeline:interest" content="{escape(", ".join(page.interests))}">' if page.interests else ""
        )
        return page.status, self._fill(
            "layout",
            title=f"{page.title} · {self._catalogue.shop}" if path != "/" else page.title,
            raw={"main": page.main, "links": links, "meta": meta, "snippet": self._snippet if page.has_snippet else ""},
        )

    def _page(self, path: str, query: str) -> Page:
        if path == "/":
            return self._home()
        if path == "/search":
            return self._search(query[:MAX_WORDS])
        if path == NEWSLETTER:
            return self._newsletter()
        if path.startswith(RESET) and "/" not in path.removeprefix(RESET):
            return Page("A new password", self._fill("reset", path=path))
        if path in PLAIN:
            title, template = PLAIN[path]
            return Page(title, self._fill(template))
        if category := self._categories.get(path.removeprefix("/")):
            return self._category(category)
        if product := self._products.get(path):
            return self._product(product)
        return Page("Not here", self._fill("missing"), status=404)

    def _home(self) -> Page:
        tiles = "".join(self._fill("tile", **_texts(category)) for category in self._catalogue.categories)
        shown = [product for id in SHOWN_FIRST for product in self._catalogue.products if product.id == id]
        main = self._fill("home", raw={"tiles": tiles, "cards": self._cards(shown[:6])})
        return Page(f"{self._catalogue.shop}: things for a house by the water", main)

    def _category(self, category: Category) -> Page:
        cards = self._cards(self._catalogue.of(category.id))
        return Page(category.name, self._fill("category", **_texts(category), raw={"cards": cards}))

    def _product(self, product: Product) -> Page:
        category = self._categories[product.category]
        others = [other for other in self._catalogue.of(product.category) if other != product]
        facts = "".join(f"<li>{escape(fact)}</li>" for fact in product.facts)
        main = self._fill(
            "product",
            **_texts(product),
            hue=category.hue,
            category_name=category.name,
            raw={"facts": facts, "cards": self._cards(others)},
        )
        return Page(product.name, main, interests=product.interests)

    def _search(self, words: str) -> Page:
        found = self._catalogue.found(words)
        if found:
            said = f"{len(found)} for “{words}”"
        else:
            said = f"Nothing for “{words}”" if words.strip() else "What are you looking for?"
        shown = self._cards(found or self._catalogue.products[::4])
        hint = "" if found else "Perhaps one of these"
        return Page("Search", self._fill("search", said=said, words=words, hint=hint, raw={"cards": shown}))

    def _newsletter(self) -> Page:
        """It stands for a mail in an inbox, so it carries no snippet; its links carry the campaign."""
        news = [product for product in self._catalogue.products if product.id in NEWS]
        letters = "".join(
            self._fill("letter", **_texts(product), hue=self._categories[product.category].hue) for product in news
        )
        return Page("The newsletter", self._fill("newsletter", raw={"letters": letters}), has_snippet=False)

    def _cards(self, products: Iterable[Product]) -> str:
        return "".join(
            self._fill("card", **_texts(product), hue=self._categories[product.category].hue) for product in products
        )

    def _fill(self, template: str, *, raw: dict[str, str] | None = None, **texts: str) -> str:
        """`texts` are escaped, `raw` is HTML already."""
        return self._templates[template].substitute({name: escape(text) for name, text in texts.items()} | (raw or {}))


def _texts(item: Product | Category) -> dict[str, str]:
    return {name: str(getattr(item, name)) for name in item.__struct_fields__} | {
        "path": item.path if isinstance(item, Product) else f"/{item.id}"
    }


def _current(path: str, category: Category) -> str:
    if path == f"/{category.id}":
        return ' aria-current="page"'
    return ' aria-current="true"' if path.startswith(f"/{category.id}/") else ""
