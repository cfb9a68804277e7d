"""Rules for campaigns in wakeline.toml: what of one cannot be, and what of several does not go together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from wakeline.config.values import number, quoted
from wakeline.settings import (
    MOST_CAMPAIGNS,
    MOST_COST,
    MOST_DAY_COSTS,
    MOST_ELEMENTS,
    MOST_PAID,
    CampaignRule,
    DayCostRule,
)

EARLIEST = date(2000, 1, 1)  # SQL has a row for each day with a cost
MOST_LETTERS = {"id": 100, "type": 50, "audience": 500, "goal": 500}
MOST_LETTERS_OF_ELEMENT = 100


def campaign(rule: CampaignRule) -> str:
    """What is wrong with a campaign, after the word; "" for nothing."""
    return next((f"{quoted(rule.id)} {what}" for _, what in faults(rule)), "")


def faults(rule: CampaignRule) -> Iterator[tuple[str, str]]:
    """(field, what is wrong), to be said of the campaign."""
    for name, most in MOST_LETTERS.items():
        text: str = getattr(rule, name)
        least = int(name in ("id", "type"))
        if not least <= len(text) <= most or text != text.strip():
            yield name, f"has {name} {quoted(text)}: {least} to {most} characters, without spaces around them"
    if rule.ends < rule.starts:
        yield "ends", f"ends on {rule.ends}, before it starts on {rule.starts}"
    if rule.starts < EARLIEST:
        yield "starts", f"starts on {rule.starts}, before {EARLIEST}: which day is meant?"
    for name, cost, highest in (("cost", rule.cost, MOST_PAID), ("send_cost", rule.send_cost, MOST_COST)):
        if not 0 <= cost <= highest:
            yield name, f"costs {number(cost)}: 0 to {highest:,}"
    if len(rule.elements) > MOST_ELEMENTS or any(not 1 <= len(one) <= MOST_LETTERS_OF_ELEMENT for one in rule.elements):
        yield "elements", f"has elements: at most {MOST_ELEMENTS}, each of 1 to {MOST_LETTERS_OF_ELEMENT} characters"
    if len(rule.costs) > MOST_DAY_COSTS:
        yield "costs", f"has {len(rule.costs):,} costs a day, more than {MOST_DAY_COSTS:,}: join days with the same"
    else:
        yield from _costs(rule)


def _costs(rule: CampaignRule) -> Iterator[tuple[str, str]]:
    before: DayCostRule | None = None
    for index, one in sorted(enumerate(rule.costs), key=lambda each: each[1].first):
        where = f"costs[{index}]"
        if not 0 <= one.cost <= MOST_COST:
            yield f"{where}.cost", f"costs {number(one.cost)} a day: 0 to {MOST_COST:,}"
        if one.last < one.first or one.first < rule.starts or one.last > rule.ends:
            yield where, f"has a cost from {one.first} to {one.last}: it runs from {rule.starts} to {rule.ends}"
        if before is not None and one.first <= before.last:
            yield f"{where}.first", f"has two costs for {one.first}: which one is meant?"
        before = one


def misfits(campaigns: Sequence[CampaignRule]) -> Iterator[str]:
    """What does not go together."""
    if (count := len(campaigns)) > MOST_CAMPAIGNS:
        yield f"are {count:,}, more than {MOST_CAMPAIGNS:,}: take out those that ended long ago"
    seen = set()
    for rule in campaigns:
        if rule.id in seen:
            yield f"have {quoted(rule.id)} twice: which one is meant?"
        seen.add(rule.id)


def cost_money(rule: CampaignRule) -> bool:
    """Whether it says any cost, which is in the site's currency."""
    return bool(rule.cost or rule.send_cost or any(one.cost for one in rule.costs))
