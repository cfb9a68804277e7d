"""Every Redis key of customers' cards, outside of the key version: see `keys`, and `cards` for what they hold.

{L} is the lane of the customer, in whose slot they lie with its tombstone.
"""

from __future__ import annotations

from wakeline.keys import TOMBSTONE_TTL_MS

FIELDS = 64  # of one card
RETURNED = "returns"  # field without a value: when who was erased came back
OF_A_HASH = 1_000  # customers per lane: of a name that very many have, only these are found
TTL_MS = TOMBSTONE_TTL_MS
BACKUP_DAYS = 30  # that backups keep cards, and the file of the key former keys

FINGERPRINTS = "wl:card_keys"
"""set: fingerprints of the keys that encrypted a card, see `cards.key`, until `wakeline key rotate-cards` has
encrypted all of them with another. Permanent. Writer: who writes cards.
"""


def card(lane: int, site: str, customer: str) -> str:
    """hash of at most FIELDS: the card of a customer ("@..."): name -> "<time>:<hashes>:<encrypted value>".

    time: ms, of the event that said it; hashes: those in `index`, separated by spaces; the value is empty if it
    was removed, see `cards.sealing` for the others. TTL as a net: it ends with its customer. Writer: the
    collector, imports; the processor deletes it in the script that sets a tombstone.
    """
    return f"wl:{{{lane}}}:{site}:card:{customer}"


def whose_card(key: str) -> tuple[int, str, str]:
    """(lane, site, customer) of a card's key."""
    lane, _, rest = key.removeprefix("wl:{").partition("}:")
    site, _, customer = rest.partition(":card:")
    return int(lane), site, customer


def former(lane: int) -> str:
    """hash: fingerprint -> ms since when this lane takes no card that was encrypted with this key. Permanent.

    Writer: `wakeline key rotate-cards`.
    """
    return f"wl:{{{lane}}}:card-keys-former"


def index(lane: int, site: str) -> str:
    """zset, all scores 0: "<hash>:<customer>", to find customers of this lane by a value, see `cards.search`; at most
    OF_A_HASH per hash. Written with the cards.
    """
    return f"wl:{{{lane}}}:{site}:card-index"


CARDS = "wl:{*}:*:card:*"
"""Pattern of all cards."""

ALL = (CARDS, "wl:{*}:*:card-index")
"""Patterns of all cards and of what finds them."""

ERASED = "wl:cards:erased"
"""hash: first and last (ms): when cards were erased whose values the append-only file may still hold. Until it was
rewritten. Writer: the processor.
"""
