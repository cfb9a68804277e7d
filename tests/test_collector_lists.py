"""Lists that an old library of a page turned into texts are restored; other texts stay as they are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from collector.lists import interests_of, with_lists
from tests.collector_stand import Stand, envelope, event, stand

ITEMS = [{"item_id": "trail-runner", "price": 129.9}, {"item_id": "wool-socks", "price": 12.45}]


def prototype(text: str) -> str:
    """A text as Prototype.js 1.6 writes it: controls as \\u00.., quotes and backslashes escaped, all else as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


READ = {
    "items": ("purchase", {"items": json.dumps(ITEMS)}, {"items": ITEMS}),
    "items of an event of the site's own": ("quiz", {"items": json.dumps(ITEMS)}, {"items": ITEMS}),
    "no items": ("begin_checkout", {"items": "[]"}, {"items": []}),
    "items beside others": ("purchase", {"coupon": "A", "items": "[{}]"}, {"coupon": "A", "items": [{}]}),
    "fields of a form": ("form_submit", {"fields": '["name", "street"]'}, {"fields": ["name", "street"]}),
    "timing of a server": (
        "web_vitals",
        {"server_timing": '[{"name": "db", "ms": 12}]'},
        {"server_timing": [{"name": "db", "ms": 12}]},
    ),
    "quotes, backslashes, controls, letters": (
        "purchase",
        {"items": '[{"name": ' + prototype('6" \\ \n\x01 é👟') + "}]"},
        {"items": [{"name": '6" \\ \n\x01 é👟'}]},
    ),
    "half an emoji": ("purchase", {"items": r'[{"name": "\ud83d"}]'}, {"items": [{"name": "\ufffd"}]}),
}


@pytest.mark.parametrize(("type", "props", "read"), READ.values(), ids=READ)
def test_a_text_that_is_a_list_is_read(type: str, props: Any, read: Any) -> None:
    assert with_lists(type, props) == read


NAMES = {
    "each once, in order": (["size", "street", "size", "city", "street"], ["size", "street", "city"]),
    "radio buttons of one name": (["size"] * 200 + list("abcde"), ["size", *"abcde"]),
    "none that is empty": (["", "street", "", None, "city"], ["street", "city"]),
    "nothing else": (["", ""], []),
    "in a text": ('["size", "size", "", "street"]', ["size", "street"]),
    "what is no name": ([1, 1, True, "a", 1.5, "a", None], [1, 1, True, "a", 1.5]),
    "objects and lists": ([{}, {}, [], "a", []], [{}, {}, [], "a", []]),
}


@pytest.mark.parametrize(("sent", "kept"), NAMES.values(), ids=NAMES)
def test_the_fields_of_a_form_are_names(sent: Any, kept: list[Any]) -> None:
    props = {"form": "order", "fields": sent}
    assert with_lists("form_submit", props) == {"form": "order", "fields": kept}
    assert props["fields"] is sent


TEXTS = {
    "a sentence": ("purchase", {"items": "[two pairs of shoes]"}),
    "cut JSON": ("purchase", {"items": '[{"item_id": "a"}'}),
    "texts for objects": ("purchase", {"items": '["a"]'}),
    "an object": ("purchase", {"items": '{"item_id": "a"}'}),
    "a blank before it": ("purchase", {"items": ' [{"item_id": "a"}]'}),
    "nested without end": ("purchase", {"items": "[" * 60_000}),
    "objects nested without end": ("purchase", {"items": '[{"a":' * 10_000}),
    "a property of the site's own": ("purchase", {"sizes": "[41, 42]"}),
    "fields of another event": ("quiz", {"fields": '["a"]'}),
    "objects for texts": ("form_submit", {"fields": "[{}]"}),
    "a list": ("purchase", {"items": ITEMS}),
    "fields that a site means otherwise": ("quiz", {"fields": ["a", "a", ""]}),
    "fields that are none": ("form_submit", {"fields": {"a": 1}}),
    "no properties": ("purchase", ["items"]),
}


@pytest.mark.parametrize(("type", "props"), TEXTS.values(), ids=TEXTS)
def test_all_else_stays_what_it_is(type: str, props: Any) -> None:
    assert with_lists(type, props) is props


