"""A real Prometheus with the committed configuration scrapes the real read side: every panel shows the truth.

The read side runs as a process over a real server that holds known numbers; the collector and the processor
are their metrics files behind a listener. Grafana is not part of it.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import redis
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

import archiver.metrics
import processor.metrics
from api.long import wanted
from api.periods import By, periods
from benchmarks.children import ROOT, child_environ
from benchmarks.machine import ports_of_settings
from benchmarks.waiting import until
from collector.memory import Step, Use
from collector.metrics import Metrics, registry
from dashboards.boards import BOARDS
from dashboards.texts import ENGLISH, texts
from tests.answers import until_status
from tests.prometheus import RULES, Prometheus, committed
from wakeline import keys, numbers
from wakeline.campaign_figures import Campaign, Element, Figures, SiteFigures, Source, encode
from wakeline.event import Refusal
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.numbers import MONTHS, SPANS, Histogram

SAID = texts(ENGLISH)
PANELS = {panel.text: panel for board in BOARDS for panel in board.panels}
"""By text: on each board that has it a panel asks the same, see `test_a_text_stands_for_one_question`."""
LANES = 4
TOP = 3
KEYS = keys.Keys()
DEADLINE_S = 60.0
PACE_S = 0.2


MOVES = "above 0"  # a number that goes on changing
DAY_S = 86_400
WAITS = range(3 * DAY_S, 3 * DAY_S + 900)  # s, of a contact that is open; the test takes less than 900 s
WAITS_FOR_ANSWER = range(2 * DAY_S, 2 * DAY_S + 900)
JOBS = ("wakeline-collector", "wakeline-processor", "wakeline-api", "wakeline-archiver")


# ---- what is in Redis ----------------------------------------------------------------------------

COUNTERS = {
    "page_views": 60, "sessions": 8, "bounces": 3, "engaged_ms": 1_206_000, "events": 9, "bot_events": 5,
    "new_visitors": 4, "identified": 2, "withdrawals": 1, "visits": 12, "bot_views": 2,
    "scrolled": 2_400, "visits_new": 4, "visits_returning": 3, "agreed": 8, "declined": 3, "gpc_views": 6,
    "funnel_seen": 7, "funnel_carted": 5, "funnel_checkout": 4, "funnel_payment": 3, "funnel_bought": 2,
    "pages_5xx": 3, "pages_timeout": 2,
    "searches": 7, "searches_empty": 2, "not_found": 4, "mails_opened": 9, "mails_clicked": 6, "mails_clicked_back": 1,
    "opens_by_machines": 5, "clicks_by_machines": 4, "clicks_by_machines_back": 2,
    "rage_clicks": 6, "dead_clicks": 5, "forms_abandoned": 4, "js_errors": 3,
    "orders": 7, "orders_back": 2, "pieces": 9, "pieces_back": 3, "carts": 6, "carts_abandoned": 4,
    "carts_recovered": 2, "revenue:EUR": 10_000, "revenue_back:EUR": 1_000, "revenue:JPY": 700,
    "page_revenue:EUR": 2_500, "page_revenue_back:EUR": 500, "margin:EUR": 4_000, "margin_back:EUR": 950,
    "revenue_of_unknown_margin:JPY": 700, "cart_value_abandoned:EUR": 5_000,
    "contacts": 5, "contacts_answered": 4, "contact_answer_ms": 21_600_000, "contacts_solved": 3, "contacts_graded": 2,
    "contact_grades": 17, "contact_work_s": 900, "contact_cost:EUR": 750, "contact_cost_back:EUR": 150,
    "mails_sent": 40, "mails_bounced": 3, "mails_unsubscribed": 2,
}  # fmt: skip
DAY_TOPS: dict[str, dict[str, int]] = {
    "searches": {"desk lamp": 5, "sofa": 2},
    "searches_empty": {"sofa": 2},
    "not_found": {"/lamp": 4},
    "countries": {"DE": 7, "FI": 2},
    "rage_clicks": {"/cart": 6},
    "dead_clicks": {"/cart": 3, "/": 2},
    "forms_abandoned": {"checkout: phone": 4},
    "js_errors": {"/cart": 3},
    "contact_channels": {"mail": 3, "phone": 2},
    "contact_topics": {"size": 2},
    "purposes": {"personalise": 5, "contact": 2},
    "viewed": {"lamp": 9, "sofa": 2},
    "pages": {"/": 30, "/lamps": 20, "/chairs": 6, "/desks": 3, keys.OTHER: 1},
    "engaged_ms": {"/": 600_000, "/lamps": 606_000},
    "scrolled": {"/": 600, "/lamps": 1_600},
    "entries": {"/": 9, "/lamps": 3},
    "exits": {"/": 2, "/order": 6},
    "steps": {"/ → /lamps": 9, "/lamps → /order": 6},
    "back": {"/ → /lamps": 2},
    "sources": {"(direct)": 7, "search.example": 5},
    "source_classes": {"direct": 7, "email": 5},
    "campaigns": {"spring": 4},
    "interests": {"lamps": 40, "chairs": 11},
    "events": {"add_to_cart": 6, "purchase": 3, "web_vitals": 40},
    "bots": {"Googlebot": 5},
    "bot_reasons": {"says so": 4, "driven browser": 1},
    "products": {"lamp": 5},
    "categories": {"lamps": 5},
    "coupons": {"SPRING": 2},
    "carted": {"lamp": 8},
}
LIVE_TOPS: dict[str, dict[str, int]] = {
    "pages": {"/": 8, "/lamps": 4},
    "sources": {"(direct)": 2},
    "interests": {"lamps": 6},
}  # of one bucket; each window gets two

RECORDS = dict.fromkeys(("conflict", "too_late", "erased", "skipped"), 0)
RECORDS |= {"applied": 7, "duplicate": 2, "dead": 1, "derived": 1}
PENDING = 2
SPOOLED, UNARCHIVED = 21, 34
USE = Use(0.375, 0.5, 0.625)

FIGURES = SiteFigures(
    "EUR",
    [
        Campaign("winter", 1_767_225_600, 40, 20, 10, 5, 4.5, 900.0, 400.0, 100.0, 50.0),
        Campaign("spring", 0, 30, 0, 0, 0, 2.0, 300.0, 50.0, 80.0),
        Campaign("video", visits=20, orders=1.0, revenue=90.0, margin=30.0),
        Campaign("poster", visits=6, cost=20.0),
        Campaign(keys.OTHER, visits=4, orders=0.5, revenue=10.0, margin=5.0),
    ],
    [
        Element("winter", "content", "top", visits=25, orders=3, revenue=600.0),
        Element("winter", "term", "lamp", visits=9, orders=1, revenue=90.0),
        Element("winter", "content", "bottom", visits=8),
        Element("winter", "content", "side", visits=7),
        Element(keys.OTHER, "content", keys.OTHER, visits=2, orders=1, revenue=5.0),
        Element("winter", "subject", "Snow", sent=12, clicked=4),
        Element("winter", "subject", "Candles", sent=8, clicked=1),
        Element(keys.OTHER, "link", keys.OTHER, clicked=2),
    ],
    [
        Source("google", 70, 5.0, 800.0, 300.0),
        Source("mail", 30, 2.5, 400.0, 150.0),
        Source("direct", 50, 1.0, 100.0, 20.0),
        Source("spam.example", 2),
    ],
)
COMPUTED_AGO = 90

WEEK_AGO = {
    "visits": 6, "page_views": 30, "new_visitors": 2, "orders": 4, "identified": 1, "contacts": 2, "contacts_solved": 4,
    "revenue_gained": 50, "revenue_taken_back": 10,
}  # fmt: skip
"""What Prometheus has from a week ago, by metric; of money: in EUR."""

PAGE_GROUPS = '[[site.page_groups]]\npath = "/lamps*"\ngroup = "lamps"\n'
GROUPS = {"lamps": (0, 2), keys.OTHER: (0,)}
"""Groups of pages, and into which ranges the values of each go, one in each: half of those of lamps are good."""


def kept_to(share: float, histogram: Histogram) -> dict[str, float]:
    """As Prometheus has it, within a range in proportion."""
    lower, upper = (histogram.shown(bound) for bound in histogram.bounds[1:3])
    return {
        "lamps": lower + (upper - lower) * (2 * share - 1),
        keys.OTHER: histogram.shown(histogram.bounds[0]) * share,
    }


SHORT = {
    numbers.LCP: "main content (LCP)",
    numbers.INP: "clicks (INP)",
    numbers.CLS: "jumping about (CLS)",
    numbers.FCP: "something there (FCP)",
    numbers.TTFB: "first byte (TTFB)",
}
GOOD = dict.fromkeys(SHORT.values(), 2 / 3)
CURRENCIES = ("EUR", "JPY")
LIVE = {"now": 2, "last 5 minutes": 3, "last 30 minutes": 4}
TRUTH: dict[str, dict[str, Any]] = {
    "on_site": {"now": 2},
    "seen_lately": {"last 5 minutes": 3, "last 30 minutes": 4},
    "revenue_now": {"last 5 minutes, EUR": 37.5, "last 30 minutes, EUR": 57.5},
    "pages_open": {"/": 2, "/lamps": 1},
    "pages_now": {"/": 16, "/lamps": 8},
    "visitors": LIVE,
    "by_minute": {"page views": MOVES, "things done": MOVES},
    "rising_pages": {"/": 16 - 16 / 6, "/lamps": 8 - 8 / 6},
    "rising_sources": {"(direct)": 4 - 4 / 6},
    "rising_interests": {"lamps": 12 - 12 / 6},
    "visits": {"visits": 12},
    "new_visitors": {"new visitors": 4},
    "page_views": {"page views": 60},
    "bounces": {"bounces": 3 / 8},
    "engaged_time": {"attention": 1_206 / 12},
    "custom_events": {"things done": 9},
    "visits_change": {"visits": 12 / 6 - 1},
    "page_views_change": {"page views": 60 / 30 - 1},
    "new_visitors_change": {"new visitors": 4 / 2 - 1},
    "orders_change": {"orders": 7 / 4 - 1},
    "visits_week": {"today": 12, "a week ago": 6},
    "page_views_week": {"today": 60, "a week ago": 30},
    "new_visitors_week": {"today": 4, "a week ago": 2},
    "identified_week": {"today": 2, "a week ago": 1},
    "orders_week": {"today": 7, "a week ago": 4},
    "revenue_week": {"today, EUR": 90, "today, JPY": 700, "a week ago, EUR": 40},
    "pages_per_visit": {"page views": 60 / 12},
    "pages_today": {"/": 30, "/lamps": 20, "/chairs": 6, keys.OTHER: 4},
    "engaged_by_page": {"/lamps": 606, "/": 600},
    "scrolled": {"of each page": 24 / 60},
    "scrolled_by_page": {"/lamps": 16 / 20, "/": 6 / 30},
    "entry_pages": {"/": 9, "/lamps": 3},
    "exit_pages": {"/order": 6, "/": 2},
    "steps": {"/ → /lamps": 9, "/lamps → /order": 6},
    "steps_back": {"/ → /lamps": 2},
    "dead_ends": {"/": 2 / 30},
    "searches": {"searches": 7, "found nothing": 2},
    "searches_in_vain": {"found nothing": 2 / 7},
    "not_found": {"pages not found": 4},
    "search_terms": {"desk lamp": 5, "sofa": 2},
    "terms_in_vain": {"sofa": 2},
    "pages_not_found": {"/lamp": 4},
    "events_by_name": {"add_to_cart": 6, "purchase": 3},
    "annoyed": {"again and again": 6, "without effect": 5, "forms left": 4, "script errors": 3},
    **{name: DAY_TOPS[name] for name in ("rage_clicks", "dead_clicks", "forms_abandoned", "js_errors")},
    "source_classes": {"direct": 7, "email": 5},
    "sources_today": DAY_TOPS["sources"],
    "campaigns": {"spring": 4},
    "campaigns_revenue": {"EUR": 1_300},
    "campaigns_cost": {"EUR": 200},
    "campaigns_profit": {"EUR": 285},
    "campaigns_return": {"EUR": 285 / 200},
    "campaigns_margin_unknown": {"EUR": 50},
    "figures_age": {"age": MOVES},
    "campaign_visits": {"winter": 40, "spring": 30, "video": 20, keys.OTHER: 10},
    "campaign_orders": {"winter": 4.5, "spring": 2, "video": 1, keys.OTHER: 0.5},
    "campaign_revenue": {"winter, EUR": 900, "spring, EUR": 300, "video, EUR": 90, keys.OTHER: 10},
    "campaign_cost": {"winter, EUR": 100, "spring, EUR": 80, "video, EUR": 0, keys.OTHER: 20},
    "campaign_profit": {"winter, EUR": 300, "video, EUR": 30, "spring, EUR": -30, keys.OTHER: -15},
    "campaign_return": {"winter": 3, "spring": -30 / 80, keys.OTHER: -15 / 20},
    "campaign_sent": {"winter": 20},
    "campaign_opened": {"winter": 10},
    "campaign_clicked": {"winter": 5},
    "orders_of_mails": {"winter": 4.5},
    "element_sent": {"winter, subject: Snow": 12, "subject: (other)": 8, "link: (other)": 0},
    "element_clicked": {"winter, subject: Snow": 4, "subject: (other)": 1, "link: (other)": 2},
    "element_visits": {"winter, content: top": 25, "content: (other)": 17, "term: (other)": 9},
    "element_orders": {"winter, content: top": 3, "content: (other)": 1, "term: (other)": 1},
    "element_revenue": {"winter, content: top, EUR": 600, "content: (other)": 5, "term: (other)": 90},
    "source_visits": {"google": 70, keys.OTHER: 82},
    "source_orders": {"google": 5, keys.OTHER: 3.5},
    "source_revenue": {"google, EUR": 800, keys.OTHER: 500},
    "source_margin": {"google, EUR": 300, keys.OTHER: 170},
    "mails_opened": {"mails opened": 9},
    "mails_clicked": {"mails clicked": 5},
    "opens_by_machines": {"opened by machines": 5},
    "clicks_by_machines": {"clicked by machines": 2},
    "identified": {"recognized": 2},
    "withdrawals": {"withdrawn": 1},
    "new_and_returning": {"new": 4, "returning": 3, "not known": 5},
    "consent": {"agreed": 8, "declined": 3, "withdrawn": 1},
    "gpc": {"ask for privacy": 6 / 60},
    "purposes": {"personalise": 5, "contact": 2},
    "interests_today": DAY_TOPS["interests"],
    "countries": {"DE": 7, "FI": 2},
    "contacts": {"contacts": 5},
    "contacts_change": {"contacts": 5 / 2 - 1},
    "contacts_done": {"first answered": 4, "solved or closed": 3},
    "answer_time": {"to first answer": 5_400},
    "satisfaction": {"mean grade": 17 / 2},
    "contact_channels": {"mail": 3, "phone": 2},
    "contact_topics": {"size": 2},
    "contacts_open": {"open": 3, "unanswered": 2},
    "contacts_oldest": {"open": WAITS, "unanswered": WAITS_FOR_ANSWER},
    "contacts_waiting": {"open": 3, "unanswered": 2},
    "contact_cost": {"EUR": 6, "JPY": 0},
    "cost_per_contact": {"EUR": 6 / 5, "JPY": 0},
    "work_per_contact": {"work": 900 / 5},
    "mails_sent": {"mails sent": 40},
    "mails_bounced": {"came back": 3},
    "mails_unsubscribed": {"unsubscribed": 2},
    "contacts_week": {"today": 5, "a week ago": 2},
    "contacts_solved_week": {"today": 3, "a week ago": 4},
    "revenue": {"EUR": 90, "JPY": 700},
    "page_only": {"EUR": 20, "JPY": 0},
    "margin": {"EUR": 30.5, "JPY": 0},
    "margin_share": {"EUR": 30.5 / 90},
    "margin_unknown": {"EUR": 0, "JPY": 700},
    "orders": {"orders": 7, "taken back": 2},
    "pieces": {"pieces": 9, "came back": 3},
    "pieces_per_order": {"pieces": 9 / 7},
    "orders_per_visit": {"orders": 7 / 12},
    "funnel": {
        "visits": 8,
        "saw a product": 7,
        "put into the cart": 5,
        "began the checkout": 4,
        "gave payment details": 3,
        "bought": 2,
    },
    "carted": {"lamp": 8},
    "left_in_carts": {"lamp": 3},
    "carts": {"carts": 6, "abandoned": 4, "bought after all": 2},
    "carts_abandoned": {"abandoned": 4 / 6},
    "value_abandoned": {"EUR": 50, "JPY": 0},
    "value_recovered": {"EUR": 0, "JPY": 0},
    "viewed": {"lamp": 9, "sofa": 2},
    "seen_not_bought": {"lamp": 4, "sofa": 2},
    "products": {"lamp": 5},
    "categories": {"lamps": 5},
    "coupons": {"SPRING": 2},
    "revenue_hour": {f"{what}, {currency}": MOVES for what in ("gained", "taken back") for currency in CURRENCIES},
    "implausible": {"without a value": 4, "too large": 0, "refunded too much": 0, "states backwards": 0},
    **{f"speed_{each.name}": kept_to(0.75, each) for each in SHORT},
    "good_views": GOOD,
    "good_over_time": GOOD,
    "server_usual": kept_to(0.75, numbers.SERVER),
    "server_slow": kept_to(0.95, numbers.SERVER),
    "server_itself": kept_to(0.75, numbers.SERVER_TOTAL),
    "errors_met": {"errors of the server (5xx)": 3, "timeouts": 2, "pages not found": 4},
    "errors_per_view": {"errors of the server (5xx)": 3 / 60},
    "errors_hour": {"errors of the server (5xx)": MOVES, "timeouts": MOVES, "pages not found": MOVES},
    "measured_views": dict.fromkeys(GROUPS, MOVES),
    "processes": dict.fromkeys(JOBS, 1),
    "books": {"collector": 0, "lanes": 0, "dead letters": 1},
    "lag": {"oldest record not in the profiles": MOVES},
    "intake": {"accepted": MOVES, "rejected": MOVES, "unavailable": MOVES},
    "rejections": {"too_old": MOVES, "bad_url": MOVES},
    "behind": {
        "oldest record not in the profiles": MOVES,
        "event to profile, 95 %": MOVES,
        "collector's answer, 95 %": MOVES,
    },
    "waiting": {"in the spool, not in the log": SPOOLED, "in the log, not in the history": UNARCHIVED},
    "records": RECORDS | {"pending": PENDING},
    "bots": {"Googlebot": 5},
    "bot_reasons": {"says so": 4, "driven browser": 1},
    "people_beside_bots": {"page views": MOVES, "page views of bots": 2},
    "people_and_bots": {"page views": MOVES, "things done": MOVES, "events of bots": MOVES},
    "memory": dict.fromkeys(JOBS, MOVES),
    "server_memory": {
        "in use": USE.now,
        "once the backlog is counted": USE.counted,
        "once all of it creates profiles": USE.profiles,
    },
    "sites_now": {"shop": 2},
    "sites_by_minute": {"shop": MOVES},
    "sites_visits": {"shop": 12},
    "sites_page_views": {"shop": 60},
    "sites_bounces": {"shop": 3 / 8},
    "sites_orders": {"shop": 7},
    "sites_revenue": {"shop, EUR": 90, "shop, JPY": 700},
    "sites_new_visitors": {"shop": 4},
}
YESTERDAY: dict[Any, Any] = {
    "visits": 5, "page_views": 20, "new_visitors": 1, "orders": 2, "revenue:EUR": 5_000, "revenue_back:EUR": 1_000,
    "margin:EUR": 2_000,
}  # fmt: skip
TOPS_OF_YESTERDAY = {
    "pages": {"/": 10, "/lamps": 2}, "sources": {"(direct)": 4}, "campaigns": {"spring": 2}, "products": {"lamp": 6},
}  # fmt: skip
TARGETS = """
[[site.targets]]
name = "Revenue of a day"
number = "revenue"
every = "day"
goal = 20
owner = "shop"
[[site.targets]]
name = "Conversion"
number = "conversion"
every = "day"
goal = 0.5
"""
TRUTH_OF_TARGETS: dict[str, dict[str, Any]] = {
    "target_pace": {"Revenue of a day": MOVES, "Conversion": (7 / 12) / 0.5},
    "target_share": {"Revenue of a day": 90 / 20, "Conversion": (7 / 12) / 0.5},
    "target_last_share": {"Revenue of a day": 40 / 20, "Conversion": (2 / 5) / 0.5},
    "target_missed": {"Revenue of a day, shop": 0, "Conversion": 1},
    "target_actual": {"Revenue of a day": 90, "Conversion": 7 / 12},
    "target_goal": {"Revenue of a day, shop: each day": 20, "Conversion: each day": 0.5},
    "target_last": {"Revenue of a day": 40, "Conversion": 2 / 5},
    "target_trend": {"Revenue of a day": MOVES, "Conversion": (7 / 12) / 0.5},
}


def truth_of_periods(today: date) -> dict[str, dict[str, Any]]:
    """Days, weeks and months: yesterday, and today; lists of spans: yesterday alone."""
    values = {
        "visits": (5, 12), "page_views": (20, 60), "new_visitors": (1, 4), "orders": (2, 7), "revenue": (40, 90),
        "margin": (20, 30.5),
    }  # fmt: skip
    truth: dict[str, dict[str, Any]] = {}
    whose = {
        By.MONTH: tuple(values), By.WEEK: ("visits", "orders", "revenue"),
        By.DAY: ("visits", "orders", "revenue"),
    }  # fmt: skip
    for by, names in whose.items():
        for name in names:
            shown = {period.name: 0.0 for kind, period in wanted(today) if kind is by}
            for day, value in zip((today - timedelta(days=1), today), values[name], strict=True):
                shown[periods(day, day, by, today=today)[0].name] += value
            truth[f"{name}_{by}s"] = dict(shown)
    for span in SPANS:
        truth |= {f"{name}_{span}": dict(counts) for name, counts in TOPS_OF_YESTERDAY.items()}
    return truth


TWO_BUCKETS: dict[str, dict[str, Any]] = {
    "pages": {"/": 16, "/lamps": 8},
    "sources": {"(direct)": 4},
    "interests": {"lamps": 12},
}
TRUTH_OF_WINDOW: dict[str, dict[str, dict[str, Any]]] = {
    "5m": TWO_BUCKETS,
    "30m": TWO_BUCKETS,
    "today": {
        "pages": {"/": 30, "/lamps": 20, "/chairs": 6, keys.OTHER: 4},
        "sources": DAY_TOPS["sources"],
        "interests": DAY_TOPS["interests"],
    },
}


def zone_at_noon() -> ZoneInfo:
    """A time zone in which no day ends during this test."""
    return ZoneInfo(f"Etc/GMT{datetime.now(UTC).hour - 12:+d}")


def write(client: redis.Redis, zone: ZoneInfo) -> None:
    """The known numbers, spread over the lanes as the processor would."""
    client.hset(keys.DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": 0, "half_life": 1 << 40})
    seconds, _ = client.time()
    now = seconds * 1000
    today = datetime.fromtimestamp(seconds, zone).date().isoformat()
    for field, count in COUNTERS.items():
        client.hset(KEYS.day(0, "shop", today), field, 1)
        client.hset(KEYS.day(3, "shop", today), field, count - 1)
    yesterday = (date.fromisoformat(today) - timedelta(days=1)).isoformat()
    client.hset(KEYS.day(1, "shop", yesterday), mapping=YESTERDAY)
    earlier = (date.fromisoformat(today) - timedelta(days=2)).isoformat()
    client.hset(KEYS.day(2, "shop", earlier), "identified", 1)  # so that yesterday was not the site's first day
    for what, counts in TOPS_OF_YESTERDAY.items():
        add(client, what, keys.date(yesterday), counts)
    client.hset(KEYS.totals(2, "shop"), "orders_unpriced", 4)
    for what, counts in DAY_TOPS.items():
        add(client, what, keys.date(today), counts)
    for ago, amount in ((0, 5_000), (1, -1_250), (9, 2_000)):
        for bucket in (keys.minute(now - ago * 60_000), keys.five_minutes(now - ago * 60_000)):
            client.zincrby(KEYS.top(ago % LANES, "shop", "live_revenue", bucket), amount, "EUR")
            client.zincrby(KEYS.top(0, "shop", "live_revenue", bucket), amount, "JPY")
    for what, counts in LIVE_TOPS.items():
        for minutes in (0, 1):
            add(client, what, keys.minute(now - minutes * 60_000), counts)
        for minutes in (0, 5):
            add(client, what, keys.five_minutes(now - minutes * 60_000), counts)
    client.zadd(KEYS.present(1, "shop"), {"a": now + 600_000, "b": now + 600_000, "gone": now - 1})
    opened = {"/\none": now + 600_000, "/\ntwo": now + 600_000, "/\ngone": now - 1}
    client.zadd(KEYS.open_pages(0, "shop"), opened)
    client.zadd(KEYS.open_pages(2, "shop"), {"/lamps\nthree": now + 600_000})
    client.zadd(KEYS.seen(2, "shop"), {"a": now, "b": now, "c": now, "d": now - 10 * 60_000, "e": now - 31 * 60_000})
    client.zadd(KEYS.pending(0, "shop", "contacts_open"), {"#contact:a": now - 2_000 * DAY_S, "#contact:b": now - 1})
    client.zadd(KEYS.pending(3, "shop", "contacts_open"), {"#contact:c": now - 3_000 * DAY_S})
    client.zadd(
        KEYS.pending(0, "shop", "contacts_unanswered"), {"#contact:a": now - 2_000 * DAY_S, "#contact:b": now - 1}
    )
    client.hset(KEYS.lane(0), mapping={"offset": sum(RECORDS.values()), **RECORDS})
    client.set(keys.CAMPAIGN_FIGURES, encode(Figures(now - COMPUTED_AGO * 1_000, {"shop": FIGURES})))


def add(client: redis.Redis, what: str, bucket: str, counts: dict[str, int]) -> None:
    client.zadd(KEYS.top(0, "shop", what, bucket), {value: count // 2 for value, count in counts.items()})
    client.zadd(KEYS.top(2, "shop", what, bucket), {value: count - count // 2 for value, count in counts.items()})


async def keep_moving(client: redis.Redis, collected: Metrics) -> None:
    """What goes on while Prometheus looks."""
    while True:
        move(client, collected)
        await asyncio.sleep(0.2)


def move(client: redis.Redis, collected: Metrics) -> None:
    for field in ("page_views", "events", "bot_events", "pages_5xx", "pages_timeout", "not_found"):
        client.hincrby(KEYS.totals(1, "shop"), field, 2)
    for field in ("revenue:EUR", "revenue_back:EUR", "revenue:JPY", "revenue_back:JPY"):
        client.hincrby(KEYS.totals(1, "shop"), field, 300)
    with client.pipeline(transaction=True) as pipe:  # so that each scrape sees the same shares
        for histogram in numbers.HISTOGRAMS:
            for group, ranges in GROUPS.items():
                for each in ranges:
                    pipe.hincrby(KEYS.totals(1, "shop"), histogram.field(each, group), 1)
        pipe.execute()
    collected.received += 10
    collected.accepted += 7
    collected.reject(Refusal.TOO_OLD, 1)
    collected.reject(Refusal.BAD_URL, 1)
    collected.unavailable += 1
    collected.request_seconds.observe(0.004)
    processor.metrics.EVENT_AGE_SECONDS.observe(0.03)


# ---- the processes -------------------------------------------------------------------------------


@dataclass
class World:
    """Everything runs; `ask` asks Prometheus."""

    redis: redis.Redis
    collected: Metrics
    http: aiohttp.ClientSession
    url: str

    async def ask(self, path: str, **query: str) -> Any:
        async with self.http.get(f"{self.url}/api/v1/{path}", params=query) as answer:
            body = await answer.json()
        assert body["status"] == "success", body
        return body["data"]

    async def shown(self, text: str, window: str = "30m") -> dict[str, float]:
        """What a panel shows now: legend -> number. In Prometheus' order, which bars keep."""
        found: dict[str, float] = {}
        for query in PANELS[text].queries:
            data = await self.ask("query", query=filled(query.expr, window))
            for series in data["result"]:
                legend = legend_of(SAID.legend(query.legend), series["metric"])
                assert legend not in found, f"two series of {text} are called {legend}"
                found[legend] = float(series["value"][1])
        return found

    async def until(self, title: str, truth: dict[str, Any], window: str = "30m") -> None:
        """The panel comes to show the truth."""
        shown: dict[str, float] = {}

        async def is_shown() -> bool:
            await asyncio.sleep(PACE_S)
            shown.clear()
            shown.update(await self.shown(title, window))
            return matches(shown, truth)

        try:
            await until(is_shown, f"{title} in {window}", within=DEADLINE_S)
        except AssertionError as error:
            error.add_note(f"{shown}, not {truth}")
            raise


