"""What a server says becomes a record in the lane of its home, or is refused with its field and in words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from collector.facts import Facts
from collector.told import decode_told
from tests.collector_stand import DAY, LANES, NOON, SECRET, SITE, VISITOR, Stand
from tests.server_stand import CUSTOMER, ERASER, fact, purchase, refusal, said, server_stand, tell, told
from wakeline.cards import Card
from wakeline.identity import customer_id
from wakeline.lanes import lane_of
from wakeline.record import Erase, Fact
from wakeline.vocabulary.fields import FIELDS
from wakeline.vocabulary.things import ORDER, THINGS, event_id, product_id, thing_id
from wakeline.vocabulary.types import BY_NAME, By

ORDER_ID = thing_id(SECRET, ORDER, "A-1001")
WHO = customer_id(SECRET, CUSTOMER)
CARD = "4111 1111 1111 1111"


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Stand]:
    async with server_stand(tmp_path) as made:
        yield made


# ---- what becomes of it ------------------------------------------------------------------------------


async def test_an_order_is_a_fact_in_the_orders_lane(collector: Stand) -> None:
    status, answer = await tell(collector, purchase(), site="demo")
    assert (status, answer) == (202, {"accepted": 1, "results": [{"id": "till-3/17", "status": "accepted"}]})
    ((lane, record),) = await told(collector)
    assert lane == lane_of("demo", ORDER_ID, LANES)
    assert record == Fact(
        site="demo",
        home=ORDER_ID,
        type="purchase",
        id=event_id(SECRET, "till-3/17"),
        time=NOON - 1_000,
        received=NOON,
        customer=WHO,
        body={
            "value": 15_480,
            "currency": "EUR",
            "items": [{"item_id": "runner-7", "price": 7_740, "quantity": 2}],
        },
    )


async def test_no_id_of_the_site_is_in_the_log(collector: Stand) -> None:
    """Ids are keyed hashes, except a product's, which is public."""
    status, _ = await tell(
        collector,
        purchase(),
        said("refund", transaction_id="A-1001", refund_id="R-77", value=1, currency="EUR"),
        said("contact", contact_id="K-55", channel="mail", order="A-1001"),
        said("alias", other="other-99"),
        said("promotion_used", promotion="spring", code="SECRET-CODE"),
        said("campaign_sent", sent_id="M-33", campaign="spring"),
    )
    assert status == 202
    records = [record for _, record in await told(collector)]
    text = repr(records)
    for own in ("A-1001", "R-77", "K-55", "M-33", "other-99", "SECRET-CODE", CUSTOMER, "till-3/17"):
        assert own not in text
    bodies = {record.type: record.body for record in records if isinstance(record, Fact)}
    assert bodies["contact"]["order"] == ORDER_ID
    assert bodies["alias"]["other"] == customer_id(SECRET, "other-99")


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.name)
async def test_each_thing_is_at_home_under_its_own_id(collector: Stand, thing: Any) -> None:
    type = next(type for type in BY_NAME.values() if type.thing is thing and By.SERVER in type.by)
    more = {
        "purchase": {"value": 1, "currency": "EUR"}, "contact": {"channel": "phone"}, "points": {"amount": -5},
        "campaign_sent": {"campaign": "spring"},
    }.get(type.name, {})  # fmt: skip
    record = await fact(collector, **said(type.name, **{thing.id_field: " T-1 "}, **more))
    assert record.home == thing_id(SECRET, thing, "T-1")
    assert (thing.id_field in record.body) == (thing.name == "product")


@pytest.mark.parametrize(
    ("who", "home"),
    [
        pytest.param({"customer": CUSTOMER}, WHO, id="a customer"),
        pytest.param({"customer": None, "visitor": VISITOR}, VISITOR, id="a visitor"),
        pytest.param({"customer": CUSTOMER, "visitor": VISITOR}, WHO, id="both"),
        pytest.param({"customer": 1042}, customer_id(SECRET, "1042"), id="a number"),
        pytest.param({"customer": "x" * 256}, customer_id(SECRET, "x" * 256), id="256 characters"),
        pytest.param({"customer": "@\N{GRINNING FACE}"}, customer_id(SECRET, "@\N{GRINNING FACE}"), id="emoji"),
    ],
)
async def test_what_is_about_no_thing_is_at_home_with_its_person(collector: Stand, who: Any, home: str) -> None:
    record = await fact(collector, **said("login", method="till", **who))
    assert (record.home, record.visitor) == (home, VISITOR if "visitor" in who else "")


async def test_an_order_of_nobody_is_one(collector: Stand) -> None:
    assert (await fact(collector, **purchase(customer=None))).customer == ""


