"""What becomes of requests at links of mails and letters: the words of a metric."""

from __future__ import annotations

from enum import StrEnum

from wakeline.mailing.token import Kind


class Outcome(StrEnum):
    """What became of a request at a link."""

    COUNTED = "counted"  # of a person who agreed to be known by it; or, to unsubscribe, it is done
    UNNAMED = "unnamed"  # counted for the campaign alone
    MACHINE = "machine"  # counted apart
    NO_MAIL = "no_mail"  # the link is of no mail, as on a poster: there is nothing to count
    EXPIRED = "expired"  # people went on, nothing is counted
    ASKED = "asked"  # the page that asks whether to unsubscribe
    LOST = "lost"  # people went on, but what happened could not be stored; who unsubscribes is asked to try again
    REFUSED = "refused"  # no link of ours, or its key was taken away, or it leads where none may


NAMES = {Kind.CLICK: "click", Kind.OPEN: "open", Kind.UNSUBSCRIBE: "unsubscribe"}
UNKNOWN = "unknown"  # kind of what is no link
EVERY = tuple((kind, outcome) for kind in (*NAMES.values(), UNKNOWN) for outcome in Outcome)
