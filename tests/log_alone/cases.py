"""Cases: small logs from a seed, in which the moments are chosen so that things meet.

A case is all of it: `python -m tests.faults --only "generated logs" --seed N --cases 1` makes the same one again.
"""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.log_alone.facts import Facts
from tests.timeline import DAY, MINUTE, SECOND, START, whose
from wakeline.record import Erase, Event, encode_record

HOUR = 60 * MINUTE
VISITORS = ("visitor-0", "visitor-1", "visitor-2", "visitor-3", "~anonymous-0")
CUSTOMERS = ("@customer0", "@customer1", "@customer2", "@customer3")
PATHS = ("/", "/shoes/red", "/shoes/blue", "/bags/one", "/bags/two", "/about")
SOURCES: tuple[dict[str, Any], ...] = (
    {},
    {"referrer": "www.google.com/"},
    {"query": {"utm_source": "mail", "utm_campaign": "may"}},
    {"query": {"utm_source": "paper", "utm_campaign": "june"}},
)
MORE_SOURCES: tuple[dict[str, Any], ...] = (
    {"referrer": "paypal.com/"},
    {"referrer": "internal"},
    {"click": "gclid"},
    {"query": {"utm_source": "mail", "utm_medium": "email", "utm_content": "top", "utm_term": "shoes", "utm_id": "7"}},
)
CUSTOM = ("add_to_cart", "purchase", "search", "web_vitals", "download")
STEPS = (12, 45)  # fewest and most of a case
GAPS = (0, 1, SECOND, 20 * SECOND, 2 * MINUTE, 10 * MINUTE, 29 * MINUTE, 30 * MINUTE, 31 * MINUTE, 3 * HOUR, DAY)
ENDS = (0, 5 * MINUTE, 31 * MINUTE, 2 * DAY)


@dataclass(frozen=True)
class Kind:
    """What may happen in a case; each is on in some cases only, so that what is found has few causes."""

    late: bool = False  # events that were queued offline, and such as come out of order
    clocks: bool = False  # a collector's clock that is behind
    erasures: bool = False  # withdrawals, erasures
    dead: bool = False  # records that cannot be folded
    trimmed: bool = False  # profiles of five interests
    crowded: bool = False  # pages of a visitor lie outside of its state
    capped: bool = False  # top lists of three members
    ahead: bool = False  # a collector's clock that is ahead
    tells_ends: bool = False  # a rule that tells the customer as a visit ends, see `endings`
    facts: bool = False  # what servers and imports tell, and pages of orders
    ages: bool = False  # more than a year in which nothing happens; without erasures, which then would have waited
    orders: bool = False  # mostly orders, and what serving costs, of two customers who are often erased or joined


class Step(NamedTuple):
    """A record appended to the lane of `whose` at `at`, ms after START; then the processor folds, or not yet.

    `whose`: `facts.EVERY_LANE` for all lanes. `ticks`: the processor looks for deadlines before, as it does twice a
    second.
    """

    at: int
    whose: str
    value: bytes
    folds: bool
    ticks: bool


@dataclass(frozen=True)
class Case:
    """`batch`: records at once of the live run. `draw`: 0 to 1, where in a run the fault lies, and which."""

    seed: int
    kind: Kind
    lanes: int
    batch: int
    steps: tuple[Step, ...]
    end: int  # ms after the last step at which every lane gets a tick
    draws: tuple[float, ...]
    bounds: dict[str, Any] = field(default_factory=dict)  # module attribute -> lowered value

    def __len__(self) -> int:
        return len(self.steps)

    def without(self, start: int, end: int) -> Case:
        return dataclasses.replace(self, steps=self.steps[:start] + self.steps[end:])

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, {self.lanes} lanes, batch {self.batch}, {self.kind}, {self.bounds}"]
        for step in self.steps:
            marks = f"{'folds' if step.folds else '':6}{'ticks' if step.ticks else '':6}"
            lines.append(f"{step.at:>12} {marks}{step.value.decode(errors='replace')}")
        return "\n".join([*lines, f"{self.end:>12} after that every lane gets a tick"])


