"""What Wakeline says of campaigns in the end: its views, and the live lists of each day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

from redis import Redis

from tests.integration.kill.books import LANES
from tests.shop_years.brought import AMOUNTS, COUNTS, OF_ELEMENTS, Brought, Row
from tests.shop_years.pages import SITE
from wakeline.keys import Keys
from wakeline.keys import date as keys_date
from wakeline.numbers import TOP_CAMPAIGNS, TOP_SOURCE_CLASSES, TOP_SOURCES
from wakeline.profile_fields import Source
from wakeline.profiles import Profiles

Ask = Callable[[str], list[tuple[Any, ...]]]
Live = dict[tuple[str, str, str], int]
"""(list, day, value) -> visits."""

OF_CREDIT = (
    "touches", "weight", "source", "source_class", "campaign", "content", "term", "landing_page", "hour", "revenue",
    "margin", "currency",
)  # fmt: skip
OWED = ("orders", "revenue", "margin", "revenue_of_unknown_margin", "cost", "profit", "type", "return_on_cost")
OF_CAMPAIGNS = (*COUNTS, *AMOUNTS, "type", "starts", "ends", "is_planned")
OF_TYPES = ("visits", "sent", *AMOUNTS)
KINDS = ("content", "term", "landing_page", "hour")


def in_views(ask: Ask, numbers: dict[str, str]) -> Brought:
    """`numbers`: those of orders by their keys."""
    found = Brought()
    for *key, visits in ask("""select day, source_class, source, coalesce(campaign, ''), count(*)
            from sessions where not continued group by all"""):  # fmt: skip
        found.visits[tuple(key)] = visits  # type: ignore[index]
    found.campaigns = {key: row for (key,), row in _rows(ask, "campaigns", ("campaign",), OF_CAMPAIGNS)}
    found.days = dict(_rows(ask, "campaign_days", ("campaign", "day"), (*COUNTS, *AMOUNTS)))
    found.elements = dict(_rows(ask, "campaign_elements", ("campaign", "kind", "element"), (*OF_ELEMENTS, "revenue")))
    sums = ", ".join(f"sum({name}) as {name}" for name in OF_TYPES)
    by_type = f"(select type, {sums} from campaigns where is_planned group by type)"
    found.types = {type: row for (type,), row in _rows(ask, by_type, ("type",), OF_TYPES)}
    found.owed = dict(_rows(ask, "campaign_credit", ("campaign", "model"), OWED))
    for (order, model, position), row in _rows(ask, "credits", ("order_key", "model", "position"), OF_CREDIT):
        unit = 1 if row["currency"] == "JPY" else 100
        row |= {name: None if row[name] is None else row[name] * unit for name in ("revenue", "margin")}
        row["weight"] = round(row["weight"], 9)
        found.credits[numbers.get(order, order), model, position] = row
    names, columns = ", ".join(f"'{kind}'" for kind in KINDS), ", ".join(f"{kind}::varchar" for kind in KINDS)
    by = f"""(select campaign, model, kind, element, sum(revenue) as revenue, coalesce(sum(margin), 0) as margin
        from (select *, unnest([{names}]) as kind, unnest([{columns}]) as element from credits
            where currency = 'EUR' and campaign is not null)
        where element is not null group by all)"""
    found.owed_elements = dict(_rows(ask, by, ("campaign", "model", "kind", "element"), ("revenue", "margin")))
    return found


def _rows(ask: Ask, view: str, keys: Sequence[str], names: Sequence[str]) -> Iterable[tuple[Any, dict[str, Any]]]:
    for row in ask(f"select {', '.join((*keys, *names))} from {view}"):
        yield row[: len(keys)], dict(zip(names, map(_exact, row[len(keys) :]), strict=True))


def _exact(value: Any) -> Any:
    return Fraction(value) if isinstance(value, Decimal) else value


# ---- live


def live(url: str, version: int, days: Iterable[date]) -> Live:
    """The lists of visits of these days."""
    found: Counter[tuple[str, str, str]] = Counter()
    keys = Keys(version)
    with Redis.from_url(url, decode_responses=True) as client:
        for day, top, lane in product(days, (TOP_SOURCES, TOP_SOURCE_CLASSES, TOP_CAMPAIGNS), range(LANES)):
            key = keys.top(lane, SITE, top.name, keys_date(f"{day}"))
            for value, count in client.zrange(key, 0, -1, withscores=True):
                found[top.name, f"{day}", value] += int(count)
    return {key: count for key, count in found.items() if count}


def browsers(url: str, ids: Iterable[str]) -> dict[str, Row]:
    """By visitor, what its profile says of where it came from; nothing of one that has none."""
    found = {}
    with Profiles(url) as profiles:
        for id in ids:
            profile = profiles.read(SITE, id)
            if profile is not None:
                found[id] = {
                    "first": _source(profile.first_source),
                    "last": _source(profile.last_source),
                    "touches": [_source(touch.source) for touch in profile.touches],
                }
    return found


def _source(found: Source | None) -> tuple[str, ...] | None:
    if found is None:
        return None
    return found.source, found.source_class, found.campaign, found.content, found.term


def of_lists(visits: Counter[tuple[date, str, str, str]]) -> Live:
    """What the lists must say of these visits."""
    found: Counter[tuple[str, str, str]] = Counter()
    for (day, kind, source, campaign), count in visits.items():
        found[TOP_SOURCES.name, f"{day}", source] += count
        found[TOP_SOURCE_CLASSES.name, f"{day}", kind] += count
        if campaign:
            found[TOP_CAMPAIGNS.name, f"{day}", campaign] += count
    return dict(found)


KINDS_OF_ROWS = tuple(one.name for one in fields(Brought) if one.name != "browsers")
"""What the views say of campaigns."""
