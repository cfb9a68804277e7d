"""What facts say of contacts, service orders, agreements, entries of points, and of mails and letters of campaigns."""

from __future__ import annotations

from crm.things import forms
from wakeline.kept import Fields
from wakeline.record import Fact
from wakeline.told import BEGAN, CAME_IN, EARLIEST, WENT_OUT
from wakeline.vocabulary.fields import CONTACT_STATES

SENT = "campaign_"  # prefix of the types about one mail; the rest is what happened to it
OPENED, CLICKED = "opened", "clicked"
SENT_AT, BOUNCED_AT = f"{EARLIEST}sent", f"{EARLIEST}bounced"  # the earliest times (ms)
UNSUBSCRIBED_AT = f"{EARLIEST}unsubscribed"
BY_MACHINE = "_by_machine"  # after what happened
ELEMENT = "element."  # before the name of an element: each has its own latest word, as in `reports.things`
LAST_CLICK = "last_click"  # time (ms) of the latest click of a person; an earlier version did not store it

DIRECTED = {"in": CAME_IN, "out": WENT_OUT}

CONTACT = forms.table("contact")
SERVICE_ORDER = forms.table("service_order")
AGREEMENT = forms.table("agreement")
POINTS = forms.table("points")
CAMPAIGN = forms.table("campaign_sent")


def contact(fact: Fact) -> Fields:
    """Its fields, and since when it was in a state, and since when it has a direction."""
    found = forms.taken(fact.body, CONTACT) | {BEGAN: fact.time}
    if (direction := DIRECTED.get(fact.body.get("direction", ""))) is not None:
        found[direction] = fact.time
    if "state" in found:
        if found["state"] not in CONTACT_STATES:
            raise ValueError("state: none of a contact's")
        found[f"{EARLIEST}{fact.body['state']}"] = fact.time
    return found


def service_order(fact: Fact) -> Fields:
    return forms.taken(fact.body, SERVICE_ORDER) | {BEGAN: fact.time}


def agreement(fact: Fact) -> Fields:
    return forms.taken(fact.body, AGREEMENT)


def points(fact: Fact) -> Fields:
    return forms.taken(fact.body, POINTS)


def sent(fact: Fact) -> Fields:
    """Its fields, and when it was first sent, opened, clicked, bounced, unsubscribed; and last clicked.

    What a machine opened or clicked has fields of its own.
    """
    happened = fact.type.removeprefix(SENT)
    found = forms.taken(fact.body, CAMPAIGN)
    found |= {f"{ELEMENT}{name}": text for name, text in found.pop("element", {}).items()}
    if fact.body.get("machine") is True and happened in (OPENED, CLICKED):
        return found | {f"{EARLIEST}{happened}{BY_MACHINE}": fact.time}
    found[f"{EARLIEST}{happened}"] = fact.time
    if happened == CLICKED:
        found[LAST_CLICK] = fact.time
    return found
