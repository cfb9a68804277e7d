"""The numbers of a site: their names are public, and all views agree."""

from __future__ import annotations

import re

from api.metrics import FAMILIES
from benchmarks.children import ROOT
from crm.sites import SiteFacts
from dashboards import metrics
from processor.changes import Changes, TopLists
from processor.deadlines import Deadlines
from wakeline.durations import DAY_MS
from wakeline.keys import Keys
from wakeline.numbers import COUNTS, FUNNEL, HISTOGRAMS, LIVE_MONEYS, LIVE_TOPS, MONEYS, PENDINGS, TOPS, TOTALS
from wakeline.settings import Site

NOW = 1_790_000_000_000

COUNT_NAMES = {
    "page_views": "page_views",
    "sessions": "sessions",
    "bounces": "bounces",
    "engaged_ms": "engaged_seconds",
    "scrolled": "scrolled_pages",
    "events": "custom_events",
    "bot_events": "bot_events",
    "bot_views": "bot_page_views",
    "new_visitors": "new_visitors",
    "identified": "identified",
    "withdrawals": "withdrawals",
    "agreed": "consents_given",
    "declined": "consents_declined",
    "gpc_views": "page_views_with_gpc",
    "visits": "visits",
    "visits_new": "new_visits",
    "visits_returning": "returning_visits",
    "orders": "orders",
    "orders_back": "orders_taken_back",
    "pieces": "pieces_sold",
    "pieces_back": "pieces_taken_back",
    "carts": "carts",
    "carts_abandoned": "carts_abandoned",
    "carts_recovered": "carts_recovered",
    "mails_opened": "mails_opened",
    "mails_clicked": "mails_clicked",
    "mails_clicked_back": "mails_clicked_taken_back",
    "opens_by_machines": "opens_by_machines",
    "clicks_by_machines": "clicks_by_machines",
    "clicks_by_machines_back": "clicks_by_machines_taken_back",
    "mails_sent": "mails_sent",
    "mails_bounced": "mails_bounced",
    "mails_unsubscribed": "mails_unsubscribed",
    "contacts": "contacts",
    "contacts_answered": "contacts_answered",
    "contact_answer_ms": "contact_answer_seconds",
    "contacts_solved": "contacts_solved",
    "contacts_graded": "contacts_graded",
    "contact_grades": "contact_grades",
    "contact_work_s": "contact_work_seconds",
    "orders_unpriced": "orders_unpriced",
    "orders_too_large": "orders_too_large",
    "orders_over_refunded": "orders_over_refunded",
    "order_states_back": "order_states_backwards",
    "searches": "searches",
    "searches_empty": "searches_without_result",
    "not_found": "pages_not_found",
    "pages_5xx": "pages_server_error",
    "pages_timeout": "pages_timeout",
    "rage_clicks": "rage_clicks",
    "dead_clicks": "dead_clicks",
    "forms_abandoned": "forms_abandoned",
    "js_errors": "js_errors",
    "funnel_seen": "visits_with_product",
    "funnel_carted": "visits_with_cart",
    "funnel_checkout": "visits_with_checkout",
    "funnel_payment": "visits_with_payment",
    "funnel_bought": "visits_with_purchase",
}
MONEY_NAMES = {
    "revenue": "revenue_gained",
    "revenue_back": "revenue_taken_back",
    "page_revenue": "page_revenue_gained",
    "page_revenue_back": "page_revenue_taken_back",
    "cart_value_abandoned": "cart_value_abandoned",
    "cart_value_recovered": "cart_value_recovered",
    "margin": "margin_gained",
    "margin_back": "margin_taken_back",
    "contact_cost": "contact_cost_told",
    "contact_cost_back": "contact_cost_taken_back",
    "revenue_of_unknown_margin": "revenue_of_unknown_margin_gained",
    "revenue_of_unknown_margin_back": "revenue_of_unknown_margin_taken_back",
}
HISTOGRAM_NAMES = {
    "lcp": "largest_contentful_paint_seconds",
    "inp": "interaction_to_next_paint_seconds",
    "cls": "cumulative_layout_shift",
    "fcp": "first_contentful_paint_seconds",
    "ttfb": "time_to_first_byte_seconds",
    "server": "server_response_seconds",
    "server_total": "server_timing_seconds",
}
PENDING_NAMES = {"contacts_open": "contacts_open", "contacts_unanswered": "contacts_unanswered"}
NOT_IN_TOTALS = {
    "visits", "visits_new", "visits_returning", "scrolled", "contact_answer_ms", "contacts_graded", "contact_grades",
    "contact_work_s",
}  # fmt: skip
TOP_NAMES = {
    "pages": ("page_views", "page"),
    "engaged_ms": ("engaged_seconds", "page"),
    "scrolled": ("scrolled_pages", "page"),
    "entries": ("entries", "page"),
    "exits": ("exits", "page"),
    "steps": ("page_steps", "step"),
    "back": ("page_steps_back", "step"),
    "sources": ("visits", "source"),
    "source_classes": ("class_visits", "source_class"),
    "campaigns": ("campaign_visits", "campaign"),
    "interests": ("interest", "interest"),
    "events": ("custom_events", "event"),
    "bots": ("bot_events", "bot"),
    "bot_reasons": ("bot_events_by_reason", "reason"),
    "purposes": ("consents_by_purpose", "purpose"),
    "countries": ("country_visits", "country"),
    "rage_clicks": ("rage_clicks", "page"),
    "dead_clicks": ("dead_clicks", "page"),
    "forms_abandoned": ("forms_abandoned", "field"),
    "js_errors": ("js_errors", "page"),
    "searches": ("searches", "search_term"),
    "searches_empty": ("searches_without_result", "search_term"),
    "not_found": ("pages_not_found", "page"),
    "contact_channels": ("channel_contacts", "channel"),
    "contact_topics": ("topic_contacts", "topic"),
    "viewed": ("products_viewed", "product"),
    "carted": ("products_carted", "product"),
    "products": ("products_bought", "product"),
    "categories": ("categories_bought", "category"),
    "coupons": ("coupons_used", "coupon"),
}


