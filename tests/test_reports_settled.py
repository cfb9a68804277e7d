"""Credit is settled a day after an order was heard of: neither what arrives later nor an erasure changes it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from reports import Query, ask
from tests.sealed import seal
from tests.telling import fact, order
from tests.test_reports_campaigns import SHOP
from tests.test_reports_credit import (
    BEN,
    HOUR,
    JO,
    LAPTOP,
    PHONE,
    buys,
    signs_in,
    visit,
)
from tests.timeline import DAY, MINUTE, START
from wakeline.definitions import CREDIT_MODELS
from wakeline.record import Erase, Event, Fact

Told = Event | Fact | Erase


def late(record: Event | Fact, by: int) -> Event | Fact:
    """The same, received `by` ms later."""
    return replace(record, received=record.received + by)


def erased(id: str, at: int) -> Erase:
    return Erase("shop", id, START + at)


def came_at(record: Told) -> int:
    return record.time if isinstance(record, Erase) else record.received


def answered(folder: Path, told: Iterable[Told], sql: str) -> list[tuple[Any, ...]]:
    came = [(came_at(one) + 20, one) for one in sorted(told, key=came_at)]
    with ask(seal(folder, came), Query(sql), zones={}, sites=[SHOP]) as found:
        return list(found.rows(100_000))


def touched(folder: Path, *told: Told) -> dict[str, set[str | None]]:
    """The campaigns that an order is owed to, by the last letter of its number."""
    found: dict[str, set[str | None]] = defaultdict(set)
    names = {order(f"A-{letter}"): letter for letter in "1234"}
    for key, campaign in answered(folder, told, "select order_key, campaign from credits where model = 'linear'"):
        found[names[key]].add(campaign)
    return found


BOUGHT = [signs_in(LAPTOP, -2 * HOUR, JO), visit(LAPTOP, 0, "laptop"), buys(LAPTOP, DAY)]
ON_PHONE = visit(PHONE, HOUR, "phone")


@pytest.mark.parametrize(
    ("told", "owed_to"),
    [
        pytest.param([ON_PHONE, late(signs_in(PHONE, HOUR, JO), DAY)], {"laptop", "phone"}, id="known in time"),
        pytest.param([ON_PHONE, late(signs_in(PHONE, HOUR, JO), 3 * DAY)], {"laptop"}, id="whose it was: too late"),
        pytest.param([late(ON_PHONE, 3 * DAY), signs_in(PHONE, HOUR, JO)], {"laptop"}, id="the visit: too late"),
        pytest.param(
            [ON_PHONE, signs_in(PHONE, HOUR, JO), late(signs_in(LAPTOP, -HOUR, BEN), 3 * DAY)],
            {"laptop", "phone"},
            id="somebody else's turn: too late",
        ),
        pytest.param(
            [ON_PHONE, signs_in(PHONE, HOUR, BEN), fact(order("A-1"), "refund", DAY + HOUR, customer=BEN)],
            {"phone"},
            id="a server names another customer",
        ),
        pytest.param(
            [ON_PHONE, signs_in(PHONE, HOUR, BEN), fact(order("A-1"), "refund", 3 * DAY, customer=BEN)],
            {"laptop"},
            id="a server names another customer: too late",
        ),
        pytest.param(
            [ON_PHONE, signs_in(PHONE, HOUR, BEN), fact(BEN, "alias", DAY, other=JO)],
            {"laptop", "phone"},
            id="two ids of one person",
        ),
        pytest.param(
            [ON_PHONE, signs_in(PHONE, HOUR, BEN), fact(BEN, "alias", 3 * DAY, other=JO)],
            {"laptop"},
            id="two ids of one person: too late",
        ),
    ],
)
def test_what_arrives_a_day_later_changes_nothing(tmp_path: Path, told: list[Told], owed_to: set[str | None]) -> None:
    assert touched(tmp_path, *BOUGHT, *told)["1"] == owed_to


def test_an_import_is_heard_of_when_it_has_ended(tmp_path: Path) -> None:
    sold = {"value": 5_000, "currency": "EUR", "customer": JO, "by": "import"}
    told = [
        replace(fact(order("A-1"), "purchase", HOUR, **sold), batch="f00d", line=1),
        late(replace(fact(order("A-2"), "purchase", HOUR, **sold), batch="f00d", line=2), 3 * DAY),
        fact(order("A-3"), "purchase", HOUR, value=5_000, currency="EUR", customer=JO),
    ]
    found = touched(tmp_path, visit(PHONE, 0, "phone"), late(signs_in(PHONE, 0, JO), 2 * DAY), *told)
    assert found == {"1": {"phone"}, "2": {"phone"}, "3": {None}}


def test_a_state_that_is_told_before_the_purchase_settles_nothing(tmp_path: Path) -> None:
    """A payment service and a till may tell the same order, days apart."""
    paid = fact(order("A-1"), "order_state", HOUR, state="paid", customer=JO)
    bought = fact(order("A-1"), "purchase", HOUR, value=5_000, currency="EUR", customer=JO)
    told = [visit(PHONE, 0, "phone"), signs_in(PHONE, 0, JO), paid, late(bought, 3 * DAY)]
    assert touched(tmp_path, *told) == {"1": {"phone"}}


def test_an_erasure_changes_no_credit_and_names_nobody(tmp_path: Path) -> None:
    """Over both browsers, and of an order at the till. Who comes back is not owed to what was before."""
    told: list[Told] = [*BOUGHT, ON_PHONE, signs_in(PHONE, HOUR, JO)]
    told += [fact(order("A-2"), "purchase", DAY, value=5_000, currency="EUR", customer=JO)]
    before = touched(tmp_path / "before", *told)
    assert before == {"1": {"laptop", "phone"}, "2": {"laptop", "phone"}}
    told += [erased(JO, 5 * DAY)]
    assert touched(tmp_path / "after", *told) == before
    told += [visit(PHONE, 6 * DAY, "new"), signs_in(PHONE, 6 * DAY, JO), buys(PHONE, 6 * DAY + MINUTE, "A-3")]
    told += [visit(LAPTOP, 6 * DAY, "of nobody"), buys(LAPTOP, 6 * DAY + MINUTE, "A-4")]
    assert touched(tmp_path / "again", *told) == before | {"3": {"new"}, "4": {"of nobody"}}
    sql = "select distinct customer from credits where order_key in (select order_key from orders where time < {})"
    assert answered(tmp_path / "named", told, sql.format(f"epoch_ms({START + 5 * DAY})")) == [(None,)]
    sql = "select distinct visitor from history.touch, (select count(*) from credits) order by all"
    one, other, *after = (visitor for (visitor,) in answered(tmp_path / "hidden", told, sql))
    assert {one[:10], other[:10]} == {"forgotten-"}
    assert after == [PHONE, LAPTOP]


def test_an_erased_visitor_keeps_its_credit(tmp_path: Path) -> None:
    told: list[Told] = [visit(PHONE, 0, "a"), visit(PHONE, DAY, "b"), buys(PHONE, DAY + MINUTE)]
    told += [erased(PHONE, 2 * DAY), visit(PHONE, 3 * DAY, "c"), buys(PHONE, 3 * DAY + MINUTE, "A-2")]
    assert touched(tmp_path, *told) == {"1": {"a", "b"}, "2": {"c"}}


def test_the_visit_in_which_somebody_bought_counts_whoever_began_it(tmp_path: Path) -> None:
    told = [visit(PHONE, 0, "a"), signs_in(PHONE, 0, BEN), signs_in(PHONE, 5 * MINUTE, JO), buys(PHONE, 6 * MINUTE)]
    assert touched(tmp_path, *told)["1"] == {"a"}


# ---- whatever happens, in any order


class Touch(NamedTuple):
    at: int
    visitor: str
    campaign: str


def weights(model: str, touches: list[Touch]) -> list[Fraction]:
    """What the docs say of each model."""
    n = len(touches)
    if model == "linear":
        return [Fraction(1, n)] * n
    if model == "position" and n > 2:
        return [Fraction(2, 5), *[Fraction(1, 5 * (n - 2))] * (n - 2), Fraction(2, 5)]
    if model == "position":
        return [Fraction(1, n)] * n
    known = [place for place, touch in enumerate(touches) if touch.campaign] or [n - 1]
    place = {"first": 0, "last": n - 1, "last_non_direct": known[-1]}[model]
    return [Fraction(int(one == place)) for one in range(n)]


def divided(amount: int, parts: list[Fraction]) -> list[int]:
    whole = [int(amount * part) for part in parts]
    order = sorted(range(len(parts)), key=lambda one: (whole[one] - amount * parts[one], one))
    for one in order[: amount - sum(whole)]:
        whole[one] += 1
    return whole


@dataclass
class Household:
    """Some browsers of some people, and what is known of them when."""

    chance: random.Random
    name: str
    told: list[Told] = field(default_factory=list)
    visits: list[tuple[int, int, str, str]] = field(default_factory=list)  # when, known, browser, campaign
    signs: list[tuple[int, int, str, str]] = field(default_factory=list)  # when, known, browser, customer
    ends: list[tuple[int, str]] = field(default_factory=list)  # of customers
    wanted: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)

    def live(self) -> None:
        chance = self.chance
        browsers = [f"{self.name}-{letter}" for letter in "abc"]
        people = [f"@{self.name.encode().hex():0<31}{number}" for number in (1, 2)]
        at = chance.randrange(DAY)
        bought = []
        for _ in range(chance.randint(4, 14)):
            at += chance.randrange(31 * MINUTE, 9 * DAY)
            browser = chance.choice(browsers)
            campaign = chance.choice(("", "a", "b", "c"))
            delay = chance.choice((0, 0, 0, 3 * HOUR, 3 * DAY))
            self.visits.append((at, at + delay, browser, campaign))
            self.told.append(late(visit(browser, at, campaign), delay))
            if chance.random() < 0.4:
                who, delay = chance.choice(people), chance.choice((0, 0, 3 * HOUR, 3 * DAY))
                self.signs.append((at, at + delay, browser, who))
                self.told.append(late(signs_in(browser, at, who), delay))
            if chance.random() < 0.5:
                bought.append((at, browser))
            if chance.random() < 0.05:
                ended = at + 2 * HOUR
                who = chance.choice(people)
                self.ends.append((ended, who))
                self.told.append(erased(who, ended))
                at = ended
        for number, (when, browser) in enumerate(bought):
            self._buy(when + MINUTE, browser, f"{self.name}/{number}")

    def _buy(self, at: int, browser: str, number: str) -> None:
        chance = self.chance
        cents = chance.choice((1, 7, 100, 9_999, chance.randrange(1_000_000)))
        self.told.append(replace(buys(browser, at - MINUTE, number, cents / 100), time=START + at, received=START + at))
        if chance.random() < 0.3:
            back, then = chance.randint(0, cents), at + chance.randrange(40 * DAY)
            self.told.append(fact(order(number), "refund", then, value=back, currency="EUR"))
            cents -= back
        if chance.random() < 0.1:
            self.told.append(fact(order(number), "order_state", at + chance.randrange(40 * DAY), state="cancelled"))
            cents = 0
        touches = self._touches(at, browser)
        for model in CREDIT_MODELS:
            sums: dict[str, int] = defaultdict(int)
            for touch, part in zip(touches, divided(cents, weights(model, touches)), strict=True):
                sums[touch.campaign] += part
            self.wanted[order(number), model] = {name: part for name, part in sums.items() if part}

    def _touches(self, at: int, browser: str) -> list[Touch]:
        """Of an order at `at`, told at once, by what docs/campaigns.md says."""
        known = at + DAY
        customer = self._owner(browser, at, known)
        found = []
        for when, heard, where, campaign in self.visits:
            if not at - 90 * DAY < when <= at or heard > known:
                continue
            whose = self._owner(where, when, known)
            is_its = where == browser and when == at - MINUTE
            is_free = where == browser and not (whose and customer)
            is_lost = any(when <= ended < at and who == whose for ended, who in self.ends)
            if (is_its or is_free or (whose and whose == customer)) and not is_lost:
                found.append(Touch(when, where, campaign))
        return sorted(found) or [Touch(at, browser, "")]  # owed to nobody

    def _owner(self, browser: str, at: int, known: int) -> str:
        turns = [(when, who) for when, heard, where, who in self.signs if where == browser and heard <= known]
        for ended, who in self.ends:
            before = [turn for turn in sorted((w, c) for w, _, b, c in self.signs if b == browser) if turn[0] <= ended]
            if before and before[-1][1] == who:
                turns.append((ended, ""))
        turns.sort()
        begun = [who for when, who in turns if when <= at]
        if begun and begun[-1]:
            return begun[-1]
        return next((who for when, who in turns if when > at), "")


def test_credits_are_those_of_an_independent_count_whatever_happens_in_whatever_order(tmp_path: Path) -> None:
    """2,000 orders by each model: refunded, cancelled, of people identified and erased sooner or later."""
    chance = random.Random(11)
    households = []
    while sum(len(one.wanted) for one in households) < 10_000:
        households.append(Household(chance, f"home-{len(households):04}"))
        households[-1].live()
    wanted = {key: parts for one in households for key, parts in one.wanted.items()}
    sql = "select order_key, model, coalesce(campaign, ''), sum(revenue) from credits where revenue <> 0 group by all"
    found: dict[tuple[str, str], dict[str, int]] = {key: {} for key in wanted}
    told = [record for one in households for record in one.told]
    for key, model, campaign, revenue in answered(tmp_path, told, sql):
        found[key, model][campaign] = int(revenue * 100)
    different = [key for key in wanted if found[key] != wanted[key]]
    assert different == []
