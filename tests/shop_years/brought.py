"""What campaigns brought and cost, summed in plain Python from what was decided: visits, mails, orders, credit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.shop_years.decided import Cost, Years
from tests.shop_years.habits import MAIN
from tests.shop_years.owed import MODELS, Credit, Owed
from tests.shop_years.plans import PLANS, Plan, ago, day_of
from tests.shop_years.telling import Tellings, browsed
from tests.shop_years.truth import OrderTruth, Truth
from tests.shop_years.visited import Visited, Visits, visited
from tests.shop_years.ways import Way
from wakeline.definitions import MOST_TOUCHES

COUNTS = ("visits", "bounces", "sent", "opened", "clicked", "bounced", "unsubscribed", "orders")
OF_ELEMENTS = ("visits", "sent", "opened", "clicked", "orders")
AMOUNTS = ("revenue", "cost")  # euros
Sums = Counter[str]
Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """What one visit, mail, order, or day with a cost adds to a campaign. `of`: kind of element -> which one."""

    campaign: str
    day: date
    adds: Mapping[str, Any]
    of: Mapping[str, str]


@dataclass
class Brought:
    """By campaign, by (campaign, day), and so on, as the views have it. `visits`: (day, class, source, campaign)."""

    visits: Counter[tuple[date, str, str, str]] = field(default_factory=Counter)
    campaigns: dict[str, Row] = field(default_factory=dict)
    days: dict[tuple[str, date], Row] = field(default_factory=dict)
    elements: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    types: dict[str, Row] = field(default_factory=dict)
    credits: dict[tuple[str, str, int], Row] = field(default_factory=dict)  # order, model, position
    owed: dict[tuple[str, str], Row] = field(default_factory=dict)  # campaign, model
    owed_elements: dict[tuple[str, str, str, str], Row] = field(default_factory=dict)  # and kind, element
    browsers: dict[str, Row] = field(default_factory=dict)  # with a profile: where they came from


def brought(made: Years, found: Truth, said: Tellings) -> Brought:
    """`said`: when what was said arrived."""
    visits = visited((visit for visit, _ in browsed(made)), said.known)
    owed = Owed(made, visits, said)
    truths = {order.number: order for order in found.orders}
    sums = Brought()
    parts = []
    for every in visits.of.values():
        for one in every:
            if not one.is_continued:
                sums.visits[one.day, one.way.source_class, one.way.source, one.way.campaign] += 1
                if one.way.campaign:
                    parts.append(_of_visit(one))
    parts += (_of_mail(cost) for cost in made.costs if cost.type == "campaign_sent")
    for order in made.orders:
        own = owed.own(order)
        if own is not None and own.began.way.campaign:
            parts.append(_of_order(truths[order.number], own))
    for plan in PLANS:
        parts += _of_plan(plan, made.end)
    _sum(sums, parts, made.end)
    every_credit = [credit for order in made.orders for credit in owed.credits(order, truths[order.number])]
    _owe(sums, every_credit)
    sums.browsers = _browsers(made, visits)
    return sums


def _browsers(made: Years, visits: Visits) -> dict[str, Row]:
    """Of browsers that have a profile: neither those that withdrew, nor those of who was erased."""
    withdrew = {gone.browser.visitor for gone in made.gone.values() if gone.browser is not None}
    erased = {id for id, gone in made.gone.items() if gone.browser is None}
    found = {}
    for visitor, every in visits.of.items():
        ways = [one.way for one in every if not one.is_continued]
        is_gone = visitor in withdrew or any(turn.customer in erased for turn in visits.turns[visitor])
        if ways and not is_gone and not visitor.startswith("~"):
            by_campaigns = [_source(way) for way in reversed(ways) if way.campaign]
            found[visitor] = {
                "first": _source(ways[0]), "last": _source(ways[-1]), "touches": by_campaigns[:MOST_TOUCHES],
            }  # fmt: skip
    return found


def _source(way: Way) -> tuple[str, ...]:
    return way.source, way.source_class, way.campaign, way.content, way.term


# ---- what each adds


def _of_visit(one: Visited) -> Part:
    return Part(one.way.campaign, one.day, {"visits": 1, "bounces": int(one.is_bounce)}, _elements(one.way, one.hour))


def _elements(way: Any, hour: int) -> dict[str, str]:
    of = {"content": way.content, "term": way.term, "landing_page": way.path, "hour": str(hour)}
    return {kind: text for kind, text in of.items() if text}


def _of_mail(mail: Cost) -> Part:
    whats = {happened.what for happened in mail.happened}
    adds: Row = {"sent": 1} | dict.fromkeys(whats, 1)
    if mail.cost is None:
        adds["cost"] = next((_exact(plan.send_cost) for plan in PLANS if plan.id == mail.campaign), Fraction(0))
    elif mail.currency == MAIN:
        adds["cost"] = Fraction(mail.cost, 100)
    links = [happened for happened in mail.happened if happened.link]
    of = dict(mail.element)
    if links:
        of["link"] = max(links, key=lambda one: one.time).link
    return Part(mail.campaign, day_of(mail.time), adds, of)


def _of_order(order: OrderTruth, own: Visited) -> Part:
    adds: Row = {"orders": int(order.kept > 0)}
    if order.currency == MAIN:
        adds["revenue"] = Fraction(order.kept, 100)
    way = own.began.way
    return Part(way.campaign, day_of(order.time), adds, _elements(way, own.began.hour))


def _of_plan(plan: Plan, end: int) -> Iterable[Part]:
    """Its costs up to today."""
    first, today = ago(end, plan.first), day_of(end)
    if plan.cost and first <= today:
        yield Part(plan.id, first, {"cost": _exact(plan.cost)}, {})
    for begins, ends, cost in plan.costs:
        for days in range(begins - ends + 1):
            day = ago(end, begins) + timedelta(days)
            if day <= today:
                yield Part(plan.id, day, {"cost": _exact(cost)}, {})


def _exact(euros: float) -> Fraction:
    return Fraction(str(euros))


# ---- sums


def _sum(sums: Brought, parts: Iterable[Part], end: int) -> None:
    campaigns: defaultdict[str, Sums] = defaultdict(Counter)
    days: defaultdict[tuple[str, date], Sums] = defaultdict(Counter)
    elements: defaultdict[tuple[str, str, str], Sums] = defaultdict(Counter)
    happened: defaultdict[str, set[str]] = defaultdict(set)
    for part in parts:
        campaigns[part.campaign].update(part.adds)
        days[part.campaign, part.day].update(part.adds)
        for kind, element in part.of.items():
            elements[part.campaign, kind, element].update(part.adds)
            if kind not in ("landing_page", "hour"):
                happened[part.campaign].add(element)
    plans = {plan.id: plan for plan in PLANS if plan.is_planned}
    for id in plans.keys() | campaigns.keys():
        plan = plans.get(id)
        sums.campaigns[id] = _row(campaigns[id], (*COUNTS, *AMOUNTS)) | {
            "type": plan.type if plan else None,
            "starts": ago(end, plan.first) if plan else None,
            "ends": ago(end, plan.last) if plan else None,
            "is_planned": plan is not None,
        }
    sums.days = {key: _row(found, (*COUNTS, *AMOUNTS)) for key, found in days.items()}
    sums.elements = {key: _row(found, (*OF_ELEMENTS, "revenue")) for key, found in elements.items()}
    for plan in plans.values():
        for element in plan.elements:
            if element not in happened[plan.id]:
                sums.elements[plan.id, "planned", element] = _row(Counter(), (*OF_ELEMENTS, "revenue"))
    types: defaultdict[str, Sums] = defaultdict(Counter)
    for id, plan in plans.items():
        types[plan.type].update({name: sums.campaigns[id][name] for name in ("visits", "sent", *AMOUNTS)})
    sums.types = {type: _row(found, ("visits", "sent", *AMOUNTS)) for type, found in types.items()}


def _row(sums: Sums, names: Iterable[str]) -> Row:
    return {name: sums[name] for name in names}


# ---- credit


def _owe(sums: Brought, every: Iterable[Credit]) -> None:
    owed: defaultdict[tuple[str, str], Sums] = defaultdict(Counter)
    elements: defaultdict[tuple[str, str, str, str], Sums] = defaultdict(Counter)
    for one in every:
        sums.credits[one.order.number, one.model, one.position] = _credit(one)
        if one.visit is None or not one.visit.way.campaign:
            continue
        way = one.visit.way
        adds = _adds(one)
        if one.order.currency == MAIN:
            owed[way.campaign, one.model].update(adds)
            for kind, element in _elements(way, one.visit.hour).items():
                elements[way.campaign, one.model, kind, element].update(adds)
    for campaign in sums.campaigns.keys() | {campaign for campaign, _ in owed}:
        for model in MODELS:
            sums.owed[campaign, model] = _owed(owed[campaign, model], sums.campaigns[campaign])
    sums.owed_elements = {key: _row(found, ("revenue", "margin")) for key, found in elements.items()}


def _credit(one: Credit) -> Row:
    way = one.visit.way if one.visit else None
    return {
        "touches": one.touches,
        "weight": round(float(one.weight), 9),
        "source": way.source if way else None,
        "source_class": way.source_class if way else None,
        "campaign": (way.campaign or None) if way else None,
        "content": (way.content or None) if way else None,
        "term": (way.term or None) if way else None,
        "landing_page": way.path if way else None,
        "hour": one.visit.hour if one.visit else None,
        "revenue": one.revenue,
        "margin": one.margin,
        "currency": one.order.currency,
    }


def _adds(one: Credit) -> Row:
    revenue = Fraction(one.revenue, 100)
    return {
        "orders": Fraction(0) if one.order.is_back else one.weight,
        "revenue": revenue,
        "margin": Fraction(one.margin or 0, 100),
        "revenue_of_unknown_margin": revenue if one.margin is None else Fraction(0),
    }


def _owed(sums: Sums, campaign: Row) -> Row:
    found = _row(sums, ("orders", "revenue", "margin", "revenue_of_unknown_margin"))
    cost = campaign["cost"]
    profit = found["margin"] - cost
    return found | {"cost": cost, "profit": profit, "type": campaign["type"],
                    "return_on_cost": Fraction(profit) / cost if cost else None}  # fmt: skip
