"""Which definitions a lane has met, and which of them hold there.

One holds from its record on. What comes before the first one is folded as that says, if it is known already, as in a
replay; else as the configuration says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Raw

from crm.sites import SiteFacts
from wakeline.applied import Known, Noted, Now, Of, decode_known, encode_known, field_of, of_field
from wakeline.record import Definition

KEPT = 8  # latest ones that a lane knows of one site and name, and the first: a replay from a time on begins with one


class Holds(NamedTuple):
    """What holds. Version 0: it is the first one, before its record."""

    version: int
    body: bytes


class Definitions:
    """Those of one lane. `fields`: of its hash; `place`: the offset of the next record."""

    def __init__(self, fields: Mapping[bytes, bytes] | None = None, *, place: int = 0) -> None:
        self._known = {of_field(field): decode_known(text) for field, text in (fields or {}).items()}
        self._holds = {of: holds for of, known in self._known.items() if (holds := _at(known, place))}
        self._facts: dict[str, SiteFacts] | None = None

    def facts(self, sites: Mapping[str, SiteFacts]) -> dict[str, SiteFacts]:
        """The sites of the configuration as what holds here makes them. Always the same dict, which `take` changes."""
        if self._facts is None:
            self._facts = {key: self._defined(facts) for key, facts in sites.items()}
        return self._facts

    def take(self, record: Definition, offset: int, sites: Mapping[str, SiteFacts]) -> dict[str, str]:
        """Meet a record: it holds from here on, unless a later one does. Returns what changes in the lane's hash."""
        of, body = (record.site, record.name), bytes(record.body)
        holds = self._holds.get(of, Holds(0, b""))
        if record.version > holds.version or (record.version == holds.version and body != holds.body):
            self._holds[of] = holds = Holds(record.version, body)
            if record.site in sites:
                self.facts(sites)[record.site] = self._defined(sites[record.site])
        known = self._known.setdefault(of, Known())
        if any(noted.version == record.version and bytes(noted.body) == body for noted in known.noted):
            return {}
        noted = [noted for noted in known.noted if noted.version != record.version]
        noted.append(Noted(record.version, offset, Raw(body)))
        noted.sort(key=lambda noted: noted.version)
        while len(noted) > KEPT + 1:
            noted.remove(next(one for one in noted[1:] if one.version != holds.version))
        known.noted = noted
        return {field_of(of): encode_known(known)}

    def _defined(self, facts: SiteFacts) -> SiteFacts:
        held = sorted((name, holds.body) for (site, name), holds in self._holds.items() if site == facts.key)
        return facts.defined(tuple(held)) if held else facts


def _at(known: Known, place: int) -> Holds | None:
    """What holds for the record at offset `place`."""
    holds = Holds(known.now.version, bytes(known.now.body)) if known.now else None
    for noted in known.noted:
        if noted.offset < place and (holds is None or noted.version > holds.version):
            holds = Holds(noted.version, bytes(noted.body))
    return holds or (Holds(0, bytes(known.noted[0].body)) if known.noted else None)


def forgotten_until(fields: Mapping[bytes, bytes], place: int) -> int | None:
    """Where it is not known any more what held at offset `place`, of the `KEPT` that a lane knows: the offset of the
    next one that is known. None: it is known.
    """
    found = None
    for text in fields.values():
        noted = decode_known(text).noted
        before = max((one.version for one in noted if one.offset < place), default=0)
        later = min((one for one in noted if one.version > before), key=lambda one: one.version, default=None)
        if before and later is not None and later.version > before + 1:
            found = max(found or 0, later.offset)
    return found


def seeded(fields: Mapping[bytes, bytes], now: Mapping[Of, Now]) -> dict[str, str]:
    """What a lane of a version in the making knows at first, by field: what the live one has met, and what holds from
    the start.
    """
    found = {of_field(field): Known(decode_known(text).noted) for field, text in fields.items()}
    for of, holds in now.items():
        found.setdefault(of, Known()).now = holds
    return {field_of(of): encode_known(known) for of, known in found.items()}
