"""What servers and imports tell of a person itself, apart from what its browsers told.

The record of a customer is merged like a thing's state: traits, preferences, tags, what it bought before. After an
erasure the record stays empty until a fact says that the person `returns`; from then on, facts that are later than the
erasure count again. Orders and other things that are later name the customer in any case.
"""

from __future__ import annotations

from crm.identity import account, aliases
from crm.identity.agreements import CONSENTED
from crm.identity.forgetting import forget_customer, forget_visitor, withdraw
from crm.identity.state import Customer
from crm.intake.duplicates import hear as hear_visitor
from crm.out import Out, Verdict
from crm.state import Visitor
from crm.things import forms
from crm.things.digests import digest, remember
from crm.things.hearing import rank
from crm.things.merging import merge
from wakeline.account import Booked, Booking, moment_of
from wakeline.event import CONSENT
from wakeline.kept import Fields, Kept
from wakeline.record import Fact
from wakeline.told import CHANNEL, CURRENCY, TAGGED, TOPIC, TRAIT, stored_name
from wakeline.vocabulary.money import FACTORS
from wakeline.vocabulary.types import ALIAS, CUSTOMER_TOLD, FORGET, PREFERENCE, TAG

BEFORE = forms.table(CUSTOMER_TOLD, without=("traits", "returns"))
PROMOTIONS = ("promotion_issued", "promotion_used", "contest_entered")
PROMOTION = forms.table(PROMOTIONS[0], without=("promotion", "code"))
COST = stored_name("cost")
PREFERRED = forms.table(PREFERENCE, without=("topic", "channel"))


def fields(fact: Fact) -> Fields:
    """What a fact says of a customer's record: stored name -> value. Raises ValueError, which names the field.

    trait:<name>, topic:<name> and channel:<name> of preferences, tag:<name> (false: removed), consent, orders_before,
    and the amount before.
    """
    body = fact.body
    if fact.type == CUSTOMER_TOLD:
        traits = forms.field(body, "traits", forms.scalars) if "traits" in body else {}
        return {f"{TRAIT}{name}": value for name, value in traits.items()} | forms.taken(body, BEFORE)
    if fact.type == PREFERENCE:
        said = forms.taken(body, PREFERRED)
        of = {"topic": TOPIC, "channel": CHANNEL}
        return {f"{start}{forms.field(body, name, forms.text)}": said for name, start in of.items() if name in body}
    if fact.type == TAG:
        return {f"{TAGGED}{forms.field(body, 'tag', forms.text)}": body.get("removed") is not True}
    if fact.type == CONSENT:
        return {CONSENT: forms.taken(body, CONSENTED)}
    if fact.type in PROMOTIONS:
        forms.taken(body, PROMOTION)  # which are in the account, not in the record
    return {}


def _booked(fact: Fact, at: int, out: Out) -> list[Booked]:
    """What a fact of `at` (ms) costs."""
    if fact.type not in PROMOTIONS:
        return []
    said = forms.taken(fact.body, PROMOTION)
    cost, currency = said.get(COST), said.get(CURRENCY, "")
    if not cost or currency not in FACTORS:
        return []
    told = moment_of(out.now, out.offset)
    return [Booked(fact.id, True, Booking(told=told, time=at, currency=currency, cost=cost, since=at))]


def hear(fact: Fact, customer: Customer, out: Out) -> Verdict:
    """Add a fact to its customer's record."""
    state = customer.state
    if fact.type != FORGET and fact.time < out.now - out.site.lives.customer:
        return Verdict.TOO_LATE
    is_gone = customer.tombstone and not state.returned and fact.body.get("returns") is not True
    if is_gone and fact.told:  # its card may have been written before the erasure was folded, when nothing refused it
        out.end_card(customer.site, customer.id, upto=fact.time)
    state.facts, verdict, cut = remember(state.facts, fact, out.now)
    if cut:
        out.cut["ids"] += cut
    if verdict is not None:
        return verdict
    at = min(fact.time, out.now)
    if fact.type == FORGET:
        forget_customer(customer, out, upto=at)
        return Verdict.APPLIED
    if _withdraws(fact):
        withdraw(customer, out, upto=at, everywhere=True)
    if fact.type == ALIAS:
        aliases.join(customer, fact.body["other"], out)
    if is_gone or fact.time <= customer.tombstone:
        aliases.note_refused_fact(at, customer, out)
        return Verdict.ERASED
    if fact.body.get("returns") is True:
        aliases.note_returned(fact.time, customer, out)
    kept = Kept(digest(fact), rank(fact), fact.time, fields(fact))
    booked = _booked(fact, at, out)
    if state.into:
        aliases.pass_fact(kept, at, customer, out, booked=booked)
        return Verdict.APPLIED
    account.enter(booked, customer, out)
    cut = merge(state.record, kept)
    if cut:
        out.cut["facts"] += cut
    customer.hear(at, at)
    if account.BEFORE in kept.fields:
        account.rank(customer, out)
    return Verdict.APPLIED


def hear_of_visitor(fact: Fact, visitor: Visitor, out: Out) -> Verdict:
    """Hear what a server says of a visitor: that counts once, and a `forget` or a withdrawal erases the visitor."""
    state = visitor.state
    if fact.type != FORGET and fact.time < out.now - out.site.lives.visitor:
        return Verdict.TOO_LATE
    if not state.first_seen:
        state = hear_visitor(visitor, out.now)
    state.facts, verdict, cut = remember(state.facts, fact, out.now)
    if cut:
        out.cut["ids"] += cut
    if verdict is not None:
        return verdict
    if fact.type == FORGET or _withdraws(fact):
        at = min(fact.time, out.now)
        forget_visitor(visitor, out, upto=at, at=at, withdrawn=fact.type != FORGET)
        hear_visitor(visitor, out.now)
        return Verdict.APPLIED
    return Verdict.ERASED if fact.time <= visitor.tombstone else Verdict.APPLIED


def _withdraws(fact: Fact) -> bool:
    return fact.type == CONSENT and fact.body.get("level") != "full"
