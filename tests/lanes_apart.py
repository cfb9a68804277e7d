"""Lanes folded in memory, separately: deltas between lanes wait until the test sends them."""

from __future__ import annotations

from collections import defaultdict

from crm.facts import Thing
from crm.identity.state import Customer, CustomerState
from crm.sites import SiteFacts
from crm.state import Visitor, VisitorState
from processor.batch import Who
from processor.deadlines import whose
from processor.deltas import deltas
from processor.fold import Fold
from processor.loaded import Loaded
from processor.memory import LaneMemory, Naming
from tests.timeline import DAY, SITE, START
from wakeline.keys import Keys
from wakeline.lanes import Deployment, lane_of
from wakeline.log import Entry
from wakeline.record import Record, Unlink, decode_record, encode_record

LANES = 4
DEPLOYMENT = Deployment(lanes=LANES, decay_zero=START - DAY, half_life=7 * DAY)


class LanesApart:
    """`logs`, `tombstones`: in a replay, those of the replayed version; it sends nothing."""

    def __init__(
        self, logs: list[list[Entry]] | None = None, tombstones: dict[tuple[str, str], int] | None = None
    ) -> None:
        self.is_replay = logs is not None
        self.logs: list[list[Entry]] = logs if logs is not None else [[] for _ in range(LANES)]
        self.tombstones = dict(tombstones or {})
        self.owed: list[list[tuple[int, bytes]]] = [[] for _ in range(LANES)]
        self.memories = [LaneMemory() for _ in range(LANES)]
        self.places = [0] * LANES
        self.naming: list[defaultdict[Who, set[str]]] = [defaultdict(set) for _ in range(LANES)]
        self.due: list[dict[str, int]] = [{} for _ in range(LANES)]
        sites = {"shop": SiteFacts(SITE)}
        self.folds = [
            Fold(lane, sites=sites, deployment=DEPLOYMENT, key_space=Keys(), emits=not self.is_replay)
            for lane in range(LANES)
        ]

    def append(self, id: str, record: Record, at: int) -> None:
        """To the lane of `id`, `at` ms after START."""
        self._append(lane(id), encode_record(record), START + at)

    def _append(self, lane: int, value: bytes, time: int) -> None:
        log = self.logs[lane]
        log.append(Entry(len(log), max(time, log[-1].time if log else 0), value))

    def fold(self, lane: int, most: int = 1_000) -> None:
        """The next records of a lane, in one call."""
        fold, memory, place = self.folds[lane], self.memories[lane], self.places[lane]
        entries = self.logs[lane][place : place + most]
        if not entries:
            return
        batch = fold.decode(entries)
        for who in batch.people - memory.people.keys():
            memory.remember({who: Loaded(None, {}, self.tombstones.get(who, 0))})
            person = memory.people[who]
            if self.is_replay and not isinstance(person, Thing):
                person.erased = person.state.erased
        due = sorted((at, member, whose(member)) for member, at in self.due[lane].items() if at)
        memory.deadlines.fill(due, horizon=entries[-1].time, is_all=True)
        unlinked = {item.who[0] for item in batch.items if isinstance(item.record, Unlink)}
        memory.naming = {who: Naming(sorted(self.naming[lane][who]), True, 1_000) for who in unlinked}
        changes = fold.fold(batch.items, memory)
        assert not changes.dead
        assert changes.folded == len(entries), "more deadlines than one call takes"
        for who, ids in changes.naming.items():
            held = self.naming[lane][who]
            held |= {id for id, names in ids.items() if names}
            held -= {id for id, names in ids.items() if not names}
        self.places[lane] = place + len(entries)
        self.due[lane].update(changes.due)
        for target, delta in deltas(changes, memory, lanes=fold.lanes, upto=(self.places[lane], 0)):
            memory.sent[target] = delta.upto, delta.upto_step
            self.owed[lane].append((target, encode_record(delta)))
        for site, id, record in changes.outbox:
            for target in [lane_of(site, id, LANES)] if id else range(LANES):
                self.owed[lane].append((target, encode_record(record)))
        for who, upto in changes.tombstones.items():
            self.tombstones[who] = max(upto, self.tombstones.get(who, 0))

    def send(self, lane: int, at: int, most: int = 1_000) -> None:
        """Send a lane's outbox, in order."""
        for target, value in self.owed[lane][:most]:
            self._append(target, value, START + at)
        del self.owed[lane][:most]

    def settle(self, at: int) -> None:
        """Repeat until no deltas are waiting and all records are folded."""
        while any(self.owed) or any(place < len(log) for place, log in zip(self.places, self.logs, strict=True)):
            for lane in range(LANES):
                self.fold(lane)
                self.send(lane, at)

    def visitor(self, id: str) -> Visitor:
        found = self.memories[lane(id)].people.get(("shop", id))
        return found if isinstance(found, Visitor) else Visitor("shop", id, VisitorState(), {}, 0)

    def customer(self, id: str) -> Customer:
        found = self.memories[lane(id)].people.get(("shop", id))
        return found if isinstance(found, Customer) else Customer("shop", id, CustomerState(), {}, 0)

    def records(self, kind: type[Record], id: str) -> list[Record]:
        """Records of this kind, in the lane of `id`."""
        return [one for entry in self.logs[lane(id)] if isinstance(one := decode_record(entry.value), kind)]


def lane(id: str) -> int:
    return lane_of("shop", id, LANES)
