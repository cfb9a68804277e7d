"""The description of the servers' API is valid OpenAPI, and the running server does as it says."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from collector.openapi import document
from tests.server_stand import KEY, fact, purchase, said, server_stand, tell
from tests.thorough import cases
from wakeline.event import STATUS, Refusal
from wakeline.server_events import DESCRIPTION, PATH
from wakeline.vocabulary.fields import FIELDS

SAID: dict[str, Any] = msgspec.json.decode(document())
OPERATION = SAID["paths"][PATH]["post"]
CHECKS = (
    "status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,"
    "unsupported_method,allow_header_conformance,ignored_auth"
)


def test_it_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(SAID).validate()
    assert len(document()) < 81_920


def test_it_names_every_status() -> None:
    of_pages = {Refusal.UNKNOWN_SITE, Refusal.FOREIGN_ORIGIN}
    assert {str(status) for reason, status in STATUS.items() if reason not in of_pages} <= OPERATION["responses"].keys()


async def test_its_example_is_accepted(tmp_path: Path) -> None:
    example = OPERATION["requestBody"]["content"]["application/json"]["example"]
    assert all(map(valid, example["events"]))
    async with server_stand(tmp_path) as collector:
        status, answer = await tell(collector, *example["events"])
    assert (status, answer["accepted"]) == (202, 2)


def test_each_type_of_event_has_its_schema() -> None:
    kinds = SAID["components"]["schemas"]["Event"]["oneOf"]
    names = [SAID["components"]["schemas"][kind["$ref"].rpartition("/")[2]] for kind in kinds]
    types = {schema["properties"]["type"].get("const") for schema in names}
    assert types == {*FIELDS, None}
    assert all(schema["additionalProperties"] is False for schema in names)


def valid(event: dict[str, Any]) -> bool:
    schema = {"$ref": "#/components/schemas/Event", "components": SAID["components"]}
    return bool(Draft202012Validator(schema).is_valid(event))


@pytest.mark.parametrize(
    "event",
    [
        purchase(),
        purchase(customer=None),
        said("login", method="till"),
        said("contact", contact_id="1", channel="mail", satisfaction=10, cost="1.50", currency="EUR"),
        said("product", customer=None, item_id="a", attributes={"size": 42, "vegan": True}),
        said("till opened", props={"drawer": [1, 2]}),
        said("agreement", agreement_id="1", start="2026-01-01T00:00:00Z", end=1_790_000_000_000),
        said("campaign_sent", sent_id="1", campaign="spring", element={"subject": "Hello"}),
    ],
    ids=lambda event: event["type"],
)
async def test_what_it_allows_is_accepted(tmp_path: Path, event: dict[str, Any]) -> None:
    assert valid(event)
    async with server_stand(tmp_path) as collector:
        assert (await fact(collector, **event)).type == event["type"]


@pytest.mark.parametrize(
    "event",
    [
        purchase(transaction_id=None),
        purchase(foo=1),
        purchase(currency="XYZ"),
        purchase(items=[{}]),
        said("login", customer=None),
        said("page_view"),
        said("my own", customer=None),
        said("points", entry_id="1", amount=0.5),
    ],
)
async def test_what_it_does_not_allow_is_refused(tmp_path: Path, event: dict[str, Any]) -> None:
    assert not valid(event)
    async with server_stand(tmp_path) as collector:
        assert (await tell(collector, event))[0] == 400


@pytest.mark.timeout(300)
async def test_the_server_does_as_it_says(tmp_path: Path) -> None:
    """Generated requests and their variations, valid and not, by schemathesis."""
    more = {"rate_limit": 0.0, "server_rate_limit": 0.0}
    async with server_stand(tmp_path, settings=more) as collector:
        command = (
            *(str(Path(sys.executable).with_name("schemathesis")), "run", collector.url + DESCRIPTION),
            *("--header", f"Authorization: Bearer {KEY}", "--checks", CHECKS, "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(cases(100)), "--seed", "7", "--continue-on-failure", "--no-color"),
        )
        run = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await run.communicate()
        metrics = collector.metrics()
    assert run.returncode == 0, said.decode()
    assert "internal" not in collector.rejected()
    assert metrics.get('requests_total{status="500"}', 0) == 0
    for status in (202, 400, 401, 405):
        assert metrics[f'requests_total{{status="{status}"}}'] > 0
