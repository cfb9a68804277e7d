"""Nothing that was accepted from a server or an import becomes a dead letter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.sites import SiteFacts
from processor.fold import Fold
from processor.loaded import Loaded
from processor.memory import LaneMemory
from tests import importing
from tests.collector_stand import LANES, NOON, SITE, Stand
from tests.server_stand import purchase, said, server_stand, tell, told
from tests.test_collector_facts import FITTING, LABEL, TEXTS, events, outcome
from tests.thorough import cases
from wakeline.event import Refusal
from wakeline.keys import Keys
from wakeline.lanes import Deployment
from wakeline.log import Entry
from wakeline.record import MOST_FACT_BYTES, Record, encode_record
from wakeline.vocabulary.fields import FIELDS

DEPLOYMENT = Deployment(lanes=LANES, decay_zero=0, half_life=1)
SITES = {site.key: SiteFacts(site) for site in (SITE, importing.SITE)}
ADDRESSES = " ".join(["a@b.de"] * 143)  # each is longer once it is redacted
LONG = ",".join(["a@b.de"] * 36)
IDS = st.one_of(st.just(LONG), LABEL, TEXTS)
ITEMS = st.lists(st.fixed_dictionaries({"item_id": IDS}, optional={"item_name": TEXTS}), min_size=1, max_size=3)
EXTREMES: dict[str, st.SearchStrategy[Any]] = {
    "items": ITEMS, "parts": ITEMS,
    "traits": st.dictionaries(IDS, st.sampled_from((1e300, 2**62, -1e16, 4111111111111111, ADDRESSES)), max_size=2),
    "attributes": st.dictionaries(LABEL, st.sampled_from((1e300, ADDRESSES, None)), max_size=2),
    "stock": st.sampled_from((4111111111111111, 1e300, -5, "nan")),
    **dict.fromkeys(("start", "end", "at"), st.sampled_from((0, 1, "1970-01-01T00:00:00Z", "2038-01-01T00:00:00Z"))),
    **dict.fromkeys(("name", "coupon", "wording", "reason", "answer", "url", "image"), st.just(ADDRESSES)),
    **dict.fromkeys(("transaction_id", "refund_id", "order", "item_id"), IDS),
}  # fmt: skip


@st.composite
def extreme(draw: st.DrawFn) -> dict[str, Any]:
    """Events of which one field is at a limit, or beyond; the others fit."""
    name = draw(st.sampled_from(sorted(EXTREMES)))
    type = draw(st.sampled_from([type for type, struct in FIELDS.items() if name in struct.__struct_fields__]))
    fields = msgspec.structs.fields(FIELDS[type])
    needed = [field.name for field in fields if field.required or field.name in ("customer", "currency")]
    return {each: draw(FITTING.get(each, LABEL)) for each in needed} | {"type": type, name: draw(EXTREMES[name])}


def letters(*values: bytes) -> list[str]:
    """Why these records became dead letters, in the lane where they are alone."""
    found = []
    for value in values:
        fold = Fold(0, sites=SITES, deployment=DEPLOYMENT, key_space=Keys())
        batch = fold.decode([Entry(0, NOON, value)])
        memory = LaneMemory()
        memory.remember({who: Loaded(None, {}, 0) for who in batch.people})
        changes = fold.fold(batch.items, memory)
        assert changes.folded == 1
        found += [letter.reason for letter in changes.dead]
    return found


@settings(max_examples=cases(600), deadline=None)
@given(extreme() | events())
def test_what_a_server_said_is_folded(event: dict[str, Any]) -> None:
    made = outcome(json.dumps(event).encode())
    if isinstance(made, tuple):
        value = encode_record(made.record)
        assert len(value) > MOST_FACT_BYTES or letters(value) == [], event


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("imports")


@settings(max_examples=cases(400), deadline=None)
@given(event=extreme() | events())
def test_what_an_import_said_is_folded(folder: Path, event: dict[str, Any]) -> None:
    path = folder / "events.jsonl"
    path.write_text(json.dumps(event) + "\n")
    records: list[Record] = list(importing.Read(path).facts)
    assert letters(*map(encode_record, records)) == [], event


ITEM = {f"item_{name}": "x" * 1_000 for name in ("name", "brand", "variant", "category", "category2")}


async def test_a_record_is_no_longer_than_the_fold_takes(tmp_path: Path) -> None:
    async with server_stand(tmp_path) as collector:
        most = 12
        fits = purchase(id="fits", items=[{"item_id": "x", **ITEM}] * most)
        longer = purchase(id="longer", items=[{"item_id": "x", **ITEM}] * (most + 1))
        status, answer = await tell(collector, fits, longer)
        assert status == 202
        assert [one.get("reason") for one in answer["results"]] == [None, Refusal.TOO_LARGE]
        assert await letters_of(collector) == []


async def test_times_of_1970_and_more_numbers_than_any_stock_are_refused(tmp_path: Path) -> None:
    async with server_stand(tmp_path) as collector:
        agreement = said("agreement", agreement_id="A", start="1970-01-01T00:00:00Z")
        traits = said("customer", traits={"points": 1e300})
        status, answer = await tell(
            collector, agreement, traits, said("product", customer=None, item_id="a", stock=1e10)
        )
        assert status == 400
        assert [one["field"] for one in answer["results"]] == ["start", "traits", "stock"]


async def letters_of(collector: Stand) -> list[str]:
    records: list[Record] = [record for _, record in await told(collector)]
    return letters(*map(encode_record, records))
