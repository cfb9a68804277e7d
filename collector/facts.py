"""From what a server or an import says to its record: times, hashed ids, personal values apart, the rest cleaned.

One step after the other in `Facts.made`; each raises `told.Bad` for what it refuses. `fact_fields` cleans the fields.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from sys import intern
from typing import Any, NamedTuple

import msgspec

from collector.cards import is_card_id
from collector.fact_fields import Fields, strict_id, text
from collector.props import Dropped
from collector.told import Bad
from wakeline.cards import Card
from wakeline.durations import DAY_MS, MONTH_MS
from wakeline.event import MAX_CUSTOMER_ID, Refusal
from wakeline.identity import customer_id
from wakeline.labels import REDACTED
from wakeline.record import Erase, Fact
from wakeline.server_events import SKEW_MS
from wakeline.settings import Site
from wakeline.vocabulary.fields import FIELDS, PERSONAL, Told
from wakeline.vocabulary.names import visible
from wakeline.vocabulary.things import Thing, event_id, thing_id
from wakeline.vocabulary.types import ALIAS, BY_NAME, CUSTOMER_TOLD, FORGET, PREFERENCE, By, EventType

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
LATEST_MS = 253_402_300_799_999  # the end of the year 9999
SECONDS = range(10**9, 10**11)  # as a number of ms these are days of 1970: a sender that counts seconds
SHOWN_EXAMPLE = "2026-03-01T12:00:00+01:00"
AHEAD_MS = {By.SERVER: SKEW_MS, By.IMPORT: DAY_MS}  # of our clock: a time up to here counts as now

OF_EVERY_EVENT = Told.__struct_fields__
PERSONAL_OF = {
    type: tuple(name for name in struct.__struct_fields__ if name in PERSONAL)
    for type, struct in FIELDS.items()
    if BY_NAME[type].thing is None  # a product has a name, which is nobody's
}
CUSTOM = EventType("")


class Made(NamedTuple):
    """A record, whose lane is that of `home`, and what it says for a card."""

    home: str
    record: Fact | Erase
    card: Card | None


class Facts:
    """Makes records of what is said by servers, or by an import, for one site, which must have a secret.

    `zone` is that of times without one; these are refused if it is None.
    """

    def __init__(self, site: Site, by: By = By.SERVER, zone: tzinfo | None = None) -> None:
        self.site = site.key
        self._by = intern(str(by.name).lower())  # the very default is not written into records
        self._ahead_ms = AHEAD_MS[by]
        self._zone = zone
        self._secret = site.secret
        self._fields = Fields(site.secret)
        self._customer_ms = site.customer_months * MONTH_MS
        self._visitor_ms = site.visitor_months * MONTH_MS

    def made(self, event: Told, dropped: list[Dropped], *, now: int) -> Made:
        """The record of a decoded event, received `now` (ms). Raises Bad.

        Reasons for dropped properties of custom events are added to `dropped`.
        """
        type = BY_NAME.get(event.type, CUSTOM)
        time = self._past(event.time, "time", now)
        customer = self._customer(event.customer, "customer") if event.customer is not None else ""
        visitor = event.visitor or ""
        if visitor and is_card_id(visitor):
            raise Bad(Refusal.BAD_EVENT, "visitor", "is the number of a payment card")
        if not customer and not visitor and type.needs_person:
            raise Bad(
                Refusal.BAD_EVENT,
                "customer",
                "is missing: say whom it is about, with your own id of a customer, or the id of a visitor",
            )
        said: dict[str, Any] = msgspec.to_builtins(event)  # what was given, without what is as by default
        if type.name == FORGET:
            return self._erasure(customer, visitor, now)
        if said.get("machine", False):
            customer = visitor = ""  # nobody did it
        home = self._home(said, type.thing) if type.thing is not None else customer or visitor
        self._refuse_old(time, type.thing, is_customer=bool(customer), now=now)
        values = self._personal(said, type.name)
        for name in OF_EVERY_EVENT:
            said.pop(name, None)
        if type.name in CHECKED:
            self._check(said, type.name, customer, now)
        fact = Fact(
            site=self.site,
            home=home,
            type=event.type,
            id=event_id(self._secret, event.id),
            time=time,
            received=now,
            customer=customer,
            visitor=visitor,
            body=self._fields.cleaned(said, dropped),
            told=list(values) if values else [],
            by=self._by,
        )
        returns = type.name == CUSTOMER_TOLD and said.get("returns", False)
        return Made(home, fact, Card(self.site, customer, time, values or {}, returns) if values or returns else None)

    def _customer(self, own: str | int, field: str) -> str:
        """The pseudonym of a customer."""
        try:
            id = own if isinstance(own, str) else str(own)
        except ValueError:  # of thousands of digits
            id = ""
        if not 0 < len(id) <= MAX_CUSTOMER_ID:
            raise Bad(Refusal.BAD_EVENT, field, f"has more than {MAX_CUSTOMER_ID} digits")
        strict_id(id, field)
        return customer_id(self._secret, id)

    def _home(self, said: dict[str, Any], thing: Thing) -> str:
        """The id of the thing that it is about; a product's own id stays in what is said, as it is public."""
        id = strict_id(said[thing.id_field], thing.id_field)
        if thing.id_field != "item_id":
            del said[thing.id_field]
        elif REDACTED in (id := text(thing.id_field, id, thing.id_field)):
            raise Bad(Refusal.BAD_EVENT, thing.id_field, "looks like an e-mail address or the number of a payment card")
        return thing_id(self._secret, thing, id)

    def _refuse_old(self, time: int, thing: Thing | None, *, is_customer: bool, now: int) -> None:
        lives = thing.lives_ms if thing is not None else self._customer_ms if is_customer else self._visitor_ms
        if now - time > lives:
            whose = f"{thing.name}s".replace("_", " ") if thing else "customers" if is_customer else "visitors"
            raise Bad(Refusal.TOO_OLD, "time", f"is more than {lives // DAY_MS:,} days ago; {whose} are kept no longer")

    def _erasure(self, customer: str, visitor: str, now: int) -> Made:
        if customer and visitor:
            raise Bad(Refusal.BAD_EVENT, "visitor", "is too much: name the customer or the visitor, not both")
        id = customer or visitor
        return Made(id, Erase(site=self.site, id=id, time=now), None)

    def _personal(self, said: dict[str, Any], type: str) -> dict[str, str] | None:
        """The personal values, which are taken out of what is said."""
        values = None
        for name in PERSONAL_OF.get(type, ()):
            text = said.pop(name, "")
            if text and (text := visible(text).strip()):
                values = values or {}
                values[name] = text
        return values

    def _check(self, said: dict[str, Any], type: str, customer: str, now: int) -> None:
        """What only this type has."""
        if type == ALIAS:
            said["other"] = self._customer(said["other"], "other")
            if said["other"] == customer:
                raise Bad(Refusal.BAD_EVENT, "other", "is the same customer")
        elif type == PREFERENCE and "topic" not in said and "channel" not in said:
            raise Bad(Refusal.BAD_EVENT, "topic", "is missing: say of which topic or channel")
        if "at" in said:
            said["at"] = self._past(said["at"], "at", now)
        for name in ("start", "end"):
            if name in said:
                said[name] = moment(said[name], name, self._zone)
        if said.get("end", LATEST_MS) < said.get("start", 0):
            raise Bad(Refusal.BAD_TIME, "end", "lies before start")

    def _past(self, time: int | str, field: str, now: int) -> int:
        """A time that has come, in ms since 1970. Raises Bad."""
        at = moment(time, field, self._zone)
        if at > now + self._ahead_ms:
            raise Bad(Refusal.BAD_TIME, field, "lies in the future")
        return min(at, now)


CHECKED = frozenset((ALIAS, PREFERENCE, "order_state", "agreement"))


def moment(time: int | str, field: str, zone: tzinfo | None) -> int:
    """ms since 1970 of a time: a number of ms, or ISO 8601 with its zone, else of `zone`. Raises Bad."""
    if type(time) is not int:
        try:
            at = datetime.fromisoformat(str(time).strip())
        except ValueError:
            words = f"is neither a number of ms since 1970 nor a time such as {SHOWN_EXAMPLE}"
            raise Bad(Refusal.BAD_TIME, field, words) from None
        if at.tzinfo is None:
            if zone is None:
                raise Bad(Refusal.BAD_TIME, field, "has no time zone: end it with Z, or an offset such as +01:00")
            at = at.replace(tzinfo=zone)
        time = (at - EPOCH) // MILLISECOND
    elif time in SECONDS:
        raise Bad(Refusal.BAD_TIME, field, "counts seconds, as it seems: give milliseconds since 1970")
    if not 0 < time <= LATEST_MS:
        raise Bad(Refusal.BAD_TIME, field, "is no time between the years 1970 and 9999")
    return time