async def test_an_event_of_the_sites_own_has_clean_props(collector: Stand) -> None:
    props = {"drawer": 3, "note": f"ann@shop.example paid with {CARD}", "deep": {"a": 1}}
    record = await fact(collector, **said("till opened\u200b", props=props))
    assert record.type == "till opened"
    assert record.body == {"props": {"drawer": 3, "note": "(redacted) paid with (redacted)"}}
    assert collector.metrics()['props_dropped_total{reason="nested"}'] == 1


async def test_texts_are_cleaned_as_those_of_pages(collector: Stand) -> None:
    items = [
        {
            "item_id": "4111111111111111",  # an article's number
            "item_name": f"Card {CARD}",
            "item_category": "ann@shop.example",
            "item_brand": "Sh\u200boe\N{GRINNING FACE}\nCo",
        }
    ]
    body = json.dumps({"events": [purchase(items=items)]}).replace("runner", "x").replace("Shoe", "Shoe\\ud800")
    status, answer = await tell(collector, body=body.encode())
    assert status == 202, answer
    ((_, record),) = await told(collector)
    assert isinstance(record, Fact)
    assert record.body["items"] == [
        {
            "item_id": "4111111111111111",
            "item_name": "Card (redacted)",
            "item_category": "(redacted)",
            "item_brand": "Shoe\N{GRINNING FACE} Co",
        }
    ]


@pytest.mark.parametrize("name", ["campaign", "medium"])
async def test_an_address_in_a_label_is_redacted(collector: Stand, name: str) -> None:
    event = said("campaign_sent", sent_id="1", **{"campaign": "spring", name: "ann@shop.example"})
    assert (await fact(collector, **event)).body[name] == "(redacted)"


async def test_half_a_character_is_replaced(collector: Stand) -> None:
    body = json.dumps({"events": [said("tag", tag="cut ?")]}).replace("?", "\\ud83d")
    assert (await tell(collector, body=body.encode()))[0] == 202
    ((_, record),) = await told(collector)
    assert isinstance(record, Fact)
    assert record.body == {"tag": "cut \N{REPLACEMENT CHARACTER}"}


async def test_traits_are_plain_values(collector: Stand) -> None:
    traits = {"language": "de", "birthday month": 4, "vip": True, "gone": None, "mail": "ann@shop.example"}
    record = await fact(collector, **said("customer", traits=traits, orders_before=3))
    assert record.body["traits"] == {**traits, "mail": "(redacted)"}
    assert type(record.body["traits"]["birthday month"]) is int


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(said("customer", email="ann@shop.example", name="Ann"), id="a customer"),
        pytest.param(said("note", text="Called about her order"), id="a note"),
    ],
)
async def test_personal_values_are_never_in_the_log(collector: Stand, event: dict[str, Any]) -> None:
    """Without cards nobody keeps them: not accepted, to be sent again."""
    status, answer = await tell(collector, event)
    assert (status, answer["reason"]) == (503, "unavailable")
    assert await told(collector) == []


def test_personal_values_are_for_the_card_alone() -> None:
    values = {"email": "ann@shop.example", "name": " Ann\u200b Example ", "phone": "+49 30 1", "own_id": "C-1"}
    event = said("customer", **values, traits={"language": "de"})
    home, record, card = Facts(SITE).made(decode_told(json.dumps(event).encode()), [], now=NOON)
    assert isinstance(record, Fact)
    assert (home, sorted(record.told)) == (WHO, sorted(values))
    assert record.body == {"traits": {"language": "de"}}
    assert not any(value.strip() in repr(record) for value in ("ann@", "Example", "+49", "C-1"))
    kept = {**values, "name": "Ann Example"}
    assert card == Card(site="demo", customer=WHO, time=NOON - 1_000, values=kept)
    note = decode_told(json.dumps(said("note", text="Called about her order")).encode())
    _, record, card = Facts(SITE).made(note, [], now=NOON)
    assert isinstance(record, Fact)
    assert (record.body, record.told) == ({}, ["text"])
    assert card is not None
    assert card.values == {"text": "Called about her order"}


async def test_an_empty_personal_value_says_nothing(collector: Stand) -> None:
    assert (await fact(collector, **said("customer", email="\u200b ", name=""))).told == []


async def test_a_products_name_is_nobodys(collector: Stand) -> None:
    record = await fact(collector, **said("product", item_id="runner-7", name="Runner", customer=None))
    assert (record.home, record.body["name"], record.told) == ("$runner-7", "Runner", [])