def matches(found: dict[str, float], truth: dict[str, Any]) -> bool:
    return found.keys() == truth.keys() and all(is_true(value, truth[legend]) for legend, value in found.items())


def is_true(value: float, truth: Any) -> bool:
    if truth == MOVES:
        return value > 0
    return int(value) in truth if isinstance(truth, range) else value == pytest.approx(truth)


def filled(expr: str, window: str) -> str:
    values = {"$__rate_interval": "20s", "$site": "shop", "$window": window, "$currency": ".*"}
    for name, value in values.items():
        expr = expr.replace(name, value)
    return expr


def legend_of(format: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels[match[1]], format)


@pytest.fixture
async def world(own_server: Any, tmp_path: Path) -> AsyncIterator[World]:
    ports = ports_of_settings()
    zone = zone_at_noon()
    collected = Metrics()
    collected.spool_records = SPOOLED
    collected.memory = lambda: (Step.ROOM, USE)
    archiver.metrics.LAG_RECORDS.set(UNARCHIVED)
    client = redis.Redis(port=own_server.port)
    write(client, zone)
    log = RedisStreamsLog(own_server.url, LANES)
    await log.append([(0, b"{}")] * (sum(RECORDS.values()) + PENDING))
    await log.close()
    runners = [
        await offering(registry(collected), ports["metrics_port"]),
        await offering(None, ports["processor_metrics_port"]),
        await offering(archiver.metrics.REGISTRY, ports["archiver_metrics_port"]),
    ]
    api = await start_api(own_server.url, zone, ports, tmp_path)
    watched = ("metrics_port", "processor_metrics_port", "api_metrics_port", "archiver_metrics_port")
    prometheus = Prometheus(tmp_path / "prometheus", committed({name: ports[name] for name in watched}))
    backfill(tmp_path, f"127.0.0.1:{ports['api_metrics_port']}")
    prometheus.start()
    async with aiohttp.ClientSession() as http:
        await until_status(http, f"{prometheus.url}/-/ready", 200, within=DEADLINE_S)
        yield World(client, collected, http, prometheus.url)
    prometheus.kill()
    api.terminate()
    await api.wait()
    for runner in runners:
        await runner.cleanup()
    client.close()


