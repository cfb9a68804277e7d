"""What browsers tell: visits of people who say who they are before, an hour later, or never; some of them buy."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.shop_years.catalogue import RATES
from tests.shop_years.decided import Browser, Line, Look, Order, Refund, Told
from tests.shop_years.ways import DIRECT, Way
from wakeline.commerce import signed_text
from wakeline.durations import MINUTE_MS
from wakeline.identity import signature

SITE, SECRET, ORIGIN = "shop", "0123456789abcdef", "https://shop.example"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
LATER_MS = 60 * MINUTE_MS
SERVICE_MINUTE, RETURN = "0.29", "4.20"  # what service work and the handling of goods that come back cost
MARGINS = "".join(f'[[site.margins]]\ncategory = "{category}"\nrate = {rate}\n' for category, rate in RATES.items())
SETTINGS = f"""
trusted_proxies = ["127.0.0.1/32"]
[[site]]
key = "{SITE}"
secret = "{SECRET}"
origins = ["{ORIGIN}"]
time_zone = "Europe/Berlin"
currency = "EUR"
minute_cost = {SERVICE_MINUTE}
return_cost = {RETURN}
"""
"""Of the site and of the processes; those of `plans` and MARGINS follow."""


class Visit(NamedTuple):
    """A message of a browser: its events, as `POST /v1/events` takes them. `visitor`: "" without consent.

    `way`: how its first page was come by; None: it has no page. `may_be_late`: by up to a day.
    """

    visitor: str
    address: str
    events: list[dict[str, Any]]
    way: Way | None = None
    buys: bool = False
    may_be_late: bool = True

    @property
    def consent(self) -> str:
        if self.events[0]["type"] == "consent":
            return "off"
        return "full" if self.visitor else "anonymous"

    @property
    def first(self) -> int:
        return min(event["time"] for event in self.events)

    @property
    def last(self) -> int:
        return max(event["time"] for event in self.events)


def browser_of(order: Order) -> Browser:
    if order.browser is not None:
        return order.browser
    number = int(order.number.removeprefix("A-"))
    address = f"198.{18 + number // 65_536}.{number // 256 % 256}.{number % 256}"
    of = order.number if order.identified_later else order.customer
    return Browser(f"browser-{of}" if order.customer else "", address, order.customer)


def visits(order: Order) -> list[Visit]:
    """The messages that tell of an order: its purchase, who bought it, what was taken back."""
    made = _OfOrder(order)
    found = [made.buying()]
    if order.identified_later:
        found.append(made.identifying())
    if order.told is Told.PAGE:
        found += [made.refunding(refund) for refund in order.refunds]
    found += [made.refunding(refund) for refund in order.claimed]
    return found


def looked(look: Look) -> Visit:
    """Somebody signs in, and views pages."""
    told = _Telling(look.id, look.browser)
    events = [told.signs_in("look", 99, look.time, look.browser.customer)] if look.browser.customer else []
    events = events if look.signs_in else []
    for number in range(look.pages):
        events.append(told.views(f"look{number}", look.time + number * MINUTE_MS, look.way if number == 0 else INSIDE))
    return told.visit(events, look.way, may_be_late=look.is_late)


def withdrawn(browser: Browser, time: int) -> Visit:
    told = _Telling(f"left-{browser.visitor}", browser)
    return told.visit([told.event("off", 0, "consent", time, level="off")])


INSIDE = Way("internal", "internal", path="/more", referrer=f"{ORIGIN}/")
"""From one page of the shop to another."""


class _Telling:
    """Makes what a browser tells. `of`: of which decision, in the ids of pages."""

    def __init__(self, of: str, browser: Browser) -> None:
        self._of, self._browser = of, browser

    def event(self, page: str, n: int, type: str, time: int, url: str = f"{ORIGIN}/", **body: Any) -> dict[str, Any]:
        found = {"type": type, "page": f"page-{self._of}-{page}", "n": n, "time": time, "url": url} | body
        return found | ({"visitor": self._browser.visitor} if self._browser.visitor else {})

    def views(self, page: str, time: int, way: Way) -> dict[str, Any]:
        url = f"{ORIGIN}{way.path}" + (f"?{way.query}" if way.query else "")
        return self.event(page, 0, "page_view", time, url, **({"referrer": way.referrer} if way.referrer else {}))

    def signs_in(self, page: str, n: int, time: int, customer: str) -> dict[str, Any]:
        return self.event(page, n, "identify", time, id=customer, signature=signature(SECRET, customer))

    def visit(self, events: list[dict[str, Any]], way: Way | None = None, **more: bool) -> Visit:
        return Visit(self._browser.visitor, self._browser.address, events, way, **more)


class _OfOrder:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._browser = browser_of(order)
        self._told = _Telling(order.number, self._browser)

    def buying(self) -> Visit:
        order, told = self._order, self._told
        at = order.time - order.seen_ms
        events = [told.views("bought", at, order.way)]
        customer = "" if order.identified_later else self._browser.customer
        if customer and order.browser is None:
            events.append(told.signs_in("bought", 1, at + 1_000, customer))
        elif customer:  # before it sees a page: whose visit it is leaves no doubt
            events.insert(0, told.signs_in("bought", 1, at - 1_000, customer))
        events.append(told.event("bought", 2, "purchase", order.time, props=self._purchase()))
        return told.visit(events, order.way, buys=True, may_be_late=not order.way.pays)

    def identifying(self) -> Visit:
        at, told = self._order.time + LATER_MS, self._told
        events = [told.views("later", at, DIRECT), told.signs_in("later", 1, at + 1_000, self._order.customer)]
        return told.visit(events, DIRECT)

    def refunding(self, refund: Refund) -> Visit:
        props: dict[str, Any] = {"transaction_id": self._order.number, "refund_id": refund.id}
        currency = self._order.currency
        if refund.value is not None:
            props |= {"value": major(refund.value, currency), "currency": currency}
        if refund.goods:
            props |= {
                "items": [{"item_id": one.product.id, "quantity": float(one.quantity)} for one in refund.goods],
                "currency": currency,
            }
        return self._told.visit([self._told.event(refund.id, 0, "refund", refund.time, props=props)])

    def _purchase(self) -> dict[str, Any]:
        order = self._order
        lines, minor = order.first or (order.lines, order.value)
        value = major(minor, order.currency)
        props: dict[str, Any] = {
            "transaction_id": order.number, "value": value, "currency": order.currency,
            "items": [_line(line, order.currency) for line in lines],
        }  # fmt: skip
        if order.coupon:
            props["coupon"] = order.coupon
        if order.discount:
            props["discount"] = major(order.discount, order.currency)
        if order.told is Told.SIGNED:
            props["signature"] = signature(SECRET, signed_text(order.number, value, order.currency))
        return props


def _line(line: Line, currency: str) -> dict[str, Any]:
    product = line.product
    return {
        "item_id": product.id, "item_name": product.name, "item_category": product.category,
        "price": major(line.price, currency), "quantity": float(line.quantity), "cost": 0.01,
    }  # fmt: skip


def major(minor: int, currency: str) -> float:
    """An amount as a page's number. A page's costs are ignored."""
    return float(minor) if currency == "JPY" else minor / 100
