"""Reads what a server or an import says (`fields`) into a record for the log, and a card for the personal values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

import msgspec

from wakeline.cards import Card
from wakeline.durations import DAY_MS
from wakeline.identity import customer_id
from wakeline.record import Fact
from wakeline.vocabulary.fields import AMOUNTS, FIELDS, PERSONAL, Custom, Customer, Note, Told
from wakeline.vocabulary.money import BadAmount, minor_units
from wakeline.vocabulary.things import ORDER, PRODUCT, event_id, part_id, thing_id
from wakeline.vocabulary.types import BY_NAME, By

AHEAD_MS = DAY_MS  # of our clock: a later event has a wrong date; up to here it counts as of now
ABOUT_PEOPLE = (Customer, Note)  # their fields in PERSONAL are; a product's name is not
ROUNDED = frozenset(("price", "cost"))  # of a single screw
NAMES = frozenset(("item_id", "item_variant", "coupon", "decision_id", "refund_id"))  # not searched for card numbers
SECRETS = {"refund_id": "refund", "code": "promotion"}  # fields whose value is kept as a keyed hash, and of what
COMMON = tuple(field.name for field in msgspec.structs.fields(Told))
CURRENCY, ITEMS, PARTS = "currency", "items", "parts"


class Refused(ValueError):
    """What was said is not accepted: the field (`items[2].price`) and why, without any value."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}" if field else why)
        self.field = field
        self.why = why


class Cleaning(NamedTuple):
    """How texts are cleaned of personal data: any text, the name of a thing, the `props` of a custom event."""

    text: Callable[[str], str]
    name: Callable[[str], str]
    props: Callable[[dict[str, Any]], dict[str, Any]]


class Speaker(NamedTuple):
    """Who says it, of which site."""

    site: str
    secret: str
    by: By
    cleaning: Cleaning
    zone: tzinfo | None = None  # of times without one; None: these are refused


class Heard(NamedTuple):
    """What is to be kept. The card is written before the record is appended."""

    fact: Fact
    card: Card | None


# ---- fields


def converted(fields: Mapping[str, Any], *, is_text: bool = False) -> Told:
    """One event as a mapping of its fields. `is_text`: numbers may be texts. Raises Refused."""
    type = fields.get("type")
    try:
        return msgspec.convert(
            fields, FIELDS.get(type, Custom) if isinstance(type, str) else Custom, strict=not is_text
        )
    except msgspec.ValidationError as error:
        raise _refused(error) from None


NAMED = re.compile(r"Object (missing required|contains unknown) field `(.*?)`")
WHERE = re.compile(r" - at `(?:key in )?\$\.?(.*)`$")


def _refused(error: msgspec.ValidationError) -> Refused:
    """In our words: those of msgspec repeat a value that is none of a list."""
    text = str(error)
    where = WHERE.search(text)
    path, why = (where[1], text[: where.start()]) if where else ("", text)
    if named := NAMED.match(why):
        field = f"{path}.{named[2]}" if path else named[2]
        return Refused(field[:128], "is missing" if named[1] == "missing required" else "is no field of such an event")
    if why.startswith("Invalid enum value"):
        return Refused(path, "has a value that is none of those it may have")
    return Refused(path, f"is not valid: {why[:1].lower()}{why[1:]}")


# ---- the record


