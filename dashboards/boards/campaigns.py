"""What campaigns, their elements and sources bring and cost, and what mails and letters bring."""

from __future__ import annotations

from api import metrics
from dashboards import queries
from dashboards.board import Board, Row, Unit
from dashboards.declare import against_week, bars, beside_week, few, number, ranking, today
from wakeline import numbers

TODAY = (
    today("visits", numbers.VISITS),
    against_week("visits_change", numbers.VISITS),
)
SOURCES = (
    ranking("source_classes", numbers.TOP_SOURCE_CLASSES),
    ranking("sources_today", numbers.TOP_SOURCES),
    ranking("campaigns", numbers.TOP_CAMPAIGNS),
)
RESULT = (
    number("campaigns_revenue", queries.figures_sum(metrics.CAMPAIGN_REVENUE), decimals=2),
    number("campaigns_cost", queries.figures_sum(metrics.CAMPAIGN_COST), decimals=2),
    number("campaigns_profit", queries.figures_sum(metrics.CAMPAIGN_PROFIT), decimals=2),
    number("campaigns_return", queries.figures_ratio(metrics.CAMPAIGN_PROFIT, metrics.CAMPAIGN_COST), decimals=2),
    number("campaigns_margin_unknown", queries.figures_sum(metrics.CAMPAIGN_UNKNOWN), decimals=2),
    number("figures_age", queries.FIGURES_AGE, unit=Unit.SECONDS),
    bars("campaign_visits", *queries.figure(metrics.CAMPAIGN_VISITS)),
    bars("campaign_orders", *queries.figure(metrics.CAMPAIGN_ORDERS), decimals=1),
    bars("campaign_revenue", *queries.figure(metrics.CAMPAIGN_REVENUE), decimals=2),
    bars("campaign_cost", *queries.figure(metrics.CAMPAIGN_COST), decimals=2),
    bars("campaign_profit", *queries.figure(metrics.CAMPAIGN_PROFIT), decimals=2),
    bars("campaign_return", *queries.figure(metrics.CAMPAIGN_RETURN), decimals=2),
)
NEWSLETTERS = (
    bars("campaign_sent", queries.figure_of_mails(metrics.CAMPAIGN_SENT)),
    bars("campaign_opened", queries.figure_of_mails(metrics.CAMPAIGN_OPENED)),
    bars("campaign_clicked", queries.figure_of_mails(metrics.CAMPAIGN_CLICKED)),
    bars("orders_of_mails", queries.figure_of_mails(metrics.CAMPAIGN_ORDERS), decimals=1),
    bars("element_sent", *queries.figure(metrics.ELEMENT_SENT)),
    bars("element_clicked", *queries.figure(metrics.ELEMENT_CLICKED)),
)
ELEMENTS = (
    bars("element_visits", *queries.figure(metrics.ELEMENT_VISITS)),
    bars("element_orders", *queries.figure(metrics.ELEMENT_ORDERS)),
    bars("element_revenue", *queries.figure(metrics.ELEMENT_REVENUE), decimals=2),
)
EARNING = (
    bars("source_visits", *queries.figure(metrics.SOURCE_VISITS)),
    bars("source_orders", *queries.figure(metrics.SOURCE_ORDERS), decimals=1),
    bars("source_revenue", *queries.figure(metrics.SOURCE_REVENUE), decimals=2),
    bars("source_margin", *queries.figure(metrics.SOURCE_MARGIN), decimals=2),
)
MAILS = (
    today("mails_opened", numbers.MAILS_OPENED),
    number("mails_clicked", queries.kept(numbers.MAILS_CLICKED, numbers.MAILS_CLICKED_BACK)),
    today("opens_by_machines", numbers.OPENS_BY_MACHINES),
    number("clicks_by_machines", queries.kept(numbers.CLICKS_BY_MACHINES, numbers.CLICKS_BY_MACHINES_BACK)),
)
LATELY = (ranking("sources", numbers.TOP_SOURCES, window="$window"),)
WEEK = (beside_week("visits_week", numbers.VISITS),)

BOARD = Board(
    "campaigns",
    (
        Row("today", TODAY),
        Row("campaign_result", tuple(map(few, RESULT))),
        Row("newsletters", tuple(map(few, NEWSLETTERS))),
        Row("elements", tuple(map(few, ELEMENTS))),
        Row("source_result", tuple(map(few, EARNING))),
        Row("sources", SOURCES),
        Row("mails", MAILS),
        Row("window", LATELY),
        Row("week", WEEK),
    ),
    hours=24,
    annotations=queries.ANNOTATIONS,
)
