"""A worker's cache of its lane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from crm import pages
from crm.facts import Thing
from crm.state import Customer, Outside, Visitor
from processor.batch import Batch, Who
from processor.changes import TopLists
from processor.clock import LaneClock
from processor.deadlines import Deadlines
from processor.definitions import Definitions
from processor.imports import Imports
from processor.lane_protocol import END, SENT, LanePlace, place_of, position_of
from processor.loaded import Loaded, customer_of, thing_of, visitor_of
from wakeline.record import CUSTOMER_PREFIX, Event, Place, Position
from wakeline.vocabulary.things import PREFIXES

Home = Visitor | Customer | Thing


class Naming(NamedTuple):
    """What names a person, in order, as stored when the call began: things, and visitors linked to it."""

    ids: list[str]
    is_all: bool  # no more follow
    most: int  # that one call unlinks


class LaneMemory:
    """The people, things, top lists, deadlines and hops of a lane, cached between calls; dropped when one fails."""

    def __init__(self) -> None:
        self.people: dict[Who, Home] = {}  # and things
        self.naming: dict[Who, Naming] = {}  # of people whom the present call may unlink
        self.unlinked = -1, ""  # offset of a record that more than one call folds, and the last id it has come to
        self.outside: set[Who] = set()  # visitors with pages outside their states, see `crm.pages`
        self._opened: list[Visitor] = []  # those of which the current batch has loaded or moved such pages
        self.tops = TopLists()
        self.lowest: dict[str, float] = {}  # key of a full list of the best customers -> its lowest amount
        self.deadlines = Deadlines()
        self.definitions = Definitions()
        self.clock = LaneClock()
        self.imports = Imports()
        self.hops: dict[int, Position] = {}  # source lane -> upto of the last delta applied from it
        self.sent: dict[int, Position] = {}  # other lane -> upto of the last delta for it
        self.ends: dict[int, Place] = {}  # source lane -> place of the latest end of a customer that was heard from it

    def placed(self, reply: list[list[bytes]]) -> LanePlace:
        """Take a lane's hops, definitions and imports from the reply of `lane_protocol.PLACE`; returns its place."""
        fields, hops, defined, imports = map(_pairs, reply)
        self.ends = {
            int(name[len(END) :]): place_of(place) for name, place in hops.items() if name.startswith(END.encode())
        }
        self.hops = {int(source): position_of(upto) for source, upto in hops.items() if source.isdigit()}
        self.sent = {
            int(name[len(SENT) :]): position_of(upto) for name, upto in fields.items() if name.startswith(SENT.encode())
        }
        told = {name.decode(): value.decode() for name, value in fields.items()}
        place = msgspec.convert(told, LanePlace, strict=False)
        self.definitions = Definitions(defined, place=place.offset)
        self.clock = LaneClock(place.clock, place.doubted)
        self.imports = Imports(imports)
        offset, _, id = place.unlinked.partition(" ")
        self.unlinked = int(offset or -1), id
        return place

    def remember(self, found: Mapping[Who, Loaded]) -> None:
        """Add people and things as loaded from the store."""
        for (site, id), loaded in found.items():
            if id[0] == CUSTOMER_PREFIX:
                self.people[site, id] = customer_of(site, id, loaded)
                continue
            if id[0] in PREFIXES:
                self.people[site, id] = thing_of(site, id, loaded)
                continue
            visitor = self.people[site, id] = visitor_of(site, id, loaded)
            if visitor.state.days:
                self.outside.add((site, id))

    def note_lowest(self, lowest: Mapping[str, float | None]) -> None:
        """Note what a write says of lists of the best customers."""
        for key, amount in lowest.items():
            if amount is None:
                self.lowest.pop(key, None)
            else:
                self.lowest[key] = amount

    def unknown(self, who: Iterable[Who]) -> set[Who]:
        """Those that are not at hand. (A set minus the keys of a dict would go through all of these.)"""
        return {one for one in who if one not in self.people}

    def shrink(self, most: int) -> None:
        """If there are more than `most` people, drop the half added first; drop all loaded pages outside states."""
        for visitor in self._opened:
            visitor.outside = None
        self._opened.clear()
        if len(self.people) > most:
            for who in list(self.people)[: most // 2]:
                del self.people[who]
            self.outside &= self.people.keys()

    def make_room(self, most: int, *, keep: Batch) -> None:
        """If there are more than `most` people, drop those that the batch does not touch."""
        if len(self.people) > most:
            self.people = {who: person for who, person in self.people.items() if who in keep.people}
            self.outside &= self.people.keys()

    def asked_for(self, batch: Batch) -> dict[Who, tuple[list[int], list[str]]]:
        """The days and page ids to be loaded before a batch is folded, see `crm.pages.asked_for`."""
        named: dict[Who, dict[str, None]] = {who: {} for who in self.outside & batch.people}
        for item in batch.items if named else ():
            if type(item.record) is Event and item.who[0] in named:
                named[item.who[0]][item.record.page] = None
        found = {}
        for who, ids in named.items():
            visitor = self.people[who]
            assert isinstance(visitor, Visitor)
            found[who] = pages.asked_for(visitor, ids, batch.items[0].time)
            if not found[who][0]:
                self.outside.discard(who)
        return {who: asked for who, asked in found.items() if asked[1]}

    def recall(self, who: Who, found: dict[str, str]) -> None:
        """Add a visitor's page instances from outside its state: JSON by id."""
        visitor = self.people[who]
        assert isinstance(visitor, Visitor)
        visitor.outside = Outside()
        visitor.outside.known = found
        self._opened.append(visitor)

    def moved_outside(self, visitor: Visitor) -> None:
        """Note that pages of a visitor were moved outside its state."""
        self.outside.add((visitor.site, visitor.id))
        self._opened.append(visitor)


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