async def test_a_products_id_is_readable_and_no_address(collector: Stand) -> None:
    """It is public, so it is in keys as it is said."""
    status, answer = await tell(collector, said("product", item_id="for ann@shop.example", customer=None))
    assert status == 400
    assert answer["results"][0]["field"] == "item_id"
    record = await fact(collector, **said("product", item_id="for ann", customer=None))
    assert (record.home, record.body) == (product_id("for ann"), {"item_id": "for ann"})


# ---- erasing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "id"), [({"customer": CUSTOMER}, WHO), ({"customer": None, "visitor": VISITOR}, VISITOR)]
)
async def test_forget_is_an_erasure_as_of_now(collector: Stand, who: Any, id: str) -> None:
    status, _ = await tell(collector, said("forget", time=NOON - 5_000 * DAY, **who), key=ERASER)
    assert status == 202
    assert await told(collector) == [(lane_of("demo", id, LANES), Erase(site="demo", id=id, time=NOON))]


async def test_forget_needs_its_own_scope(collector: Stand) -> None:
    status, answer = await tell(collector, said("forget"), purchase())
    assert (status, answer["accepted"]) == (202, 1)
    assert answer["results"][0] == {
        "status": "rejected",
        "id": "forget-1",
        "reason": "unauthorized",
        "field": "type",
        "message": "needs a key with the scope erase",
    }
    status, answer = await tell(collector, said("forget"))
    assert (status, answer["reason"]) == (403, "unauthorized")


async def test_an_event_of_ones_own_may_have_nearly_the_name_of_another_type(collector: Stand) -> None:
    status, answer = await tell(collector, said("purchse", props={"drawer": 3}))
    assert (status, answer["accepted"]) == (202, 1)


async def test_forget_names_one(collector: Stand) -> None:
    assert (await refusal(collector, key=ERASER, **said("forget", visitor=VISITOR)))[:2] == ("bad_event", "visitor")


# ---- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "field", "words"),
    [
        (purchase(id=None), "id", "is missing"),
        (purchase(id=""), "id", "is empty"),
        (purchase(id="x" * 257), "id", "has more than 256 characters"),
        (purchase(id=7), "id", "is a whole number; it must be a text"),
        (purchase(type=None), "type", "is missing"),
        (purchase(time=None), "time", "is missing"),
        (purchase(transaction_id=None), "transaction_id", "is missing"),
        (purchase(transaction_id="  "), "transaction_id", "is empty, or says that there is no value"),
        (purchase(transaction_id="undefined"), "transaction_id", "is empty, or says that there is no value"),
        (purchase(foo=1), "foo", "is no field of purchase"),
        (purchase(items=[{"item_id": "a", "sku": "b"}]), "items[0].sku", "is no field of an item"),
        (purchase(items=[{"item_id": "a"}, {}]), "items[1].item_id", "is missing"),
        (purchase(items=[{"item_id": "a", "price": []}]), "items[0].price", "is a list; it must be a number or a text"),
        (purchase(items=[{"item_id": "a", "quantity": -1}]), "items[0].quantity", "is below 0"),
        (purchase(items=[{"item_id": "null"}]), "items[0].item_id", "is empty, or says that there is no value"),
        (purchase(items=[{"item_id": "a"}] * 201), "items", "has more than 200 entries"),
        (purchase(customer=""), "customer", "is empty"),
        (purchase(customer="x" * 257), "customer", "has more than 256 characters"),
        (purchase(customer="null"), "customer", "is empty, or says that there is no value"),
        (purchase(customer=[]), "customer", "is a list; it must be a whole number or a text or null"),
        (purchase(visitor="@x"), "visitor", "is no id of a visitor: 8 to 36 letters, digits, _ and -"),
        (purchase(visitor="4111-1111-1111-1111"), "visitor", "is the number of a payment card"),
        (said("login", customer=None), "customer", "is missing: say whom it is about"),
        (said("note", customer=None, text="x", visitor=VISITOR), "customer", "is missing"),
        (said("my own", customer=None), "customer", "is missing: say whom it is about"),
        (said("my own", drawer=3), "drawer", "is no field of an event of your own: put fields of your own into props"),
        (purchase(type="purchse"), "type", "unknown type `purchse`: did you mean `purchase`?"),
        (purchase(type="Purchase"), "type", "unknown type `Purchase`: did you mean `purchase`?"),
        (said("order-state", state="paid"), "type", "unknown type `order-state`: did you mean `order_state`?"),
        (said("serach", search_term="x"), "search_term", "is no field of an event of your own"),
        (said("my own", props=3), "props", "is a whole number; it must be an object"),
        (said("x" * 65), "type", "has no visible character, more than 64"),
        (said("page_view\u200b"), "type", "has no visible character, more than 64, or looks like another"),
        (said("order_state", transaction_id="1", state="lost"), "state", "must be one of cancelled, delivered"),
        (said("consent", level="some"), "level", "must be one of off, anonymous, full"),
        (said("preference", allowed=True), "topic", "is missing: say of which topic or channel"),
        (said("preference", allowed=True, topic="\u200b"), "topic", "is empty"),
        (said("alias", other=CUSTOMER), "other", "is the same customer"),
        (said("points", entry_id="1", amount=1.5), "amount", "is a number; it must be a whole number"),
        (said("customer", traits={"a": []}), "traits", "has a value that is a list"),
        (said("customer", traits={"": 1}), "traits", "has a field whose name is empty"),
        (said("customer", traits={str(n): n for n in range(65)}), "traits", "has more than 64 fields"),
        (7, "", "is not a JSON object"),
        ([purchase()], "", "is not a JSON object"),
    ],
)
async def test_a_bad_event_is_refused_with_its_field_and_in_words(
    collector: Stand, event: Any, field: str, words: str
) -> None:
    status, answer = await tell(collector, purchase(id="before"), event, purchase(id="after"))
    assert (status, answer["accepted"]) == (202, 2)
    assert [result["status"] for result in answer["results"]] == ["accepted", "rejected", "accepted"]
    result = answer["results"][1]
    assert (result["reason"], result["field"]) == ("bad_event", field)
    assert result["message"].startswith(words)
    assert collector.rejected() == {"bad_event": 1}


