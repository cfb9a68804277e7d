"""What many facts say of one thing or person, merged field by field. The order in which they come does not matter.

Of each field there is one value: that of the fact with the higher rank, then the later time, then the greater digest.
Of a field whose name begins with EARLIEST it is the smallest value, and of equal ones that of the smallest stamp. Whom
a list of such a field ends with counts for nothing, as an erasure takes that out. A fact is kept with the fields in
which it prevails; one that prevails in none leaves no trace.

Of most fields there is one of a kind, and they stay. Of some, such as refunds and tags, there may be any number, as
each has an id or a name of its own: these are *entries*, and only the latest MOST_ENTRIES are kept, preferences first.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wakeline.kept import Kept
from wakeline.told import A_REFUND, CHANNEL, CURRENCY, EARLIEST, MONEY, NAMED, TOPIC

PREFERENCES = (TOPIC, CHANNEL)  # entries that go last: such as what somebody does not want to get
MOST_ENTRIES = 256  # of one thing or person
MOST_BYTES = 131_072  # of its facts, as JSON; the last one is never longer than `record.MOST_FACT_BYTES`

_encode = msgspec.json.Encoder().encode


def merge(facts: list[Kept], new: Kept) -> int:
    """Add a fact to those of one thing or person, which stay in the order of their stamps. Returns what had to go.

    Beyond MOST_ENTRIES those with the smallest stamps go. Since the stamp of an entry only rises, the same ones are
    left in whichever order facts come. Beyond MOST_BYTES, which only very long texts and lists reach, entries go too,
    and once there are none the facts with the smallest stamps; there the order may matter.
    """
    if not facts:
        facts += [new] if says_something(new) else []
        return 0
    for name, value in list(new.fields.items()):
        former = None if name == CURRENCY else next((fact for fact in facts if name in fact.fields), None)
        if former is None:
            continue
        if name.startswith(EARLIEST):
            prevails = (_when(value), new.stamp) < (_when(former.fields[name]), former.stamp)
        else:
            prevails = new.stamp > former.stamp
        del (former if prevails else new).fields[name]
    facts[:] = [fact for fact in (*facts, new) if says_something(fact)]
    facts.sort(key=lambda fact: fact.stamp)
    cut = 0
    if sum(len(fact.fields) for fact in facts) > MOST_ENTRIES:
        cut = _without(facts, _entries(facts)[:-MOST_ENTRIES])
    while len(facts) > 1 and (excess := len(_encode(facts)) - MOST_BYTES) > 0:
        cut += _shortened(facts, excess)
    return cut


def _when(value: Any) -> Any:
    return value[:-1] if isinstance(value, list) else value


def _shortened(facts: list[Kept], excess: int) -> int:
    """Take out what is about as long as the excess. Returns how many had to go: entries, else one fact."""
    going = []
    for fact, name in _entries(facts):
        going.append((fact, name))
        excess -= len(_encode({name: fact.fields[name]}))
        if excess <= 0:
            break
    if going:
        return _without(facts, going)
    del facts[0]
    return 1


def _entries(facts: list[Kept]) -> list[tuple[Kept, str]]:
    """The entries, as facts with their fields, in the order in which they go."""
    found = [(fact, name) for fact in facts for name in sorted(fact.fields) if is_entry(name)]
    found.sort(key=lambda entry: entry[1].startswith(PREFERENCES))
    return found


def _without(facts: list[Kept], entries: list[tuple[Kept, str]]) -> int:
    """Take entries out. Returns how many these are."""
    for fact, name in entries:
        del fact.fields[name]
    facts[:] = [fact for fact in facts if says_something(fact)]
    return len(entries)


def is_entry(name: str) -> bool:
    """Whether there may be any number of fields like this one."""
    return name.startswith(A_REFUND) or NAMED in name


def says_something(fact: Kept) -> bool:
    """Whether anything is left of a fact; a currency alone is not."""
    if CURRENCY in fact.fields and not any(name.startswith(MONEY) for name in fact.fields):
        del fact.fields[CURRENCY]
    return bool(fact.fields)