def case(seed: int, kind: Kind | None = None) -> Case:
    """The case of a seed; without a `kind` any of them."""
    rng = random.Random(f"{seed} {kind}")
    if kind is None:
        kind = Kind(*(rng.random() < share for share in (0.4, 0.2, 0.4, 0.3, 0.2, 0.15, 0.3, 0.2, 0.3, 0.5, 0.1)))
        if kind.facts and random.Random(f"{seed} orders").random() < 0.5:  # drawn apart: the others stay as they were
            kind = dataclasses.replace(kind, orders=True)
    return Case(
        seed,
        kind,
        lanes=rng.choice((1, 2, 3, 3, 4)),
        batch=rng.choice((1, 1, 2, 5, 2_000)),
        steps=tuple(_Story(rng, kind).steps()),
        end=rng.choice(ENDS),
        draws=tuple(rng.random() for _ in range(8)),
        bounds=bounds_of(rng, kind),
    )


def step(record: Any, at: int | None = None, *, folds: bool = True, lane_of: str = "") -> Step:
    """Appended at `at`, else as it was received."""
    return Step(
        record.received - START if at is None else at,
        lane_of or whose(record),
        encode_record(record),
        folds,
        ticks=False,
    )


def told(*steps: Step, lanes: int = 1, kind: Kind = Kind(), **bounds: Any) -> Case:
    """A case that somebody thought of. `bounds`: with "__" for each dot."""
    lowered = {name.replace("__", "."): value for name, value in bounds.items()}
    return Case(-1, kind, lanes, 1, steps, end=0, draws=(0.0,) * 8, bounds=lowered)


def bounds_of(rng: random.Random, kind: Kind) -> dict[str, Any]:
    found: dict[str, Any] = {
        "processor.worker.REMEMBERED_PEOPLE": rng.choice((2, 4_000)),
        "processor.batch.MAX_KEYS": rng.choice((60, 3_000)),
        "processor.deltas.SHARES_SIZE": rng.choice((1, 4_000)),
        "processor.firing.DUE_AT_ONCE": rng.choice((1, 500)),
        "processor.firing.DUE_BEFORE_ONE": rng.choice((1, 64)),
        "processor.firing.DUE_PER_MS": rng.choice((0, 3)),
        "processor.naming.UNLINKED_AT_ONCE": rng.choice((1, 500)),
        "crm.identity.forgetting.MAX_VISITORS": rng.choice((1, 100)),
    }
    if kind.capped:
        found["wakeline.keys.TOP_MEMBERS"] = 3
    if kind.trimmed:
        found |= {"crm.interests.state.MAX_INTERESTS": 5, "crm.interests.state.KEPT_INTERESTS": 3}
    if kind.crowded:
        found |= {"crm.pages.STATE_BYTES": 900, "crm.pages.PAST_LENGTH": 300, "crm.pages.READY_PAGES": 3}
    return found


class _Page(NamedTuple):
    id: str
    path: str


