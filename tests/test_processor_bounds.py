"""An event makes the processor write at most 64 KB, whatever it contains and whatever preceded it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from crm.page_text import joined
from crm.sites import SiteFacts
from crm.visits.sources import PARAMETERS
from processor.command import Command
from processor.deadlines import whose
from processor.fold import Fold
from processor.loaded import Loaded
from processor.memory import LaneMemory
from processor.writes import DEAD_BYTES, MOST_BYTES, Place, commands
from tests.timeline import DAY, MINUTE, START
from wakeline.keys import Keys
from wakeline.lanes import Deployment
from wakeline.log import Entry
from wakeline.record import CustomerShare, Delta, Erase, Event, Record, Tick, decode_record, encode_record
from wakeline.settings import InterestRule, Site

KEY = "s" * 64
SITE = Site(key=KEY, interests=tuple(InterestRule(path="/*", interest=f"{n} " + "\U0001f45f" * 62) for n in range(12)))
CHARACTERS = ("\U0001f45f", '"', "\\", "\u00e4", "a", "\u20ac")
"""Four bytes each, two as JSON and four as JSON in JSON, two, one, three."""
VISITORS = (*(f"visitor-{n}".ljust(36, "v") for n in range(3)), "~" + "o" * 22)
CUSTOMERS = ("@" + "c" * 22, "@" + "d" * 22)


class Lane:
    """One lane with the fold and the real commands, whose results are kept as in Redis."""

    def __init__(self) -> None:
        deployment = Deployment(lanes=1, decay_zero=START - DAY, half_life=7 * DAY)
        self.fold = Fold(0, sites={KEY: SiteFacts(SITE)}, deployment=deployment, key_space=Keys())
        self.memory = LaneMemory()
        self.offset = 0
        self.clock = START
        self.strings: dict[str, str] = {}
        self.hashes: dict[str, dict[str, str]] = {}
        self.zsets: dict[str, dict[str, float]] = {}
        self.owed: list[bytes] = []
        self.due: dict[str, int] = {}

    def restart(self) -> None:
        memory = LaneMemory()
        memory.hops, memory.sent = self.memory.hops, self.memory.sent
        self.memory = memory

    def apply(self, record: Record | bytes, *, at: int) -> list[Command]:
        """What one record makes it write; `at`: append time."""
        self.clock = max(self.clock, at)
        value = record if isinstance(record, bytes) else encode_record(record)
        batch = self.fold.decode([Entry(self.offset, self.clock, value)])
        memory = self.memory
        memory.shrink(1_000)
        memory.remember({who: self._loaded(*who) for who in batch.people - memory.people.keys()})
        for who, (days, ids) in memory.asked_for(batch).items():
            found: dict[str, str] = {}
            for day in days[::-1]:
                kept = self.hashes.get(Keys().pages(0, *who, day), {})
                about = self.hashes.get(Keys().page_interests(0, *who, day), {})
                for id in kept.keys() & ids:
                    found[id] = joined(kept[id], about[id]) if id in about else kept[id]
            memory.recall(who, found)
        lists = self.fold.top_lists(batch)
        memory.tops.forget_but(lists)
        for name in lists - memory.tops.loaded.keys():
            memory.tops.loaded[name] = {}
        due = [(at, member, whose(member)) for member, at in self.due.items() if at and whose(member) in batch.people]
        memory.deadlines.fill(due, horizon=self.clock, is_all=True)
        changes = self.fold.fold(batch.items, memory)
        self.due.update(changes.due)
        made = commands(changes, self.fold, memory, self._place(1))
        self._keep(made)
        return made

    def close_due(self, *, at: int) -> list[list[Command]]:
        """What each visitor whose sessions have ended makes it write, one at a time."""
        self.clock = max(self.clock, at)
        tick = self.fold.decode([Entry(self.offset, self.clock, encode_record(Tick()))]).items
        found = []
        for who in [who for who in self.memory.people if who[1][0] != "@"]:
            due = self.due.get("/".join(who), 0)
            if not due or due > self.clock:
                continue
            self.memory.deadlines.fill([(due, "/".join(who), who)], horizon=self.clock, is_all=True)
            changes = self.fold.fold(tick, self.memory)
            found.append(commands(changes, self.fold, self.memory, self._place(0)))
            self._keep(found[-1])
            self.due.update(changes.due)
        return found

    def _place(self, records: int) -> Place:
        self.offset += records
        return Place("log", self.offset, self.clock)

    def _loaded(self, site: str, id: str) -> Loaded:
        state = self.strings.get(Keys().state(0, site, id))
        scores = dict(self.zsets.get(Keys().interests(0, site, id), {}))
        return Loaded(state, scores, 0, self.due.get(f"{site}/{id}", 0))

    def _keep(self, made: list[Command]) -> None:
        for name, key, *words in made:
            if name == "SET":
                self.strings[key] = words[0]
            elif name == "HSET" and (":pages:" in key or ":page-interests:" in key):
                self.hashes.setdefault(key, {}).update(zip(words[::2], words[1::2], strict=True))
            elif name == "ZADD" and ":interests:" in key:
                pairs = zip(words[1::2], map(float, words[::2]), strict=True)
                self.zsets.setdefault(key, {}).update(pairs)
            elif name == "ZREM" and ":interests:" in key:
                for word in words:
                    self.zsets[key].pop(word, None)
            elif name == "XADD" and key.endswith("outbox"):
                self.owed.append(words[-1].encode())


def size(made: list[Command]) -> int:
    return sum(len(word if type(word) is bytes else word.encode()) for command in made for word in command)


def text(rng: random.Random, length: int) -> str:
    """Text of so many characters, unlike any other."""
    return f"{rng.getrandbits(40):010x}".ljust(length, rng.choice(CHARACTERS))[:length]


def worst(rng: random.Random, at: int) -> Event:
    """An event as large as the collector lets one through; `at`: append time, ms."""
    type = rng.choice(["page_view"] * 4 + ["engagement", "search", "order " + "\U0001f45f" * 58, "identify", "ping"])
    fields: dict[str, Any] = {}
    if type == "page_view":
        fields["interests"] = [text(rng, 64) for _ in range(8)]
        fields["query"] = {name: text(rng, 100) for name in PARAMETERS}
    elif type == "engagement":
        fields["engaged_ms"] = rng.randrange(86_400_000)
        fields["leave"] = rng.random() < 0.3
    elif type == "identify":
        fields["customer"] = rng.choice(CUSTOMERS)
    elif type != "ping":
        fields["props"] = {"category": text(rng, 64), "items": [{"category": text(rng, 64)} for _ in range(200)]}
    time = at - rng.choice([0, MINUTE, *(n * 45 * MINUTE for n in range(1, 7)), rng.randrange(7 * DAY)])
    return Event(
        site=KEY, visitor=rng.choice(VISITORS), type=type, page=f"page-{rng.randrange(400)}".ljust(36, "p"),
        n=rng.choice([rng.randrange(2_048), 2_047, 0]), time=time, received=at, host="shop.example",
        path="/" + text(rng, 499), device=rng.choice(["desktop", "mobile"]), browser="b" * 32, os="o" * 32,
        country=rng.choice(["DE", "FR"]), **fields,
    )  # fmt: skip


def attack(rng: random.Random, events: int) -> Iterator[tuple[int, Event]]:
    """In an order of arrival that keeps several sessions open; half of it is one visitor's."""
    at = START
    for _ in range(events):
        at += rng.choice([10, 1_000, 31 * MINUTE, 3 * 60 * MINUTE] if rng.random() < 0.3 else [10])
        event = worst(rng, at)
        if rng.random() < 0.5:
            event.visitor = VISITORS[0]
        yield at, event


