"""Parses a command's ID, with --customer and without."""

from __future__ import annotations

import re

from ops.cli.errors import Refused
from ops.cli.options import secret_of
from wakeline.escape import plain
from wakeline.event import MAX_CUSTOMER_ID, VISITOR_ID
from wakeline.identity import PSEUDONYM, customer_id
from wakeline.record import ANONYMOUS_PREFIX
from wakeline.settings import Site

KNOWN = re.compile(rf"{VISITOR_ID}|{ANONYMOUS_PREFIX}[0-9a-f]{{32}}|{PSEUDONYM}")

CUSTOMERS = "use --customer for your own customer ids"


def person_of(site: Site, id: str, *, is_customer: bool, else_use: str = CUSTOMERS) -> str:
    """The id in records and keys. Ends the command if ID is invalid.

    With --customer it is the site's own id, otherwise a visitor's id or a customer's pseudonym. `else_use` says which
    flags there are for other ids.
    """
    if is_customer:
        return customer_id(secret_of(site), own_id(id))
    if KNOWN.fullmatch(id):
        return id
    raise Refused(
        "this is no visitor id (8 to 36 letters, digits, _ and -, as in the page's localStorage: wakeline.id) and no "
        'customer\'s pseudonym ("@" and 32 hex digits)\n'
        f"{else_use}"
    )


def called(id: str, person: str) -> str:
    """How messages name the person: a customer by the given ID, since the pseudonym is meaningless to people."""
    return person if id == person else f'customer "{plain(id)}" ({person})'


def own_id(id: str) -> str:
    """A site's own customer id, as `identify` accepts it. Ends the command if it is invalid."""
    if not id:
        raise Refused("the id is empty: no customer has it")
    if len(id) > MAX_CUSTOMER_ID:
        raise Refused(f"the id has {len(id)} characters: customer ids have at most {MAX_CUSTOMER_ID}")
    if not is_unicode(id):
        raise Refused("the id is not valid UTF-8: no customer has it")
    return id


def is_unicode(text: str) -> bool:
    """False if a shell passed invalid UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