def backfill(folder: Path, instance: str) -> None:
    """Give Prometheus some minutes of a week ago, as if it had scraped then."""
    now = time.time() - 7 * DAY_S
    lines = []
    for metric, value in WEEK_AGO.items():
        more = ',currency="EUR"' if "revenue" in metric else ""
        lines.append(f"# TYPE wakeline_{metric}_today gauge")
        labels = f'site="shop",instance="{instance}",job="wakeline-api"{more}'
        lines += [f"wakeline_{metric}_today{{{labels}}} {value} {now + age:.0f}" for age in range(-600, 600, 30)]
    told = folder / "week_ago.txt"
    told.write_text("\n".join([*lines, "# EOF"]) + "\n")
    store = folder / "prometheus" / "tsdb"
    command = ("promtool", "tsdb", "create-blocks-from", "openmetrics", str(told), str(store))
    subprocess.run(command, check=True, capture_output=True, timeout=60)


async def offering(offered: CollectorRegistry | None, port: int) -> web.AppRunner:
    """A listener that offers a registry, the default one if None."""

    async def handle(_: web.Request) -> web.Response:
        text = generate_latest(offered) if offered else generate_latest()
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/metrics", handle)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def start_api(url: str, zone: ZoneInfo, ports: dict[str, int], folder: Path) -> asyncio.subprocess.Process:
    config = folder / "wakeline.toml"
    config.write_text(
        f'[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\ntime_zone = "{zone.key}"\n'
        f'currency = "EUR"\n{PAGE_GROUPS}{TARGETS}'
    )
    flags = {
        "config": config, "redis": url, "api-port": ports["api_port"], "api-metrics-port": ports["api_metrics_port"],
        "top-values": TOP,
    }  # fmt: skip
    words = (word for name, value in flags.items() for word in (f"--{name}", str(value)))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wakeline",
        "api",
        *words,
        cwd=ROOT,
        stderr=asyncio.subprocess.DEVNULL,
        env=child_environ(),
    )


