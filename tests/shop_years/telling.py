"""Who tells of a decision, by which events, when these arrive, and how often.

A *teller* says the same of a thing whenever it says it; who says what decides nothing about what is true. What a server
tells is an event as `POST /v1/server/events` takes it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.shop_years import pages, service
from tests.shop_years.decided import Back, Line, Order, Refund, Told, Years, text
from tests.shop_years.pages import Visit
from wakeline.definitions import SETTLED_MS
from wakeline.durations import DAY_MS, MINUTE_MS

Event = dict[str, Any]

OVERLAP = 0.2  # of the orders since pages tell, which the import has too
AGAIN = 0.08  # of the events, which are told once more
LATE = 0.06  # of what the import could have told, which a server tells instead, at the very end
SENT_LATE_MS = (5 * MINUTE_MS, 3 * DAY_MS)
ALL_TOLD_MS = SETTLED_MS - 60 * MINUTE_MS
"""After an order by which all is told that says to whom it is owed: before it is settled."""
ALONE_MS = 180 * MINUTE_MS
LAST = (1 << 53) - DAY_MS  # ms, after all that is streamed


class Named(NamedTuple):
    """A server names the customer of an order, in an event of that time, ms."""

    time: int
    arrived: int
    customer: str


@dataclass
class Tellings:
    """All that is told. `streamed` and `live`: with the time at which it arrives, ms."""

    table: list[Order] = field(default_factory=list)  # whose rows are in the table of orders
    refund_rows: list[tuple[Order, Refund]] = field(default_factory=list)
    lines: list[Event] = field(default_factory=list)  # of JSON
    contact_rows: list[Event] = field(default_factory=list)
    letter_rows: list[Event] = field(default_factory=list)
    streamed: list[tuple[int, Event | Visit]] = field(default_factory=list)
    live: list[Event | Visit] = field(default_factory=list)
    heard: dict[str, int] = field(default_factory=dict)  # of an order, by its number, first in what was streamed, ms
    named: defaultdict[str, list[Named]] = field(default_factory=lambda: defaultdict(list))  # in that, by number
    arrived: dict[tuple[str, int], int] = field(default_factory=dict)  # of the messages in what was streamed, likewise

    def known(self, visit: Visit) -> int:
        """When it had arrived; what is not streamed comes after all that is."""
        return self.arrived.get(_name(visit), LAST)


def tellings(made: Years, seed: int, *, later: bool = False) -> Tellings:
    """`later`: some of it after the orders are settled of which it tells."""
    return _Teller(made, random.Random(seed + 1), later=later).all()


def _name(visit: Visit) -> tuple[str, int]:
    first = visit.events[0]
    return first["page"], first["n"]


def browsed(made: Years) -> Iterator[tuple[Visit, int]]:
    """What browsers tell, each message once, with the time by which it has arrived if it tells of an order."""
    for order in made.orders:
        if order.told is not Told.SHOP:
            settled = order.time + ALL_TOLD_MS if order.time < made.live else made.end
            yield from ((visit, made.end if visit.way is None else settled) for visit in pages.visits(order))
    for look in made.looks:
        yield pages.looked(look), made.end
    for gone in made.gone.values():
        if gone.browser is not None:
            yield pages.withdrawn(gone.browser, gone.time), made.end


class _Teller:
    def __init__(self, made: Years, chance: random.Random, *, later: bool) -> None:
        self._made, self._chance, self._later = made, chance, later
        self._found = Tellings()
        self._arriving: list[tuple[int, Event | Visit]] = []

    def all(self) -> Tellings:
        for order in self._made.orders:
            if order.time < self._made.browsing and order.told is Told.SHOP:
                self._of_before(order)
            else:
                self._since(order)
        self._arrive()
        for cost in self._made.costs:
            self._cost(service.events(cost, self._chance))
        for one in self._made.customers:
            if one.other_id:
                self._import(service.same(one, self._made.start))
        self._chance.shuffle(self._found.table)
        self._chance.shuffle(self._found.lines)
        self._arriving.sort(key=lambda one: one[0])
        live = self._made.live
        self._found.streamed = [one for one in self._arriving if one[0] < live]
        for at, said in reversed(self._found.streamed):
            self._note(at, said)
        self._found.live = [said for at, said in self._arriving if at >= live]
        erased = [id for id, gone in self._made.gone.items() if gone.browser is None]
        self._found.live += [service.forgotten(id, self._made.end) for id in erased]
        return self._found

    def _note(self, at: int, said: Event | Visit) -> None:
        found = self._found
        if isinstance(said, Visit):
            found.arrived[_name(said)] = at
        elif "transaction_id" in said:
            found.named[said["transaction_id"]].append(Named(said["time"], at, said.get("customer", "")))
        for event in said.events if isinstance(said, Visit) else [said]:
            if event["type"] == "purchase":
                found.heard[(event.get("props") or event)["transaction_id"]] = at

    # ---- orders of before pages told anything

    def _of_before(self, order: Order) -> None:
        kind = self._chance.random()
        if kind < 0.8:
            self._found.table.append(order)
        if kind > 0.7:
            self._found.lines.append(bought(order))
        if order.first is not None:
            self._import(amended(order))
        for refund in order.refunds:
            fits = refund.value is not None and self._chance.random() < 0.8
            if fits and refund.time < self._made.live:
                self._found.refund_rows.append((order, refund))
            else:
                self._import(refunded(order, refund))
        for state in order.states:
            self._import(came_about(order, state))

    def _import(self, event: Event) -> None:
        """By the import; some come late, from a server, and some by both: the same event with the same id."""
        is_late = self._chance.random() < LATE or event["time"] >= self._made.live
        if is_late:
            self._arriving.append((self._made.end - MINUTE_MS, event))
        if not is_late or (event["time"] < self._made.live and self._chance.random() < AGAIN):
            self._found.lines.append(event)

    # ---- orders since

    def _since(self, order: Order) -> None:
        if order.told in (Told.SHOP, Told.BOTH):
            self._tell(bought(order, later_ms=self._delay(order)))
            if order.time < self._made.live and self._chance.random() < OVERLAP:
                self._found.table.append(order)
        elif order.told is Told.BARE:
            self._tell(bought(order, has_items=False, later_ms=self._delay(order)))
        if order.first is not None:
            self._tell(
                amended(order), late_ms=SENT_LATE_MS[1] if self._later else ALL_TOLD_MS - (order.amended - order.time)
            )
        for state in order.states:
            self._tell(came_about(order, state))
        for refund in order.refunds if order.told is not Told.PAGE else ():
            self._tell(refunded(order, refund))

    def _delay(self, order: Order) -> int:
        """A server may say a later time than the page, which is known to the millisecond if it is of before."""
        of_page = order.told is not Told.SHOP and order.time < self._made.live
        return self._chance.choice((0, 2_000)) if of_page else 0

    def _tell(self, event: Event, *, late_ms: int = SENT_LATE_MS[1]) -> None:
        """By a server: soon or late, and some twice."""
        is_late = self._chance.random() < 0.2
        late = self._chance.randrange(SENT_LATE_MS[0], late_ms) if is_late else self._chance.randrange(30_000)
        at = min(event["time"] + late, self._made.end - 1)
        self._arriving.append((at, event))
        if self._chance.random() < AGAIN:
            self._arriving.append((min(at + self._chance.randrange(2 * DAY_MS), self._made.end - 1), event))

    def _arrive(self) -> None:
        """Browsers keep what they could not send. One that told something else about that time sent both at once.

        A purchase of before the live part arrives before it, and so does what has no visitor's id.
        """
        visits = list(browsed(self._made))
        spans: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for visit, _ in visits:
            spans[visit.visitor].append((visit.first, visit.last))
        for visit, by in visits:
            around = visit.first - ALONE_MS, visit.last + ALONE_MS
            near = sum(first < around[1] and last > around[0] for first, last in spans[visit.visitor])
            may_be_late = visit.may_be_late and (near == 1 or not visit.visitor)
            is_late = may_be_late and self._chance.random() < 0.1
            at = visit.last + self._chance.randrange((5 * DAY_MS if self._later else DAY_MS) if is_late else 4_000)
            if not self._later:
                at = min(at, max(visit.last, by))
            live = self._made.live
            if visit.last < live and (visit.buys or not visit.visitor):
                at = min(at, live - 1)
            self._arriving.append((at, visit))
            if self._chance.random() < AGAIN:
                again = at + self._chance.randrange(1, MINUTE_MS)
                self._arriving.append((again if (again < live) == (at < live) else at, visit))

    # ---- costs

    def _cost(self, events: list[Event]) -> None:
        for event in events:
            if event["time"] >= self._made.browsing:
                self._tell(event)
            elif len(events) == 1 and event["type"] == "contact":
                self._found.contact_rows.append(event)
            elif event["type"] == "campaign_sent":
                self._found.letter_rows.append(event)
            else:
                self._found.lines.append(event)


# ---- events of a server


def bought(order: Order, *, has_items: bool = True, later_ms: int = 0) -> Event:
    """As it was bought first."""
    lines, value = order.first or (order.lines, order.value)
    event = _event(order, "purchase", "bought", order.time + later_ms) | _amount(value, order.currency)
    event |= {"customer": order.buyer_at_first()}
    if not event["customer"]:
        del event["customer"]
    if has_items:
        event["items"] = [_line(line, order.currency) for line in lines]
    if order.coupon:
        event["coupon"] = order.coupon
    if order.channel:
        event["channel"] = order.channel
    if order.discount:
        event["discount"] = text(order.discount, order.currency)
    return event


def amended(order: Order) -> Event:
    event = _event(order, "purchase", "amended", order.amended) | _amount(order.value, order.currency)
    return event | {"items": [_line(line, order.currency) for line in order.lines]}


def refunded(order: Order, refund: Refund) -> Event:
    event = _event(order, "refund", refund.id, refund.time) | {"refund_id": refund.id}
    if refund.value is not None:
        event |= _amount(refund.value, order.currency)
    if refund.goods:
        event |= {"items": [back(goods, order.currency) for goods in refund.goods], "currency": order.currency}
    return event


def came_about(order: Order, state: str) -> Event:
    return _event(order, "order_state", state, order.states[state]) | {"state": state}


def _event(order: Order, type: str, what: str, time: int) -> Event:
    found = {"id": f"{order.number}-{what}", "type": type, "time": time, "transaction_id": order.number}
    return found | ({"customer": order.customer} if order.customer else {})


def _amount(value: int, currency: str) -> Event:
    return {"value": text(value, currency), "currency": currency}


def _line(line: Line, currency: str) -> Event:
    product = line.product
    found = {
        "item_id": product.id, "item_name": product.name, "item_category": product.category,
        "price": text(line.price, currency), "quantity": float(line.quantity),
    }  # fmt: skip
    return found | ({} if line.cost is None else {"cost": text(line.cost, currency)})


def back(goods: Back, currency: str) -> Event:
    found: Event = {"item_id": goods.product.id, "quantity": float(goods.quantity)}
    return found | ({} if goods.price is None else {"price": text(goods.price, currency)})
