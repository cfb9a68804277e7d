"""Definitions of a visit, a bounce, a cart, credit, interests, a machine's click, presence, and what is known again.

Each has this one place. Rules, profile readers, SQL views, dashboards and the tests of the docs use them. What is
activity stands in `vocabulary.types`, how long things are kept in `vocabulary.things`.
"""

from __future__ import annotations

from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.event import MAX_AGE_MS

# ---- visits --------------------------------------------------------------------------------------

SESSION_GAP_MS = 30 * MINUTE_MS  # events of one visitor with no more between them are one visit, also called session
RETURN_MS = DAY_MS  # who comes back from paying or logging in within so long goes on with the visit before
BOUNCE_BELOW_MS = 10_000  # of engaged time: from this on a visit is not a bounce


def is_bounce(page_views: int, engaged_ms: int, events: int) -> bool:
    """Whether a visit was a bounce. `events` is the number of events that are activity.

    Do not call it for visits that continue from or under another consent level: they are never bounces.
    """
    return page_views == 1 and engaged_ms < BOUNCE_BELOW_MS and not events


IS_BOUNCE = f"views = 1 AND engaged_ms < {BOUNCE_BELOW_MS} AND events = 0"
"""The same in SQL."""

# ---- carts ---------------------------------------------------------------------------------------

CART_GAP_MS = 30 * MINUTE_MS  # a cart of which nothing was told for so long, in log time, is abandoned
CART_KEPT_MS = 7 * DAY_MS  # and after so long it has expired: the next thing put in begins another cart
MAX_CART_ITEMS = 20  # products of a cart that a profile lists, the latest ones

# ---- credit for orders ---------------------------------------------------------------------------

TOUCHED_MS = 90 * DAY_MS  # a visit that began no longer than this before an order may take credit for it
SETTLED_MS = DAY_MS  # after a purchase was first heard of, by log time: what arrives later changes nobody's credit
CREDIT_MODELS = {
    "first": "position = 1",
    "last": "position = touches",
    "last_non_direct": "position = coalesce(last_known, touches)",
    "linear": "1 / touches",
    "position": """CASE WHEN touches <= 2 THEN 1 / touches WHEN position IN (1, touches) THEN 0.4
        ELSE 0.2 / (touches - 2) END""",
}
"""How an order may be divided among the visits before it, its touches: model -> the weight of each in SQL.

`touches`: how many there are; `position`: which one it is, from 1 on; `last_known`: the position of the last one whose
source is known, NULL for none; also all other columns of `history.touched`, see `reports.credit`. An order that nothing
touched has one row, the first of one, without a visit (`started` is NULL). The weights of an order sum up to 1.
docs/campaigns.md says the models in words.
"""

BOARD_MODEL = "last_non_direct"  # by which the boards divide orders
MOST_TOUCHES = 5  # visits by campaigns that a visitor's profile shows

# ---- interests -----------------------------------------------------------------------------------

MAX_INTERESTS = 64  # of one profile; beyond that the weakest are removed

# ---- mails and letters ---------------------------------------------------------------------------

SCANNED_MS = 5_000  # a click so close to the sending of its mail is a machine's, which looks where links lead
CONTACT_PURPOSE = "contact"  # who agreed to it is known by name as the one who opened or clicked a mail

# ---- presence ------------------------------------------------------------------------------------

PRESENT_MS = MINUTE_MS  # a page counts as open for this long after a ping, so two pings, 25 s apart, may be lost
LIVE_WINDOWS_MS = {"5m": 5 * MINUTE_MS, "30m": 30 * MINUTE_MS}  # length of each live window, by name
SEEN_MS = max(LIVE_WINDOWS_MS.values())  # a visitor counts as seen for this long

# ---- lateness ------------------------------------------------------------------------------------

LATE_MS = MAX_AGE_MS + DAY_MS
"""Highest age of an event when it is appended. Older ones are rejected, as they may have been counted before.

A day longer than browsers keep an event, for its time in spool and log. A log on Kafka keeps records as long.
"""

REMEMBERED_DAYS = 30
"""How long the id of a fact about a person is known, in log time: told again by then it counts once.

Things know the facts of which something is left in them for as long as they are kept (`vocabulary.things`).
"""
