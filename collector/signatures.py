"""What a site's server has signed for its page: who somebody is."""

from __future__ import annotations

from wakeline.event import WireEvent
from wakeline.identity import identified, is_signed

WRONG = ""  # the reason says it all
EXPIRED = "the signature has expired: its end, `expires`, has passed"
ENDLESS = "the signature has no end, which this site requires: sign the id with `expires`, and send both"


def why_unsigned(event: WireEvent, *, secret: str, now: int, must_end: bool) -> str | None:
    """Why the signature does not prove the event's customer id, in words; None if it does.

    Its end is compared with `now`, ms by our clock: when an event happened is only the page's word.
    """
    if not is_signed(secret, identified(str(event.id), event.expires), event.signature or ""):
        return WRONG
    if event.expires is None:
        return ENDLESS if must_end else None
    return None if now < event.expires else EXPIRED
