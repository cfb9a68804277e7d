"""What a page tells of a choice of consent: its version, wording and purposes, in the record of a `consent` event."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.collector_stand import SITE, VISITOR, envelope, event, full, stand
from wakeline.record import Event
from wakeline.settings import Site

ASKS = replace(SITE, purposes=("personalise", "contact"))


async def stored(folder: Path, sent: dict[str, Any], site: Site = ASKS) -> Event:
    async with stand(folder, site) as collector:
        assert (await collector.post(full(event(type="consent", level="full", **sent))))[0] == 202
        (record,) = await collector.records()
    assert (record.type, record.level, record.visitor) == ("consent", "full", VISITOR)
    return record


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"version": None, "wording": "", "purposes": None}, {}, id="nothing, said"),
        pytest.param({"version": "2026-03"}, {"version": "2026-03"}, id="a version"),
        pytest.param({"version": 3}, {"version": "3"}, id="a number"),
        pytest.param({"version": 1.2}, {"version": "1.2"}, id="another number"),
        pytest.param({"wording": "May we?"}, {"wording": "May we?"}, id="a wording"),
        pytest.param({"wording": "Write to ada@example.com"}, {"wording": "Write to (redacted)"}, id="an address"),
        pytest.param({"wording": "x" * 2_000}, {"wording": "x" * 1_000}, id="a long wording"),
        pytest.param({"purposes": ["contact"]}, {"purposes": ["contact"]}, id="one purpose"),
        pytest.param({"purposes": ["contact", "personalise"]}, {"purposes": ["personalise", "contact"]}, id="both"),
        pytest.param(
            {"purposes": ["contact", "resale", 7, {}]}, {"purposes": ["contact"]}, id="one that nobody asks for"
        ),
        pytest.param({"purposes": []}, {"purposes": []}, id="none of them"),
        pytest.param({"purposes": '["contact"]'}, {"purposes": ["contact"]}, id="a list as text"),
        pytest.param({"purposes": "contact, personalise"}, {"purposes": ["personalise", "contact"]}, id="a text"),
        pytest.param({"purposes": True}, {"purposes": []}, id="no list"),
        pytest.param({"props": {"colour": "red"}}, {}, id="properties, which a choice has not"),
    ],
)
async def test_a_choice_is_kept_as_it_was_made(tmp_path: Path, sent: dict[str, Any], kept: dict[str, Any]) -> None:
    assert (await stored(tmp_path, sent)).props == kept


async def test_a_site_that_asks_for_no_purposes_keeps_none(tmp_path: Path) -> None:
    assert (await stored(tmp_path, {"version": "3", "purposes": ["contact"]}, SITE)).props == {"version": "3"}


async def test_another_event_has_no_choice(tmp_path: Path) -> None:
    async with stand(tmp_path, ASKS) as collector:
        await collector.post(envelope(event(type="click", version="3", purposes=["contact"])))
        assert [record.props for record in await collector.records()] == [{}]
