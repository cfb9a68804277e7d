"""All that is known of one customer in Redis, with the names that the vocabulary has for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from crm.commerce import orders
from crm.identity import record, turns
from crm.service import facts as service
from crm.state import CustomerState, decode_customer, decode_visitor
from crm.things.forms import Table
from wakeline import card_keys, keys
from wakeline.aliases import walk
from wakeline.escape import in_json
from wakeline.kept import Kept
from wakeline.lanes import FIELDS, Deployment, lane_of, stored_deployment
from wakeline.orders import read_refund
from wakeline.profiles import Profile, Profiles
from wakeline.redis.connect import connect_blocking
from wakeline.stored_state import part_of
from wakeline.told import (
    A_REFUND,
    BEGAN,
    BOUGHT,
    CAME_IN,
    CLAIM,
    CURRENCY,
    CUSTOMER,
    EARLIEST,
    FORMER_VISITOR,
    ITEM,
    MONEY,
    VISITOR,
    WENT_OUT,
    customer_of,
    decode_thing,
    visitor_of,
)
from wakeline.vocabulary import things
from wakeline.vocabulary.money import major_units

if TYPE_CHECKING:
    from wakeline.cards import Personal

MOST_INTERESTS = 10_000
NAMES: Mapping[str, Table] = {
    things.ORDER.name: orders.PURCHASE_FIELDS,
    things.CONTACT.name: service.CONTACT,
    things.SERVICE_ORDER.name: service.SERVICE_ORDER,
    things.AGREEMENT.name: service.AGREEMENT,
    things.SENT.name: service.CAMPAIGN,
    things.POINTS.name: service.POINTS,
}
NAMING = {CUSTOMER: "customer", CLAIM: "customer", VISITOR: "visitor", FORMER_VISITOR: "visitor"}
MOMENTS = {
    BOUGHT: "bought", BEGAN: "began", CAME_IN: "came_in", WENT_OUT: "went_out", service.LAST_CLICK: "last_click",
}  # fmt: skip
TIMES = frozenset(("start", "end"))  # fields of a thing that are times, in ms
DEVICE = ("device", "browser", "os")  # what is written of a browser that others share

Readable = dict[str, Any]


def ids_of(url: str, site: str, customer: str) -> list[str]:
    """All ids of the person that "@customer" is, that which keeps what is known first; others are its aliases.

    Raises redis-py's errors, and NoDeployment.
    """
    with connect_blocking(url) as redis:
        values: Any = redis.hmget(keys.DEPLOYMENT, FIELDS)
        deployment = stored_deployment(values)
        live, steps = keys.Keys(deployment.version), walk(customer)
        try:
            id = next(steps)
            while True:
                stored: Any = redis.get(live.state(lane_of(site, id, deployment.lanes), site, id))
                id = steps.send(part_of(stored))
        except StopIteration as done:
            found: list[str] = done.value
            return found


def _stored(redis: Any, deployment: Deployment, site: str, customer: str) -> CustomerState:
    lane = lane_of(site, customer, deployment.lanes)
    stored = redis.get(keys.Keys(deployment.version).state(lane, site, customer))
    return decode_customer(stored) if stored else CustomerState()


def with_card(url: str, site: str, customers: Sequence[str]) -> list[str]:
    """Those of them that have one. Raises redis-py's errors, and NoDeployment."""
    with connect_blocking(url) as redis:
        values: Any = redis.hmget(keys.DEPLOYMENT, FIELDS)
        lanes = stored_deployment(values).lanes
        return [id for id in customers if redis.exists(card_keys.card(lane_of(site, id, lanes), site, id))]