@pytest.mark.parametrize("type", [type.name for type in BY_NAME.values() if By.SERVER not in type.by])
async def test_what_only_others_say_is_refused(collector: Stand, type: str) -> None:
    assert (await refusal(collector, **said(type)))[:2] == ("not_yours", "type")


@pytest.mark.parametrize(
    ("text", "type"),
    [
        pytest.param('"type": "login", "type": "page_view"', "", id="said twice"),
        pytest.param('"props": {"type": "login"}, "type": "my own"', "my own", id="further inside, before"),
        pytest.param('"type": "my own", "props": {"type": "login"}', "my own", id="further inside, after"),
        pytest.param('"traits": {"type": "login"}, "type": "customer"', "customer", id="of another known type"),
        pytest.param('"type": "my \\"type\\": \\"login\\""', 'my "type": "login"', id="in a text"),
    ],
)
async def test_the_type_is_the_events_own(collector: Stand, text: str, type: str) -> None:
    body = f'{{"events": [{{"id": "1", "time": {NOON}, "customer": "jo", {text}}}]}}'.encode()
    status, answer = await tell(collector, body=body)
    if type:
        ((_, record),) = await told(collector)
        assert isinstance(record, Fact)
        assert record.type == type
    else:
        assert (status, answer["results"][0]["reason"]) == (400, "not_yours")


def test_whatever_a_server_says_has_fields() -> None:
    assert {type.name for type in BY_NAME.values() if By.SERVER in type.by} == set(FIELDS)


NO_NUMBER = "is not a number: write 154.80, with a point and nothing else"


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"value": -1}, "value", "is negative"),
        ({"value": "-0.01"}, "value", "is negative"),
        ({"value": 12.345}, "value", "has more than 2 decimals, more than EUR has"),
        ({"value": "154,80"}, "value", NO_NUMBER),
        ({"value": "12.50 EUR"}, "value", NO_NUMBER),
        ({"value": ""}, "value", NO_NUMBER),
        ({"value": "NaN"}, "value", NO_NUMBER),
        ({"value": "1" * 65}, "value", NO_NUMBER),
        ({"value": 1e13}, "value", "is beyond 1,000,000,000,000"),
        ({"value": "1e999999"}, "value", "is beyond 1,000,000,000,000"),
        ({"tax": "1e-999999"}, "tax", "has more than 2 decimals, more than EUR has"),
        ({"value": 12.5, "currency": "JPY"}, "value", "has more than 0 decimals, more than JPY has"),
        ({"items": [{"item_id": "a", "price": -1}]}, "items[0].price", "is negative"),
        ({"items": [{"item_id": "a"}, {"item_id": "a", "cost": "x"}]}, "items[1].cost", NO_NUMBER),
        ({"currency": "XYZ"}, "currency", "is no currency of ISO 4217, such as EUR"),
        ({"currency": "   "}, "currency", "is no currency of ISO 4217, such as EUR"),
    ],
)
async def test_a_bad_amount_is_refused(collector: Stand, fields: dict[str, Any], field: str, words: str) -> None:
    assert await refusal(collector, **purchase(**fields)) == ("bad_amount", field, words)


