"""The views `contacts`, `service`, `agreements`, `products` and `sends`: things that servers and imports tell of.

One row per thing, whoever told of it and how often: each field has the latest word, by event time.
"""

from __future__ import annotations

from reports.amounts import MONEY, major
from reports.facts import in_currency, last, last_amount, moment, told
from reports.items import TOLD, of_fact
from wakeline.definitions import SCANNED_MS
from wakeline.vocabulary import things
from wakeline.vocabulary.fields import CONTACT_STATES, ELEMENTS
from wakeline.vocabulary.things import ORDER, PRODUCT
from wakeline.vocabulary.types import TYPES

PERSON = f"{last('customer')} AS customer, {last('visitor')} AS visitor"
FIRST = "min(time) AS time, arg_min(local_time, time) AS local_time"
DAY = "local_time, local_time::DATE AS day"


def _said(field: str, name: str = "") -> str:
    return f"{last(f'said.{field}')} AS {name or field}"


def _amount(field: str) -> str:
    return f"{last_amount(major(f'said.{field}', 'said.currency'), 'said.currency')} AS {field}"


def _since(state: str) -> str:
    return f"min(time) FILTER (said.state = '{state}') AS {state}"


CONTACT = ("contact",)
CONTACT_TEXTS = ("channel", "direction", "topic", "state")
CONTACT_BODY = {
    **dict.fromkeys((*CONTACT_TEXTS, "currency", "order"), "VARCHAR"),
    "cost": "BIGINT",
    "minutes": "DOUBLE",
    "satisfaction": "SMALLINT",
}

CONTACTS = f"""
CREATE VIEW contacts AS
SELECT
    site, contact_id, time, {DAY}, customer, visitor, channel, direction, topic, state,
    coalesce(opened, time) AS opened, answered, solved, closed,
    CASE WHEN went_out < came_in THEN came_in ELSE coalesce(opened, time) END AS asked,
    (came_in IS NOT NULL OR went_out IS NULL) AND coalesce(state NOT IN ('solved', 'closed'), false) AS is_open,
    is_open AND answered IS NULL AND coalesce(went_out < came_in, went_out IS NULL) AS is_unanswered,
    {in_currency("cost")}::{MONEY} AS cost, currency, minutes, satisfaction, order_key,
    CASE WHEN came_in IS NULL OR went_out < came_in THEN went_out END AS reached
FROM (
    SELECT
        site, home AS contact_id, {FIRST}, {PERSON}, {", ".join(map(_said, CONTACT_TEXTS))},
        {", ".join(map(_since, CONTACT_STATES))},
        min(time) FILTER (said.direction = 'in') AS came_in, min(time) FILTER (said.direction = 'out') AS went_out,
        {_amount("cost")}, {_said("currency")}, {_said("minutes")},
        {_said("satisfaction")},
        {last(f"CASE WHEN starts_with(said.order, '{ORDER.prefix}') THEN said.order END")} AS order_key
    FROM {told(CONTACT, CONTACT_BODY)} GROUP BY site, home
) WHERE {{days}}
"""

SERVICE_ORDER = ("service_order",)
SERVICE_BODY = {"state": "VARCHAR", "currency": "VARCHAR", "cost": "BIGINT", "minutes": "DOUBLE", "parts": TOLD}

SERVICE = f"""
CREATE VIEW service AS
SELECT
    site, service_id, time, {DAY}, updated, customer, visitor, state, {in_currency("cost")}::{MONEY} AS cost, currency,
    minutes, {in_currency("parts")} AS parts
FROM (
    SELECT
        site, home AS service_id, {FIRST}, max(time) AS updated, {PERSON}, {_said("state")}, {_amount("cost")},
        {_said("currency")}, {_said("minutes")},
        {last_amount(of_fact("said.parts", "said.currency"), "said.currency")} AS parts
    FROM {told(SERVICE_ORDER, SERVICE_BODY)} GROUP BY site, home
) WHERE {{days}}
"""

AGREEMENT = ("agreement",)
AGREEMENT_BODY = {**dict.fromkeys(("level", "start", "end", "currency"), "VARCHAR"), "value": "BIGINT"}

