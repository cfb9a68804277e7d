"""`GET /v1/openapi.json`: the servers' API as OpenAPI 3.1, made from the Structs that decode it."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from collector import campaigns_described
from collector.facts import LATEST_MS
from collector.server_answers import BASE
from collector.told import WHO
from wakeline.mailing import wire
from wakeline.server_events import DESCRIPTION, MAX_BODY_BYTES, MAX_EVENTS, PATH, SKEW_MS, Answer, Refused
from wakeline.vocabulary.fields import FIELDS, PERSONAL, Custom, Told
from wakeline.vocabulary.money import FACTORS
from wakeline.vocabulary.types import BY_NAME

REF = "#/components/schemas/{name}"
SAME_ANSWER = f"#/paths/{PATH.replace('/', '~1')}/post/responses/{{status}}"
VERSION = "1"

FIELDS_SAID = {
    "id": "Your own id of this event. A retry repeats it, so that the event counts once.",
    "time": f"Milliseconds since 1970, or ISO 8601 with its time zone. At most {SKEW_MS // 60_000} minutes ahead.",
    "customer": "Your own id of the customer. It is stored as a keyed hash only.",
    "visitor": 'Id of the browser, from the page\'s localStorage["wakeline.id"].',
    "currency": "ISO 4217. Required if there is an amount.",
    "transaction_id": "Your own number of the order.",
    "refund_id": "Your own number of the refund.",
    "value": "Total without tax and shipping. At most as many decimals as the currency has.",
    "price": "Of one. Rounded to the currency's decimals.",
    "cost": "What it costs you; of an item, of one. Rounded to the currency's decimals.",
    "returns": "The person came back after an erasure.",
    "code": "Stored as a keyed hash only.",
}
ANSWERS = {
    202: "The accepted events are on disk. The others are refused for good; `results` says why.",
    400: "Nothing was accepted: all events are refused, or the body is not as described here.",
    401: "The API key is missing, unknown or revoked.",
    403: "The API key is of another site, or lacks the scope.",
    405: "Another method.",
    408: "The body did not arrive in time. Send it again.",
    413: f"More than {MAX_EVENTS} events, or {MAX_BODY_BYTES:,} bytes.",
    415: "The body is not application/json.",
    417: "An Expect header other than 100-continue.",
    429: "More events than the key may send, or too many failed attempts of this address. Send it again, later.",
    503: "Neither log nor spool accepts events, or the memory is full. Send it again, later.",
}
TIME = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": LATEST_MS},
        {"type": "string", "format": "date-time"},
    ]
}
TIMES = ("time", "at", "start", "end")
IN_TEXT = (405, 417)
PERSONS = ("customer", "visitor")
EXAMPLE = {
    "events": [
        {
            "id": "till-3/1",
            "type": "purchase",
            "time": "2026-03-01T12:00:00+01:00",
            "customer": "customer-1042",
            "transaction_id": "A-1001",
            "value": 154.8,
            "currency": "EUR",
            "items": [{"item_id": "runner-7", "price": 77.4, "quantity": 2}],
        },
        {"id": "till-3/2", "type": "order_state", "time": 1772362800000, "transaction_id": "A-1001", "state": "paid"},
    ]
}

LINKS_EXAMPLE = {
    "mails": [
        {
            "campaign": "winter-light",
            "sent_id": "mail-77",
            "customer": "customer-1042",
            "links": [{"url": "https://shop.example/lamps", "link": "top"}],
        }
    ]
}
LINKS_ANSWERS = {
    400: "No link was made: `message` says which mail is wrong, and what of it.",
    429: "More mails than the key may ask for, or too many failed attempts of this address. Send it again, later.",
    503: "It is not known yet which API keys there are. Send it again, later.",
}


@cache
def document() -> bytes:
    """The description as JSON."""
    answer, refused, asked, made = _schemas(Answer, Refused, wire.LinksRequest, wire.LinksAnswer)
    components = answer["components"] | _events() | campaigns_described.schemas()
    event = {"oneOf": [{"$ref": REF.format(name=_name(type))} for type in (*sorted(FIELDS), "")]}
    components["Event"] = event
    components["Request"] = {
        "title": "Request",
        "type": "object",
        "properties": {
            "events": {
                "type": "array",
                "items": {"$ref": REF.format(name="Event")},
                "minItems": 1,
                "maxItems": MAX_EVENTS,
            },
            "site": {"anyOf": [{"type": "string", "maxLength": 64}, {"type": "null"}], "default": None},
        },
        "required": ["events"],
        "additionalProperties": False,
    }
    said = {
        "openapi": "3.1.0",
        "info": {
            "title": "Wakeline: what servers say",
            "version": VERSION,
            "description": "Orders, contacts and whatever else your systems know of a customer. Every event is durable "
            "once it is answered as accepted, and counts once, however often it is sent.",
        },
        "security": [{"key": []}],
        "paths": {
            PATH: {
                "post": {
                    "operationId": "tellEvents",
                    "summary": f"Tell up to {MAX_EVENTS} events",
                    "description": "They are checked one by one: some may be accepted and others refused.",
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/json": {"schema": {"$ref": REF.format(name="Request")}, "example": EXAMPLE}
                        },
                    },
                    "responses": {
                        str(status): _response(status, text, answer["schema"], refused["schema"])
                        for status, text in ANSWERS.items()
                    },
                }
            },
            wire.PATH: {
                "post": {
                    "operationId": "makeLinks",
                    "summary": f"Make the links of up to {wire.MAX_MAILS} mails or letters",
                    "description": "All are made, or none. The key needs the scope `links`.",
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": asked["schema"], "example": LINKS_EXAMPLE}},
                    },
                    "responses": {
                        "200": {
                            "description": "The links of the mails, in their order.",
                            "content": {"application/json": {"schema": made["schema"]}},
                        },
                        **{
                            str(status): _response(status, LINKS_ANSWERS[status], refused["schema"], refused["schema"])
                            if status in LINKS_ANSWERS
                            else {"$ref": SAME_ANSWER.format(status=status)}
                            for status in ANSWERS
                            if status != 202
                        },
                    },
                }
            },
            **campaigns_described.paths(),
            DESCRIPTION: {
                "get": {
                    "operationId": "describe",
                    "summary": "This description",
                    "security": [],
                    "responses": {
                        "200": {
                            "description": "OpenAPI 3.1",
                            "content": {"application/json": {"schema": {"type": "object"}}},
                        },
                        "429": _response(429, "Too many requests of this address.", {}, refused["schema"]),
                    },
                }
            },
        },
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, made with `wakeline key make`: wk_<name>_<secret>.",
                }
            },
        },
    }
    return msgspec.json.encode(said)


async def description(request: web.BaseRequest) -> web.Response:
    """200 with the description."""
    return web.Response(headers={**BASE, "Cache-Control": "max-age=300"}, body=document())


def _schemas(*types: Any) -> list[dict[str, Any]]:
    """For each type its schema; the first has the `components` of all."""
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    return [{"schema": schema, "components": dict(components)} for schema in schemas]


def _response(status: int, text: str, answer: dict[str, Any], refused: dict[str, Any]) -> dict[str, Any]:
    if status in IN_TEXT:
        return {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
    schema = answer if status == 202 else {"anyOf": [answer, refused]} if status == 400 else refused
    found: dict[str, Any] = {"description": text, "content": {"application/json": {"schema": schema}}}
    if status in (408, 429, 503):
        found["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer"}}
        }
    return found


# ---- events --------------------------------------------------------------------------------------


def _events() -> dict[str, Any]:
    """A schema by name for each type of event, and what they refer to."""
    structs: list[type[Told]] = [*dict.fromkeys(FIELDS.values()), Custom]
    _, components = msgspec.json.schema_components(structs, ref_template=REF)
    names = {struct.__name__ for struct in structs}
    found = {name: _described(schema) for name, schema in components.items() if name not in names}
    for type, struct in FIELDS.items():
        found[_name(type)] = _event(components[struct.__name__], type)
    found[_name("")] = _event(components[Custom.__name__], "")
    found["Currency"] = {"title": "Currency", "type": "string", "enum": sorted(FACTORS)}
    return found


def _event(schema: dict[str, Any], type: str) -> dict[str, Any]:
    """The schema of one type ("": of custom events)."""
    made = _described(schema)
    named: dict[str, Any] = {"const": type} if type else {"type": "string", "not": {"enum": sorted(BY_NAME)}}
    made["properties"] = {**made["properties"], "type": named}
    made["title"] = type or "an event of your own"
    if type:
        personal = sorted(PERSONAL & made["properties"].keys()) if BY_NAME[type].thing is None else []
        lines = [f"Who may say it: {', '.join(words for who, words in WHO.items() if who in BY_NAME[type].by)}."]
        lines += [f"Kept apart from all else, encrypted: {', '.join(personal)}."] if personal else []
        made["description"] = " ".join(lines)
    if not type or BY_NAME[type].needs_person:
        made["anyOf"] = [{"required": [who], "properties": {who: {"not": {"type": "null"}}}} for who in PERSONS]
    return made


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """With words for its fields, and the currencies there are."""
    schema = {name: value for name, value in schema.items() if name != "description"}
    if "properties" in schema:
        schema["properties"] = {
            name: {**(TIME if name in TIMES else field), **({"description": said} if said else {})}
            for name, field in schema["properties"].items()
            for said in (FIELDS_SAID.get(name),)
        }
        if "currency" in schema["properties"]:
            schema["properties"]["currency"] = {
                "$ref": REF.format(name="Currency"),
                "description": FIELDS_SAID["currency"],
            }
    return schema


def _name(type: str) -> str:
    """Of an event type's schema."""
    return "".join(word.capitalize() for word in type.split("_")) + "Event" if type else "CustomEvent"
