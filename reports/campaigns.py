"""The views `campaigns`, `campaign_days` and `campaign_elements`: what campaigns brought, and what they cost.

What is planned stands in the sites' settings, see `rates`; what happened, in visits, in what was sent, and in orders.
"""

from __future__ import annotations

from reports.amounts import MONEY
from wakeline.vocabulary import fields

COSTED = "sends.cost IS NOT NULL AND sends.currency IS NOT DISTINCT FROM shop.currency"

# One row per visit, thing that was sent, order, and day with a cost, each with what it adds.
DAYS = f"""
CREATE VIEW history.campaign_part AS
SELECT
    site, campaign, day, 1 AS visits, (bounce)::INTEGER AS bounces, session, visitor, content, term, entry, hour
FROM history.session WHERE NOT continued AND campaign IS NOT NULL
UNION ALL BY NAME
SELECT
    site, campaign, day, (sent IS NOT NULL)::INTEGER AS sent, (opened IS NOT NULL)::INTEGER AS opened,
    (clicked IS NOT NULL)::INTEGER AS clicked, (bounced IS NOT NULL)::INTEGER AS bounced,
    (unsubscribed IS NOT NULL)::INTEGER AS unsubscribed,
    (opened_by_machine IS NOT NULL)::INTEGER AS opens_by_machines,
    (clicked_by_machine IS NOT NULL)::INTEGER AS clicks_by_machines,
    {", ".join(f"sends.{name} AS {name}" for name in fields.ELEMENTS)},
    CASE WHEN {COSTED} THEN sends.cost::DOUBLE
        WHEN sends.cost IS NULL AND sent IS NOT NULL THEN plan.send_cost END AS cost
FROM sends LEFT JOIN history.shop AS shop USING (site) LEFT JOIN history.campaign AS plan USING (site, campaign)
WHERE campaign IS NOT NULL
UNION ALL BY NAME
SELECT
    orders.site, orders.campaign, orders.day, (orders.revenue > 0)::INTEGER AS orders,
    CASE WHEN orders.currency = shop.currency THEN orders.revenue END AS revenue, visit.began.content AS content,
    visit.began.term AS term, visit.began.entry AS entry, visit.began.hour AS hour
FROM orders LEFT JOIN history.shop AS shop USING (site)
LEFT JOIN history.session AS visit
    ON visit.site = orders.site AND visit.visitor = orders.visitor AND visit.session = orders.session
WHERE orders.campaign IS NOT NULL
UNION ALL BY NAME
SELECT site, campaign, day, cost FROM history.campaign_cost
"""

COUNTED = (
    *("visits", "bounces", "sent", "opened", "clicked", "bounced", "unsubscribed", "opens_by_machines"),
    *("clicks_by_machines", "orders"),
)
SUMS = ", ".join(f"coalesce(sum({name}), 0)::BIGINT AS {name}" for name in COUNTED)
AMOUNTS = ", ".join(f"try_cast(coalesce(sum({name}), 0) AS {MONEY}) AS {name}" for name in ("revenue", "cost"))

CAMPAIGN_DAYS = f"""
CREATE VIEW campaign_days AS
SELECT site, campaign, day, {SUMS}, {AMOUNTS} FROM history.campaign_part WHERE {{days}} GROUP BY ALL
"""

# One row per campaign that is planned, or of which something happened.
CAMPAIGNS = f"""
CREATE VIEW campaigns AS
SELECT
    coalesce(plan.site, did.site) AS site, coalesce(plan.campaign, did.campaign) AS campaign, type, starts, ends,
    audience, goal, {", ".join(f"coalesce(did.{name}, 0) AS {name}" for name in COUNTED)},
    coalesce(did.revenue, 0)::{MONEY} AS revenue, coalesce(did.cost, 0)::{MONEY} AS cost, shop.currency AS currency,
    plan.campaign IS NOT NULL AS is_planned
FROM history.campaign AS plan
FULL JOIN (
    SELECT site, campaign, {SUMS}, {AMOUNTS} FROM history.campaign_part WHERE {{days}} GROUP BY ALL
) AS did ON plan.site = did.site AND plan.campaign = did.campaign
LEFT JOIN history.shop AS shop ON shop.site = coalesce(plan.site, did.site)
"""

NAMED = ("content", "term", *fields.ELEMENTS)
"""Kinds of elements whose names are the site's own, so that one of them may be planned."""
ELEMENTS = {name: name for name in NAMED} | {"landing_page": "entry", "hour": "hour::VARCHAR"}
"""Kind of element -> the column that has it."""
OF_ELEMENTS = ("visits", "sent", "opened", "clicked", "orders")
NO_SUMS = ", ".join(f"0 AS {name}" for name in OF_ELEMENTS)

CAMPAIGN_ELEMENTS = f"""
CREATE VIEW campaign_elements AS
SELECT
    site, campaign, kind, element, {", ".join(f"sum({name})::BIGINT AS {name}" for name in OF_ELEMENTS)},
    sum(revenue)::{MONEY} AS revenue
FROM (
    SELECT
        site, campaign, kind, element,
        {", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in OF_ELEMENTS)}, coalesce(sum(revenue), 0) AS revenue
    FROM (
        SELECT *, unnest([{", ".join(f"'{kind}'" for kind in ELEMENTS)}]) AS kind,
            unnest([{", ".join(ELEMENTS.values())}]) AS element
        FROM history.campaign_part WHERE {{days}}
    ) WHERE element IS NOT NULL GROUP BY ALL
    UNION ALL
    SELECT site, campaign, 'planned', element, {NO_SUMS}, 0 FROM history.campaign_element AS planned
    WHERE NOT EXISTS (
        FROM history.campaign_part AS part WHERE part.site = planned.site AND part.campaign = planned.campaign
            AND planned.element IN ({", ".join(f"part.{name}" for name in NAMED)})
    )
) GROUP BY ALL
"""
