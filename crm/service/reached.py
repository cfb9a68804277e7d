"""Which contacts of ours reached a customer: these count in `contacts_7d`, see `crm.identity.contacts`."""

from __future__ import annotations

from crm.service.facts import BOUNCED_AT, SENT_AT
from crm.things.state import Thing
from wakeline.told import CAME_IN, WENT_OUT, teller_of, value_of
from wakeline.vocabulary import things


def reached(thing: Thing) -> int:
    """When a contact of ours reached whom the thing names, ms; 0: it is none, or did not.

    A mail or a letter of a campaign counts from when it was sent, unless it bounced; any other contact from the first
    that went out, unless the person wrote or called before. Facts that come later make that time earlier, never later.
    """
    told = thing.state.told
    if thing.kind is things.SENT:
        return 0 if teller_of(told, BOUNCED_AT) is not None else value_of(told, SENT_AT) or 0
    if thing.kind is things.CONTACT and (out := value_of(told, WENT_OUT)):
        came_in = value_of(told, CAME_IN)
        return out if came_in is None or out < came_in else 0
    return 0
