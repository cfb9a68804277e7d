"""The shop's pages: path to HTML. Pure; the templates in site/pages are read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from string import Template
from typing import NamedTuple

from demo.catalogue import SITE, Category, Product, catalogue

PLAIN = {  # path: (title, template)
    "/cart": ("Your cart", "cart"),
    "/order": ("Thank you", "order"),
    "/account": ("Your account", "account"),
    "/privacy": ("What we may know", "privacy"),
}
RESET = "/account/reset/"  # followed by a secret that must not be logged
SHOWN_FIRST = ("harbour-lamp", "swell-vase", "reed", "breaker-throw", "ebb-teapot", "dune-cactus")
NEWS = ("pilot-pendant", "shoal-bowls", "sandbar-rug")
SOFT = " data-soft"  # a link within one category: shop.js follows it without a page load
MAX_WORDS = 100  # characters of a search that are used


class Page(NamedTuple):
    """The variable parts of a page; `html` adds the frame."""

    title: str  # of the document
    main: str  # HTML
    interests: tuple[str, ...] = ()  # <meta name="wakeline:interest">


def page_at(path: str, query: Mapping[str, str]) -> Page | None:
    """The page at `path`; None if there is none."""
    shop = catalogue()
    if path == "/":
        return _home()
    if path == "/search":
        return _search(query.get("q", "")[:MAX_WORDS])
    if path == "/newsletter":
        news = [product for product in shop.products if product.id in NEWS]
        return _page("The newsletter", "newsletter", raw={"letters": _each("letter", news)})
    if path.startswith(RESET) and "/" not in path.removeprefix(RESET):
        return _page("A new password", "reset", path=path)
    if path in PLAIN:
        return _page(*PLAIN[path])
    for category in shop.categories:
        if path == f"/{category.id}":
            cards = _each("card", shop.of(category.id), soft=SOFT)
            return _page(category.name, "category", raw={"cards": cards}, **_texts(category))
    for product in shop.products:
        if path == product.path:
            return _product(product)
    return None


def missing() -> Page:
    """The page for status 404."""
    return _page("Not here", "missing")


def html(page: Page, path: str, snippet: str, *, script: str = "shop") -> str:
    """The whole document; `snippet` is the HTML of the script tag, `script` names the page's own in site/."""
    meta = f'<meta name="wakeline:interest" content="{escape(", ".join(page.interests))}">' if page.interests else ""
    links = "".join(
        f'<a href="/{category.id}"{_current(path, category)}>{escape(category.name)}</a>'
        for category in catalogue().categories
    )
    raw = {"main": page.main, "links": links, "meta": meta, "snippet": snippet}
    return fill("layout", title=page.title, script=script, raw=raw)


def _home() -> Page:
    shop = catalogue()
    shown = [product for id in SHOWN_FIRST for product in shop.products if product.id == id]
    raw = {"tiles": _each("tile", shop.categories), "cards": _each("card", shown)}
    return Page(f"{shop.shop}: things for a house by the water", fill("home", raw=raw))


def _product(product: Product) -> Page:
    others = [other for other in catalogue().of(product.category) if other != product]
    raw = {
        "facts": "".join(f"<li>{escape(fact)}</li>" for fact in product.facts),
        "cards": _each("card", others, soft=SOFT),
    }
    return _page(product.name, "product", raw=raw, **_texts(product))._replace(interests=product.interests)


def _search(words: str) -> Page:
    found = catalogue().matching(words)
    if found:
        said = f"{len(found)} for “{words}”"
    else:
        said = f"Nothing for “{words}”" if words.strip() else "What are you looking for?"
    return _page(
        "Search",
        "search",
        said=said,
        words=words,
        results=str(len(found)) if words.strip() else "",
        hint="" if found else "Perhaps one of these",
        raw={"cards": _each("card", found or catalogue().products[::4])},
    )


def _page(title: str, template: str, *, raw: Mapping[str, str] | None = None, **texts: str) -> Page:
    return Page(f"{title} · {catalogue().shop}", fill(template, raw=raw, **texts))


def _each(template: str, items: Iterable[Product | Category], *, soft: str = "") -> str:
    return "".join(fill(template, raw={"soft": soft}, **_texts(item)) for item in items)


def fill(template: str, *, raw: Mapping[str, str] | None = None, **texts: str) -> str:
    """A template of site/pages/: `texts` are escaped, `raw` is HTML already."""
    return _templates()[template].substitute({name: escape(text) for name, text in texts.items()} | dict(raw or {}))


@cache
def _templates() -> dict[str, Template]:
    return {file.stem: Template(file.read_text(encoding="utf-8")) for file in (SITE / "pages").glob("*.html")}


def _texts(item: Product | Category) -> dict[str, str]:
    if isinstance(item, Category):
        return {"path": f"/{item.id}", "name": item.name, "line": item.line, "hue": item.hue}
    category = next(category for category in catalogue().categories if category.id == item.category)
    return {
        "path": item.path,
        "id": item.id,
        "name": item.name,
        "line": item.line,
        "text": item.text,
        "price": str(item.price),
        "hue": category.hue,
        "category": category.id,
        "category_name": category.name,
    }


def _current(path: str, category: Category) -> str:
    if path == f"/{category.id}":
        return ' aria-current="page"'
    return ' aria-current="true"' if path.startswith(f"/{category.id}/") else ""
