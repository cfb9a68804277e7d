"""The changes of a day's lists, as runs of additions and of subtractions."""

from __future__ import annotations

import random

from tests.test_crm_orders import TODAY, Shop, bought
from wakeline.keys import OTHER
from wakeline.numbers import TOP_PRODUCTS


def test_an_order_that_is_told_again_and_again_makes_few_runs_of_its_lists() -> None:
    """Each is a dict, and a page may tell thousands of such orders at once."""
    shop = Shop()
    for at in range(100):
        items = [{"item_id": f"item-{n}", "quantity": 2 - at % 2} for n in range(200)]
        shop.hear(bought(at, by="page", items=items), now=60_000)
    runs = shop.out.day_tops.runs()["shop", "products", TODAY]
    assert len(runs) <= 100
    assert shop.lists()["products"] == {f"item-{n}": 1 for n in range(200)}


def test_the_runs_of_a_list_say_in_which_order_it_changed() -> None:
    """Where the first subtraction takes a value out of a list, the second one is from the rest."""
    rng = random.Random(1)
    for _ in range(300):
        shop, one_by_one, sums = Shop(), {}, dict.fromkeys("abcde", 0)
        shop.out.site = shop.site
        for _ in range(60):
            name, amount = rng.choice("abcde"), rng.choice((-3, -2, -1, 1, 2))
            amount = max(amount, -sums[name])  # only what was added is taken back
            sums[name] += amount
            if not amount:
                continue
            shop.out.top_of_day(TOP_PRODUCTS, name, amount, day=TODAY)
            _change(one_by_one, name, amount)
        by_runs: dict[str, int] = {}
        for run in shop.out.day_tops.runs()["shop", "products", TODAY]:
            for name, amount in run.items():
                _change(by_runs, name, amount)
        assert by_runs == one_by_one


def _change(scores: dict[str, int], name: str, amount: int) -> None:
    """As the processor does, with a list of three."""
    if name not in scores and (len(scores) >= 3 or amount < 0):
        name = OTHER
    scores[name] = scores.get(name, 0) + amount
    if not scores[name]:
        del scores[name]
