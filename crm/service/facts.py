"""What facts say of contacts, service orders, agreements, entries of points, and of mails and letters of campaigns."""

from __future__ import annotations

from crm.things import forms
from crm.things.merging import EARLIEST, Fields
from wakeline.record import Fact

CONTACT_STATES = ("opened", "answered", "solved", "closed")
SENT = "campaign_"  # prefix of the types about one mail; the rest is what happened to it

CONTACT = forms.table(
    "cost", "currency",
    channel=("h", forms.text), direction=("direction", forms.text), topic=("topic", forms.text),
    minutes=("minutes", forms.number), satisfaction=("satisfaction", forms.number), order=("order", forms.text),
)  # fmt: skip
SERVICE_ORDER = forms.table("parts", "cost", "currency", state=("state", forms.text), minutes=("minutes", forms.number))
AGREEMENT = forms.table(
    "value", "currency", level=("level", forms.text), start=("start", forms.time), end=("end", forms.time)
)
POINTS = forms.table(amount=("amount", forms.amount), reason=("reason", forms.text))
CAMPAIGN = forms.table(
    "cost", "currency", campaign=("campaign", forms.text), element=("element", forms.scalars),
    medium=("medium", forms.text),
)  # fmt: skip


def contact(fact: Fact) -> Fields:
    """Its fields, and since when it is in a state."""
    found = forms.taken(fact.body, CONTACT)
    if "state" in fact.body:
        if fact.body["state"] not in CONTACT_STATES:
            raise ValueError("state: none of a contact's")
        found[f"{EARLIEST}{fact.body['state']}"] = fact.time
    return found


def service_order(fact: Fact) -> Fields:
    return forms.taken(fact.body, SERVICE_ORDER)


def agreement(fact: Fact) -> Fields:
    return forms.taken(fact.body, AGREEMENT)


def points(fact: Fact) -> Fields:
    return forms.taken(fact.body, POINTS)


def sent(fact: Fact) -> Fields:
    """Its fields, and when it was first sent, opened, clicked, bounced, unsubscribed."""
    return forms.taken(fact.body, CAMPAIGN) | {f"{EARLIEST}{fact.type.removeprefix(SENT)}": fact.time}