def known_of(url: str, site: str, ids: Sequence[str], cards: Mapping[str, Personal]) -> Readable | None:
    """What is known of the customer with these `ids_of`, as it can be written as JSON; None if nothing is.

    `cards`: by id. Times are ISO 8601 (UTC), amounts decimal texts in `currency`. Raises redis-py's errors, and
    NoDeployment.
    """
    with connect_blocking(url) as redis, Profiles(url) as profiles:
        values: Any = redis.hmget(keys.DEPLOYMENT, FIELDS)
        deployment = stored_deployment(values)
        customer, *others = ids
        states = [_stored(redis, deployment, site, id) for id in ids]
        record = states[0].record
        profile = profiles.read(site, customer, interests=MOST_INTERESTS)
        listed = {visitor for state in states for visitor in state.visitors}
        browsers = listed.union(*(_browsers(redis, deployment, site, id) for id in ids))
        known = {id: profiles.read(site, id, interests=MOST_INTERESTS) for id in browsers}
        linked = sorted(id for id, one in known.items() if id in listed or (one and one.customer in ids))
        shared = {id for id in linked if _customers(redis, deployment, site, id).difference(ids)}
        who = [*ids, *(id for id in linked if id not in shared)]
        named = _things(redis, deployment, site, who, customers=ids, visitors=linked)
    if profile is None and not (cards or linked or record or named):
        return None
    return {
        "site": site,
        "customer": customer,
        "made": _moment(datetime.now(UTC).timestamp() * 1000),
        "personal_values": _personal(cards.get(customer)),
        "known_as": [{"customer": id, "personal_values": _personal(cards.get(id))} for id in others],
        "record": _record(record),
        "profile": _plain(profile),
        "visitors": [_browser(id, known[id], is_shared=id in shared) for id in linked],
        "things": named,
    }


def _browsers(redis: Any, deployment: Deployment, site: str, customer: str) -> set[str]:
    """The visitors that were linked to a customer: they may be another's by now. It lists only the latest itself."""
    live = keys.Keys(deployment.version)
    pipe = redis.pipeline(transaction=False)
    for lane in range(deployment.lanes):
        pipe.zrange(live.naming(lane, site, customer), 0, -1)
    noted = {id.decode() for ids in pipe.execute() for id in ids}
    return {id for id in noted if not things.is_thing(id)}


def _customers(redis: Any, deployment: Deployment, site: str, visitor: str) -> set[str]:
    """Those to whom a browser belongs or belonged."""
    lane = lane_of(site, visitor, deployment.lanes)
    stored = redis.get(keys.Keys(deployment.version).state(lane, site, visitor))
    if not stored:
        return set()
    state = decode_visitor(stored)
    return {*state.earlier, *(turn.customer for turn in turns.all_turns(state))} - {""}


def _browser(id: str, profile: Profile | None, *, is_shared: bool) -> Readable:
    """Of one that others share the device alone: what the customer did there is in the customer's own profile."""
    if profile is None:
        return {"id": id}
    if is_shared:
        return {"id": id, "is_shared": True} | {name: getattr(profile, name) for name in DEVICE}
    plain: Readable = _plain(profile)
    return plain


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _personal(card: Personal | None) -> Readable:
    if card is None:
        return {}
    found: Readable = {name: {"value": value.text, "said": _plain(value.time)} for name, value in card.values.items()}
    return found | {name: {"value": None, "unreadable": True} for name in card.unreadable}


def _record(told: Sequence[Kept]) -> Readable:
    """Traits, preferences, tags, consent, and what was bought before, each with the time when it was said."""
    found: Readable = {}
    for fact in told:
        said = _moment(fact.time)
        for stored, value in fact.fields.items():
            kind, colon, name = stored.partition(":")
            if colon:
                one = value if isinstance(value, dict) else {"value": value}
                found.setdefault(PARTS.get(kind, kind), {})[name] = one | {"said": said}
            elif stored == "consent":
                found["consent"] = {**value, "said": said}
        before = _fields(fact.fields, record.BEFORE, only=True)
        if before:
            found.setdefault("before", {}).update(before | {"said": said})
    return found


PARTS = {"trait": "traits", "topic": "topics", "channel": "channels", "tag": "tags"}


