"""The site's numbers of mails: what was sent, and whether people or machines opened and clicked it.

A mail was clicked by a machine if a fact says so, or if it was clicked within SCANNED_MS of its sending. Of its clicks
the mail keeps the first and the last: so the same follows in whatever order facts come, and `reports.things` says the
same in SQL.
"""

from __future__ import annotations

from typing import NamedTuple

from crm.out import Out
from crm.service.facts import BOUNCED_AT, BY_MACHINE, CLICKED, LAST_CLICK, OPENED, SENT_AT, UNSUBSCRIBED_AT
from crm.things.state import Thing
from wakeline.definitions import LATE_MS, SCANNED_MS
from wakeline.numbers import (
    CLICKS_BY_MACHINES,
    CLICKS_BY_MACHINES_BACK,
    MAILS_BOUNCED,
    MAILS_CLICKED,
    MAILS_CLICKED_BACK,
    MAILS_OPENED,
    MAILS_SENT,
    MAILS_UNSUBSCRIBED,
    OPENS_BY_MACHINES,
    Count,
)
from wakeline.record import Fact
from wakeline.told import EARLIEST, value_of
from wakeline.vocabulary import things


class Standing(NamedTuple):
    """What is counted of a mail."""

    opened: bool = False
    opened_by_machine: bool = False
    clicked: bool = False
    clicked_by_machine: bool = False
    sent: bool = False
    bounced: bool = False
    unsubscribed: bool = False


NUMBERS: tuple[tuple[Count, Count | None], ...] = (
    (MAILS_OPENED, None),  # what is opened stays so
    (OPENS_BY_MACHINES, None),
    (MAILS_CLICKED, MAILS_CLICKED_BACK),
    (CLICKS_BY_MACHINES, CLICKS_BY_MACHINES_BACK),
    (MAILS_SENT, None),
    (MAILS_BOUNCED, None),
    (MAILS_UNSUBSCRIBED, None),
)
"""For each field of a standing: the number that rises with it, and the one that rises when it turns out to be wrong."""
NOTHING = Standing()


def standing(thing: Thing) -> Standing:
    """Of a mail as it is now; of other things nothing is counted here."""
    told = thing.state.told
    if thing.kind is not things.SENT or not told:
        return NOTHING
    first = value_of(told, f"{EARLIEST}{CLICKED}")
    last = value_of(told, LAST_CLICK) or first
    sent = value_of(told, SENT_AT)
    is_hasty = [sent is not None and abs(at - sent) < SCANNED_MS for at in (first, last) if at is not None]
    return Standing(
        opened=value_of(told, f"{EARLIEST}{OPENED}") is not None,
        opened_by_machine=value_of(told, f"{EARLIEST}{OPENED}{BY_MACHINE}") is not None,
        clicked=not all(is_hasty),
        clicked_by_machine=value_of(told, f"{EARLIEST}{CLICKED}{BY_MACHINE}") is not None or any(is_hasty),
        sent=sent is not None,
        bounced=value_of(told, BOUNCED_AT) is not None,
        unsubscribed=value_of(told, UNSUBSCRIBED_AT) is not None,
    )


def count(was: Standing, now: Standing, fact: Fact, out: Out) -> None:
    """Count what a fact changed of its mail, on the day of the fact; what is too old for a day in the totals only."""
    if was == now:
        return
    day = out.site.day(min(fact.time, out.now))
    if day < out.site.day(out.now - LATE_MS):
        day = ""
    for (gained, back), before, after in zip(NUMBERS, was, now, strict=True):
        if after and not before:
            out.count_at(gained, 1, day=day)
        elif before and not after and back is not None:
            out.count_at(back, 1, day=day)
