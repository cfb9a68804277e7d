"""What browsers tell: visits that buy, of people who say who they are before, an hour later, or never."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.shop_years.catalogue import RATES
from tests.shop_years.decided import Line, Order, Refund, Told
from wakeline.commerce import signed_text
from wakeline.durations import MINUTE_MS
from wakeline.identity import signature

SITE, SECRET, ORIGIN = "shop", "0123456789abcdef", "https://shop.example"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
EARLIER_MS, LATER_MS = MINUTE_MS, 60 * MINUTE_MS
SERVICE_MINUTE, RETURN = "0.29", "4.20"  # what service work and the handling of goods that come back cost
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
""" + "".join(f'[[site.margins]]\ncategory = "{category}"\nrate = {rate}\n' for category, rate in RATES.items())


class Visit(NamedTuple):
    """A message of a browser: its events, as `POST /v1/events` takes them. `visitor`: "" without consent."""

    visitor: str
    address: str
    events: list[dict[str, Any]]
    buys: bool = False

    @property
    def consent(self) -> str:
        return "full" if self.visitor else "anonymous"


def visits(order: Order) -> list[Visit]:
    """The messages that tell of an order: its purchase, who bought it, what was taken back."""
    made = _Browser(order)
    found = [made.buying()]
    if order.identified_later:
        found.append(made.identifying())
    if order.told is Told.PAGE:
        found += [made.refunding(refund) for refund in order.refunds]
    found += [made.refunding(refund) for refund in order.claimed]
    return found


class _Browser:
    def __init__(self, order: Order) -> None:
        self._order = order
        number = int(order.number.removeprefix("A-"))
        self._address = f"198.{18 + number // 65_536}.{number // 256 % 256}.{number % 256}"
        of = order.number if order.identified_later else order.customer
        self._visitor = f"browser-{of}" if order.customer else ""

    def buying(self) -> Visit:
        order = self._order
        at = order.time - EARLIER_MS
        events = [self._event("bought", 0, "page_view", at)]
        if self._visitor and not order.identified_later:
            events.append(self._identify("bought", 1, at + 1_000))
        events.append(self._event("bought", 2, "purchase", order.time, props=self._purchase()))
        return self._visit(events, buys=True)

    def identifying(self) -> Visit:
        at = self._order.time + LATER_MS
        return self._visit([self._event("later", 0, "page_view", at), self._identify("later", 1, at + 1_000)])

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
        return self._visit([self._event(refund.id, 0, "refund", refund.time, props=props)])

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

    def _identify(self, page: str, n: int, time: int) -> dict[str, Any]:
        id = self._order.customer
        return self._event(page, n, "identify", time, id=id, signature=signature(SECRET, id))

    def _event(self, page: str, n: int, type: str, time: int, **body: Any) -> dict[str, Any]:
        found = {"type": type, "page": f"page-{self._order.number}-{page}", "n": n, "time": time, "url": f"{ORIGIN}/"}
        return found | body | ({"visitor": self._visitor} if self._visitor else {})

    def _visit(self, events: list[dict[str, Any]], *, buys: bool = False) -> Visit:
        return Visit(self._visitor, self._address, events, buys)


def _line(line: Line, currency: str) -> dict[str, Any]:
    product = line.product
    return {
        "item_id": product.id, "item_name": product.name, "item_category": product.category,
        "price": major(line.price, currency), "quantity": float(line.quantity), "cost": 0.01,
    }  # fmt: skip


def major(minor: int, currency: str) -> float:
    """An amount as a page's number. A page's costs are ignored."""
    return float(minor) if currency == "JPY" else minor / 100