# ---- the truth -----------------------------------------------------------------------------------


def test_every_panel_has_a_truth() -> None:
    of_periods = truth_of_periods(datetime.now(UTC).date())
    assert set(PANELS) == {*TRUTH, *TRUTH_OF_WINDOW["today"], *TRUTH_OF_TARGETS, *of_periods}


def test_a_text_stands_for_one_question() -> None:
    asked: dict[str, set[tuple[str, ...]]] = {}
    for board in BOARDS:
        for panel in board.panels:
            asked.setdefault(panel.text, set()).add(tuple(query.expr for query in panel.queries))
    assert [text for text, each in asked.items() if len(each) > 1] == []


async def test_every_panel_shows_the_truth(own_server: Any, world: World) -> None:
    moving = asyncio.create_task(keep_moving(world.redis, world.collected))
    today = datetime.now(zone_at_noon()).date()
    for text, truth in (TRUTH | TRUTH_OF_TARGETS | truth_of_periods(today)).items():
        await world.until(text, truth)
    for window, panels in TRUTH_OF_WINDOW.items():
        for text, truth in panels.items():
            await world.until(text, truth, window)

    # bars come largest first, with the rest at the end
    assert list(await world.shown("pages", "today")) == ["/", "/lamps", "/chairs", keys.OTHER]

    # curves can be asked over time, within their budget of series
    now = time.time()
    for panel in PANELS.values():
        for query in panel.queries:
            data = await world.ask(
                "query_range", query=filled(query.expr, "30m"), start=str(now - 60), end=str(now), step="5"
            )
            assert len(data["result"]) <= TOP + MONTHS

    # campaign starts and alerts can be asked for, as marks on the curves
    for board in BOARDS:
        for mark in board.annotations:
            expr, from_to = filled(mark.expr, "30m"), {"start": str(now - 60), "end": str(now), "step": "60"}
            series = (await world.ask("query_range", query=expr, **from_to))["result"]
            if mark.is_time:
                (winter,) = series
                assert winter["metric"]["campaign"] == "winter"
                assert {float(value) for _, value in winter["values"]} == {1_767_225_600_000}

    # every rule can be evaluated
    groups = (await world.ask("rules"))["groups"]
    assert len(groups) == len(RULES)
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}  # or not yet evaluated

    # who cannot be asked any more is not shown as still there
    moving.cancel()
    own_server.kill()
    await world.until("on_site", {})
    await world.until("processes", dict.fromkeys(JOBS, 1) | {"wakeline-api": 0})
