"""Whole histories as JSON lines, and personal values on their way to the cards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.importing import SITE, TOML, YESTERDAY, Run, facts, in_log, kept, order, runner
from wakeline.cards import Cards, read_ring
from wakeline.identity import customer_id
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import MOST_FACT_BYTES
from wakeline.settings import Settings

words_alone = pytest.mark.parametrize("servers", ["redis"], indirect=True)
"""Where it is the same for each log."""


@pytest.fixture
def run(configured: Callable[[str], None], servers: Settings) -> Run:
    configured(TOML)
    return runner(servers)


@words_alone
def test_json_lines_have_the_fields_of_the_server_api(run: Run, servers: Settings) -> None:
    whose = {"time": round(1000 * YESTERDAY.timestamp()), "customer": "K1"}
    contact = whose | {"type": "contact", "contact_id": "T1"}
    bought = whose | {"type": "purchase", "currency": "EUR"}
    events = [
        bought | {"id": "1", "time": YESTERDAY.isoformat(), "transaction_id": "N1", "value": 12.5},
        contact | {"id": "2", "time": f"{YESTERDAY:%Y-%m-%dT10:00}", "channel": "phone"},
        whose | {"id": "3", "type": "customer", "customer": 7, "email": "a@b.example", "traits": {"plan": "gold"}},
        bought | {"id": "4", "transaction_id": "N2", "value": 12.505},
        whose | {"id": "5", "type": "page_view"},
        contact | {"id": "6", "chanel": "phone"},
    ]
    lines = [
        *map(json.dumps, events),
        "{broken",
        "",
        json.dumps(whose | {"id": "7", "type": "loan", "props": {"a": "b"}}),
        json.dumps(bought | {"id": "8", "type": "purchse", "transaction_id": "N3", "value": 1}),
    ]
    Path("history.jsonl").write_text("\n".join(lines))
    found = run("events", "history.jsonl")
    assert found.exit_code == 1
    assert {(fact.type, fact.line) for fact in facts(servers)} == {
        ("purchase", 1),
        ("contact", 2),
        ("customer", 3),
        ("loan", 7),
    }
    rows = [line.split(",")[:2] for line in Path("history.jsonl.errors.csv").read_text().splitlines()[1:]]
    assert rows == [["4", "value"], ["5", "type"], ["6", "chanel"], ["7", ""], ["10", "type"]]
    assert "unknown type `purchse`: did you mean `purchase`?" in Path("history.jsonl.errors.csv").read_text()
    told = {fact.type: fact for fact in facts(servers)}
    assert told["customer"].body == {"traits": {"plan": "gold"}}
    assert "b.example" not in repr(told) + found.output


@words_alone
def test_an_event_that_no_lane_takes_is_left_out(run: Run, servers: Settings) -> None:
    item = {"item_id": "a", **dict.fromkeys(("item_name", "item_brand", "item_category"), "x" * 200)}
    bought = {"type": "purchase", "time": YESTERDAY.isoformat(), "value": 1, "currency": "EUR", "items": [item] * 200}
    lines = [bought | {"transaction_id": "N1"}, bought | {"transaction_id": "N2", "items": [item]}]
    Path("history.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert run("events", "history.jsonl").exit_code == 1
    assert [fact.home for fact in facts(servers)] == [order("N2")]
    assert f"event 1 is larger than {MOST_FACT_BYTES:,} bytes" in Path("history.jsonl.errors.csv").read_text()


@words_alone
def test_personal_values_without_a_place_for_them_are_said(
    run: Run, servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are written by the next import of the file, before the records."""
    people = "Customer ID,E-Mail,First name,Last name,Country\n"
    Path("first.csv").write_text(people + "K0,first@b.example,,,\n")
    assert run("customers", "first.csv").exit_code == 0  # makes the key
    Path("people.csv").write_text(people + "K1,a@b.example,Ann,Bee,DE\nK2,,,,FR\n")
    Path("wakeline.key").rename("kept.key")
    found = run("customers", "people.csv")
    assert found.exit_code == 1
    assert "personal values of 1 event were left out: " in found.output
    assert "wakeline.key" in found.output
    assert sorted(fact.told for fact in facts(servers)) == [[], [], ["email"]]
    Path("kept.key").rename("wakeline.key")
    before: list[str] = []
    append = RedisStreamsLog.append

    async def appended(self: RedisStreamsLog, records: Any) -> dict[int, int]:
        before.append(card_of("K1").get("email", ""))
        return await append(self, records)

    def card_of(customer: str) -> dict[str, str]:
        with Cards(servers.redis, read_ring(Path("wakeline.key"))) as cards:
            found = cards.read("shop", customer_id(SITE.secret, customer))
        return {name: value.text for name, value in found.values.items()} if found else {}

    assert card_of("K1") == {}
    monkeypatch.setattr(RedisStreamsLog, "append", appended)
    assert run("customers", "people.csv").exit_code == 0
    assert before[0] == "a@b.example"
    assert (card_of("K1"), card_of("K2")) == ({"email": "a@b.example", "name": "Ann Bee"}, {})
    assert sum(map(len, kept(in_log(servers)))) == 3
    assert "b.example" not in repr(in_log(servers))
    assert "b.example" not in "".join(path.read_text() for path in Path("data/imports").rglob("*.json"))