def hear(told: Told, speaker: Speaker, *, received: int) -> Heard:
    """The record, and the card if there are personal values. `received`: our clock, ms. Raises Refused."""
    site, secret, by, cleaning, zone = speaker
    type = BY_NAME.get(told.type)
    if type is not None and not type.by & by:
        raise Refused("type", f"is none that a{'n' if by is By.IMPORT else ''} {_word(by)} may say")
    time = time_ms(told.time, zone)
    if time > received + AHEAD_MS:
        raise Refused("time", "lies in the future")
    customer = customer_id(secret, str(told.customer)) if told.customer not in (None, "") else ""
    visitor = told.visitor or ""
    body: dict[str, Any] = msgspec.to_builtins(told)
    for name in COMMON:
        body.pop(name, None)
    if type is not None and type.thing is not None:
        own = body[type.thing.id_field] if type.thing is PRODUCT else body.pop(type.thing.id_field)
        home = thing_id(secret, type.thing, own)
    else:
        home = customer or visitor
    if not (customer or visitor) and (type is None or type.needs_person):
        raise Refused("customer", "is missing: such an event is about a customer, or a visitor")
    values = {}
    if isinstance(told, ABOUT_PEOPLE):
        values = {name: body.pop(name) for name in PERSONAL & body.keys()}
    fact = Fact(
        site=site,
        home=home,
        type=told.type if type is not None else cleaning.text(told.type),
        id=event_id(secret, told.id),
        time=min(time, received),
        received=received,
        customer=customer,
        visitor=visitor,
        body=_body(told, body, speaker),
        told=sorted(values),
        by=_word(by),
    )
    return Heard(fact, Card(site, customer, fact.time, values) if values else None)


def _word(by: By) -> str:
    return str(by.name).lower()


def _body(told: Told, body: dict[str, Any], speaker: Speaker) -> dict[str, Any]:
    if isinstance(told, Custom):
        props = speaker.cleaning.props(told.props)
        return {"props": props} if props else {}
    _read_amounts(body, body.get(CURRENCY), "")
    for name, value in body.items():
        if isinstance(value, list | dict):
            body[name] = _cleaned_all(name, value, body.get(CURRENCY), speaker)
        elif name in SECRETS:
            body[name] = part_id(speaker.secret, SECRETS[name], value)
        elif name in ("at", "start", "end"):
            body[name] = time_ms(value, speaker.zone, name)
        elif name == "other":
            body[name] = customer_id(speaker.secret, str(value))
        elif name == "order":
            body[name] = thing_id(speaker.secret, ORDER, value)
        elif isinstance(value, str) and name != CURRENCY:
            body[name] = _cleaned(name, value, speaker.cleaning)
    return body


def _cleaned_all(name: str, value: Any, currency: Any, speaker: Speaker) -> Any:
    if isinstance(value, dict):
        return {
            speaker.cleaning.text(key): _cleaned(key, one, speaker.cleaning) if isinstance(one, str) else one
            for key, one in value.items()
        }
    if name not in (ITEMS, PARTS):
        return [_cleaned(name, one, speaker.cleaning) if isinstance(one, str) else one for one in value]
    for number, item in enumerate(value):
        _read_amounts(item, currency, f"{name}[{number}].")
        for key, one in item.items():
            if type(one) is str:
                item[key] = _cleaned(key, one, speaker.cleaning)
    return value


def _cleaned(name: str, text: str, cleaning: Cleaning) -> str:
    return cleaning.name(text) if name in NAMES else cleaning.text(text)


def _read_amounts(fields: dict[str, Any], currency: Any, path: str) -> None:
    """Amounts of an event or an item as minor units of `currency`."""
    for name in AMOUNTS & fields.keys():
        if currency is None:
            raise Refused(CURRENCY, "is missing, where there is an amount")
        try:
            fields[name] = minor_units(fields[name], currency, rounds=name in ROUNDED)
        except BadAmount as bad:
            no_currency = "currency" in str(bad)
            raise Refused(
                CURRENCY if no_currency else path + name, "is none of ISO 4217" if no_currency else str(bad)
            ) from None


def time_ms(time: int | str, zone: tzinfo | None, field: str = "time") -> int:
    """A time as ms since 1970. Raises Refused."""
    if isinstance(time, str):
        try:
            moment = datetime.fromisoformat(time)
        except ValueError:
            raise Refused(field, "is no date and time of ISO 8601, as in 2026-03-01T09:30:00+01:00") from None
        if moment.tzinfo is None:
            if zone is None:
                raise Refused(field, "has no time zone, as in 2026-03-01T09:30:00+01:00")
            moment = moment.replace(tzinfo=zone)
        try:
            time = round(moment.astimezone(UTC).timestamp() * 1000)
        except OverflowError:
            time = -1
    if not 0 < time < 1 << 53:
        raise Refused(field, "is before 1970 or far in the future")
    return time
