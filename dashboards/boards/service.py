"""What customers ask, who waits for an answer, and what serving them costs; mails and letters beside it."""

from __future__ import annotations

from dashboards import queries
from dashboards.board import Board, Row, Unit
from dashboards.declare import against_week, beside_week, few, lines, money, number, ranking, ratio, today
from wakeline import numbers

COST = (numbers.CONTACT_COST, numbers.CONTACT_COST_BACK)
PENDING = (numbers.CONTACTS_OPEN, numbers.CONTACTS_UNANSWERED)

WAITING = (
    number("contacts_open", *map(queries.pending, PENDING)),
    number("contacts_oldest", *map(queries.oldest, PENDING), unit=Unit.SECONDS),
    lines("contacts_waiting", *map(queries.pending, PENDING)),
)
TODAY = (
    today("contacts", numbers.CONTACTS),
    against_week("contacts_change", numbers.CONTACTS),
    today("contacts_done", numbers.CONTACTS_ANSWERED, numbers.CONTACTS_SOLVED),
    ratio("answer_time", numbers.CONTACT_ANSWER_MS, numbers.CONTACTS_ANSWERED, Unit.SECONDS),
    ratio("satisfaction", numbers.CONTACT_GRADES, numbers.CONTACTS_GRADED, Unit.COUNT),
)
ASKED = (
    few(ranking("contact_channels", numbers.TOP_CHANNELS)),
    few(ranking("contact_topics", numbers.TOP_TOPICS)),
)
COSTS = (
    money("contact_cost", *COST),
    number("cost_per_contact", queries.net_per(COST, numbers.CONTACTS), decimals=2),
    ratio("work_per_contact", numbers.CONTACT_WORK_S, numbers.CONTACTS, Unit.SECONDS),
)
MAILS = (
    today("mails_sent", numbers.MAILS_SENT),
    today("mails_opened", numbers.MAILS_OPENED),
    number("mails_clicked", queries.kept(numbers.MAILS_CLICKED, numbers.MAILS_CLICKED_BACK)),
    today("mails_bounced", numbers.MAILS_BOUNCED),
    today("mails_unsubscribed", numbers.MAILS_UNSUBSCRIBED),
)
WEEK = (
    beside_week("contacts_week", numbers.CONTACTS),
    beside_week("contacts_solved_week", numbers.CONTACTS_SOLVED),
)

BOARD = Board(
    "service",
    (
        Row("waiting", WAITING),
        Row("today", TODAY),
        Row("asked", ASKED),
        Row("service_cost", COSTS),
        Row("mails", MAILS),
        Row("week", WEEK),
    ),
    hours=24,
)
