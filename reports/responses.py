"""The views `offers` and `answers`: what people did with offers and said in surveys, whoever told of it."""

from __future__ import annotations

from reports.amounts import named
from reports.facts import last, listed, structure
from wakeline.told import RANK_OF_OTHERS, RANK_OF_PAGES

OFFER = tuple(f"offer_{what}" for what in ("decided", "seen", "accepted", "dismissed"))
OFFER_TEXTS = ("decision_id", "offer", "slot")
OFFER_BODY = {**dict.fromkeys(OFFER_TEXTS, "VARCHAR"), "probability": "DOUBLE"}


def _happened(type: str) -> str:
    return f"min(time) FILTER (type = '{type}') AS {type.removeprefix('offer_')}"


# without a decision's id an offer is known by the visit in which it was seen
OFFERS = f"""
CREATE VIEW offers AS
WITH claim AS (
    SELECT
        site, type, {RANK_OF_PAGES} AS rank, time, local_time, page || '.' || n AS id, visitor, customer, session,
        {", ".join(f"{named(text)} AS {text}" for text in OFFER_TEXTS)}, NULL::DOUBLE AS probability
    FROM history.event WHERE type IN ({listed(OFFER)}) AND bot IS NULL
    UNION ALL
    SELECT
        site, type, {RANK_OF_OTHERS}, time, local_time, id, visitor, customer, NULL,
        {", ".join(f"said.{text}" for text in OFFER_TEXTS)}, said.probability
    FROM (
        SELECT *, from_json(body, '{structure(OFFER_BODY)}') AS said FROM history.fact WHERE type IN ({listed(OFFER)})
    )
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY site, key ORDER BY rank, time, id) AS nth FROM (
        SELECT *, coalesce(decision_id, concat_ws('/', visitor, session, offer, if(session IS NULL, id, ''))) AS key
        FROM claim
    )
)
SELECT
    site, {", ".join(OFFER_TEXTS)}, time, local_time, local_time::DATE AS day, visitor, customer, session,
    {", ".join(type.removeprefix("offer_") for type in OFFER)}, probability
FROM (
    SELECT
        site, min(time) AS time, arg_min(local_time, time) AS local_time,
        {", ".join(f"{last(name)} AS {name}" for name in (*OFFER_TEXTS, "visitor", "customer", "session"))},
        {", ".join(map(_happened, OFFER))}, {last("probability")} AS probability
    FROM ranked GROUP BY site, key
) WHERE {{days}}
"""

ANSWERED = ("survey_answered",)
FORMER_ANSWER = "survey"  # the type of a page's answer in older records
SURVEY_TEXTS = ("survey", "question", "answer")
MOST_GRADE = 10

ANSWERS = f"""
CREATE VIEW answers AS
SELECT
    site, time, local_time, local_time::DATE AS day, survey, question, answer,
    CASE WHEN try_cast(answer AS DOUBLE) BETWEEN 0 AND {MOST_GRADE} THEN try_cast(answer AS DOUBLE) END AS grade,
    visitor, customer, session, told_by
FROM (
    SELECT
        site, time, local_time, {", ".join(f"{named(text)} AS {text}" for text in SURVEY_TEXTS)}, visitor, customer,
        session, 'page' AS told_by
    FROM history.event WHERE type IN ({listed((*ANSWERED, FORMER_ANSWER))}) AND bot IS NULL
    UNION ALL
    SELECT site, time, local_time, {", ".join(f"said.{text}" for text in SURVEY_TEXTS)}, visitor, customer, NULL, "by"
    FROM (
        SELECT *, from_json(body, '{structure(dict.fromkeys(SURVEY_TEXTS, "VARCHAR"))}') AS said
        FROM history.fact WHERE type IN ({listed(ANSWERED)})
    )
)
WHERE survey IS NOT NULL AND {{days}}
"""