AGREEMENTS = f"""
CREATE VIEW agreements AS
SELECT
    site, agreement_id, time, {DAY}, updated, customer, visitor, level, starts, ends,
    {in_currency("value")}::{MONEY} AS value, currency
FROM (
    SELECT
        site, home AS agreement_id, {FIRST}, max(time) AS updated, {PERSON}, {_said("level")},
        {last(moment('said."start"'))} AS starts, {last(moment('said."end"'))} AS ends, {_amount("value")},
        {_said("currency")}
    FROM {told(AGREEMENT, AGREEMENT_BODY)} GROUP BY site, home
)
"""

PRODUCT_TOLD = ("product",)
PRODUCT_BODY = {
    **dict.fromkeys(("item_id", "name", "currency", "url", "image"), "VARCHAR"),
    "categories": ["VARCHAR"],
    "price": "BIGINT",
    "cost": "BIGINT",
    "stock": "DOUBLE",
    "lead_days": "DOUBLE",
    "attributes": "JSON",
}

PRODUCTS = f"""
CREATE VIEW products AS
SELECT
    site, coalesce(item_id, url_decode(substr(home, {len(PRODUCT.prefix) + 1}))) AS item_id, name, categories,
    {in_currency("price")}::{MONEY} AS price, {in_currency("cost")}::{MONEY} AS cost, currency, stock, lead_days, url,
    image, attributes, time, updated
FROM (
    SELECT
        site, home, min(time) AS time, max(time) AS updated, {", ".join(map(_said, ("item_id", "name", "categories")))},
        {_amount("price")}, {_amount("cost")},
        {", ".join(map(_said, ("currency", "stock", "lead_days", "url", "image", "attributes")))}
    FROM {told(PRODUCT_TOLD, PRODUCT_BODY)} GROUP BY site, home
)
"""

SENT = tuple(type.name for type in TYPES if type.thing is things.SENT)
SENT_BODY = {
    **dict.fromkeys(("campaign", "medium", "currency"), "VARCHAR"),
    "cost": "BIGINT",
    "element": dict.fromkeys(ELEMENTS, "VARCHAR"),
    "machine": "BOOLEAN",
}
OF_MACHINE = "coalesce(said.machine, false)"


def _hasty(click: str) -> str:
    """SQL: whether a mail was clicked so close to its sending that a machine did it, as in `crm.service.mails`."""
    return f"coalesce(abs(epoch_ms({click}) - epoch_ms(sent_at)) < {SCANNED_MS}, false)"


def _happened(type: str) -> str:
    by_person = f"NOT {OF_MACHINE}" + (f" AND NOT {_hasty('time')}" if type == "campaign_clicked" else "")
    return f"min(time) FILTER (type = '{type}' AND {by_person}) AS {type.removeprefix('campaign_')}"


# A mail's first and last click decide whether a machine was hasty.
SENDS = f"""
CREATE VIEW sends AS
SELECT
    site, sent_id, time, {DAY}, customer, visitor, campaign, {", ".join(ELEMENTS)}, medium,
    {in_currency("cost")}::{MONEY} AS cost, currency, {", ".join(type.removeprefix("campaign_") for type in SENT)},
    opens, clicks, opened_by_machine,
    least(clicked_by_machine, CASE WHEN {_hasty("first_click")} THEN first_click END,
        CASE WHEN {_hasty("last_click")} THEN last_click END) AS clicked_by_machine
FROM (
    SELECT
        site, home AS sent_id, {FIRST}, {PERSON}, {_said("campaign")},
        {", ".join(_said(f"element.{name}", name) for name in ELEMENTS)}, {_said("medium")}, {_amount("cost")},
        {_said("currency")}, {", ".join(map(_happened, SENT))}, any_value(sent_at) AS sent_at,
        count(*) FILTER (type = 'campaign_opened' AND NOT {OF_MACHINE}) AS opens,
        count(*) FILTER (type = 'campaign_clicked' AND NOT {OF_MACHINE} AND NOT {_hasty("time")}) AS clicks,
        min(time) FILTER (type = 'campaign_opened' AND {OF_MACHINE}) AS opened_by_machine,
        min(time) FILTER (type = 'campaign_clicked' AND {OF_MACHINE}) AS clicked_by_machine,
        min(time) FILTER (type = 'campaign_clicked' AND NOT {OF_MACHINE}) AS first_click,
        max(time) FILTER (type = 'campaign_clicked' AND NOT {OF_MACHINE}) AS last_click
    FROM (
        SELECT *, min(time) FILTER (type = 'campaign_sent') OVER (PARTITION BY site, home) AS sent_at
        FROM {told(SENT, SENT_BODY)}
    ) GROUP BY site, home
) WHERE {{days}}
"""
