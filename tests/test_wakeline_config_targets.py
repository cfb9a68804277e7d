"""Targets in wakeline.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_wakeline_config import SITE, refused
from tests.test_wakeline_config import read as configured
from wakeline.numbers import TARGETED, Count, value_of
from wakeline.settings import MOST_TARGETS, Every, Least, TargetRule

ONE = '[[site.targets]]\nname = "Visits"\nnumber = "visits"\ngoal = 10\n'
EURO = 'currency = "EUR"\n'


def test_a_target_is_read_with_all_that_it_says(tmp_path: Path) -> None:
    text = SITE + ONE + 'every = "week"\nat = "most"\nowner = "shop team"\n' + ONE.replace("Visits", "Others")
    assert configured(tmp_path, text).sites["shop"].targets == (
        TargetRule(name="Visits", number="visits", every=Every.WEEK, goal=10.0, at=Least.MOST, owner="shop team"),
        TargetRule(name="Others", number="visits", every=Every.MONTH, goal=10.0, at=Least.LEAST),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            ONE.replace("goal = 10\n", ""), "targets need a name, a number and a goal: write goal = 0.4", id="no goal"
        ),
        pytest.param(
            ONE.replace('"visits"', '"vists"'),
            '"Visits" is for "vists", which is no number; did you mean visits?',
            id="misspelt",
        ),
        pytest.param(ONE.replace("10", "0"), '"Visits" has goal 0: write what the number is to be', id="nothing"),
        pytest.param(ONE.replace("10", "-1"), '"Visits" has goal -1', id="less than nothing"),
        pytest.param(ONE.replace("10", "nan"), '"Visits" has goal nan', id="no number"),
        pytest.param(ONE.replace("10", "inf"), '"Visits" has goal inf', id="endless"),
        pytest.param(ONE + 'every = "year"\n', "day, week", id="a year"),
        pytest.param(ONE + 'at = "about"\n', "least", id="neither least nor most"),
        pytest.param(ONE.replace("Visits", " "), "1 to 60 visible characters", id="no name"),
        pytest.param(ONE + 'owner = "a\\u202eb"\n', "0 to 60 visible characters", id="an invisible owner"),
        pytest.param(ONE + ONE, 'have "Visits" twice', id="twice"),
        pytest.param(
            ONE.replace('"visits"', '"revenue"'), "are of amounts: write the site's currency", id="no currency"
        ),
        pytest.param(
            "".join(ONE.replace("Visits", f"V{n}") for n in range(MOST_TARGETS + 1)),
            f"are {MOST_TARGETS + 1}, more than {MOST_TARGETS}",
            id="too many",
        ),
    ],
)
def test_a_target_that_cannot_be_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in " ".join(refused(tmp_path, SITE + text))


def test_amounts_need_a_currency_and_have_one_then(tmp_path: Path) -> None:
    text = SITE + EURO + ONE.replace('"visits"', '"basket"')
    assert configured(tmp_path, text).sites["shop"].targets[0].number == "basket"


@pytest.mark.parametrize("name", TARGETED)
def test_each_number_has_a_value_or_says_that_it_has_none(name: str) -> None:
    number = TARGETED[name]
    assert value_of(number, {}, "EUR") in (0, None)
    assert value_of(number, {}, "") in (0, None)
    full = {"revenue:EUR": 900, "revenue_back:EUR": 100, "margin:EUR": 900, "margin_back:EUR": 100}
    full |= {each.name: 4 for each in TARGETED.values() if isinstance(each, Count)}
    full |= {"sessions": 8, "bounces": 2, "carts_abandoned": 2, "visits": 8}
    wanted = {
        "revenue": 8.0, "margin": 8.0, "conversion": 0.5, "basket": 2.0, "bounce_rate": 0.25, "abandoned_rate": 0.5,
        "visits": 8, "engaged_seconds": 0.004,
    }  # fmt: skip
    assert value_of(number, full, "EUR") == wanted.get(name, 4)
