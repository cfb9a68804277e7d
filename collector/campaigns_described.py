"""The part of the OpenAPI description that is about campaigns."""

from __future__ import annotations

from typing import Any

import msgspec

from collector.campaigns import AllPlanned, NotPlanned, Planned
from wakeline.config.campaigns import MOST_LETTERS, MOST_LETTERS_OF_ELEMENT
from wakeline.planned import MOST_BYTES, MOST_TOLD, PATH, Plan
from wakeline.server_events import Refused
from wakeline.settings import MOST_COST, MOST_DAY_COSTS, MOST_ELEMENTS, MOST_PAID, CampaignRule, described

REF = "#/components/schemas/{name}"
JSON = "application/json"
IN_TEXT = {405: "Another method.", 417: "An Expect header other than 100-continue."}
OF_KEYS = {
    401: "The API key is missing, unknown or revoked.",
    403: "The API key lacks the scope `campaigns`, or is of a site that is not here.",
    429: "More than the key or the address may send. Send it again, later.",
    503: "Redis or the log is away. Send it again, later: it may have happened.",
}
OF_ONE = {404: "No campaign of this id is planned.", **OF_KEYS}
OF_BODIES = {
    400: "The campaign is not as described here: `field` says where.",
    408: "The body did not arrive in time. Send it again.",
    409: "wakeline.toml plans this id, or the site has as many campaigns as it may.",
    413: f"More than {MOST_BYTES:,} bytes.",
    415: "The body is not application/json.",
}
EXAMPLE = {
    "type": "newsletter",
    "starts": "2026-12-01",
    "ends": "2026-12-24",
    "cost": 450,
    "send_cost": 0.02,
    "elements": ["top link", "bottom link"],
}


def schemas() -> dict[str, Any]:
    """By name."""
    _, found = msgspec.json.schema_components((AllPlanned, Planned, NotPlanned, Plan, Refused), ref_template=REF)
    fields = found["Plan"]["properties"]
    for name, _, help in described(CampaignRule):
        fields[name]["description"] = help.replace("[[site.campaigns.costs]], ", "")
    for name, most in MOST_LETTERS.items():
        fields[name] |= {"maxLength": most} | ({"minLength": 1} if name == "type" else {})
    fields["cost"] |= {"minimum": 0, "maximum": MOST_PAID}
    fields["send_cost"] |= {"minimum": 0, "maximum": MOST_COST}
    fields["costs"]["maxItems"] = MOST_DAY_COSTS
    element = {"type": "string", "minLength": 1, "maxLength": MOST_LETTERS_OF_ELEMENT}
    fields["elements"] |= {"maxItems": MOST_ELEMENTS, "items": element}
    found["DayCost"]["properties"]["cost"] |= {"minimum": 0, "maximum": MOST_COST}
    return dict(found)


def paths() -> dict[str, Any]:
    """By path."""
    body = {"required": True, "content": {JSON: {"schema": _ref("Plan"), "example": EXAMPLE}}}
    planned = {200: "The campaign, as it is planned."}
    return {
        PATH: {
            "get": {
                "operationId": "listCampaigns",
                "summary": "All campaigns of the key's site",
                "description": "Those of wakeline.toml and those that were planned here.",
                "responses": _responses({200: "All of them, by id."} | OF_KEYS, "AllPlanned"),
            }
        },
        f"{PATH}/{{id}}": {
            "parameters": [
                {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "description": "As in `utm_campaign` and in the `campaign` of what is sent; percent-encoded.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": MOST_LETTERS["id"]},
                }
            ],
            "get": {
                "operationId": "getCampaign",
                "summary": "One campaign",
                "responses": _responses(planned | OF_ONE, "Planned"),
            },
            "put": {
                "operationId": "planCampaign",
                "summary": "Plan a campaign, or change it",
                "description": "It holds from then on, as a record in the log. To send it again changes nothing. "
                f"At most {MOST_TOLD} ids of a site, deleted ones included; a cost needs the site's currency.",
                "requestBody": body,
                "responses": _responses(
                    planned | {201: "The same, of one that was not planned."} | OF_BODIES | OF_KEYS, "Planned"
                ),
            },
            "delete": {
                "operationId": "deleteCampaign",
                "summary": "Plan a campaign no more",
                "responses": _responses(
                    {204: "It is planned no more.", 409: "wakeline.toml plans this id."} | OF_ONE, ""
                ),
            },
        },
    }


def _responses(statuses: dict[int, str], answer: str) -> dict[str, Any]:
    return {str(status): _response(status, text, answer) for status, text in (statuses | IN_TEXT).items()}


def _response(status: int, text: str, answer: str) -> dict[str, Any]:
    if status == 204:
        return {"description": text}
    if status in IN_TEXT:
        return {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
    refused = {"anyOf": [_ref("NotPlanned"), _ref("Refused")]}
    found: dict[str, Any] = {
        "description": text,
        "content": {JSON: {"schema": _ref(answer) if status < 300 else refused}},
    }
    if status in (408, 429, 503):
        found["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer"}}
        }
    return found


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": REF.format(name=name)}