@pytest.mark.parametrize("character", [*CHARACTERS[:3], "any"])
def test_one_event_of_the_worst_that_can_come(character: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    if character != "any":
        monkeypatch.setitem(globals(), "CHARACTERS", (character,))
    lane = Lane()
    for at, event in attack(rng, 3_000):
        made = lane.apply(event, at=at)
        assert size(made) <= MOST_BYTES, by_name(made)
        for owed in lane.owed:
            assert len(owed) <= MOST_BYTES
        lane.owed.clear()
        if rng.random() < 0.02:
            for closed in lane.close_due(at=at):
                assert size(closed) <= MOST_BYTES, by_name(closed)
        if rng.random() < 0.02:
            lane.restart()


def test_an_event_weighs_for_sixteen_interests_those_of_the_sites_rules_first() -> None:
    rng = random.Random(1)
    lane = Lane()
    view = worst(rng, START)
    view.type, view.visitor, view.interests, view.props = (
        "page_view",
        VISITORS[0],
        [text(rng, 64) for _ in range(8)],
        {},
    )
    lane.apply(view, at=START)
    found = list(lane.zsets[Keys().interests(0, KEY, VISITORS[0])])
    assert len(found) == 16
    assert sum(name.partition(" ")[0].isdigit() for name in found) == 12
    order = worst(rng, START)
    order.type, order.visitor, order.interests = "search", VISITORS[1], []
    order.props = {"items": [{"category": f"category {n}"} for n in range(200)]}
    lane.apply(order, at=START)
    assert len(lane.zsets[Keys().interests(0, KEY, VISITORS[1])]) == 16


def test_what_a_customer_is_told_at_once() -> None:
    """All interests of a visitor, by a customer that has as many others and a hundred visitors; and its erasure."""
    rng = random.Random(1)
    lane = Lane()
    for n in range(120):
        told = CustomerShare(
            site=KEY, customer=CUSTOMERS[0], visitor=f"visitor-{n}".ljust(36, "v"), counts={"page_views": 1},
            interests={text(rng, 64): float(n) for _ in range(64)}, first_seen=START, last_seen=START + n,
            source=text(rng, 100), since=START,
        )  # fmt: skip
        made = lane.apply(Delta(source=1, after=n, upto=n + 1, shares=[told]), at=START + n)
        assert size(made) <= MOST_BYTES, by_name(made)
    made = lane.apply(Erase(site=KEY, id=CUSTOMERS[0], time=START + 200), at=START + 300)
    assert len(lane.owed) == 100 + 1  # to its visitors, and to the things of each lane
    assert size(made) <= MOST_BYTES, by_name(made)


def big_event() -> Event:
    event = worst(random.Random(1), START)
    event.site, event.props = "removed", {f"p{n}": "\U0001f45f" * 1_000 for n in range(16)}
    return event


LETTERS: dict[str, tuple[bytes, bool]] = {
    "an event": (encode_record(big_event()), True),
    "no text": (b"\xff" * 65_536, True),
    "long text": (("\u20ac" * 20_000).encode(), True),
    "as long as it may be": (b"x" * DEAD_BYTES, False),
}


@pytest.mark.parametrize("name", LETTERS)
def test_a_dead_letter(name: str) -> None:
    """For a longer record it holds a part and is marked; for an event everything but its properties."""
    value, is_cut = LETTERS[name]
    lane = Lane()
    made = lane.apply(value, at=START)
    assert size(made) <= MOST_BYTES, by_name(made)
    letter = next(command for command in made if command[1].endswith("dead"))
    fields = dict(zip(letter[5::2], letter[6::2], strict=True))
    assert ("cut" in fields) is is_cut
    if name == "an event":
        kept = decode_record(fields["v"].encode())
        assert isinstance(kept, Event)
        assert (kept.visitor, kept.props) == (big_event().visitor, {})


def by_name(made: list[Command]) -> dict[str, int]:
    """Bytes by command and kind of key, for the message of a test that fails."""
    found: dict[str, int] = {}
    for command in made:
        name = f"{command[0]} {command[1].removeprefix('wl1:{0}:').replace(KEY, '').split(':p')[0]}"
        found[name] = found.get(name, 0) + size([command])
    return dict(sorted(found.items(), key=lambda one: -one[1])[:12]) | {"all": size(made)}