@pytest.mark.parametrize(
    ("sent", "interests"),
    [
        (["running", "shoes"], ["running", "shoes"]),
        ('["running", "shoes"]', ["running", "shoes"]),
        ("[]", []),
        ("running, shoes", ["running", "shoes"]),
        ("shoes", ["shoes"]),
        (", ,", []),
        ("", []),
        ("[new], shoes", ["[new]", "shoes"]),
        ("[1, 2]", ["[1", "2]"]),
        (["running", 7, None, True, {}, {"a": "b"}, ["walking"], "shoes"], ["running", "shoes"]),
        ([{}], []),
        ({}, []),
        ({"running": "shoes"}, []),
        (7, []),
        (True, []),
        (None, []),
    ],
)
def test_interests_are_the_texts_of_a_list_or_one_text(sent: Any, interests: list[str]) -> None:
    assert interests_of(sent) == interests


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made


async def test_a_list_as_text_is_cleaned_as_a_list(collector: Stand) -> None:
    """The same record, and the same is left out of it, for the same reasons."""
    items = [
        {"item_id": "shoe", "price": "129,90", "note": "from who@mail.example, 4111 1111 1111 1111", "sizes": [41]},
        {"item_id": "undefined", "quantity": 2, "url": "/reset/SECRET", "x" * 65: 1, "text": "t" * 2_000},
        {f"field{number}": number for number in range(70)},
    ] * 5
    bought = {"transaction_id": "A-1", "value": 1_900.0, "currency": "EUR"}
    found = []
    for number, sent in enumerate((items, json.dumps(items))):
        before = collector.metrics()
        status, _, _ = await collector.post(envelope(event(n=number, type="purchase", props={**bought, "items": sent})))
        assert status == 202
        after = collector.metrics()
        dropped = {name: after[name] - before[name] for name in after if name.startswith("props_dropped_total")}
        found.append(dropped)
    assert found[0] == found[1]
    assert sum(found[0].values()) == 5 * 10
    of_list, of_text = sorted(await collector.records(), key=lambda record: record.n)
    assert of_text.props == of_list.props
    assert of_text.props["items"][:2] == [
        {"item_id": "shoe", "price": 129.9, "note": "from (redacted), (redacted)"},
        {"quantity": 2, "url": "/reset/*", "text": "t" * 1_000},
    ]


async def test_what_prototype_makes_of_a_page_view_and_a_form_is_read(collector: Stand) -> None:
    sent = envelope(
        event(interests='["running", "who@mail.example"]'),
        event(n=1, interests="running, , shoes"),
        event(n=2, type="form_submit", props={"form": "order", "fields": '["name", "street"]'}),
    )
    assert (await collector.post(sent))[1]["accepted"] == 3
    views_and_form = sorted(await collector.records(), key=lambda record: record.n)
    assert [record.interests for record in views_and_form] == [["running", "(redacted)"], ["running", "shoes"], []]
    assert views_and_form[2].props == {"form": "order", "fields": ["name", "street"]}


async def test_a_page_is_viewed_whatever_its_interests_are(collector: Stand) -> None:
    """`<template name="wakeline:interest">` makes an object of them."""
    sent = ({}, {"content": "running"}, 7, 1.5, True, False, [7, "running", {}, None, "who@mail.example"], ["shoes"])
    views = [event(n=number, interests=interests) for number, interests in enumerate(sent)]
    views.append({**event(n=len(sent)), "interests": None})
    assert (await collector.post(envelope(*views)))[1] == {"accepted": 9, "rejected": [], "reason": None}
    found = sorted(await collector.records(), key=lambda record: record.n)
    assert [record.interests for record in found] == [*[[]] * 6, ["running", "(redacted)"], ["shoes"], []]


async def test_a_text_that_is_no_list_is_cleaned_as_a_text(collector: Stand) -> None:
    text = "[from who@mail.example]"
    await collector.post(envelope(event(type="purchase", props={"value": 1, "items": text})))
    assert [record.props["items"] for record in await collector.records()] == ["[from (redacted)]"]


async def test_a_form_keeps_its_names_however_often_it_has_them(collector: Stand) -> None:
    """In a list or in a text, and what is no name is left out and said as anywhere."""
    names = ["size"] * 200 + ["", "street", "who@mail.example", "street"]
    sent = envelope(
        event(n=0, type="form_submit", props={"form": "order", "fields": names}),
        event(n=1, type="form_submit", props={"form": "order", "fields": json.dumps(names)}),
        event(n=2, type="form_submit", props={"form": "order", "fields": [*names, ["street"]]}),
    )
    assert (await collector.post(sent))[1]["accepted"] == 3
    kept = {"form": "order", "fields": ["size", "street", "(redacted)"]}
    assert [record.props for record in await collector.records()] == [kept] * 3
    assert collector.metrics()['props_dropped_total{reason="nested"}'] == 1
