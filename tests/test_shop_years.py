"""The two years that a seed decides: always the same, with everything that may become of an order; and their truth.

tests/integration/test_shop_years.py tells them to a deployment.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from tests.shop_years import effects, plans, purchases, truth
from tests.shop_years.brought import brought
from tests.shop_years.catalogue import Product
from tests.shop_years.decided import Back, Browser, Line, Look, Order, Refund, Told, Years
from tests.shop_years.habits import years
from tests.shop_years.owed import MODELS, Owed, divided
from tests.shop_years.pages import MARGINS, SETTINGS, SITE
from tests.shop_years.plans import BEST, PLANS, VOID
from tests.shop_years.telling import Named, Tellings, browsed, tellings
from tests.shop_years.visited import Visits, visited
from tests.shop_years.ways import DIRECT, PAYING, Way
from wakeline.config import load
from wakeline.definitions import CREDIT_MODELS
from wakeline.durations import DAY_MS, MINUTE_MS

NOW = 1_800_000_000_000
LAMP, PLANT = Product("lamp", "Lamp", "Lamps", 1_000, 400), Product("plant", "Plant", "Plants", 310, None)
BOWL = Product("bowl", "Bowl", "Textiles", 500, None)


def order(told: Told = Told.SHOP, *lines: tuple[Product, str], **fields: object) -> Order:
    sold = [Line(product, Decimal(count), product.price, product.cost) for product, count in lines or ((LAMP, "3"),)]
    value = sum(int(line.price * line.quantity) for line in sold)
    return Order("A-1", NOW, "C-1", "EUR", told, sold, value, **fields)  # type: ignore[arg-type]


def test_a_seed_decides_the_same_and_tells_it_the_same() -> None:
    first, second, other = (years(seed, 30, NOW) for seed in (1, 1, 2))
    assert first == second != other
    assert tellings(first, 1) == tellings(second, 1)


def test_everything_happens_that_may_become_of_an_order() -> None:
    made = years(1, 300, NOW)
    refunds = [refund for order in made.orders for refund in order.refunds]
    assert {order.told for order in made.orders} == set(Told)
    assert {order.currency for order in made.orders} == {"EUR", "JPY"}
    assert {state for order in made.orders for state in order.states} >= {"paid", "cancelled", "returned"}
    assert {(refund.value is None, not refund.goods) for refund in refunds} == {
        (value, goods) for value in (True, False) for goods in (True, False)
    }
    assert any(order.first_customer not in ("", order.customer) for order in made.orders if order.first)
    assert any(order.claimed for order in made.orders)
    assert any(order.identified_later for order in made.orders)


def test_no_order_or_cost_is_near_the_border_of_a_year() -> None:
    made = years(3, 100, NOW)
    for time in (*(order.time for order in made.orders), *(cost.time for cost in made.costs)):
        assert abs((made.end - time) / DAY_MS - 365) > 1


def test_what_an_order_is_worth() -> None:
    plain = truth.order_truth(order())
    assert (plain.value, plain.margin, plain.kept, plain.pieces) == (3_000, 1_800, 3_000, 3)
    part = Refund("R", NOW, None, [Back(LAMP, Decimal(1), None)])
    back = truth.order_truth(order(refunds=[part]))
    assert (back.taken_back, back.margin, back.pieces_back) == (1_000, 2_000 - 2 * 400, 1)
    goodwill = truth.order_truth(order(refunds=[Refund("R", NOW, 500)]))
    assert (goodwill.taken_back, goodwill.margin, goodwill.pieces_back) == (500, 2_500 - 1_200, 0)
    returned = truth.order_truth(order(states={"returned": NOW}))
    assert (returned.taken_back, returned.margin, returned.pieces_back) == (0, 3_000, 3)
    for off in (order(states={"cancelled": NOW}), order(refunds=[Refund("R", NOW)])):
        assert (truth.order_truth(off).taken_back, truth.order_truth(off).margin) == (3_000, 0)
        assert truth.order_truth(off).is_back


def test_what_is_known_of_its_costs() -> None:
    assert truth.order_truth(order(Told.PAGE)).margin == 3_000 - 3 * 550  # by the rate of lamps: a page knows no cost
    assert truth.order_truth(order(Told.SHOP, (PLANT, "1"))).margin == 310 - 202  # 201.5 goes up
    assert truth.order_truth(order(Told.SHOP, (BOWL, "1"))).margin is None


def test_it_lies_on_disk(tmp_path: Path) -> None:
    made = Years(NOW - 730 * DAY_MS, NOW, NOW, NOW, products=[LAMP], orders=[order()])
    found = truth.truth(made)
    truth.write(tmp_path, found, purchases.customers(made, found))
    (line,) = (tmp_path / "orders.jsonl").read_text().splitlines()
    assert json.loads(line)["margin"] == 1_800
    assert json.loads((tmp_path / "totals.json").read_text())["revenue:EUR"] == 3_000


# ---- campaigns

MAIL, ADVERT = PLANS[0].ways[0], PLANS[1].ways[0]
PHONE = Browser("browser-phone", "198.51.100.1", "C-1")
LAPTOP = Browser("browser-laptop", "198.51.100.2", "C-1")


def looks(*seen: tuple[Browser, float, Way]) -> Years:
    """Visits of so many days ago."""
    made = Years(NOW - 730 * DAY_MS, NOW, NOW, NOW)
    made.looks = [
        Look(f"V-{nth}", NOW - int(ago * DAY_MS), browser, way) for nth, (browser, ago, way) in enumerate(seen)
    ]
    return made


def all_visits(made: Years) -> Visits:
    return visited((visit for visit, _ in browsed(made)), lambda _: 0)


def touched_by(made: Years, bought: Order) -> list[str]:
    return [one.way.campaign or one.way.source for one in Owed(made, all_visits(made), Tellings()).touches(bought)]


def test_its_plans_are_settings_that_hold(tmp_path: Path) -> None:
    config = tmp_path / "wakeline.toml"
    config.write_text(SETTINGS + plans.settings(NOW) + MARGINS)
    planned = load(config, {}, {}).sites[SITE].campaigns
    assert [one.id for one in planned] == [plan.id for plan in PLANS if plan.is_planned]
    assert next(one.cost for one in planned if one.id == VOID) == 300


def test_people_come_by_all_ways_and_some_leave() -> None:
    made = years(1, 150, NOW)
    sums = brought(made, truth.truth(made), tellings(made, 1))
    assert {kind for _, kind, _, _ in sums.visits} >= {"direct", "search", "social", "email", "paid", "referral"}
    assert {gone.browser is None for gone in made.gone.values()} == {True, False}
    assert any(visit.is_continued for every in all_visits(made).of.values() for visit in every)
    assert {look.browser.visitor[:5] for look in made.looks} >= {"", "brows", "secon", "home-", "stran", "gone-"}
    assert max(row["touches"] for row in sums.credits.values()) > 5
    assert sums.campaigns[BEST]["orders"] > effects.SOME
    assert not list(effects.effects(sums))


def test_a_difference_is_found() -> None:
    made = years(2, 20, NOW)
    found, said = truth.truth(made), tellings(made, 2)
    true, other = brought(made, found, said), brought(made, found, said)
    assert not any(effects.of_views(other, true).values())
    next(iter(other.credits.values()))["revenue"] += 1
    other.campaigns[VOID]["cost"] += 1
    differ = {what for what, found in effects.of_views(other, true).items() if found}
    assert differ == {"campaigns in SQL: credits", "campaigns in SQL: campaigns"}


def test_who_is_back_from_paying_goes_on_with_the_visit() -> None:
    made = looks((PHONE, 2, MAIL), (PHONE, 2 - 1 / 24, PAYING[0]), (LAPTOP, 1, PAYING[0]))
    first, back = all_visits(made).of["browser-phone"]
    assert (first.is_continued, first.is_bounce, back.is_continued, back.began.way) == (False, True, True, MAIL)
    (alone,) = all_visits(made).of["browser-laptop"]
    assert not alone.is_continued


def test_which_visits_touch_an_order() -> None:
    of_another = Browser("browser-other", "198.51.100.3", "C-2")
    made = looks(
        (PHONE, 91, MAIL), (PHONE, 89, ADVERT), (LAPTOP, 40, MAIL), (LAPTOP, 30, PAYING[0]), (of_another, 20, MAIL),
        (PHONE, 10, DIRECT), (PHONE, -1, MAIL),
    )  # fmt: skip
    assert touched_by(made, order()) == ["lamp-search", BEST, "direct"]


def test_each_model_divides_an_order() -> None:
    assert MODELS.keys() == CREDIT_MODELS.keys()
    every = [(PHONE, 4, ADVERT), (LAPTOP, 3, MAIL), (PHONE, 2, MAIL), (PHONE, 1, DIRECT)]
    owed = Owed(made := looks(*every), all_visits(made), Tellings())
    credits = owed.credits(bought := order(), truth.order_truth(bought))
    parts = {model: [one.revenue for one in credits if one.model == model] for model in MODELS}
    assert parts == {
        "first": [3_000], "last": [3_000], "last_non_direct": [3_000], "linear": [750] * 4,
        "position": [1_200, 300, 300, 1_200],
    }  # fmt: skip
    assert [one.position for one in credits if one.model == "last_non_direct"] == [3]


def test_amounts_are_divided_to_the_last_cent() -> None:
    thirds = MODELS["linear"](all_visits(looks(*[(PHONE, days, DIRECT) for days in (1, 2, 3)])).of["browser-phone"])
    assert divided(100, thirds) == [34, 33, 33]
    assert divided(-101, thirds) == [-34, -34, -33]


def test_what_is_known_too_late_changes_nothing() -> None:
    made, bought = looks((PHONE, 2, MAIL)), order()
    heard = NOW
    for arrived, touched in ((heard + DAY_MS, [BEST]), (heard + DAY_MS + MINUTE_MS, [])):
        visits = visited((visit for visit, _ in browsed(made)), lambda _, at=arrived: at)  # type: ignore[misc]
        said = Tellings(heard={bought.number: heard})
        said.named[bought.number] = [Named(heard, heard, "C-1")]
        assert [one.way.campaign for one in Owed(made, visits, said).touches(bought)] == touched
