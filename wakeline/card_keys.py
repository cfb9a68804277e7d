"""Every Redis key of customers' cards, outside of the key version: see `keys`, and `cards` for what they hold.

{L} is the lane of the customer, in whose slot they lie with its tombstone.
"""

from __future__ import annotations

from wakeline.keys import TOMBSTONE_TTL_MS

FIELDS = 64  # of one card
RETURNED = "returns"  # field without a value: when who was erased came back
OF_A_HASH = 1_000  # customers per lane: of a name that very many have, only these are found
TTL_MS = TOMBSTONE_TTL_MS

FINGERPRINTS = "wl:card_keys"
"""set: fingerprints of the keys that ever encrypted a card, see `cards.key`. Permanent. Writer: who writes cards."""


def card(lane: int, site: str, customer: str) -> str:
    """hash of at most FIELDS: the card of a customer ("@..."): name -> "<time>:<hashes>:<encrypted value>".

    time: ms, of the event that said it; hashes: those in `index`, separated by spaces; the value is empty if it
    was removed, see `cards.sealing` for the others. TTL as a net: it ends with its customer. Writer: the
    collector, imports; the processor deletes it in the script that sets a tombstone.
    """
    return f"wl:{{{lane}}}:{site}:card:{customer}"


def index(lane: int, site: str) -> str:
    """zset, all scores 0: "<hash>:<customer>", to find customers of this lane by a value, see `cards.search`; at most
    OF_A_HASH per hash. Written with the cards.
    """
    return f"wl:{{{lane}}}:{site}:card-index"


ALL = ("wl:{*}:*:card:*", "wl:{*}:*:card-index")
"""Patterns of all cards and of what finds them."""

ERASED = "wl:cards:erased"
"""hash: first and last (ms): when cards were erased whose values the append-only file may still hold. Until it was
rewritten. Writer: the processor.
"""