def test_public_names_stay_as_they_are() -> None:
    """Fields and lists in Redis, which other programs read, and the metrics that they become."""
    assert {count.name: count.metric for count in COUNTS} == COUNT_NAMES
    assert {money.name: money.metric for money in MONEYS} == MONEY_NAMES
    assert {one.name: one.metric for one in HISTOGRAMS} == HISTOGRAM_NAMES
    assert HISTOGRAMS[0].fields("a") == [*(f"lcp:{bucket}:a" for bucket in range(6)), "lcp:sum:a"]
    assert {money.name: money.metric for money in LIVE_MONEYS} == {"live_revenue": "revenue"}
    assert {top.name: (top.metric, top.label) for top in TOPS} == TOP_NAMES
    assert {each.name: each.metric for each in PENDINGS} == PENDING_NAMES
    assert set(COUNT_NAMES) - NOT_IN_TOTALS == TOTALS
    assert {top.name for top in LIVE_TOPS} == {"pages", "sources", "interests"}


def test_a_number_has_one_name_in_redis_and_one_as_a_metric() -> None:
    for table in ((*COUNTS, *MONEYS, *HISTOGRAMS, *PENDINGS), TOPS):
        assert len({number.name for number in table}) == len(table)
        assert len({number.metric for number in table}) == len(table)


def test_rules_count_every_number() -> None:
    """What no rule counts is shown as 0 for ever."""
    rules = "".join(path.read_text() for path in (ROOT / "crm").rglob("*.py"))
    rules = re.sub(r"^from .*? import (?:\([^)]*\)|.*)$", "", rules, flags=re.MULTILINE)
    numbers = "\n".join(path.read_text() for path in (ROOT / "wakeline/numbers").glob("*.py"))
    declared = re.findall(r"^([A-Z_]+) = (?:Count|Money|LiveMoney|Histogram|Pending|Top)\(", numbers, re.MULTILINE)
    in_funnel = {name for name in declared if name.startswith("FUNNEL_")}
    assert len(in_funnel) == len(FUNNEL)  # counted by the tuple
    assert [name for name in declared if name not in in_funnel and not re.search(rf"\b{name}\b", rules)] == []
    kinds = (COUNTS, MONEYS, LIVE_MONEYS, HISTOGRAMS, PENDINGS, TOPS)
    assert len(declared) == sum(map(len, kinds))


def test_a_list_is_counted_live_where_it_is_shown_live() -> None:
    """In the minute's list too, whether it happens with the event or at another time."""
    for add in (Changes.top, lambda changes, *what: changes.top_at(NOW, *what)):
        changes = Changes(0, TopLists(), Deadlines(), key_space=Keys(), decay_zero=0, half_life=DAY_MS)
        changes.received = NOW
        changes.enter(SiteFacts(Site(key="shop")), NOW)
        for top in TOPS:
            add(changes, top, "one")
        changes.settle_tops()
        buckets: dict[str, set[str]] = {name: set() for name in TOP_NAMES}
        for key in changes.top_added:
            *_, name, bucket = key.split(":")
            buckets[name].add(bucket[0])
        assert buckets == {top.name: set("dmf") if top.is_live else {"d"} for top in TOPS}


def test_the_page_of_metrics_is_up_to_date() -> None:
    page = metrics.FILE.read_text()
    assert page == metrics.page(), "run: make dashboards"
    assert all(f"| `{family.name}` |" in page for family in FAMILIES)
