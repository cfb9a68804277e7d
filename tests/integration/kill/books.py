"""Reads the content of Redis and the log directly, and compares it with the truth."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from typing import Any

import redis
from redis.exceptions import RedisError

from processor.lane_protocol import position_of
from tests.integration.kill.ledger import Counted
from tests.integration.kill.tail import Tail
from tests.integration.kill.traffic import SITE, WEIGHTS, Truth
from wakeline import keys
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.record import Position

LANES = 16
LEDGER = ("applied", "duplicate", "conflict", "too_late", "erased", "dead", "derived")
COUNTS = ("visits", "page_views", "engaged_ms", "events")

Differences = dict[str, tuple[Any, Any]]  # what -> found, wanted
Scores = dict[tuple[str, str], float]  # id, interest -> stored score

IN_ORDER = frozenset(("carts", "carts_abandoned", "carts_recovered"))
"""Numbers that hang on the order in which events arrive, which an outage changes, and so no truth knows."""


class Books:
    """One key version, read through its own connection, without the processor."""

    def __init__(self, url: str, tail: Tail, version: int = keys.VERSION) -> None:
        self.tail = tail
        self._redis = redis.Redis.from_url(url, decode_responses=True, encoding_errors="replace")
        self._keys = Keys(version)

    def close(self) -> None:
        self._redis.close()

    def moved(self) -> int:
        """Records applied so far in all lanes; 0 while the server is down."""
        try:
            return sum(self.places())
        except RedisError:
            return 0

    def places(self) -> list[int]:
        """Records applied so far, by lane."""
        return [int(row.get("offset", 0)) for row in self._lanes()]

    def are_settled(self) -> bool:
        """Whether all records in the log are applied, and no deltas wait to be sent."""
        try:
            waiting = [self._redis.xlen(self._keys.outbox(lane)) for lane in range(LANES)]
            return not any(waiting) and self.moved() == self.length()
        except RedisError:
            return False

    def length(self) -> int:
        """Number of records in the log: nothing is trimmed that early."""
        return sum(self.tail.length(lane) for lane in range(LANES))

    def free_the_lease(self) -> None:
        """Release the dead owner's lease without waiting."""
        self._redis.delete(keys.LEASE)

    def lift_tombstones(self) -> None:
        """Delete tombstones, so that a replay meets withdrawals like the first run: without knowing them in advance."""
        for key in self._redis.scan_iter(match=keys.tombstone(0, SITE, "*").replace("{0}", "*"), count=10_000):
            self._redis.delete(key)

    def append_raw(self, lane: int, value: bytes | str) -> None:
        """Append anything to a lane of the log."""
        self.tail.append(lane, value.encode() if isinstance(value, str) else value)

    def records(self) -> list[dict[str, Any]]:
        """All records in the log, lane by lane, except dead letters."""
        found = []
        for lane in range(LANES):
            dead = {int(letter["offset"]) for letter in self.dead_letters(lane)}
            for offset, value in enumerate(self.tail.values(lane)):
                if offset not in dead:
                    found.append(json.loads(value))
        return found

    def ids(self) -> set[tuple[str, int]]:
        """(page instance, number) of every event in the log."""
        return {(record["page"], record["n"]) for record in self.records() if record["kind"] == "event"}

    def dead_letters(self, *lanes: int) -> list[dict[str, str]]:
        """Of these lanes, or of all."""
        return [row for lane in lanes or range(LANES) for _, row in self._redis.xrange(self._keys.dead(lane))]

    def ledger(self) -> Counter[str]:
        """The sum of the lanes' ledgers; each must balance with the lane's place and the log's end."""
        found: Counter[str] = Counter()
        for lane, row in enumerate(self._lanes()):
            rows = {name: int(row.get(name, 0)) for name in LEDGER}
            length = self.tail.length(lane)
            assert sum(rows.values()) == int(row.get("offset", 0)) == length, (lane, row, length)
            found.update(rows)
        return found

    def counted(self) -> Counted:
        """The lanes' numbers of events, added up. Raises RedisError while the server is down."""
        lanes = self._lanes()
        totals, day = self._sum("totals"), self._day()
        return Counted(
            events=sum(int(row.get(name, 0)) for row in lanes for name in ("applied", "erased", "too_late")),
            bot_events=totals["bot_events"],
            engaged_ms=totals["engaged_ms"],
            views=self._sum("pages", day),
            custom=self._sum("events", day),
        )

    def differences(self, truth: Truth, *, seen_twice: int | None = None, dead: int = 0) -> Differences:
        """Differences between Redis and the expected state: {} means nothing lost, nothing doubled.

        `seen_twice`: number of repeated events in the log, counted there by default. `dead`: records that had to be set
        aside.
        """
        records = self.records()
        events = [record for record in records if record["kind"] == "event"]
        distinct = {(event["page"], event["n"]) for event in events}
        if seen_twice is None:
            seen_twice = len(events) - len(distinct)
        found: dict[str, Any] = {"in the log": len(distinct), "ledger": self.ledger()}
        wanted: dict[str, Any] = {
            "in the log": truth.events,
            "ledger": Counter(
                applied=truth.events, duplicate=seen_twice, derived=len(records) - len(events), dead=dead
            ),
        }
        day = self._day()
        found["totals"], wanted["totals"] = self._sum("totals"), truth.totals
        found["day"], wanted["day"] = self._sum("day", day), truth.totals + truth.today
        found["pages"], wanted["pages"] = self._sum("pages", day), truth.pages
        found["custom events"], wanted["custom events"] = self._sum("events", day), truth.custom
        self._people(truth, found, wanted)
        found["deltas applied"], wanted["deltas applied"] = self._hops()
        scores = {id: self._interests(id) for id in {*truth.visitors, *truth.customers, *truth.withdrawn}}
        return different(found, wanted) | different_scores(flat(scores), self._scores(events, truth))

    def _people(self, truth: Truth, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        customer_of = {visitor: customer for customer, each in truth.customers.items() for visitor in each}
        for id, counts in truth.visitors.items():
            profile = self._profile(id)
            found[id] = {name: int(profile.get(name, 0)) for name in COUNTS} | {"customer": profile.get("customer")}
            wanted[id] = {name: counts[name] for name in COUNTS} | {"customer": customer_of.get(id)}
        for id, visitors in truth.customers.items():
            profile, counts = self._profile(id), truth.of_customer(id)
            found[id] = {name: int(profile.get(name, 0)) for name in COUNTS}
            found[id] |= {"visitors": json.loads(profile.get("visitors", "[]"))}
            wanted[id] = {name: counts[name] for name in COUNTS} | {"visitors": sorted(visitors)}
        for id in truth.withdrawn:
            found[id], wanted[id] = self._profile(id), {}

    def _hops(self) -> tuple[dict[tuple[int, int], Position], dict[tuple[int, int], Position]]:
        """(source, target) -> how far deltas were applied, and how far they were sent."""
        applied, sent = {}, {}
        live = int(self._redis.hget(keys.DEPLOYMENT, "version") or keys.VERSION)
        versions = (Keys(), self._keys) if live == self._keys.version else (Keys(),)  # a replay sends none
        for lane in range(LANES):
            for source, upto in self._redis.hgetall(self._keys.hop(lane)).items():
                applied[int(source), lane] = position_of(upto.encode())
            for version in versions:
                for name, upto in self._redis.hgetall(version.lane(lane)).items():
                    if name.startswith("sent:"):
                        sent[lane, int(name[5:])] = position_of(upto.encode())
        return applied, sent

    def _scores(self, events: list[dict[str, Any]], truth: Truth) -> Scores:
        """Interests according to the log's events: 1 per view, 1 per half minute of engagement."""
        zero, half_life = map(int, self._redis.hmget(keys.DEPLOYMENT, "decay_zero", "half_life"))
        customer_of = {visitor: customer for customer, each in truth.customers.items() for visitor in each}
        first = {(event["page"], event["n"]): event for event in reversed(events)}
        topics = {
            page: event.get("interests", []) for (page, _), event in first.items() if event["type"] == "page_view"
        }
        found: defaultdict[tuple[str, str], float] = defaultdict(float)
        for (page, _), event in first.items():
            visitor, type = event["visitor"], event["type"]
            if visitor not in truth.visitors:
                continue
            weight, names = {
                "page_view": (1.0, topics.get(page, [])),
                "engagement": (event.get("engaged_ms", 0) / 30_000, topics.get(page, [])),
            }.get(type, (WEIGHTS.get(type, 0.0), [event.get("props", {}).get("category")]))
            for id in (visitor, customer_of.get(visitor)):
                for name in names if id and weight else ():
                    found[id, name] += weight * 2 ** ((event["time"] - zero) / half_life)
        return found

    def _day(self) -> str:
        """The only day."""
        pattern = self._keys.day(0, SITE, "*").replace("{0}", "*")
        (day,) = {key.rsplit(":", 1)[1] for key in self._redis.scan_iter(match=pattern, count=10_000)}
        return day

    def _sum(self, what: str, day: str = "") -> Counter[str]:
        found: Counter[str] = Counter()
        for lane in range(LANES):
            if what in ("totals", "day"):
                key = self._keys.totals(lane, SITE) if what == "totals" else self._keys.day(lane, SITE, day)
                counts = self._redis.hgetall(key)
                found.update({name: int(count) for name, count in counts.items() if name not in IN_ORDER})
            else:
                key = self._keys.top(lane, SITE, what, keys.date(day))
                found.update({name: int(count) for name, count in self._redis.zrange(key, 0, -1, withscores=True)})
        return found

    def _profile(self, id: str) -> dict[str, str]:
        return self._redis.hgetall(self._keys.profile(lane_of(SITE, id, LANES), SITE, id))

    def _interests(self, id: str) -> dict[str, float]:
        return dict(
            self._redis.zrange(self._keys.interests(lane_of(SITE, id, LANES), SITE, id), 0, -1, withscores=True)
        )

    def _lanes(self) -> list[dict[str, str]]:
        pipe = self._redis.pipeline(transaction=False)
        for lane in range(LANES):
            pipe.hgetall(self._keys.lane(lane))
        return pipe.execute()


def different(found: dict[str, Any], wanted: dict[str, Any]) -> Differences:
    """Differences, by entry for tables; missing entries are 0."""
    differences: Differences = {}
    for name, value in found.items():
        if isinstance(value, dict):
            for key in value.keys() | wanted[name].keys():
                pair = (value.get(key) or 0, wanted[name].get(key) or 0)
                if pair[0] != pair[1]:
                    differences[f"{name}: {key}"] = pair
        elif value != wanted[name]:
            differences[name] = (value, wanted[name])
    return differences


def flat(scores: dict[str, dict[str, float]]) -> Scores:
    return {(id, name): score for id, found in scores.items() for name, score in found.items()}


def different_scores(found: Scores, wanted: Scores) -> Differences:
    return {
        f"interest {id} {name}": (found.get((id, name)), wanted.get((id, name)))
        for id, name in found.keys() | wanted.keys()
        if not math.isclose(found.get((id, name), 0.0), wanted.get((id, name), 0.0), rel_tol=1e-9)
    }