def _things(
    redis: Any,
    deployment: Deployment,
    site: str,
    who: Iterable[str],
    *,
    customers: Sequence[str],
    visitors: Sequence[str],
) -> dict[str, list[Readable]]:
    """The things that name one of these people, and no customer but these, by kind, each with what is said of it.

    Who told an order without being one of `visitors` may be somebody else, and is left out.
    """
    live, lanes = keys.Keys(deployment.version), range(deployment.lanes)
    asked = [(lane, id) for lane in lanes for id in who]
    pipe = redis.pipeline(transaction=False)
    for lane, id in asked:
        pipe.zrange(live.naming(lane, site, id), 0, -1)
    named = {(lane, thing.decode()) for (lane, _), ids in zip(asked, pipe.execute(), strict=True) for thing in ids}
    named = {(lane, id) for lane, id in named if things.is_thing(id)}
    found: dict[str, list[Readable]] = {}
    if not named:
        return found
    ordered = sorted(named)
    pipe = redis.pipeline(transaction=False)
    for lane, id in ordered:
        pipe.get(live.thing(lane, site, id))
    for (_, id), stored in zip(ordered, pipe.execute(), strict=True):
        kind = things.kind_of(id)
        if kind is not None and stored is not None:
            said = _thing(decode_thing(stored).told, kind.name)
            if said.get("customer", customers[0]) in customers:
                if said.get("visitor") not in visitors:
                    for names in (said, said["said"]):
                        names.pop("visitor", None)
                found.setdefault(kind.name, []).append({"id": id} | said)
    return found


def _thing(told: Sequence[Kept], kind: str) -> Readable:
    """What is said of a thing and, as `said`, when each of that was said; states are times themselves."""
    found: Readable = {}
    said: Readable = {}
    for fact in told:
        at = _moment(fact.time)
        for name, value in _fields(fact.fields, NAMES.get(kind, {})).items():
            if name in ("states", "refunds", "element"):
                found.setdefault(name, {}).update(value)
            else:
                found[name], said[name] = value, at
            if name in ("refunds", "element"):
                said.setdefault(name, {}).update(dict.fromkeys(value, at))
    customer, since = customer_of(told)
    if since:
        found["customer"], said["customer"] = customer, _moment(since)
    if "visitor" in said:
        found["visitor"] = visitor_of(told)
    return found | {"said": said, "last_said": _moment(max((fact.time for fact in told), default=0))}


def _fields(fields: Mapping[str, Any], table: Table, *, only: bool = False) -> Readable:
    """Stored fields of one fact under their names in the vocabulary; `only` those in the table."""
    names = {stored: name for name, (stored, _) in table.items()}
    currency = fields.get(CURRENCY, "")
    found: Readable = {}
    for stored, value in fields.items():
        if stored in NAMING:
            found[NAMING[stored]] = value[-1] if isinstance(value, list) else value
        elif stored in names:
            found[names[stored]] = _value(names[stored], value, currency, is_money=stored.startswith(MONEY))
        elif stored.startswith(service.ELEMENT):
            found.setdefault("element", {})[stored.removeprefix(service.ELEMENT)] = value
        elif only:
            continue
        elif stored.startswith(A_REFUND):
            found.setdefault("refunds", {})[stored.removeprefix(A_REFUND)] = _refunded(value, currency)
        elif stored in MOMENTS:
            found[MOMENTS[stored]] = _moment(value)
        elif stored.startswith(EARLIEST):
            found.setdefault("states", {})[stored.removeprefix(EARLIEST)] = _moment(value)
        else:
            found[stored] = value
    if only and found.keys() <= {"currency", "customer", "visitor"}:
        return {}
    return found


def _value(name: str, value: Any, currency: str, *, is_money: bool) -> Any:
    if not is_money:
        return _moment(value) if name in TIMES and isinstance(value, int) else value
    if isinstance(value, list):
        return [_item(item, currency) for item in value]
    return str(major_units(value, currency))


def _refunded(stored: Any, currency: str) -> Any:
    """An amount, items, both under their names, or "all"."""
    value, items = read_refund(stored)
    said: Readable = {} if value is None else {"value": str(major_units(value, currency))}
    said |= {"items": [_item(item, currency) for item in items]} if items else {}
    return said if len(said) > 1 else next(iter(said.values()), "all")


def _item(item: Sequence[Any], currency: str) -> Readable:
    """See `told.ITEM`."""
    money = {"price", "discount", "cost"}
    named = {name: one for name, one in zip(ITEM, item, strict=False) if one is not None}
    return {name: str(major_units(one, currency)) if name in money else one for name, one in named.items()}


def _moment(ms: float) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_text(known: Readable) -> str:
    """JSON, indented, for people to read; a terminal shows its texts and obeys none."""
    return "\n".join(map(in_json, json.dumps(known, ensure_ascii=False, indent=2).split("\n")))
