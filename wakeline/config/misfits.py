"""Settings that do not go together, of a site."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

from wakeline.config import campaigns, segments, targets
from wakeline.config.values import quoted
from wakeline.settings import (
    MOST_GROUP_RULES,
    MOST_INTEREST_RULES,
    MOST_LINK_HOSTS,
    MOST_LINK_KEYS,
    MOST_MARGIN_RULES,
    MOST_PAGE_GROUPS,
    MOST_PASSING_HOSTS,
    Site,
)


def site_misfits(site: Site, refused: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """(setting, what is wrong) where two settings of a site do not go together, or a list is too long.

    Of those that were `refused` the site has the default, which nobody wrote: nothing is said of them here.
    """
    if (count := len(site.interests)) > MOST_INTEREST_RULES:
        yield "interests", f"have {count:,} rules, more than {MOST_INTEREST_RULES:,}: join some with a * in their path"
    if (count := len(site.page_groups)) > MOST_GROUP_RULES:
        yield "page_groups", f"have {count:,} rules, more than {MOST_GROUP_RULES}: join some with a * in their path"
    if (count := len({rule.group for rule in site.page_groups})) > MOST_PAGE_GROUPS:
        yield "page_groups", f"have {count} groups, more than {MOST_PAGE_GROUPS}: give some the same name"
    if (count := len(site.margins)) > MOST_MARGIN_RULES:
        yield "margins", f"have {count:,} rules, more than {MOST_MARGIN_RULES:,}"
    if (count := len(site.passing_hosts)) > MOST_PASSING_HOSTS:
        yield "passing_hosts", f"have {count:,} hosts, more than {MOST_PASSING_HOSTS:,}"
    for name, most in (("link_keys", MOST_LINK_KEYS), ("link_hosts", MOST_LINK_HOSTS)):
        if (count := len(getattr(site, name))) > most:
            yield name, f"have {count:,} entries, more than {most:,}"
    if site.link_keys and not site.secret and "secret" not in refused:
        yield "link_keys", "need the site's secret: ids in links are hashed with it"
    for what in campaigns.misfits(site.campaigns):
        yield "campaigns", what
    if any(map(campaigns.cost_money, site.campaigns)) and not site.currency and "currency" not in refused:
        yield "campaigns", 'cost something: write the site\'s currency = "EUR", or another'
    for what in () if "currency" in refused else segments.misfits(site):
        yield "segments", what
    for what in targets.misfits(site):
        yield "targets", what
    if targets.need_currency(site) and not site.currency and "currency" not in refused:
        yield "targets", 'are of amounts: write the site\'s currency = "EUR", or another'
    seen: dict[str, str] = {}
    for rule in site.margins:
        name = " ".join(rule.category.split()).lower()  # as `crm.sites` compares them
        if name in seen:
            yield "margins", f"have {quoted(rule.category)} twice, also as {quoted(seen[name])}: which rate is meant?"
        seen[name] = rule.category
    for name in ("minute_cost", "return_cost"):
        if getattr(site, name) and not site.currency and "currency" not in refused:
            yield name, 'needs the site\'s currency: write currency = "EUR", or another'
    longest = ("visitor_months", "visitor_most_months", "customer_months")  # a customer outlives its visitors' profiles
    for less, name in pairwise(longest):
        if {less, name}.isdisjoint(refused) and (months := getattr(site, name)) < (least := getattr(site, less)):
            yield name, f"is {months}, less than {less}, {least}"
