"""Campaigns in wakeline.toml, and as definitions of a site."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crm.definitions import body_of, difference, read
from tests.test_wakeline_config import SITE, refused
from tests.test_wakeline_config import read as configured
from wakeline.settings import MOST_CAMPAIGNS, CampaignRule, DayCostRule, Site

ONE = '[[site.campaigns]]\nid = "spring"\ntype = "newsletter"\nstarts = 2026-12-01\nends = 2026-12-24\n'
COST = "[[site.campaigns.costs]]\nfirst = {}\nlast = {}\ncost = {}\n"
EURO = 'currency = "EUR"\n'


def test_a_campaign_is_read_with_all_that_it_says(tmp_path: Path) -> None:
    text = SITE + EURO + ONE + 'cost = 450\nsend_cost = 0.02\naudience = "all"\ngoal = "sell"\nelements = ["top"]\n'
    text += COST.format("2026-12-01", "2026-12-07", 12.5) + COST.format("2026-12-08", "2026-12-08", 3)
    [found] = configured(tmp_path, text).sites["shop"].campaigns
    assert found == CampaignRule(
        id="spring", type="newsletter", starts=date(2026, 12, 1), ends=date(2026, 12, 24), cost=450.0, send_cost=0.02,
        audience="all", goal="sell", elements=("top",),
        costs=(
            DayCostRule(first=date(2026, 12, 1), last=date(2026, 12, 7), cost=12.5),
            DayCostRule(first=date(2026, 12, 8), last=date(2026, 12, 8), cost=3.0),
        ),
    )  # fmt: skip


FIELDS = "id, type, starts, ends, cost, costs, send_cost, audience, goal and elements"
NEEDS = "campaigns need an id, a type, and the days on which it starts and ends"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            '[[site.campaigns]]\nid = "a"\ntype = "b"\nstarts = 2026-12-01\n',
            f"{NEEDS}: write ends = 2026-12-01",
            id="no dates",
        ),
        pytest.param('[[site.campaigns]]\ntype = "b"\n', f'{NEEDS}: write id = "..."', id="no id"),
        pytest.param(
            ONE.replace("2026-12-24", '"2026-12-24"'),
            'campaigns ends must be a day without quotes, like 2026-12-01, not text "2026-12-24"',
            id="a day in quotes",
        ),
        pytest.param(
            ONE.replace("2026-12-24", "2026-12-24T10:00:00"),
            "campaigns ends must be a day without quotes, like 2026-12-01, not 2026-12-24 10:00:00",
            id="a time",
        ),
        pytest.param(
            ONE.replace("2026-12-24", "2026-11-24"),
            'campaign "spring" ends on 2026-11-24, before it starts on 2026-12-01',
            id="ends first",
        ),
        pytest.param(
            ONE.replace("starts = 2026", "starts = 0001"),
            'campaign "spring" starts on 0001-12-01, before 2000-01-01: which day is meant?',
            id="starts long ago",
        ),
        pytest.param(
            ONE.replace("spring", " "),
            'campaign " " has id " ": 1 to 100 characters, without spaces around them',
            id="an id of spaces",
        ),
        pytest.param(ONE + "price = 3\n", f"campaigns allow only {FIELDS}, not price", id="unknown"),
        pytest.param(ONE + "cost = -1\n", 'campaign "spring" costs -1: 0 to 1,000,000,000', id="less than nothing"),
        pytest.param(ONE + "cost = nan\n", 'campaign "spring" costs nan: 0 to 1,000,000,000', id="no number"),
        pytest.param(
            ONE + "cost = 9\n",
            'campaigns cost something: write the site\'s currency = "EUR", or another',
            id="no currency",
        ),
        pytest.param(ONE + ONE, 'campaigns have "spring" twice: which one is meant?', id="twice"),
        pytest.param(
            EURO + ONE + COST.format("2026-12-01", "2026-12-07", 1) + COST.format("2026-12-07", "2026-12-09", 2),
            'campaign "spring" has two costs for 2026-12-07: which one is meant?',
            id="two costs for a day",
        ),
        pytest.param(
            EURO + ONE + COST.format("2026-12-01", "2026-12-25", 1),
            'campaign "spring" has a cost from 2026-12-01 to 2026-12-25: it runs from 2026-12-01 to 2026-12-24',
            id="a cost of another day",
        ),
        pytest.param(
            EURO + ONE + "[[site.campaigns.costs]]\nfirst = 2026-12-01\n",
            "campaigns costs need a first and a last day, and the cost of each: write last = 2026-12-01",
            id="half a cost",
        ),
    ],
)
def test_a_campaign_that_cannot_be_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    [found, *_] = refused(tmp_path, SITE + text)
    assert found.partition(": ")[2].startswith(problem)


def test_more_campaigns_than_a_site_may_have_are_refused(tmp_path: Path) -> None:
    text = "".join(ONE.replace("spring", f"c{n}") for n in range(MOST_CAMPAIGNS + 1))
    [found] = refused(tmp_path, SITE + text)
    assert "campaigns are 1,001, more than 1,000" in found


PLAN = CampaignRule(id="a", type="letter", starts=date(2026, 12, 1), ends=date(2026, 12, 2))


def plan(**said: Any) -> Site:
    return Site(key="shop", currency="EUR", campaigns=(replace(PLAN, **said),))


def test_a_definition_says_what_changes_in_a_campaign() -> None:
    before = body_of("campaigns", plan())
    after = body_of("campaigns", plan(cost=450.0, send_cost=0.02, audience="all"))
    assert read("campaigns", after)[0].cost == 450.0
    assert difference("campaigns", None, before) == ["+ letter a runs from 2026-12-01 to 2026-12-02"]
    assert difference("campaigns", before, after) == [
        "+ a costs 450 once",
        "+ each mail or letter of a costs 0.02",
        "+ a is for all",
    ]


def test_elements_with_commas_are_told_apart() -> None:
    one, two = body_of("campaigns", plan(elements=("a, b",))), body_of("campaigns", plan(elements=("a", "b")))
    assert difference("campaigns", one, two) == ['- a has "a, b"', '+ a has "a", "b"']


@pytest.mark.parametrize("name", ["costs", "cost"])
def test_costs_that_are_no_campaigns_are_said_to_be(tmp_path: Path, name: str) -> None:
    text = ONE + COST.format("2026-12-01", "2026-12-01", 3).replace("campaigns.costs", name)
    [found] = refused(tmp_path, SITE + text)
    assert f"a site has no [[site.{name}]]; did you mean [[site.campaigns.costs]]?" in found


OTHER: dict[type, Any] = {str: "other", date: date(2026, 12, 1), float: 7.0}
OTHERS: dict[str, Any] = {
    "costs": (DayCostRule(first=PLAN.starts, last=PLAN.ends, cost=3.0),),
    "elements": ("top",),
    "ends": date(2026, 12, 3),
}


@pytest.mark.parametrize("name", [field.name for field in fields(CampaignRule)])
def test_a_change_of_any_field_is_said(name: str) -> None:
    value = OTHERS.get(name, OTHER.get(type(getattr(PLAN, name))))
    former = plan(starts=date(2026, 11, 30)) if name == "starts" else plan()
    assert difference("campaigns", body_of("campaigns", former), body_of("campaigns", plan(**{name: value})))


@pytest.mark.parametrize("name", [field.name for field in fields(CampaignRule) if field.type == "str"])
def test_every_text_has_a_longest_length(tmp_path: Path, name: str) -> None:
    with_it = "\n".join(line for line in ONE.splitlines() if not line.startswith(f"{name} ="))
    [found, *_] = refused(tmp_path, f'{SITE}{with_it}\n{name} = "{"x" * 501}"\n')
    assert f' has {name} "xxx' in found


@pytest.mark.parametrize(
    "body",
    [
        b'[{"id":"a","type":"b","starts":"2026-12-02","ends":"2026-12-01"}]',
        b'[{"id":"a","type":"b","starts":"2026-12-02","ends":"no day"}]',
        b'[{"id":"a","type":"b"}]',
        b'[{"id":"a","type":"b","starts":"2026-12-01","ends":"2026-12-02"},{"id":"a","type":"b","starts":"2026-12-01","ends":"2026-12-02"}]',
    ],
)
def test_a_definition_that_cannot_be_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"starts|ends|Invalid|twice"):
        read("campaigns", body)
