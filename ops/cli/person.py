"""Whom a command is about: one way to read ID, with --customer and without."""

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


def person_of(site: Site, id: str, *, is_customer: bool) -> str:
    """The id in records and keys. Ends the command where nobody can have the one that was given.

    With --customer it is the site's own id whatever it looks like, else a visitor's or a customer's pseudonym.
    """
    if is_customer:
        return customer_id(secret_of(site), own_id(id))
    if KNOWN.fullmatch(id):
        return id
    raise Refused(
        "this is no visitor's id (8 to 36 letters, digits, _ and -, as in the page's localStorage: wakeline.id) and no "
        'customer\'s pseudonym ("@" and 32 hex digits)\n'
        "your own id of a customer goes with --customer"
    )


def called(id: str, person: str) -> str:
    """How messages name whom `person_of` found: a customer as typed, too, for nobody knows the pseudonym by heart."""
    return person if id == person else f'customer "{plain(id)}" ({person})'


def own_id(id: str) -> str:
    """A site's own id of a customer, as `identify` takes it. Ends the command where it takes none such."""
    if not id:
        raise Refused("the id is empty: no customer has it")
    if len(id) > MAX_CUSTOMER_ID:
        raise Refused(f"the id has {len(id)} characters: no customer's has more than {MAX_CUSTOMER_ID}")
    if not is_unicode(id):
        raise Refused("the id is no text in UTF-8: no customer has it")
    return id


def is_unicode(text: str) -> bool:
    """Not so where a shell passed bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
