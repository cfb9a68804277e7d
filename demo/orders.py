"""Orders for the panel: as they are now, with what was kept of them; what the warehouse tells of a visitor's own."""

from __future__ import annotations

import random
from typing import Any

from redis.exceptions import RedisError

from demo.catalogue import Product, catalogue
from demo.departments import Said, ship, take_back
from wakeline.lanes import NoDeployment
from wakeline.profiles import AsyncProfiles, Order
from wakeline.settings import Settings, Site
from wakeline.vocabulary.fields import ORDER_STATES

Readable = dict[str, Any]

WEB = "web"  # channel of what a page sold, which says none
SHIP, BACK = "ship", "back"  # what the warehouse can be asked for


class OrdersAway(Exception):
    """Redis does not answer."""


class Orders:
    """Finds a visitor's own orders by their numbers: those of others are nobody's business."""

    def __init__(self, settings: Settings, site: Site) -> None:
        self._profiles, self._site = AsyncProfiles(settings.redis), site

    async def of(self, visitor: str, number: str) -> Order | None:
        """None: no page of the visitor told of it. Raises OrdersAway."""
        try:
            order = await self._profiles.read_thing(self._site.key, Order, number, self._site.secret)
        except NoDeployment:  # nobody was ever seen
            return None
        except (RedisError, OSError):
            raise OrdersAway from None
        return order if order is not None and order.visitor == visitor else None

    async def close(self) -> None:
        await self._profiles.close()


def shown(order: Order) -> Readable:
    """What the panel shows of it.

    items     names of the products, with the number of pieces if it is not 1
    value, refunded, kept    texts in units of `currency`; None: the order does not count
    states    time by state; "state" is the latest, "" for none
    left      pieces that have not come back
    """
    states = {state: time for state in ORDER_STATES if (time := getattr(order, state)) is not None}
    names = {product.id: product.name for product in catalogue().products}
    return {
        "id": order.id,
        "items": [_named(names.get(one.item_id, one.item_id), one.quantity or 1) for one in order.items],
        "time": order.time or order.last_told,
        "channel": order.channel or WEB,
        "currency": order.currency,
        "value": order.value,
        "refunded": order.refunded,
        "kept": order.revenue,
        "state": max(states, key=lambda state: (states[state], ORDER_STATES.index(state)), default=""),
        "states": states,
        "left": sum(left(order).values()),
    }


def left(order: Order) -> dict[str, float]:
    """Pieces by product that have not come back."""
    if order.cancelled or order.returned or any(refund.is_whole for refund in order.refunds):
        return {}
    pieces = dict.fromkeys((one.item_id for one in order.items), 0.0)
    for one in order.items:
        pieces[one.item_id] += one.quantity or 1
    for back in (item for refund in order.refunds for item in refund.items):
        pieces[back.item_id] = pieces.get(back.item_id, 0.0) - (back.quantity or 1)
    return {id: count for id, count in pieces.items() if count > 0}


def asked(what: str, number: str, order: Order, chance: random.Random, now: int) -> list[Said] | None:
    """What the warehouse tells when it is asked for `what`; empty if there is nothing to do, None: unknown `what`."""
    if what == SHIP:
        return [] if order.shipped or not left(order) else ship(number, chance, now)
    if what == BACK:
        pieces = left(order)
        product = next((one for id in pieces if (one := _product(id))), None)
        return [] if product is None else take_back(number, product, chance, now, left=sum(pieces.values()))
    return None


def _named(name: str, quantity: float) -> str:
    return name if quantity == 1 else f"{quantity:g} × {name}"


def _product(id: str) -> Product | None:
    return next((one for one in catalogue().products if one.id == id), None)