class _Story:
    """Visitors who come and go; what happens next is drawn from what has happened."""

    def __init__(self, rng: random.Random, kind: Kind) -> None:
        self._rng = rng
        self._kind = kind
        self._at = 0
        self._pages: dict[str, list[_Page]] = {}
        self._next: dict[str, int] = {}  # page instance -> number of its next event
        self._said: list[Event] = []
        behind = [-rng.choice((MINUTE, 2 * HOUR, 9 * DAY))] if kind.clocks else []
        far = () if kind.crowded else (9 * DAY,)  # pages outside of a state are found by the log's days
        ahead = [rng.choice((20 * MINUTE, 2 * HOUR, *far))] if kind.ahead else []
        self._skews = [0, 0, *behind, *ahead]
        visitors = VISITORS[:-1] if kind.ages else VISITORS  # an anonymous id is one of a day
        self._visitors = rng.sample(visitors, rng.randint(1, len(visitors)))
        self._customers = CUSTOMERS[:2] if kind.orders else CUSTOMERS
        self._facts = Facts(rng, tuple(self._visitors), self._customers, mostly_orders=kind.orders)

    def steps(self) -> list[Step]:
        rng = self._rng
        return [self._step() for _ in range(rng.randint(*STEPS))]

    def _step(self) -> Step:
        rng = self._rng
        self._at += rng.choice(GAPS) if rng.random() < 0.6 else 0
        if self._kind.late and rng.random() < 0.01:
            self._at += 9 * DAY
        if self._kind.ages and not self._kind.erasures and rng.random() < 0.03:
            self._at += rng.choice((400 * DAY, 801 * DAY, 1_100 * DAY))
        who, value = self._record()
        return Step(self._at, who, value, folds=rng.random() < 0.6, ticks=rng.random() < 0.3)

    def _record(self) -> tuple[str, bytes]:
        rng = self._rng
        drawn = rng.random()
        if self._kind.erasures and drawn < (0.12 if self._kind.orders else 0.05):
            id = rng.choice((*self._visitors, *self._customers))
            record = Erase("shop", id, START + self._at - rng.choice((0, 0, MINUTE, HOUR)))
            return id, encode_record(record)
        if self._kind.dead and drawn > 0.95:
            who = rng.choice(self._visitors)
            return who, rng.choice((b"no JSON", f'{{"site":"shop","visitor":"{who}","time":1'.encode()))
        if self._kind.facts and rng.random() < (0.7 if self._kind.orders else 0.35):
            who, told = self._facts.next(self._at, forgets=self._kind.erasures)
            return who, encode_record(told)
        if self._said and drawn < 0.15:
            event = rng.choice(self._said)  # a retry
        else:
            event = self._event(rng.choice(self._visitors))
            self._said.append(event)
        return event.visitor, encode_record(event)

    def _event(self, visitor: str) -> Event:
        rng = self._rng
        pages = self._pages.setdefault(visitor, [])
        if not pages or rng.random() < 0.35:
            pages.append(_Page(f"page-{visitor[-1]}-{len(pages)}", rng.choice(PATHS)))
            if rng.random() < 0.9:
                return self._made(visitor, pages[-1], "page_view", **self._view())
        page = rng.choice(pages[-3:])
        types = ("page_view", "engagement", "engagement", "ping", "identify", "custom", "consent", "bot")
        type = rng.choice(("identify", "custom", "purchase", "purchase", "consent") if self._kind.orders else types)
        if type == "purchase":
            return self._made(visitor, page, type, **self._facts.of_page())
        if type == "page_view":
            return self._made(visitor, page, type, **self._view())
        if type == "engagement":
            ms = rng.choice((0, 4_000, 12_000))
            return self._made(visitor, page, type, engaged_ms=ms, leave=rng.random() < 0.5)
        if type == "identify":
            return self._made(visitor, page, type, customer=rng.choice(self._customers))
        if type == "custom":
            props = rng.choice(({}, {"category": rng.choice(("Bags", "Shoes", "Hats"))}))
            chosen = rng.choice((*CUSTOM, "purchase", "refund") if self._kind.facts else CUSTOM)
            if chosen == "add_to_cart":
                chosen, props = self._of_cart(page, props)
            fields = (
                self._facts.of_page() if self._kind.facts and chosen in ("purchase", "refund") else {"props": props}
            )
            return self._made(visitor, page, chosen, **fields)
        if type == "consent":
            levels = ["full", "off", "anonymous"] if self._kind.erasures else ["full"]
            level = rng.choice(levels)
            return self._made(visitor, page, type, level=level, props={"version": page.id} if level == "full" else {})
        if type == "bot":
            return self._made(visitor, page, "page_view", bot="Googlebot")
        return self._made(visitor, page, type)

    def _of_cart(self, page: _Page, props: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """An event about a cart; drawn apart, so that the rest of a story is the same without it."""
        rng = random.Random(f"{page.id} {len(self._said)} {self._at}")
        type = rng.choice(("add_to_cart", "add_to_cart", "remove_from_cart", "view_cart"))
        items = [{"item_id": rng.choice("abc"), "quantity": rng.randint(1, 3)} for _ in range(rng.randint(0, 2))]
        priced = [item | {"price": rng.randint(1, 5)} for item in items] if rng.random() < 0.7 else items
        said = {"items": priced, "currency": rng.choice(("EUR", "EUR", "USD", ""))} if rng.random() < 0.8 else {}
        return type, props | said

    def _view(self) -> dict[str, Any]:
        rng = self._rng
        words = ("Leather", "Sale", "Red", "Blue", "Wool", "Silk", "Suede", "Felt")
        names = rng.sample(words, rng.choice((0, 0, 1, 4 if self._kind.trimmed else 2)))
        said = {"interests": names, "continued": rng.random() < 0.05, **rng.choice(SOURCES)}
        apart = random.Random(f"{len(self._said)} {self._at}")  # so that the rest of a story is the same without it
        return said | apart.choice(MORE_SOURCES) if apart.random() < 0.2 else said

    def _made(self, visitor: str, page: _Page, type: str, **fields: Any) -> Event:
        rng = self._rng
        n = self._next.get(page.id, 0)
        self._next[page.id] = n + 1
        if self._kind.late and rng.random() < 0.1:
            n += 1  # the one before comes later, or never
        received = START + self._at + rng.choice(self._skews)
        age = 0
        if self._kind.late and rng.random() < 0.3:
            age = rng.choice((SECOND, 5 * MINUTE, 20 * MINUTE, 40 * MINUTE, 2 * HOUR, DAY, 7 * DAY, 9 * DAY))
        type, fields = _more(type, fields, random.Random(f"{page.id} {n} {self._at}"))
        return Event(
            site="shop", visitor=visitor, type=type, page=page.id, n=n, time=received - age, received=received,
            host="shop.example", path=page.path, device=rng.choice(("desktop", "mobile")), **fields,
        )  # fmt: skip


DONE = ("view_item", "begin_checkout", "add_payment_info", "not_found", "rage_click", "dead_click", "js_error")


def _more(type: str, fields: dict[str, Any], rng: random.Random) -> tuple[str, dict[str, Any]]:
    """What else an event tells; drawn apart, so that the rest of a story is the same without it."""
    props = fields.get("props", {})
    if type == "engagement":
        return type, fields | {"scroll": rng.choice((0, 0, 20, 60, 100))}
    if type in ("page_view", "consent"):
        return type, fields | {"gpc": rng.random() < 0.2}
    if type == "web_vitals":
        told = {
            "lcp_ms": rng.choice((-1, 900, 2_500, 7_000)),
            "cls": rng.random(),
            "status": rng.choice((200, 503, 504)),
        }
        names = rng.sample(list(told), rng.randint(0, 3))
        soft = {"navigation": "soft-navigation"} if rng.random() < 0.4 else {}
        return type, fields | {"props": props | {name: told[name] for name in names} | soft}
    if type == "search":
        said = {
            "search_term": rng.choice(("shoes", "+39 055 123 4567", "jo@localhost")),
            "results": rng.choice((0, 3, "")),
        }
        return type, fields | {"props": props | said}
    if type == "download" and rng.random() < 0.7:
        chosen = rng.choice((*DONE, "form_abandoned"))
        if chosen == "form_abandoned":
            return chosen, fields | {"props": {"form": "sign-in", "fields": rng.choice((["id"], ["id", "mail"], []))}}
        return chosen, fields | (
            {"props": props | {"items": [{"item_id": rng.choice("abc")}]}} if chosen == DONE[0] else {}
        )
    return type, fields
