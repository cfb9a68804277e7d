"""What the panel shows of people: a household, by what `wakeline profile export` writes of each; the best customers."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.exceptions import RedisError

from demo.household import NUMBERS
from demo.orders import shown
from ops.person import ids_of, known_of, with_card
from wakeline import keys
from wakeline.identity import customer_id
from wakeline.lanes import FIELDS, NoDeployment, lane_of, stored_deployment
from wakeline.profiles import Order, Profiles
from wakeline.redis.connect import connect_blocking
from wakeline.settings import Settings, Site
from wakeline.thing_fields import thing
from wakeline.told import decode_thing

Readable = dict[str, Any]

SHARED = ("tablet", "")  # kinds of the device that both sign in on: none once its own profile was forgotten
COUNTS = ("visits", "page_views", "engaged_seconds")
BEST, BEST_BY = 5, "profit-year"  # customers in the list, see `account.RANKS`


class PeopleAway(Exception):
    """Redis does not answer."""


async def people_of(settings: Settings, site: Site) -> Readable:
    """{"people": see `_household`, "best": see `_best`}. Raises PeopleAway."""
    try:
        return await asyncio.to_thread(_people_of, settings.redis, site)
    except (RedisError, OSError):
        raise PeopleAway from None


def _people_of(url: str, site: Site) -> Readable:
    try:
        return {"people": _household(url, site), "best": _best(url, site)}
    except NoDeployment:  # nobody was ever seen
        return {"people": [{"number": number, "is_known": False} for number in NUMBERS], "best": []}


def _best(url: str, site: Site) -> list[Readable]:
    """The customers with the highest profit of the last 365 days; less than BEST if not so many earned any.

    customer            "@..."
    profit, currency    an amount in the site's currency, and its name
    number              the shop's own, of one of the household; otherwise "": only a hash of it is kept
    purchases           see `wakeline.profiles.Purchases`; null if it was erased in this moment
    """
    numbers = {customer_id(site.secret, old): own for own, olds in NUMBERS.items() for old in olds}
    with Profiles(url) as profiles:
        ranked = profiles.best(site.key, BEST_BY, currency=site.currency, limit=BEST)
        found = [(one, profiles.read(site.key, one.customer)) for one in ranked]
    return [
        {
            "customer": one.customer,
            "profit": one.amount,
            "currency": site.currency,
            "number": numbers.get(one.customer, ""),
            "purchases": profile and profile.purchases,
        }
        for one, profile in found
    ]


def _household(url: str, site: Site) -> list[Readable]:
    """An entry for each person. Raises redis-py's errors, and NoDeployment.

    number      the shop's own
    is_known    whether anything is; if not, no more fields
    counts      see COUNTS; of pages and servers alike: interests, contacts, consent, traits, has_card
    orders      see `orders.shown`, the latest first; purchases as in the profile: null if there are none
    devices     each with its pages; of the shared one only those of the person's own turn
    former      other numbers of the person, each with "is_joined": whether their orders are this person's
    """
    known = {number: _known(url, site, number) for numbers in NUMBERS.values() for number in numbers}
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
    """What is written of the customer, whether it "has_card", and its orders as "bought"; None: nothing is known."""
    ids = ids_of(url, site.key, customer_id(site.secret, number))
    known = known_of(url, site.key, ids, {})
    if known is None:
        return None
    bought = _orders(url, site, _ids(known["things"].get("order", ())))
    return known | {"has_card": bool(with_card(url, site.key, ids)), "bought": bought}


def _orders(url: str, site: Site, ids: set[str]) -> list[Order]:
    with connect_blocking(url) as redis:
        values: Any = redis.hmget(keys.DEPLOYMENT, FIELDS)
        deployment = stored_deployment(values)
        live = keys.Keys(deployment.version)
        stored = {id: redis.get(live.thing(lane_of(site.key, id, deployment.lanes), site.key, id)) for id in ids}
    return [thing(Order, site.key, id, decode_thing(one)) for id, one in stored.items() if one]


def _person(known: Readable, others: set[str]) -> Readable:
    """`others`: ids of the visitors that others are linked to as well."""
    profile, things, record = known["profile"] or {}, known["things"], known["record"]
    own = sum(one.get("page_views", 0) for one in known["visitors"] if one.get("device", "") not in SHARED)
    devices = [_device(one, max(0, profile.get("page_views", 0) - own), others) for one in known["visitors"]]
    return {
        "counts": {name: profile.get(name, 0) for name in COUNTS},
        "interests": profile.get("interests", ()),
        "devices": sorted(devices, key=lambda device: device["kind"] in SHARED),
        "orders": sorted(map(shown, known["bought"]), key=lambda order: order["time"], reverse=True),
        "purchases": profile.get("purchases"),
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


def _is_part(former: Readable | None, known: Readable) -> bool:
    """Whether all things that name the former number are the person's."""
    return former is None or all(
        _ids(things) <= _ids(known["things"].get(kind, ())) for kind, things in former["things"].items()
    )


def _ids(things: Any) -> set[str]:
    return {one["id"] for one in things}
