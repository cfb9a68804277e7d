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


def campaign(rule: CampaignRule) -> str:
    """What is wrong with a campaign; "" for nothing."""
    for name, most in MOST_LETTERS.items():
        text: str = getattr(rule, name)
        is_needed = name in ("id", "type")
        if len(text) > most or text != text.strip() or (is_needed and not text):
            return f"{name} must have {int(is_needed)} to {most} characters, without spaces around them"
    which = quoted(rule.id)
    if rule.ends < rule.starts:
        return f"{which} ends on {rule.ends}, before it starts on {rule.starts}"
    if rule.starts < EARLIEST:
        return f"{which} starts on {rule.starts}, before {EARLIEST}: which day is meant?"
    for cost, most in ((rule.cost, MOST_PAID), (rule.send_cost, MOST_COST)):
        if not 0 <= cost <= most:
            return f"{which} costs {number(cost)}: 0 to {most:,}"
    if len(rule.elements) > MOST_ELEMENTS or any(not 1 <= len(one) <= 100 for one in rule.elements):
        return f"{which} has elements: at most {MOST_ELEMENTS}, each of 1 to 100 characters"
    if len(rule.costs) > MOST_DAY_COSTS:
        return f"{which} has {len(rule.costs):,} costs a day, more than {MOST_DAY_COSTS:,}: join days with the same"
    return _costs(rule, which)


def _costs(rule: CampaignRule, which: str) -> str:
    before: DayCostRule | None = None
    for one in sorted(rule.costs, key=lambda one: one.first):
        if not 0 <= one.cost <= MOST_COST:
            return f"{which} costs {number(one.cost)} a day: 0 to {MOST_COST:,}"
        if one.last < one.first or one.first < rule.starts or one.last > rule.ends:
            return f"{which} has a cost from {one.first} to {one.last}: it runs from {rule.starts} to {rule.ends}"
        if before is not None and one.first <= before.last:
            return f"{which} has two costs for {one.first}: which one is meant?"
        before = one
    return ""


def misfits(campaigns: Sequence[CampaignRule]) -> Iterator[str]:
    """What does not go together."""
    if (count := len(campaigns)) > MOST_CAMPAIGNS:
        yield f"has {count:,} campaigns, more than {MOST_CAMPAIGNS:,}: take out those that ended long ago"
    seen = set()
    for rule in campaigns:
        if rule.id in seen:
            yield f"has {quoted(rule.id)} twice: which one is meant?"
        seen.add(rule.id)


def cost_money(rule: CampaignRule) -> bool:
    """Whether it says any cost, which is in the site's currency."""
    return bool(rule.cost or rule.send_cost or any(one.cost for one in rule.costs))