async def test_an_amount_needs_a_currency(collector: Stand) -> None:
    event = said("add_to_cart", items=[{"item_id": "a", "price": 5}])
    assert await refusal(collector, **event) == ("bad_amount", "currency", "is missing: items[0].price is an amount")


@pytest.mark.parametrize(
    ("value", "currency", "kept"),
    [
        (154.8, "EUR", 15_480),
        ("154.80", "eur", 15_480),
        (0.1 + 0.2, "EUR", 30),
        (30.299999999999997, "EUR", 3_030),
        (0, "EUR", 0),
        (1e12, "EUR", 10**14),
        (1500, "JPY", 1_500),
        (1.234, "KWD", 1_234),
        ("999999999999.99", "EUR", 99_999_999_999_999),
    ],
)
async def test_an_amount_is_whole_minor_units(collector: Stand, value: Any, currency: str, kept: int) -> None:
    assert (await fact(collector, **purchase(value=value, currency=currency, items=None))).body["value"] == kept


@pytest.mark.parametrize(("price", "kept"), [(1.005, 101), ("0.0049", 0), (0.125, 13), ("7.999", 800)])
async def test_an_items_price_is_rounded(collector: Stand, price: Any, kept: int) -> None:
    record = await fact(collector, **purchase(items=[{"item_id": "screw", "price": price}]))
    assert record.body["items"][0]["price"] == kept


# ---- time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "kept"),
    [
        (NOON - 5, NOON - 5),
        (NOON + 300_000, NOON),
        ("2026-09-21T11:59:59Z", NOON - 1_000),
        ("2026-09-21T13:59:58.5+02:00", NOON - 1_500),
        ("20260921T115959Z", NOON - 1_000),
        (NOON - 800 * DAY, NOON - 800 * DAY),
    ],
)
async def test_a_time_is_ms_or_iso_8601(collector: Stand, time: Any, kept: int) -> None:
    assert NOON == 1_789_992_000_000  # 2026-09-21 at noon
    assert (await fact(collector, **purchase(time=time))).time == kept


@pytest.mark.parametrize(
    ("event", "reason", "field", "words"),
    [
        (purchase(time="2026-09-21T12:00:00"), "bad_time", "time", "has no time zone: end it with Z"),
        (purchase(time="2026-09-21"), "bad_time", "time", "has no time zone: end it with Z"),
        (purchase(time="yesterday"), "bad_time", "time", "is neither a number of ms since 1970 nor a time such as"),
        (purchase(time=NOON // 1000), "bad_time", "time", "counts seconds, as it seems"),
        (purchase(time=NOON + 300_001), "bad_time", "time", "lies in the future"),
        (purchase(time=-1), "bad_time", "time", "is no time between the years 1970 and 9999"),
        (purchase(time=int("9" * 4_000)), "bad_time", "time", "is no time between the years 1970 and 9999"),
        (
            purchase(time=NOON - 800 * DAY - 1),
            "too_old",
            "time",
            "is more than 800 days ago; orders are kept no longer",
        ),
        (said("login", time=NOON - 37 * 31 * DAY), "too_old", "time", "is more than 1,095 days ago; customers"),
        (
            said("login", customer=None, visitor=VISITOR, time=NOON - 14 * 31 * DAY),
            "too_old",
            "time",
            "is more than 395 days ago; visitors",
        ),
        (said("order_state", transaction_id="1", state="paid", at="12:00"), "bad_time", "at", "is neither"),
        (said("order_state", transaction_id="1", state="paid", at=NOON + DAY), "bad_time", "at", "lies in the future"),
        (said("agreement", agreement_id="1", start=NOON, end=NOON - 1), "bad_time", "end", "lies before start"),
    ],
)
async def test_a_bad_time_is_refused(collector: Stand, event: Any, reason: str, field: str, words: str) -> None:
    found = await refusal(collector, **event)
    assert found[:2] == (reason, field)
    assert found[2].startswith(words)


async def test_a_time_ahead_counts_as_that_of_the_arrival(collector: Stand) -> None:
    for after in (0, 1_000):
        collector.clock.now = NOON + after
        assert (await tell(collector, purchase(time=NOON + 60_000)))[0] == 202
    assert [record.time - NOON for _, record in await told(collector)] == [0, 1_000]


async def test_an_agreement_may_end_in_the_future(collector: Stand) -> None:
    record = await fact(collector, **said("agreement", agreement_id="1", start="2026-01-01T00:00:00Z", end=NOON + DAY))
    assert record.body == {"start": 1_767_225_600_000, "end": NOON + DAY}
