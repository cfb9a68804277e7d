"""What is known of the household, for the panel: two persons, from what `wakeline profile export` writes of each."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.exceptions import RedisError

from demo.catalogue import catalogue
from demo.household import NUMBERS
from ops.person import ids_of, known_of, with_card
from wakeline.identity import customer_id
from wakeline.lanes import NoDeployment
from wakeline.settings import Settings, Site

Readable = dict[str, Any]

WEB = "web"  # channel of what a page sold, which says none
SHARED = ("tablet", "")  # kinds of the device that both sign in on: none once its own profile was forgotten
COUNTS = ("visits", "page_views", "engaged_seconds")


class HouseholdAway(Exception):
    """Redis does not answer."""


async def household(settings: Settings, site: Site) -> list[Readable]:
    """An entry for each person. Raises HouseholdAway.

    number      the shop's own
    is_known    whether anything is; if not, no more fields
    counts      see COUNTS; of pages and servers alike: interests, orders, contacts, consent, traits, has_card
    devices     each with its pages; of the shared one only those of the person's own turn
    former      other numbers of the person, each with "is_joined": whether their orders are this person's
    """
    return await asyncio.to_thread(_household, settings.redis, site)


def _household(url: str, site: Site) -> list[Readable]:
    try:
        known = {number: _known(url, site, number) for numbers in NUMBERS.values() for number in numbers}
    except NoDeployment:  # nobody was ever seen
        known = {}
    except (RedisError, OSError):
        raise HouseholdAway from None
    visitors = {number: _ids(one["visitors"]) for number, one in known.items() if one and number in NUMBERS}
    people: list[Readable] = []
    for number, (_, *former) in NUMBERS.items():
        one = known.get(number)
        if one is None:
            people.append({"number": number, "is_known": False})
            continue
        others = set[str]().union(*(ids for other, ids in visitors.items() if other != number))
        joined = [{"number": old, "is_joined": _is_part(known.get(old), one)} for old in former]
        people.append({"number": number, "is_known": True, "former": joined, **_person(one, others)})
    return people


def _known(url: str, site: Site, number: str) -> Readable | None:
    """What is written of the customer, and whether it "has_card"; None if nothing is known."""
    ids = ids_of(url, site.key, customer_id(site.secret, number))
    known = known_of(url, site.key, ids, {})
    return known and known | {"has_card": bool(with_card(url, site.key, ids))}


def _person(known: Readable, others: set[str]) -> Readable:
    """`others`: ids of the visitors that others are linked to as well."""
    profile, things, record = known["profile"] or {}, known["things"], known["record"]
    own = sum(one.get("page_views", 0) for one in known["visitors"] if one.get("device", "") not in SHARED)
    devices = [_device(one, max(0, profile.get("page_views", 0) - own), others) for one in known["visitors"]]
    return {
        "counts": {name: profile.get(name, 0) for name in COUNTS},
        "interests": profile.get("interests", ()),
        "devices": sorted(devices, key=lambda device: device["kind"] in SHARED),
        "orders": sorted(map(_order, things.get("order", ())), key=lambda order: order["time"]),
        "contacts": things.get("contact", ()),
        "consent": record.get("consent"),
        "has_card": known["has_card"],
        "traits": {name: trait["value"] for name, trait in record.get("traits", {}).items()},
    }


def _device(visitor: Readable, left: int, others: set[str]) -> Readable:
    kind = visitor.get("device", "")
    return {
        "id": visitor["id"],
        "kind": kind,
        "about": ", ".join(filter(None, (visitor.get("browser"), visitor.get("os")))),
        "pages": left if kind in SHARED else visitor.get("page_views", 0),
        "is_shared": visitor["id"] in others,
    }


def _order(order: Readable) -> Readable:
    names = {product.id: product.name for product in catalogue().products}
    return {
        "id": order["id"],
        "items": [names.get(item["item_id"], item["item_id"]) for item in order.get("items", ())],
        "time": order["last_said"],
        "channel": order.get("channel", WEB),
        "value": order.get("value", ""),
        "currency": order.get("currency", ""),
    }


def _is_part(former: Readable | None, known: Readable) -> bool:
    """Whether all things that name the former number are the person's."""
    return former is None or all(
        _ids(things) <= _ids(known["things"].get(kind, ())) for kind, things in former["things"].items()
    )


def _ids(things: Any) -> set[str]:
    return {one["id"] for one in things}
